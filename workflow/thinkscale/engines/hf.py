"""The embedded engine: a causal language model loaded through transformers."""

import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from thinkscale.engines.base import Completion, Request
from thinkscale.engines.decode import decode
from thinkscale.engines.sampling import Sampling
from thinkscale.errors import ThinkscaleError


@dataclass(frozen=True)
class Loading:
    """How weights are brought in.

    dtype: a torch name or `auto`; device: `auto`, `cpu`, `cuda:0` …
    """

    dtype: str = "auto"
    device: str = "auto"
    attention: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True)
class TransformersEngine:
    """A loaded model with its tokenizer; `context` in tokens, `batch_size` in rows."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    eos: frozenset[int]
    context: int
    sampling: Sampling
    batch_size: int
    name: str = "transformers"
    exact_tokens: bool = True

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """See `Engine.complete`. Requests of one row share a batch, and what they have in common;
        the longest rows come first: what does not fit in memory fails at once, not in an hour."""
        longest = Counter()
        for request in requests:
            longest[request.noise] = max(longest[request.noise], len(request.prompt))
        order = sorted(
            range(len(requests)), key=lambda i: (-longest[requests[i].noise], requests[i].noise)
        )
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            began = time.perf_counter()
            completions = decode(
                self.model,
                [requests[i] for i in rows],
                self.sampling,
                self.eos,
                vocabulary=len(self.tokenizer),
            )
            seconds = time.perf_counter() - began
            total = sum(completion.sampled for completion in completions) or 1
            for row, completion in zip(rows, completions, strict=True):
                yield row, replace(completion, seconds=seconds * completion.sampled / total)


def load(
    path: Path, loading: Loading, sampling: Sampling, batch_size: int, context: int | None = None
) -> TransformersEngine:
    """Load a model directory (safetensors only).

    Raises ThinkscaleError if the directory holds no such model, or `context` exceeds its window.
    """
    device = _device(loading.device)
    if loading.trust_remote_code:
        warnings.warn(
            f"{path}: running Python code that comes with the model (trust_remote_code)",
            stacklevel=2,
        )
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=loading.trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=loading.trust_remote_code)
        model = AutoModelForCausalLM.from_pretrained(
            path,
            config=config,
            dtype=loading.dtype,
            attn_implementation=loading.attention,
            use_safetensors=True,
            trust_remote_code=loading.trust_remote_code,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise ThinkscaleError(f"{path}: cannot load the model: {error}") from error
    window = getattr(config.get_text_config(), "max_position_embeddings", None) or context
    if window is None:
        raise ThinkscaleError(f"{path}: the model states no window; set `context` in the config")
    if context is not None and context > window:
        raise ThinkscaleError(f"{path}: `context` is {context}, the model's window is {window}")
    return TransformersEngine(
        model.to(device).eval(),
        tokenizer,
        _eos_ids(model, tokenizer),
        context or window,
        sampling,
        batch_size,
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ThinkscaleError(
            f"`device` is {name!r}; expected auto, cpu, cuda or cuda:0 …"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ThinkscaleError(f"`device` is {name}, but torch sees no GPU here; use auto or cpu")
    return device


def _eos_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Every id that ends a turn: the tokenizer's and those the generation config lists."""
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(i for i in [*listed, tokenizer.eos_token_id] if i is not None)
