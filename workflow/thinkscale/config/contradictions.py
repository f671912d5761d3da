"""What is wrong between keys that are each well-formed, and files that are not there."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from os.path import isfile  # unlike Path's, never raises: a name may be too long for any file
from pathlib import Path
from typing import Any

from thinkscale.config import hub_keys
from thinkscale.config.corpora import Corpus, corpus_faults, tokenizer_faults, tokenizer_file
from thinkscale.config.items import item_faults
from thinkscale.config.models import Model, OtherModel
from thinkscale.config.responses import recorded_faults
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
    for name in ("consensus_k", "controls", "power_items", "power_samples"):
        yield from _repeated_values(f"analyses.{name}", getattr(study.analyses, name))
    for index, corpus in enumerate(study.corpora):
        yield from corpus_faults(corpus, f"corpora[{index}]")
        if corpus.generate is not None:
            yield from _generated_contradictions(study, corpus, f"corpora[{index}].generate")
    yield from _circles(study)
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
    places = ("path", "hub", "derive", "responses")
    given = [k for k in places if getattr(model, k) is not None]
    if len(given) == 1:
        yield from hub_keys.faults(model, key, "model")
    else:
        yield (
            f"`{key}` ({model.name}): found {', '.join(given) or 'none of them'}; "
            "expected exactly one of `path`, `hub`, `derive`, `responses`"
        )
    if model.responses is not None:
        yield from recorded_faults(model.responses, f"{key}.responses")
        yield from _recorded_contradictions(study, model, key)
    if model.export.gguf is not None and not model.runs:
        yield (
            f"`{key}.export.gguf` ({model.name}): found with "
            f"{'recorded responses' if model.thinks else 'a reward model'}; expected a model that "
            "thinks, and whose weights are here"
        )
    if model.derive is None:
        return
    if model.derive.recipe in ("grpo", "reward_model"):
        yield from _exploring_contradictions(study, model, f"{key}.derive")
    else:
        yield from _watching_contradictions(study, model, f"{key}.derive")
    if model.derive.recipe in ("sft", "gkd") and model.derive.corpus not in corpora:
        yield (
            f"`{key}.derive.corpus`: found {model.derive.corpus!r}; "
            f"expected one of `corpora` ({', '.join(corpora) or 'none given'})"
        )
    yield from _teacher_contradictions(study, model, f"{key}.derive")
    for corpus in study.corpora:
        if corpus.name == model.derive.corpus and corpus.format != "traces":
            yield (
                f"`{key}.derive.corpus`: found {corpus.name!r} with the format {corpus.format!r}; "
                "expected a corpus of `traces` to fine-tune on"
            )
    parent = model.derive.parent
    if parent not in names:
        yield (
            f"`{key}.derive.parent` ({model.name}): there is no model {parent!r}"
            f"{_hint(parent, names)} "
            f"(expected one of {', '.join(n for n in names if n != model.name)})"
        )
    elif any(m.name == parent and m.responses is not None for m in study.models):
        yield (
            f"`{key}.derive.parent` ({model.name}): found {parent!r}, whose responses are "
            "recorded; expected a model with weights"
        )


def _circles(study: Study) -> Iterable[str]:
    """Yield the models that derive from themselves: by parents, teachers, or corpora they wrote."""
    made_of = {f"corpus {c.name}": [c.generate.model] for c in study.corpora if c.generate}
    for model in (model for model in study.models if model.derive is not None):
        derive = model.derive
        corpus = derive.corpus and f"corpus {derive.corpus}"
        made_of[model.name] = [*filter(None, (derive.parent, derive.teacher, corpus))]
    for index, model in enumerate(study.models):
        if circle := _circle(made_of, model.name):
            derive = model.derive
            through = {derive.parent: "parent", derive.teacher: "teacher"}.get(circle[1], "corpus")
            yield (
                f"`models[{index}].derive.{through}` ({model.name}): a model cannot derive from "
                f"itself ({' from '.join(circle)}); expected a chain that begins with a `path` or "
                "`hub` model"
            )


def _circle(made_of: Mapping[str, list[str]], name: str) -> list[str] | None:
    """The shortest way from a model back to itself; None where it is not made of itself."""
    ways, places = {name: [name]}, [name]
    for place in places:
        for origin in made_of.get(place, ()):
            if origin == name:
                return [*ways[place], name]
            if origin not in ways:
                ways[origin] = [*ways[place], origin]
                places.append(origin)
    return None


def _generated_contradictions(study: Study, corpus: Corpus, key: str) -> Iterable[str]:
    name, names = corpus.generate.model, [model.name for model in study.models]
    found = next((model for model in study.models if model.name == name), None)
    if found is None:
        yield (
            f"`{key}.model` ({corpus.name}): there is no model {name!r}{_hint(name, names)} "
            f"(expected one of {', '.join(names)})"
        )
    elif not found.runs:
        what = "a reward model" if not found.thinks else "whose responses are recorded"
        yield f"`{key}.model` ({corpus.name}): found {name!r}, {what}; expected a model that thinks"
    if study.grading.graders[0] in ("judge", "readout") and corpus.generate.keep != "all":
        yield (
            f"`grading.graders[0]`: found {study.grading.graders[0]!r}; expected a grader that "
            f"needs no model, since traces of {corpus.name} are kept by it"
        )
    if corpus.generate.bank is None and study.items.source != "calibration":
        yield (
            f"`{key}.bank` ({corpus.name}): missing; expected a bank of items to think about "
            "(only with `items.source: calibration` are there problems without one)"
        )


def _watching_contradictions(study: Study, model: Model, key: str) -> Iterable[str]:
    """Of items that a model is measured on while it learns from a corpus."""
    derive = model.derive
    if derive.eval_steps is None:
        return
    if study.grading.graders[0] in ("judge", "readout"):
        yield (
            f"`grading.graders[0]`: found {study.grading.graders[0]!r}; expected a grader that "
            f"needs no model, since {model.name} is measured by it while it is trained"
        )
    if derive.held_out.bank is not None:
        for fault in item_faults(derive.held_out.bank):
            yield fault.replace("`items", f"`{key}.held_out.bank", 1)
    elif study.items.source != "calibration":
        yield (
            f"`{key}.held_out.bank` ({model.name}): missing; expected a bank of items to measure "
            "on (only with `items.source: calibration` are there problems without one)"
        )


def _teacher_contradictions(study: Study, model: Model, key: str) -> Iterable[str]:
    """Of a model that learns a teacher's distributions."""
    teacher, recipe = model.derive.teacher, model.derive.recipe
    if recipe != "gkd":
        if teacher is not None:
            yield (
                f"`{key}.teacher` ({model.name}): found {teacher!r} with `recipe: {recipe}`; "
                "expected it only with `gkd`"
            )
        return
    if model.derive.lengths:
        yield f"`{key}.lengths` ({model.name}): found with `recipe: gkd`; expected with `sft`"
    able = [m.name for m in study.models if m.runs and m.name != model.name]
    if teacher not in able:
        yield (
            f"`{key}.teacher` ({model.name}): found {teacher!r}{_hint(teacher or '', able)}; "
            f"expected another model of the study that thinks ({', '.join(able)})"
        )


