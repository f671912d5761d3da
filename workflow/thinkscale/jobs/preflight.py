"""Checks of the world around a configuration, made before anything is built."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from thinkscale.calibration.bank import generate_bank
from thinkscale.config import Study
from thinkscale.config.models import Model
from thinkscale.config.strategies import Strategy
from thinkscale.config.study import judge_model, needs_weights, scorer_models
from thinkscale.corpora.source import blocks, source_of
from thinkscale.corpora.traces import COLUMNS, traces
from thinkscale.data import contracts
from thinkscale.data.graded import COUNTED, bank_numbers
from thinkscale.engines.transformers.directory import check_directory
from thinkscale.errors import ThinkscaleError

_ROOM = 2**20  # bytes that there must be for results: less and not even logs can be written
_READ = 64_000_000  # characters of a corpus that are read beforehand; more would take long


def check_surroundings(study: Study, where: str, made_here: Sequence[str] = ()) -> None:
    """All checks of this module; each raises ThinkscaleError.

    where: the study's file, for messages. made_here: below which a rule makes models.
    """
    results = Path(study.results, study.study)
    check_engines(study, where)
    check_graders(study.grading.graders, where, study.grading.pattern)
    check_strategies(study.strategies, where)
    check_teachers(study, where)
    check_levels(study, where)
    check_writable(results)
    check_bank(study, results / "items.parquet")
    check_models(study, made_here)
    check_corpora(study, results / "tables" / "divergence.csv")


def check_writable(directory: Path) -> None:
    """Raise ThinkscaleError unless files can be made in `directory`, or where it would be made."""
    existing = directory
    try:
        while not existing.exists():
            existing = existing.parent
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(_ROOM))
            file.flush()
    except OSError as error:
        raise ThinkscaleError(
            f"`results`: cannot write to {existing} ({error.strerror}); expected a directory with "
            "room in it that this user may write to"
        ) from error


def check_engines(study: Study, where: str) -> None:
    """Raise ThinkscaleError unless every engine that a study, read from `where`, names is there."""
    from thinkscale.engines.registry import ENGINES

    for key, model in _asked(study):
        if (found := model.inference.engine) not in ENGINES:
            raise ThinkscaleError(
                f"{where}: `{key}inference.engine`: found {found!r}, which is not there; expected "
                f"one of {', '.join(ENGINES)}"
            )


def _asked(study: Study) -> Iterator[tuple[str, Model]]:
    """Every model that is run, with the key below which its settings stand."""
    if (judge := judge_model(study)) is not None:
        yield "grading.judge.model.", judge
    scorers = [scorer.name for scorer in study.scorers]
    for name, model in scorer_models(study).items():
        yield f"scorers[{scorers.index(name)}].model.", model
    for index, model in enumerate(study.models):
        if model.responses is None:
            shared = model.inference.engine == study.inference.engine
            yield "" if shared else f"models[{index}].", model


def check_graders(graders: Sequence[str], where: str, pattern: str | None = None) -> None:
    """Raise ThinkscaleError unless every grader that a study, read from `where`, asks for is known.

    So is a `pattern` that none of them reads by. Which graders there are, and what each reads, is
    the registry's to say, not the configuration's.
    """
    from thinkscale.grading import GRADERS, grader_called

    for index, name in enumerate(graders):
        if grader_called(name) is None:
            near = get_close_matches(name, GRADERS, n=1)
            raise ThinkscaleError(
                f"{where}: `grading.graders[{index}]`: found {name!r}; expected one of "
                f"{', '.join(GRADERS)}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
    if pattern is not None and not any(grader_called(name).reads_prompt for name in graders):
        able = ", ".join(name for name, grader in GRADERS.items() if grader.reads_prompt)
        raise ThinkscaleError(
            f"{where}: `grading.pattern`: found {pattern!r} with the graders "
            f"{', '.join(graders)}, which look for no answer in the text; expected one of {able}"
        )


def check_strategies(strategies: Sequence[Strategy], where: str) -> None:
    """Raise ThinkscaleError unless every strategy's approach is known and can do what is given.

    Which approaches there are, and what each can be told, is the registry's to say.
    """
    from thinkscale.thinking.strategies.registry import APPROACHES

    for index, strategy in enumerate(strategies):
        key, name = f"{where}: `strategies[{index}]", strategy.approach
        approach = APPROACHES.get(name)
        if approach is None:
            near = get_close_matches(name, APPROACHES, n=1)
            raise ThinkscaleError(
                f"{key}.approach`: found {name!r}; expected one of {', '.join(APPROACHES)}"
                + (f"; did you mean {near[0]!r}?" if near else "")
            )
        size, *others = (field.name for field in fields(approach.settings))
        shared = {"approach", "name", "scorer", "choose", "agg_strategy", size}
        given = {k for k, v in strategy.model_dump().items() if v is not None} - shared
        if foreign := sorted(given.difference(others)):
            raise ThinkscaleError(
                f"{key}.{foreign[0]}`: {name} has no such key; expected "
                f"{', '.join([size, *others])}"
            )
        if getattr(strategy, size) is None:
            raise ThinkscaleError(f"{key}.{size}`: missing; expected the sizes of {name}")
        if approach.needs_scorer and strategy.scorer is None:
            raise ThinkscaleError(f"{key}.scorer`: missing; expected a scorer for {name}")
        for n in getattr(strategy, size):
            try:
                approach.of(n, strategy.model_dump())
            except ThinkscaleError as error:
                raise ThinkscaleError(f"{key}.{size}`: {error}") from error


def check_teachers(study: Study, where: str) -> None:
    """Raise ThinkscaleError where a teacher at hand has another vocabulary than its student.

    Of models of the hub only the job can tell, before it loads any weights.
    """
    from thinkscale.models.vocabulary import check_same_vocabulary

    models = {model.name: model for model in study.models}

    def directory(name: str) -> Path | None:
        """Where the tokenizer of a model lies, which is that of what it derives from."""
        while (derive := models[name].derive) is not None:
            name = derive.parent
        path = models[name].path
        return Path(path) if path is not None and Path(path, "config.json").is_file() else None

    for index, model in enumerate(study.models):
        if model.derive is None or model.derive.teacher is None:
            continue
        pair = directory(model.derive.parent), directory(model.derive.teacher)
        if None not in pair:
            try:
                check_same_vocabulary(*pair)
            except ThinkscaleError as error:
                raise ThinkscaleError(
                    f"{where}: `models[{index}]` ({model.name}): {error}"
                ) from error


def check_levels(study: Study, where: str) -> None:
    """Raise ThinkscaleError where levels by accuracy have no samples that strategies leave."""
    from thinkscale.thinking.strategies.search import samples_drawn

    if study.analyses.levels != "accuracy" or not study.strategies:
        return
    drawn = samples_drawn([strategy.model_dump() for strategy in study.strategies])
    for model in study.models:
        if model.thinks and model.inference.samples <= drawn:
            raise ThinkscaleError(
                f"{where}: `analyses.levels`: accuracy is measured on samples that strategies do "
                f"not draw; found {model.inference.samples} samples of {model.name}, of which they "
                f"draw {drawn}; expected more `inference.samples`"
            )


def check_bank(study: Study, items: Path) -> None:
    """Read a bank that was not yet turned into `items`, so that its errors come first.

    Also checks that the items suit the study: every grader has what it judges by, every prompt's
    template shows the options where there are some, and there are some where labels are read; and
    that items have the numbers that analyses hold constant. Of a bank that need not be read again
    only the mapping of its columns and these numbers are looked at.
    Raises ThinkscaleError naming the file, row and column at fault, a bank with too few items, or
    the key of the configuration and the first item that does not suit it.
    """
    bank = study.items
    if bank.source == "calibration":
        _check_mapping(study, has_options=True, has_answers=True)
        bank_numbers(generate_bank(1, study.seed), study.analyses.controls)
        return
    written = items.stat().st_mtime if items.exists() else None
    # What a pinned revision of a hub data set holds does not change.
    changed = 0.0 if bank.source is None else Path(bank.source).stat().st_mtime
    if written is not None and written >= changed:
        columns = bank.columns
        options = columns.options or columns.option_columns or columns.correct_option
        answers = options or columns.answer_text or columns.solution
        _check_mapping(study, has_options=bool(options), has_answers=bool(answers))
        if set(study.analyses.controls).difference(COUNTED):
            found = contracts.read(items, "items", ["item_id", "meta"])
            bank_numbers(found, study.analyses.controls)
        return
    from thinkscale.items.bank import prepare_items

    frame = prepare_items(bank, study.seed).items
    _check_templates(study, frame)
    _check_readout(study, frame)
    _check_graders(study, frame)
    bank_numbers(frame, study.analyses.controls)


def check_corpora(study: Study, compared: Path) -> None:
    """Read the corpora that are files, so that their errors come before hours of thinking.

    Of each the first `_READ` characters. One that is older than the table `compared`, which is made
    from all of them, was read. Raises ThinkscaleError naming the key and the file, and row and
    column where there are some.
    """
    learned = {model.derive.corpus for model in study.models if model.derive is not None}
    written = compared.stat().st_mtime if compared.exists() else 0.0
    for index, corpus in enumerate(study.corpora):
        path = corpus.source
        if path in (None, "calibration") or Path(path).stat().st_mtime <= written:
            continue
        settings = corpus.model_dump()
        source = source_of(settings, path)
        try:
            if not _texts_of(blocks(source)):
                raise ThinkscaleError(f"{path}: found no text to compare; expected some")
            if corpus.name in learned:
                names = {name: settings[name] for name in COLUMNS}
                _texts_of([row["question"]] for row in traces(source, names))
        except ThinkscaleError as error:
            raise ThinkscaleError(f"`corpora[{index}]` ({corpus.name}): {error}") from error


def _texts_of(blocks: Iterable[Iterable[Iterable[str]]]) -> int:
    """Characters of text, as far as they are counted."""
    read = 0
    for block in blocks:
        read += sum(len(text) for texts in block for text in texts)
        if read > _READ:
            break
    return read


def check_models(study: Study, made_here: Sequence[str] = ()) -> None:
    """Look at the directories of models, but for their weights' content; see `check_directory`.

    made_here: below which a rule makes them. Raises ThinkscaleError naming key, file and fault.
    """
    for index, model in enumerate(study.models):
        if model.path is None or model.path.startswith(tuple(made_here)):
            continue
        try:
            weights = needs_weights(study, model)
            check_directory(Path(model.path), model.inference.trust_remote_code, weights)
        except ThinkscaleError as error:
            raise ThinkscaleError(f"`models[{index}].path` ({model.name}): {error}") from error


def _check_graders(study: Study, items: pd.DataFrame) -> None:
    from thinkscale.grading import grader_called, prepare

    for name in study.grading.graders:
        settings, section = grader_called(name).settings, getattr(study.grading, name, None)
        known = {field.name for field in fields(settings)} if settings else set()
        try:
            prepare(items, name, section.model_dump(include=known) if section else {})
        except ThinkscaleError as error:
            raise ThinkscaleError(f"`grading.graders`: {error}") from error


def _check_templates(study: Study, items: pd.DataFrame) -> None:
    has_options = items["options"].map(len) > 0
    for where, template in _templates(study):
        shows = "{options}" in template
        if (has_options == shows).all():
            continue
        item = items["item_id"][has_options != shows].iloc[0]
        raise ThinkscaleError(_unsuited(where, shows, f"item {item!r}"))


def _check_readout(study: Study, items: pd.DataFrame) -> None:
    free = items["item_id"][items["options"].map(len) == 0]
    if len(free) and (reading := _reading(study)):
        raise ThinkscaleError(_nothing_to_read(*reading, f"item {free.iloc[0]!r}"))


def _check_mapping(study: Study, *, has_options: bool, has_answers: bool) -> None:
    """What can be told without an item."""
    from thinkscale.grading import grader_called

    held = {"options": has_options, "key": has_options, "answer_text": has_answers}
    for name in study.grading.graders:
        missing = [need for need in grader_called(name).needs if not held[need]]
        if missing:
            raise ThinkscaleError(
                f"`grading.graders`: grader {name!r} needs items with {' and '.join(missing)}; "
                "`items.columns` maps none."
            )
    for where, template in _templates(study):
        shows = "{options}" in template
        if shows != has_options:
            raise ThinkscaleError(_unsuited(where, shows, "the bank"))
    if not has_options and (reading := _reading(study)):
        raise ThinkscaleError(_nothing_to_read(*reading, "the bank"))


def _reading(study: Study) -> tuple[str, str] | None:
    """The key of the configuration by which labels are read, and its value, if they are."""
    own = [f"models[{i}]." for i, model in enumerate(study.models) if model.inference.readout]
    if own:
        shared = study.inference.readout is not None
        return f"{'' if shared else own[0]}inference.readout", "options"
    kinds = [scorer.kind for scorer in study.scorers]
    return (f"scorers[{kinds.index('readout')}].kind", "readout") if "readout" in kinds else None


def _nothing_to_read(where: str, value: str, which: str) -> str:
    return (
        f"`{where}`: found `{value}`, and {which} has none; expected items with options, or this "
        "left out: a free response has no labels whose probabilities could be read."
    )


def _templates(study: Study) -> list[tuple[str, str]]:
    """(key of the configuration, template) of every prompt that has a template of its own."""
    shared = study.inference.prompt.template
    own = [
        (f"models[{i}].inference.prompt.template", model.inference.prompt.template)
        for i, model in enumerate(study.models)
        if model.inference.prompt.template != shared
    ]
    return [(k, t) for k, t in [("inference.prompt.template", shared), *own] if t is not None]


def _unsuited(where: str, shows: bool, which: str) -> str:
    if shows:
        return f"`{where}`: has {{options}}, and {which} has none; expected a template without."
    return f"`{where}`: has no {{options}}, and {which} has some, which the model would not see."
