"""The embedded engine: a causal language model through transformers, sampled in one stream."""

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

from thinkscale.engines.base import Openable, Sampling
from thinkscale.engines.transformers.attention import ATTENTION
from thinkscale.engines.transformers.cpu.norms import use_fused_norms
from thinkscale.engines.transformers.cpu.products import use_onednn
from thinkscale.engines.transformers.loading import Checkpoint, fitting, load_weights
from thinkscale.engines.transformers.memory import GIB
from thinkscale.engines.transformers.stream import Settings, Stream
from thinkscale.engines.transformers.supported import check_supported

# A part of the journal's key, to be raised by one with every change after which a request may be
# given other tokens: of what is drawn from logits, of where noise or stop sequences are looked at,
# of masks and positions, and of the order of sums in attention, products or norms (their last bits
# decide near ties). A test compares tokens with stored ones; of last bits it cannot tell.
SAMPLER_VERSION = 1


def versions() -> str:
    """The libraries whose versions may change last bits, as each record of the journal has them."""
    return ", ".join(f"{package} {version(package)}" for package in ("torch", "transformers"))


def openable(model: Checkpoint, sampling: Sampling, settings: Mapping[str, Any]) -> Openable:
    """See `registry.openable`; of the settings: `batch_size`, `memory` (GiB) and `attention`."""
    memory, attention = settings["memory"], settings["attention"]
    return Openable(
        name=Stream.name,
        exact_tokens=Stream.exact_tokens,
        identity={"sampler": SAMPLER_VERSION, "attention": attention, **model.identity()},
        versions=versions(),
        device=model.device_type,
        open=partial(
            open_engine,
            *(model, sampling, settings["batch_size"]),
            *(None if memory is None else int(memory * GIB), attention),
        ),
    )


def open_engine(
    checkpoint: Checkpoint,
    sampling: Sampling,
    batch_size: int,
    memory: int | None = None,
    attention: str = "sdpa",
) -> Stream:
    """Load a checkpoint's weights and return an engine that samples from them.

    batch_size: rows side by side at most. memory: bytes for keys and values, by default what is
    free less a margin. attention: `sdpa` (torch's fused kernels) or `eager` (plain products).
    Raises ThinkscaleError as `load_weights` does, or if the architecture is not supported.
    """
    model = load_weights(checkpoint, ATTENTION[attention])
    settings = Settings(sampling, checkpoint.eos, len(checkpoint.tokenizer), batch_size, memory)
    with fitting(checkpoint):
        use_onednn(model)
        use_fused_norms(model)
        stream = Stream(model, settings)
        check_supported(model, stream.device)
    return stream