def _recorded_contradictions(study: Study, model: Model, key: str) -> Iterable[str]:
    kinds = {scorer.name: scorer.kind for scorer in study.scorers}
    for name in model.responses.scores:
        if kinds.get(name) != "recorded":
            yield (
                f"`{key}.responses.scores` ({model.name}): found {name!r}; expected one of the "
                "`scorers` of kind `recorded`"
            )
    for index, strategy in enumerate(study.strategies):
        if strategy.approach not in ("majority", "best_of_n", "weighted_best_of_n"):
            yield (
                f"`strategies[{index}].approach`: found {strategy.approach!r}, and the responses "
                f"of {model.name} are recorded; expected `majority`, `best_of_n` or "
                "`weighted_best_of_n`, which choose among samples that are there"
            )
        elif strategy.scorer is not None and strategy.scorer not in model.responses.scores:
            yield (
                f"`strategies[{index}].scorer`: found {strategy.scorer!r}; expected a scorer whose "
                f"scores the log of {model.name} holds (`{key}.responses.scores`)"
            )


def _exploring_contradictions(study: Study, model: Model, key: str) -> Iterable[str]:
    """Of a model that learns from a model's own thoughts, and how they are graded."""
    derive = model.derive
    own, explored = ("grpo", derive.grpo) if derive.recipe == "grpo" else ("reward", derive.reward)
    if derive.corpus is not None:
        yield (
            f"`{key}.corpus` ({model.name}): found {derive.corpus!r}; expected it only with "
            "`recipe: sft`"
        )
    if derive.lengths:
        yield (
            f"`{key}.lengths` ({model.name}): found with `recipe: {derive.recipe}`; expected with "
            "`sft`"
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
    if explored.bank is None and study.items.source != "calibration":
        yield (
            f"`{key}.{own}.bank` ({model.name}): missing; expected a bank of items to learn from "
            "(only with `items.source: calibration` are there problems without one)"
        )
    for name, bank in ((own, explored.bank), ("held_out", derive.held_out.bank)):
        for fault in item_faults(bank) if bank is not None else ():
            yield fault.replace("`items", f"`{key}.{name}.bank", 1)
    per_step = derive.batch_size * derive.gradient_accumulation
    if derive.recipe == "grpo" and per_step % derive.grpo.num_generations:
        yield (
            f"`{key}.batch_size` ({model.name}): found {derive.batch_size} by "
            f"{derive.gradient_accumulation} batches a step, {per_step} completions; expected a "
            f"multiple of `grpo.num_generations`, {derive.grpo.num_generations}"
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
    greedy = [m.name for m in study.models if m.thinks and m.inference.temperature == 0]
    for index, strategy in enumerate(study.strategies):
        for key in ("n", "num_simulations", "max_think"):
            yield from _repeated_values(f"strategies[{index}].{key}", getattr(strategy, key) or [])
        if greedy and strategy.n != [1]:
            yield (
                f"`strategies[{index}]` ({strategy.shown}): found {greedy[0]!r} at temperature 0, "
                "where all that is drawn is the same; expected a temperature above it, or `n: [1]`"
            )
        if strategy.name == "samples":
            yield (
                f"`strategies[{index}].name`: found 'samples', which candidates.parquet calls what "
                "all choose among; expected another name"
            )
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


# Which kinds of scorers have which keys.
_OF_KINDS = {
    "d_prime": ("calibration",),
    "measure": ("readout",),
    "model": ("orm", "prm", "judge"),
    "text": ("orm", "prm"),
    "judge": ("judge",),
}


def _scorer_contradictions(study: Study, scorer: Scorer, key: str) -> Iterable[str]:
    rewards = scorer.kind in ("orm", "prm")
    reads_model = rewards or scorer.kind == "judge"
    if scorer.kind == "calibration" and study.items.source != "calibration":
        yield (
            f"`{key}.kind`: found 'calibration'; expected another, since only `items.source: "
            "calibration` has items whose right steps it knows"
        )
    for name, kinds in _OF_KINDS.items():
        if name in scorer.model_fields_set and scorer.kind not in kinds:
            expected = " or ".join(map(repr, kinds))
            yield f"`{key}.{name}`: found with {scorer.kind!r}; expected it with {expected}"
    if reads_model and scorer.model is None:
        which = "reward model of kind" if rewards else "model that is a"
        yield f"`{key}.model`: missing; expected the {which} {scorer.kind!r}"
    running = [model.name for model in study.models if model.runs]
    asked = [m for m in study.models if m.runs] if scorer.kind in ("likelihood", "readout") else []
    asked += [scorer.model] if scorer.kind == "judge" and scorer.model is not None else []
    if deaf := [model.name for model in asked if not model.inference.reads]:
        yield (
            f"`{key}.kind`: found {scorer.kind!r}, and the server of {deaf[0]} gives no "
            "probabilities of text; expected another scorer or server"
        )
    if scorer.kind == "recorded" and running:
        yield (
            f"`{key}.kind`: found 'recorded', and {running[0]} is run here; expected it in a study "
            "of models with `responses` alone"
        )
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
    if any(own.name == model.name and own.responses is not None for own in study.models):
        yield (
            f"`{key}.name`: found {model.name!r}, whose responses are recorded; expected a model "
            "with weights"
        )
    if not given and model.fingerprint is not None:
        yield f"`{key}.fingerprint`: found beside a name alone; expected it in `models`"
    if len(given) > 1:
        yield f"`{key}` ({model.name}): found path, hub; expected at most one of them"
    else:
        yield from hub_keys.faults(model, key, "model")


def missing_files(study: Study, made_here: tuple[str, ...]) -> Iterable[str]:
    """Yield which files the study names and are not there, but for those below `made_here`.

    Also paths with braces, in which Snakemake would look for wildcards.
    """
    yield from _wildcards("`results`", study.results)
    models = {f"models[{index}]": model for index, model in enumerate(study.models)}
    if study.grading.judge is not None:
        models["grading.judge.model"] = study.grading.judge.model
    for index, scorer in enumerate(study.scorers):
        if scorer.model is not None:
            models[f"scorers[{index}].model"] = scorer.model
    for key, model in models.items():
        if model.path is None or model.path.startswith(made_here):
            continue
        yield from _wildcards(f"`{key}.path` ({model.name})", model.path)
        if not isfile(Path(model.path, "config.json")):
            yield (
                f"`{key}.path` ({model.name}): {model.path} holds no config.json; "
                "expected the directory of a model"
            )
    for key, path, expected in _files(study):
        if path in (None, "calibration"):
            continue
        yield from _wildcards(key, str(path))
        if not isfile(path):
            yield f"{key}: there is no file {path}; expected {expected}"


def _files(study: Study) -> Iterable[tuple[str, str | Path | None, str]]:
    """(key, path, what is expected) of every file that the study may name."""
    yield "`items.source`", study.items.source, "`calibration` or the path of a bank"
    for index, model in enumerate(study.models):
        for name in ("grpo", "reward", "held_out") if model.derive is not None else ():
            if (bank := getattr(model.derive, name).bank) is not None:
                key = f"`models[{index}].derive.{name}.bank.source`"
                yield key, bank.source, "the path of a bank"
    for index, corpus in enumerate(study.corpora):
        if corpus.generate is not None and corpus.generate.bank is not None:
            key = f"`corpora[{index}].generate.bank.source`"
            yield key, corpus.generate.bank.source, "the path of a bank"
    for index, model in enumerate(study.models):
        if (recorded := model.responses) is None:
            continue
        key = f"models[{index}].responses"
        for place, log in enumerate(recorded.logs):
            yield f"`{key}.logs[{place}].path` ({model.name})", log.path, "a log"
        if recorded.tokenizer is not None and recorded.tokenizer.path is not None:
            path = tokenizer_file(recorded.tokenizer.path)
            yield f"`{key}.tokenizer.path` ({model.name})", path, "a tokenizer.json"
    for index, tokenizer in enumerate(study.analyses.divergence.tokenizers):
        key = f"`analyses.divergence.tokenizers[{index}].path` ({tokenizer.name})"
        path = tokenizer.path and tokenizer_file(tokenizer.path)
        yield key, path, "a tokenizer.json, or the directory that holds it"
    for index, corpus in enumerate(study.corpora):
        key = f"`corpora[{index}].source` ({corpus.name})"
        yield key, corpus.source, "`calibration` or the path of a corpus"


def _wildcards(key: str, path: str) -> Iterable[str]:
    if "{" in path or "}" in path:
        yield f"{key}: found {path!r}; expected a path without braces, which Snakemake fills in"
