"""How much memory the trainings of a study will take, before anything is loaded."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from transformers import PreTrainedConfig

from thinkscale.engines.transformers.memory import GIB
from thinkscale.errors import ThinkscaleError
from thinkscale.models.memory import training_memory
from thinkscale.models.recipes.settings import training_of

PARTS = ("weights", "gradients", "optimizer", "activations", "head", "others")
COLUMNS = {
    **{name: "str" for name in ("model", "recipe", "method", "dtype")},
    **{name: "int64" for name in ("batch_size", "max_length")},
    **{f"{part}_gib": "float64" for part in (*PARTS, "peak")},
    "note": "str",
}


def training_plan(
    derivations: Mapping[str, Mapping[str, Any]],
    config_of: Callable[[str], PreTrainedConfig],
    available: int | None = None,
) -> pd.DataFrame:
    """A row for each model that is trained; what is not known is missing.

    derivations: by model, as the study has them, none of a reward model. config_of: the
    configuration of a model; what it raises is told. available: bytes of the device that trains,
    if that is known.
    """
    lines = [
        {**_line(derive, config_of, available), "model": name}
        for name, derive in derivations.items()
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(COLUMNS)


def _line(
    derive: Mapping[str, Any],
    config_of: Callable[[str], PreTrainedConfig],
    available: int | None,
) -> dict[str, Any]:
    shared = ("recipe", "method", "dtype", "batch_size", "max_length")
    line = {**dict.fromkeys(COLUMNS), **{key: derive[key] for key in shared}, "note": ""}
    how = training_of(derive)
    try:
        others = [config_of(name) for name in _beside(derive)]
        found = training_memory(config_of(derive["parent"]), how, derive["max_length"], others)
    # Some architectures cannot be built without storage, or choose by values that are not there.
    except (ThinkscaleError, RuntimeError, ValueError, OSError) as error:
        return {**line, "note": f"not known: {' '.join(str(error).split())[:300]}"}
    sizes = {f"{part}_gib": getattr(found, part) / GIB for part in (*PARTS, "peak")}
    if available is not None and found.peak > available:
        line["note"] = f"more than the {available / GIB:.0f} GiB of this GPU"
    return line | sizes


def _beside(derive: Mapping[str, Any]) -> list[str]:
    """The models whose weights lie beside those that are trained."""
    if derive["recipe"] == "grpo":
        # The engine's copy, and where divergence from the parent costs, the parent: an adapter is
        # switched off for that.
        reference = derive["grpo"]["beta"] > 0 and derive["method"] == "full"
        return [derive["parent"]] * (1 + reference)
    return [derive["teacher"]] if derive["teacher"] else []


def text(plan: pd.DataFrame) -> str:
    """The plan as it is printed."""
    sizes = {part: plan[f"{part}_gib"].map(_gib) for part in ("peak", *PARTS)}
    shown = plan[["model", "recipe", "method", "dtype", "batch_size", "max_length"]].assign(**sizes)
    notes = [f"{line.model}: {line.note}" for line in plan.itertuples() if line.note]
    head = (
        "Memory of training, in GiB, estimated for batches of the longest traces; where it was "
        "measured, a step took 3 to 16 % more"
    )
    return "\n".join([head, "", shown.to_string(index=False), "", *notes])


def _gib(size: float) -> str:
    return "–" if pd.isna(size) else f"{size:,.2f}"
