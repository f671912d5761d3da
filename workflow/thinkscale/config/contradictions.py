"""What is wrong between keys that are each well-formed, and files that are not there."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from thinkscale.config import hub_keys
from thinkscale.config.corpora import corpus_faults, tokenizer_faults, tokenizer_file
from thinkscale.config.items import item_faults
from thinkscale.config.models import Model, OtherModel
from thinkscale.config.section import repeated
from thinkscale.config.strategies import Scorer
from thinkscale.config.study import Study
from thinkscale.data.conditions import RESERVED, contradiction


def contradictions(study: Study) -> Iterable[str]:
    """Yield what is wrong between keys that are each well-formed."""
    models = [model.name for model in study.models]
    corpora = [corpus.name for corpus in study.corpora]
    for key, names in (("models", models), ("corpora", corpora)):
        for name in repeated(names):
            count = names.count(name)
            yield f"`{key}`: the name {name!r} is used {count} times; expected unique names"
    thinking = [model.name for model in study.models if model.thinks]
    if not thinking:
        yield "`models`: found reward models only; expected one at least that thinks"
    yield from _sweep_contradictions(study)
    for index in range(len(study.models)):
        yield from _model_contradictions(study, index, models, corpora)
    for pair in study.analyses.compare or []:
        for name in set(pair) - set(thinking):
            yield f"`analyses.compare`: found {name!r}; expected one of {', '.join(thinking)}"
        if pair[0] == pair[1]:
            yield f"`analyses.compare`: found {pair[0]!r} with itself; expected two models"
    for name in ("consensus_k", "power_items", "power_samples"):
        yield from _repeated_values(f"analyses.{name}", getattr(study.analyses, name))
    for index, corpus in enumerate(study.corpora):
        yield from corpus_faults(corpus, f"corpora[{index}]")
    yield from tokenizer_faults(
        study.analyses.divergence, study.analyses.contamination, models, corpora
    )
    yield from item_faults(study.items)
    yield from _strategy_contradictions(study)
    yield from _grading_contradictions(study)


def _repeated_values(key: str, values: Sequence[Any]) -> Iterable[str]:
    for value in repeated(values)[:1]:
        yield f"`{key}`: {value!r} is repeated; expected each value once"


def _sweep_contradictions(study: Study) -> Iterable[str]:
    asked = study.conditions
    for key in ("max_think", "truncate", "min_think", "waits", "continuations"):
        yield from _repeated_values(f"conditions.{key}", getattr(asked, key) or [])
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
    if len(given) == 1:
        yield from hub_keys.faults(model, key, "model")
    else:
        yield (
            f"`{key}` ({model.name}): found {', '.join(given) or 'none of them'}; "
            "expected exactly one of `path`, `hub`, `derive`"
        )
    if model.derive is None:
        return
    if model.derive.recipe == "reward_model":
        yield from _reward_contradictions(study, model, f"{key}.derive")
    elif model.derive.corpus not in corpora:
        yield (
            f"`{key}.derive.corpus`: found {model.derive.corpus!r}; "
            f"expected one of `corpora` ({', '.join(corpora) or 'none given'})"
        )
    for corpus in study.corpora:
        if corpus.name == model.derive.corpus and corpus.format != "traces":
            yield (
                f"`{key}.derive.corpus`: found {corpus.name!r} with the format {corpus.format!r}; "
                "expected a corpus of `traces` to fine-tune on"
            )
    parents = {m.name: m.derive.parent for m in study.models if m.derive is not None}
    parent, seen = model.derive.parent, [model.name]
    if parent not in names:
        yield (
            f"`{key}.derive.parent` ({model.name}): there is no model {parent!r}"
            f"{_hint(parent, names)} "
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


def _reward_contradictions(study: Study, model: Model, key: str) -> Iterable[str]:
    derive = model.derive
    if derive.corpus is not None:
        yield (
            f"`{key}.corpus` ({model.name}): found {derive.corpus!r}; expected it only with "
            "`recipe: sft`"
        )
    if any(other.name == derive.parent and not other.thinks for other in study.models):
        yield (
            f"`{key}.parent` ({model.name}): found {derive.parent!r}, a reward model; expected a "
            "model that thinks"
        )
    if study.grading.graders[0] in ("judge", "readout"):
        yield (
            f"`grading.graders[0]`: found {study.grading.graders[0]!r}; expected a grader that "
            f"needs no model, since {model.name} learns by it"
        )
    if derive.reward.bank is not None:
        for fault in item_faults(derive.reward.bank):
            yield fault.replace("`items", f"`{key}.reward.bank", 1)
    elif study.items.source != "calibration":
        yield (
            f"`{key}.reward.bank` ({model.name}): missing; expected a bank of items to learn from "
            "(only with `items.source: calibration` are there problems without one)"
        )


def _strategy_contradictions(study: Study) -> Iterable[str]:
    scorers = [scorer.name for scorer in study.scorers]
    for name in repeated(scorers):
        yield f"`scorers`: the name {name!r} is used {scorers.count(name)} times; expected it once"
    names = [strategy.shown for strategy in study.strategies]
    for name in repeated(names):
        yield (
            f"`strategies`: the name {name!r} is used {names.count(name)} times; expected a `name` "
            "of its own for each of one approach"
        )
    for index, strategy in enumerate(study.strategies):
        if strategy.scorer is not None and strategy.scorer not in scorers:
            yield (
                f"`strategies[{index}].scorer`: found {strategy.scorer!r}; expected one of "
                f"`scorers` ({', '.join(scorers) or 'none given'})"
            )
        if strategy.choose in ("best", "weighted") and strategy.scorer is None:
            yield (
                f"`strategies[{index}].choose`: found {strategy.choose!r} without a scorer; "
                "expected `scorer` beside it, or `majority`"
            )
    for index, scorer in enumerate(study.scorers):
        yield from _scorer_contradictions(study, scorer, f"scorers[{index}]")
    outside = [s.model for s in study.scorers if s.model is not None and s.model.outside]
    for name in repeated([model.name for model in outside]):
        if len({model.model_dump_json() for model in outside if model.name == name}) > 1:
            yield f"`scorers`: the model name {name!r} stands for several; expected one each"


def _scorer_contradictions(study: Study, scorer: Scorer, key: str) -> Iterable[str]:
    reads_model = scorer.kind in ("orm", "prm")
    if scorer.kind == "calibration" and study.items.source != "calibration":
        yield (
            f"`{key}.kind`: found 'calibration'; expected another, since only `items.source: "
            "calibration` has items whose right steps it knows"
        )
    if scorer.kind != "calibration" and "d_prime" in scorer.model_fields_set:
        yield f"`{key}.d_prime`: found with {scorer.kind!r}; expected it with 'calibration'"
    for name in ("model", "text"):
        if not reads_model and getattr(scorer, name) is not None:
            yield f"`{key}.{name}`: found with {scorer.kind!r}; expected it with 'orm' or 'prm'"
    if reads_model and scorer.model is None:
        yield f"`{key}.model`: missing; expected the reward model of kind {scorer.kind!r}"
    if scorer.model is not None:
        yield from _other_model_faults(study, scorer.model, f"{key}.model")
    if scorer.kind == "orm" and scorer.text is not None and scorer.text.right is not None:
        yield f"`{key}.text.right`: found with 'orm'; expected words only of a `prm`"
    derived = next((m for m in study.models if scorer.model and m.name == scorer.model.name), None)
    if reads_model and derived is not None and not derived.thinks:
        made = "orm" if derived.derive.reward.objective == "orm" else "prm"
        if scorer.kind != made:
            yield (
                f"`{key}.kind`: found {scorer.kind!r}; expected {made!r}, as the recipe of "
                f"{derived.name} makes it"
            )


def _hint(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _grading_contradictions(study: Study) -> Iterable[str]:
    grading = study.grading
    yield from _repeated_values("grading.graders", grading.graders)
    if "structure" in grading.graders and grading.structure.empty:
        yield (
            "`grading.structure`: found nothing to grade by; expected `sections`, `json_schema`, "
            "`min_words` or `max_words` for the grader `structure`"
        )
    if "readout" in grading.graders and not any(m.inference.readout for m in study.models):
        yield (
            "`inference.readout`: found nothing to be read; expected `options`, for the study or "
            "for some model, with the grader `readout` in `grading.graders`"
        )
    if grading.choice.keys is not None and "choice" not in grading.graders:
        yield (
            f"`grading.choice.keys`: found {grading.choice.keys!r}; expected it only with the "
            "grader `choice` in `grading.graders`"
        )
    if grading.choice.keys == "all" and "readout" in grading.graders:
        yield (
            "`grading.choice.keys`: found 'all' with the grader `readout`, which reads one label; "
            "expected `any`, or another grader"
        )
    if (grading.judge is None) == ("judge" in grading.graders):
        found, where = ("missing", "with") if grading.judge is None else ("found", "only with")
        yield f"`grading.judge`: {found}; expected {where} the grader `judge` in `grading.graders`"
    if grading.judge is None:
        return
    yield from _other_model_faults(study, grading.judge.model, "grading.judge.model")
    if any(m.name == grading.judge.model.name and not m.thinks for m in study.models):
        yield (
            f"`grading.judge.model.name`: found {grading.judge.model.name!r}, a reward model; "
            "expected a model that thinks"
        )


def _other_model_faults(study: Study, model: OtherModel, key: str) -> Iterable[str]:
    names = [own.name for own in study.models]
    given = [k for k in ("path", "hub") if getattr(model, k) is not None]
    if not given and model.name not in names:
        yield (
            f"`{key}.name`: there is no model {model.name!r}{_hint(model.name, names)} (expected "
            f"one of {', '.join(names)}, or `path` or `hub` beside it)"
        )
    elif given and model.name in names:
        yield (
            f"`{key}.name`: found {model.name!r}, a model of the study, with `{given[0]}`; "
            "expected another name, or the name alone"
        )
    if not given and model.fingerprint is not None:
        yield f"`{key}.fingerprint`: found beside a name alone; expected it in `models`"
    if len(given) > 1:
        yield f"`{key}` ({model.name}): found path, hub; expected at most one of them"
    else:
        yield from hub_keys.faults(model, key, "model")


def missing_files(study: Study, made_here: tuple[str, ...]) -> Iterable[str]:
    """Yield which files the study names and are not there, but for those below `made_here`."""
    models = {f"models[{index}]": model for index, model in enumerate(study.models)}
    if study.grading.judge is not None:
        models["grading.judge.model"] = study.grading.judge.model
    for index, scorer in enumerate(study.scorers):
        if scorer.model is not None:
            models[f"scorers[{index}].model"] = scorer.model
    for key, model in models.items():
        if model.path is None or model.path.startswith(made_here):
            continue
        if not Path(model.path, "config.json").is_file():
            yield (
                f"`{key}.path` ({model.name}): {model.path} holds no config.json; "
                "expected the directory of a model"
            )
    files = [("`items.source`", study.items.source, "`calibration` or the path of a bank")]
    for index, model in enumerate(study.models):
        if model.derive is not None and model.derive.reward.bank is not None:
            key = f"`models[{index}].derive.reward.bank.source`"
            files.append((key, model.derive.reward.bank.source, "the path of a bank"))
    for index, tokenizer in enumerate(study.analyses.divergence.tokenizers):
        key = f"`analyses.divergence.tokenizers[{index}].path` ({tokenizer.name})"
        path = tokenizer.path and tokenizer_file(tokenizer.path)
        files.append((key, path, "a tokenizer.json, or the directory that holds it"))
    for index, corpus in enumerate(study.corpora):
        key = f"`corpora[{index}].source` ({corpus.name})"
        files.append((key, corpus.source, "`calibration` or the path of a corpus"))
    for key, path, expected in files:
        if path not in (None, "calibration") and not Path(path).is_file():
            yield f"{key}: there is no file {path}; expected {expected}"
