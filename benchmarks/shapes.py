"""Models for measuring speed alone: known shapes with random weights, and models that never end."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

# About 80 million parameters.
LLAMA_80M = {
    "model_type": "llama",
    "hidden_size": 512,
    "intermediate_size": 1280,
    "num_hidden_layers": 16,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "vocab_size": 32_000,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}
# The shape of Qwen2.5-1.5B and of what was distilled into it.
QWEN2_1_5B = {
    "model_type": "qwen2",
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "vocab_size": 151_936,
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": True,
}
QWEN2_TINY = QWEN2_1_5B | {
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "vocab_size": 1000,
}
_NO_ENDS = {"eos_token_id": None, "bos_token_id": None, "pad_token_id": None}


def random_model(shape: Mapping[str, Any], directory: Path, dtype: str = "float32") -> int:
    """Write a model of this shape with random weights and no end token; returns its parameters."""
    torch.manual_seed(0)
    values = dict(shape)
    config = AutoConfig.for_model(values.pop("model_type"), **values, **_NO_ENDS)
    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    model.save_pretrained(directory)
    _tokenizer(shape["vocab_size"]).save_pretrained(directory)
    _drop_ends(directory)
    return sum(parameter.numel() for parameter in model.parameters())


def without_ends(source: Path, directory: Path, window: int = 2048) -> None:
    """Copy a model so that it never ends by itself and takes `window` tokens.

    Speed is then measured over as many tokens as asked for, the same for every contender. The
    calibration models' positions are rotary without scaling: a wider window changes nothing else.
    """
    shutil.copytree(source, directory, dirs_exist_ok=True)
    _drop_ends(directory, max_position_embeddings=window)
    _change(directory / "tokenizer_config.json", {"model_max_length": window})


def _drop_ends(directory: Path, **config: Any) -> None:
    _change(directory / "config.json", _NO_ENDS | config)
    _change(directory / "generation_config.json", _NO_ENDS)
    _change(directory / "tokenizer_config.json", {"eos_token": None})


def _change(path: Path, changed: Mapping[str, Any]) -> None:
    if path.is_file():
        values = json.loads(path.read_text()) | changed
        path.write_text(json.dumps(values))


def _tokenizer(size: int) -> PreTrainedTokenizerFast:
    """As many made-up words as the model has rows."""
    words = {f"w{number}": number for number in range(size)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0")
