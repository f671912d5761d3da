"""How much memory keys and values may take, and how a device says that it has no more."""

import resource
import sys

import torch
from transformers import PreTrainedModel

GIB = 2**30
_SHARE = 0.8  # of what is free; the rest is for activations and for others
# Of the CPU's allocator, and of a GPU that has not even room for a context.
_REFUSALS = ("can't allocate memory", "not enough memory", "error: out of memory")


def bytes_per_token(model: PreTrainedModel) -> int:
    """Bytes that the keys and values of one token take, over all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * size * model.dtype.itemsize


def free(device: torch.device) -> int:
    """Bytes that may still be taken on a device: what is free, less a margin."""
    if device.type == "cuda":
        available, _ = torch.cuda.mem_get_info(device)
        reusable = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(_SHARE * (available + reusable))
    import psutil

    return int(_SHARE * psutil.virtual_memory().available)


def peak(device: torch.device) -> int:
    """Bytes that were taken at most: of the GPU's memory, or of the process's on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _REFUSALS)
