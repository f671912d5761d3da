"""Bring a language model in: first what is known of it without its weights, then its weights.

Only what needs torch imports it, and only inside functions: a checkpoint can be opened without.
"""

import importlib
import importlib.metadata
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from thinkscale.engines.transformers.directory import check_directory, weight_files
from thinkscale.errors import ThinkscaleError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_FLOATS = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}


@dataclass(frozen=True)
class Loading:
    """How weights are brought in.

    dtype: a torch name or `auto` (the checkpoint's). device: `auto`, `cpu`, `cuda:0` …
    device_map: `auto` spreads the layers over the devices there are; `device` must then be `auto`.
    quantization: `8bit` (LLM.int8, arXiv 2208.07339) or `4bit` (NF4, arXiv 2305.14314), both by
    bitsandbytes while loading; what is not quantized, and 4-bit arithmetic, have the dtype.
    """

    dtype: str = "auto"
    device: str = "auto"
    device_map: str | None = None
    quantization: str | None = None
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        if self.device_map is not None and self.device != "auto":
            raise ThinkscaleError(
                f"`device` is {self.device} and `device_map` is {self.device_map}; expected one of "
                "them: the map chooses devices by itself"
            )


@dataclass(frozen=True)
class Checkpoint:
    """A model without its weights. `context` in tokens; `eos`: every id that ends a turn."""

    path: Path
    config: "PreTrainedConfig"
    tokenizer: "PreTrainedTokenizerBase"
    eos: frozenset[int]
    context: int
    dtype_name: str
    loading: Loading

    @property
    def device_type(self) -> str:
        """The kind of device the weights would come to: `cpu`, `cuda` …"""
        return _named(self.loading.device).partition(":")[0]

    def identity(self) -> dict[str, str | None]:
        """What of the loading decides tokens, for the journal's key."""
        quantization = self.loading.quantization
        if quantization is not None:
            quantization += f" bitsandbytes {importlib.metadata.version('bitsandbytes')}"
        return {
            "dtype": self.dtype_name,
            "device": self.device_type,
            "quantization": quantization,
        }


def open_checkpoint(
    path: Path, loading: Loading, context: int | None = None, weights: bool = True
) -> Checkpoint:
    """Read everything of a model directory but its weights.

    context: tokens that prompt, thinking and answer may have together; default: the model's window.
    weights: whether they will be loaded; a model that others run needs none here.
    Raises ThinkscaleError if the directory is no whole model (`check_directory`), if `context`
    exceeds its window, or if it cannot be quantized as asked.
    """
    check_directory(path, loading.trust_remote_code, weights)
    if loading.trust_remote_code:
        warnings.warn(
            f"{path}: running Python code that comes with the model (trust_remote_code)",
            stacklevel=2,
        )
    local = {"local_files_only": True, "trust_remote_code": loading.trust_remote_code}
    with _explained(path):
        config = AutoConfig.from_pretrained(path, **local)
        tokenizer = AutoTokenizer.from_pretrained(path, **local)
        eos = _eos_ids(path, config, tokenizer)
        dtype = _dtype_name(path, config, loading.dtype) if weights else loading.dtype
    _check_quantization(path, config, loading.quantization)
    window = getattr(config.get_text_config(), "max_position_embeddings", None) or context
    if window is None:
        raise ThinkscaleError(f"{path}: the model states no window; set `context` in the config")
    if context is not None and context > window:
        raise ThinkscaleError(f"{path}: `context` is {context}, the model's window is {window}")
    return Checkpoint(path, config, tokenizer, eos, context or window, dtype, loading)


def load_weights(
    checkpoint: Checkpoint, attention: str, loaded_as: Any = None
) -> "PreTrainedModel":
    """Return the model, in evaluation mode and on its device or devices.

    attention: the name of an attention implementation that transformers knows. loaded_as: the
    class, default AutoModelForCausalLM.
    Raises ThinkscaleError if the device is not there, if it has too little memory, or if the files
    lack a weight or have it in another shape: transformers would make it up.
    """
    import torch
    from transformers import AutoModelForCausalLM

    path, loading = checkpoint.path, checkpoint.loading
    device = _device(loading.device)
    quantizer = _quantizer(loading.quantization, checkpoint.dtype_name, device.type)
    try:
        with _explained(path):
            model, report = (loaded_as or AutoModelForCausalLM).from_pretrained(
                path,
                config=checkpoint.config,
                dtype=checkpoint.dtype_name,
                device_map=loading.device_map or str(device),
                quantization_config=quantizer,
                attn_implementation=attention,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=loading.trust_remote_code,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # told below, by name
            )
    except torch.OutOfMemoryError as error:
        raise ThinkscaleError(
            f"{path}: the weights as {loading.quantization or checkpoint.dtype_name} do not fit "
            f"in the free memory of {loading.device_map or device}; set `dtype: bfloat16`, "
            "`quantization: 8bit` or `4bit`, or `device_map: auto` (several GPUs, or a part in "
            "the CPU's memory)"
        ) from error
    _check_complete(path, report)
    _tell_placement(path, model)
    return model.eval()


