"""What a directory must hold to be a model that can be loaded safely."""

import json
import re
from pathlib import Path
from typing import Any

from thinkscale.errors import ThinkscaleError

_SHARD = re.compile(r"[^/\\]+\.safetensors")


def check_directory(directory: Path, trust_remote_code: bool = False, weights: bool = True) -> None:
    """Raise ThinkscaleError unless a directory is a whole model that can be loaded safely.

    That is: a config, a tokenizer, safetensors weights with all their shards; nothing that
    transformers would unpickle, add to the weights by itself, or fetch from elsewhere. weights:
    whether they are needed here; a server has its own.
    """
    if not (directory / "config.json").is_file():
        raise ThinkscaleError(f"{directory} holds no config.json; expected a model's directory")
    if weights:
        weight_files(directory)
    if not any(directory.glob("tokenizer*")):
        raise ThinkscaleError(f"{directory} holds no tokenizer")
    if (directory / "adapter_config.json").is_file():
        raise ThinkscaleError(
            f"{directory} holds an adapter (adapter_config.json), which would be laid over the "
            "weights unseen; merge it into them first"
        )
    if trust_remote_code:
        for file in ("config.json", "tokenizer_config.json"):
            _refuse_code_elsewhere(directory / file)


def weight_files(directory: Path) -> list[Path]:
    """Return the safetensors files that a model's weights are read from.

    Raises ThinkscaleError if there are none, if a shard is missing, or if the index or config
    names anything else: transformers opens what they name, pickles too.
    """
    named = _json(directory / "config.json").get("transformers_weights")
    names = [str(named)] if named else ["model.safetensors", "model.safetensors.index.json"]
    name = next((name for name in names if (directory / name).is_file()), None)
    if name is None or not re.fullmatch(rf"{_SHARD.pattern}(\.index\.json)?", name):
        found = ", ".join(sorted(p.name for p in directory.iterdir())) or "nothing"
        raise ThinkscaleError(
            f"{directory} holds no .safetensors weights named {' or '.join(names)} (found {found})"
            "; convert them first: pickled weights are never loaded"
        )
    if not name.endswith(".json"):
        return [directory / name]
    shards = sorted({str(file) for file in _json(directory / name).get("weight_map", {}).values()})
    if wrong := [shard for shard in shards if not _SHARD.fullmatch(shard)]:
        raise ThinkscaleError(
            f"{directory / name}: found {wrong[0]!r}; expected names of .safetensors files beside "
            "it (nothing else is ever loaded)"
        )
    if missing := [shard for shard in shards if not (directory / shard).is_file()]:
        raise ThinkscaleError(
            f"{directory} lacks {len(missing)} of the {len(shards)} weight files that {name} "
            f"lists: {', '.join(missing[:3])}{' …' if missing[3:] else ''}; the copy or download "
            "is not complete"
        )
    return [directory / shard for shard in shards]


def _refuse_code_elsewhere(file: Path) -> None:
    """A model may name code in another repository, of which no revision would be pinned."""
    for value in _json(file).get("auto_map", {}).values() if file.is_file() else ():
        for reference in value if isinstance(value, list) else [value]:
            if "--" in str(reference):
                raise ThinkscaleError(
                    f"{file}: the model's code ({reference}) lies in another repository, at no "
                    "fixed revision; copy it beside the weights and name it without `--`"
                )


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ThinkscaleError(f"{path}: found no valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise ThinkscaleError(f"{path}: found a {type(values).__name__}; expected a JSON object")
    return values
