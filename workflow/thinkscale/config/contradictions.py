"""What is wrong between keys that are each well-formed, and files that are not there."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from thinkscale.conditions import RESERVED, contradiction
from thinkscale.config.model import Study


def contradictions(study: Study) -> Iterable[str]:
    """Yield what is wrong between keys that are each well-formed."""
    names = [model.name for model in study.models]
    for name, count in Counter(names).items():
        if count > 1:
            yield f"`models`: the name {name!r} is used {count} times; expected unique names"
    corpora = [corpus.name for corpus in study.corpora]
    for name, count in Counter(corpora).items():
        if count > 1:
            yield f"`corpora`: the name {name!r} is used {count} times; expected unique names"
    lists = {
        **{
            f"conditions.{key}": getattr(study.conditions, key) or []
            for key in ("max_think", "min_think", "waits", "continuations")
        },
        "grading.graders": study.grading.graders,
        "analyses.consensus_k": study.analyses.consensus_k,
    }
    for key, values in lists.items():
        repeated = [value for value, count in Counter(values).items() if count > 1]
        if repeated:
            yield f"`{key}`: {repeated[0]!r} is repeated; expected each value once"
    yield from _sweep_contradictions(study)
    for index in range(len(study.models)):
        yield from _model_contradictions(study, index, names, corpora)
    for pair in study.analyses.compare or []:
        for name in set(pair) - set(names):
            yield f"`analyses.compare`: found {name!r}; expected one of {', '.join(names)}"
        if pair[0] == pair[1]:
            yield f"`analyses.compare`: found {pair[0]!r} with itself; expected two models"
    if study.items.source != "calibration":
        columns = study.items.columns
        if (columns.options is None) == (columns.option_columns is None):
            found = "neither" if columns.options is None else "both"
            yield f"`items.columns`: found {found}; expected one of `options`, `option_columns`"
    elif study.items.n is not None and study.items.n > study.items.bank_size:
        yield (
            f"`items.n`: found {study.items.n}; expected at most `items.bank_size`, "
            f"{study.items.bank_size}"
        )


def _sweep_contradictions(study: Study) -> Iterable[str]:
    asked = study.conditions
    for text in set(asked.continuations).intersection(RESERVED):
        yield (
            f"`conditions.continuations`: found {text!r}, which tables use as a word of their own; "
            "expected another text"
        )
    cells = [cell.model_dump(exclude_none=True) for cell in asked.combine]
    for index, cell in enumerate(cells):
        if fault := contradiction(cell):
            yield f"`conditions.combine[{index}]`: {fault}"
        if cell in cells[:index]:
            yield f"`conditions.combine[{index}]`: {cell} is repeated; expected each value once"


def _model_contradictions(
    study: Study, index: int, names: list[str], corpora: list[str]
) -> Iterable[str]:
    model, key = study.models[index], f"models[{index}]"
    given = [k for k in ("path", "hub", "derive") if getattr(model, k) is not None]
    if len(given) != 1:
        yield (
            f"`{key}` ({model.name}): found {', '.join(given) or 'none of them'}; "
            "expected exactly one of `path`, `hub`, `derive`"
        )
    if model.hub is not None and model.revision is None:
        yield f"`{key}.revision` ({model.name}): missing; expected the hub commit to run"
    elif given == ["hub"] and not re.fullmatch(r"[0-9a-f]{40}", model.revision):
        yield (
            f"`{key}.revision` ({model.name}): found {model.revision!r}; expected a commit of the "
            "hub repository, 40 hexadecimal digits (a branch or tag can stand for another tomorrow)"
        )
    if model.revision is not None and model.hub is None:
        yield f"`{key}.revision` ({model.name}): found {model.revision!r}; expected it with `hub`"
    if model.derive is None:
        return
    if model.derive.corpus not in corpora:
        yield (
            f"`{key}.derive.corpus`: found {model.derive.corpus!r}; "
            f"expected one of `corpora` ({', '.join(corpora) or 'none given'})"
        )
    parents = {m.name: m.derive.parent for m in study.models if m.derive is not None}
    parent, seen = model.derive.parent, [model.name]
    if parent not in names:
        near = difflib.get_close_matches(parent, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield (
            f"`{key}.derive.parent` ({model.name}): there is no model {parent!r}{hint} "
            f"(expected one of {', '.join(n for n in names if n != model.name)})"
        )
    while parent in parents and parent not in seen:
        seen.append(parent)
        parent = parents[parent]
    if parent == model.name:
        chain = " from ".join([*seen, model.name])
        yield (
            f"`{key}.derive.parent` ({model.name}): a model cannot derive from itself ({chain}); "
            "expected a chain that begins with a `path` or `hub` model"
        )


def missing_files(study: Study, made_here: tuple[str, ...]) -> Iterable[str]:
    for index, model in enumerate(study.models):
        if model.path is None or model.path.startswith(made_here):
            continue
        if not Path(model.path, "config.json").is_file():
            yield (
                f"`models[{index}].path` ({model.name}): {model.path} holds no config.json; "
                "expected the directory of a model"
            )
    if study.items.source != "calibration" and not Path(study.items.source).is_file():
        yield (
            f"`items.source`: there is no file {study.items.source}; expected `calibration` or the "
            "path of a bank"
        )
    for index, corpus in enumerate(study.corpora):
        if corpus.source != "calibration" and not Path(corpus.source).is_file():
            yield (
                f"`corpora[{index}].source` ({corpus.name}): there is no file {corpus.source}; "
                "expected `calibration` or the path of a corpus"
            )
