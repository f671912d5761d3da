"""The engines that a study can name, each a module that is imported when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from thinkscale.engines.base import Model, Openable, Sampling
from thinkscale.errors import ThinkscaleError

# By name, the module with the engine's `openable`.
ENGINES = {
    "completions": "thinkscale.engines.completions.engine",
    "transformers": "thinkscale.engines.transformers.engine",
    "vllm": "thinkscale.engines.vllm",
}


def openable(name: str, model: Model, sampling: Sampling, settings: Mapping[str, Any]) -> Openable:
    """An engine for a model, not opened yet.

    settings: those of a study's `inference`, as plain values; an engine takes its own of them.
    Raises ThinkscaleError if there is no engine of that name, or as the engine does.
    """
    if name not in ENGINES:
        raise ThinkscaleError(
            f"`inference.engine`: found {name!r}, which is not there; expected one of "
            f"{', '.join(ENGINES)}"
        )
    return import_module(ENGINES[name]).openable(model, sampling, settings)
