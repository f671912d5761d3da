"""Tiny random-weight models and a tokenizer for them, made in the test."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Ids the embedding matrix has beyond the tokenizer's, as padded vocabularies do.
PADDING = 27
CONFIGS = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}


def tokenizer(bos: bool = False) -> PreTrainedTokenizerFast:
    """One token a byte. `<|endoftext|>` is there because Qwen2Tokenizer adds it otherwise."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<|endoftext|>", "<|eos|>", *(["<|bos|>"] if bos else [])]
    vocabulary = {token: i for i, token in enumerate([*specials, *alphabet])}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = {"eos_token": "<|eos|>", "pad_token": "<|endoftext|>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, **special, **({"bos_token": "<|bos|>"} if bos else {})
    )


def save(directory: Path, kind: str, *, window: int = 512, seed: int = 0, **config) -> Path:
    """Save a random model of one kind with the tokenizer; fp32, safetensors."""
    torch.manual_seed(seed)
    words = tokenizer()
    shape = {
        "vocab_size": len(words) + PADDING,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": window,
        "initializer_range": 0.4,  # so that the context matters and logits are far apart
        "bos_token_id": None,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
        "tie_word_embeddings": False,
    }
    model = AutoModelForCausalLM.from_config(CONFIGS[kind](**{**shape, **config}))
    model.float().save_pretrained(directory)
    words.save_pretrained(directory)
    return directory
