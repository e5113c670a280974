"""A small byte-level GPT as a workload: prompts in, tokens out, with a cache of keys and values."""
