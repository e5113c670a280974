"""A small language-model server for tests and demonstrations: `python -m workloads serve gpt`.

It speaks OpenAI's and Ollama's protocols, and serves metrics as vLLM, llama-server, SGLang, TGI and
TensorRT-LLM do: the same names, moving at the same moments.
"""