def _check_complete(path: Path, report: dict[str, Any]) -> None:
    for name, found, expected in sorted(report["mismatched_keys"]):
        raise ThinkscaleError(
            f"{path}: the weight files have {name} of shape {list(found)}; config.json says "
            f"{list(expected)}"
        )
    if missing := sorted(report["missing_keys"]):
        raise ThinkscaleError(
            f"{path}: the weight files lack {len(missing)} of the model's weights "
            f"({', '.join(missing[:3])}{' …' if missing[3:] else ''}); expected all of them"
        )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what transformers raises into one message; running out of memory has its own."""
    try:
        yield
    except (ImportError, KeyError, OSError, RuntimeError, SafetensorError, ValueError) as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise
        reason = " ".join(str(error).split())
        if "trust_remote_code=True" in reason:
            reason = (
                "it comes with Python code of its own; read that, and set "
                "`inference.trust_remote_code: true` to run it"
            )
        reason = reason if len(reason) <= 400 else f"{reason[:400]} …"
        raise ThinkscaleError(f"{path}: cannot load the model: {reason}") from error


def _named(device: str) -> str:
    """A device's name, with `auto` resolved."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _device(name: str) -> "torch.device":
    """The device of a name, if it is there."""
    import torch

    name = _named(name)
    try:
        device = torch.device(name)
        backend = torch.get_device_module(device)
    except RuntimeError as error:
        raise ThinkscaleError(
            f"`device` is {name!r}; expected auto, cpu, cuda or cuda:0 …"
        ) from error
    if device.type != "cpu" and not backend.is_available():
        raise ThinkscaleError(
            f"`device` is {name}, but torch sees no {device.type} device here; use auto or cpu"
        )
    if device.type != "cpu" and (device.index or 0) >= backend.device_count():
        raise ThinkscaleError(
            f"`device` is {name}, but torch sees {backend.device_count()} of that kind here, the "
            f"last one {device.type}:{backend.device_count() - 1}"
        )
    return device


def _dtype_name(path: Path, config: "PreTrainedConfig", asked: str) -> str:
    """The number type by torch's name: asked for, configured, or the first weight's."""
    if asked != "auto":
        return asked
    if config.dtype is not None:
        return str(config.dtype).removeprefix("torch.")
    for file in weight_files(path):
        with safe_open(file, framework="np") as weights:
            kinds = (weights.get_slice(name).get_dtype() for name in weights.keys())  # noqa: SIM118
            if kind := next((kind for kind in kinds if kind in _FLOATS), None):
                return _FLOATS[kind]
    raise ThinkscaleError(f"{path}: the model states no number type; set `dtype` in the config")


def _eos_ids(
    path: Path, config: "PreTrainedConfig", tokenizer: "PreTrainedTokenizerBase"
) -> frozenset[int]:
    """Every id that ends a turn: the tokenizer's and the generation config's, else the config's."""
    listed = None
    if (path / "generation_config.json").is_file():
        listed = GenerationConfig.from_pretrained(path, local_files_only=True).eos_token_id
    if listed is None:
        listed = config.get_text_config().eos_token_id
    listed = listed if isinstance(listed, list) else [listed]
    eos = frozenset(i for i in [*listed, tokenizer.eos_token_id] if i is not None)
    if not eos:
        warnings.warn(
            f"{path}: names no token that ends a turn; every answer will run to its limit",
            stacklevel=3,
        )
    return eos


def _check_quantization(path: Path, config: "PreTrainedConfig", asked: str | None) -> None:
    if asked is None:
        return
    done = getattr(config, "quantization_config", None)
    if done is not None:
        method = done.get("quant_method") if isinstance(done, dict) else done.quant_method
        raise ThinkscaleError(
            f"{path}: `quantization` is {asked}, but the weights are quantized already "
            f"({method}); leave the key out"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ThinkscaleError(
            f"`quantization` is {asked}, which needs the package bitsandbytes; install it with "
            "`pip install 'thinkscale[quantized]'` (in a checkout: `pip install -e '.[quantized]'`)"
        )


def _quantizer(quantization: str | None, dtype: str, device_type: str) -> Any:
    """How bitsandbytes is to quantize; it says what it runs on (old versions: only NVIDIA's)."""
    if quantization is None:
        return None
    known = getattr(importlib.import_module("bitsandbytes"), "supported_torch_devices", {"cuda"})
    if device_type not in known:
        raise ThinkscaleError(
            f"`quantization` is {quantization}, but bitsandbytes "
            f"{importlib.metadata.version('bitsandbytes')} does not run on {device_type}; expected "
            f"one of {', '.join(sorted(known))}, or a newer bitsandbytes"
        )
    import torch
    from transformers import BitsAndBytesConfig

    if quantization == "4bit":
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=getattr(torch, dtype),
        )
    # It says at every layer of every step that it casts to float16, as the method does.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    return BitsAndBytesConfig(load_in_8bit=True)


def _tell_placement(path: Path, model: "PreTrainedModel") -> None:
    """Warn where a device map put layers off the fastest device: that is slower by far."""
    places = [str(place) for place in (getattr(model, "hf_device_map", None) or {}).values()]
    slow = [place for place in places if place in ("cpu", "disk")]
    if slow:
        warnings.warn(
            f"{path}: {len(slow)} of {len(places)} parts of the model did not fit and lie on "
            f"{' and '.join(sorted(set(slow)))}; every step has to bring them in",
            stacklevel=3,
        )
