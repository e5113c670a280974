"""Callbacks for trainers: phases train, eval and save, with their samples and tokens.

They import neither Transformers nor Lightning.
"""
