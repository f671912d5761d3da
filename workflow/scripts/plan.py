"""Say what the study will cost; changes nothing but the journal, which the study reads too."""

import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

from thinkscale.jobs.job import job, progress, require

SECONDS = 20.0  # of the engines' time for a model's calibration, and for that of its searches
BATCHES = 4  # rows of a calibration, in batches: enough for rows to begin where others end

with job(snakemake):
    from thinkscale.config.corpora import Generate
    from thinkscale.config.inference import Inference
    from thinkscale.config.models import Derivation
    from thinkscale.data import contracts
    from thinkscale.data.tables import write_table
    from thinkscale.errors import ThinkscaleError
    from thinkscale.jobs.plan import at_speed_of, plan, plan_unknown, table, text

    for package in ("torch", "transformers"):
        require(package, extra="inference")
    import torch
    from tqdm import tqdm
    from transformers import AutoConfig, PreTrainedConfig

    from thinkscale.jobs.inference import configured_sweep, prepare
    from thinkscale.jobs.learning_plan import (
        COMPLETIONS,
        Asker,
        exploration_line,
        lessons,
        lessons_unknown,
    )
    from thinkscale.jobs.search_plan import open_search, plan_searches, plan_searches_unknown
    from thinkscale.models.loading import bring, config_file

    params = snakemake.params
    items = contracts.read(snakemake.input.study_items, "items")
    refused = {}

    @cache
    def record(name: str) -> dict | None:
        """The model's record; one of a hub is brought in, if it can be."""
        given = dict(params.models[name])
        path, model = Path(given.pop("record")), given.pop("model")
        if path.is_file():
            return json.loads(path.read_text())
        if model["hub"] is None:
            return None
        try:
            return bring(model, None, **given)
        except ThinkscaleError as error:
            refused[name] = str(error)

    def nearest(name: str) -> str | None:
        """The model, or else that of those it is made from that is there."""
        if record(name) is not None:
            return name
        derive = params.models[name]["model"]["derive"]
        return None if derive is None else nearest(derive["parent"])

    def why(name: str) -> str:
        return f"not there: {refused[name]}" if name in refused else "not made yet"

    @contextmanager
    def bar(name: str) -> Iterator[Callable[[float], None]]:
        with tqdm(
            total=SECONDS,
            desc=f"calibrate {name}",
            bar_format="{desc}: |{bar}| {n:.0f} of at most {total:.0f} s",
            mininterval=0.5 if sys.stderr.isatty() else 20,
            delay=1.0,  # behind the bar of the look-up
        ) as shown:
            yield lambda spent: shown.update(min(spent, SECONDS) - shown.n)

    # By scorer: its model, and how that is run.
    scorers = {own: (name, Inference(**how)) for own, (name, how) in params.scorer_models.items()}

    def is_there(name: str) -> bool:
        return record(name) is not None

    prompts = {}  # by model, their lengths in tokens
    corpora = {name: Generate(**asked) for name, asked in params.corpora.items()}
    learned = (corpora, {name: Derivation(**how) for name, how in params.trained.items()})

    def lines(name: str) -> Iterator[dict]:
        """A model's thinking, what others learn from it, and its searches if there are some."""
        inference, there = Inference(**params.thinking[name]["settings"]), nearest(name)
        if there is None:
            derived = params.models[name]["model"]["derive"] is not None
            reason = why(name) + (", nor what it is made from" if derived else "")
            rows = len(items) * inference.samples
            yield plan_unknown(name, rows, configured_sweep(params.conditions), reason)
            if params.strategies:
                yield plan_searches_unknown(name, len(items), reason)
            yield from lessons_unknown(name, *learned, reason, params.seed)
            return
        prepared = prepare(record(there), items, inference, params.conditions, seed=params.seed)
        prompts[name] = [len(prompt) for prompt in prepared.work.prompts.values()]
        batch = inference.batch_size
        look_up = partial(progress, label=f"look up {name}", unit="row")
        with ExitStack() as stack:
            journal, directory = None, Path(params.thinking[name]["journal"])
            if there == name:
                torch.set_num_threads(min(inference.threads, snakemake.threads))
                journal = stack.enter_context(prepared.journal(directory, "plan"))
            with bar(name) as watch:
                how = {"rows": BATCHES * batch, "in_flight": 2 * batch, "seconds": SECONDS}
                how["watch"] = watch
                line = plan(name, prepared.work, journal, **how, progress=look_up)
                yield line
                asker = Asker(record(there), inference, params.forced, params.seed)
                given = (asker, prepared.work, journal, is_there)
                yield from lessons(
                    *(name, *learned, *given), **({} if line["tokens_per_second"] else how)
                )
            if not params.strategies:
                return
            missing = {model: why(model) for model, _ in scorers.values() if record(model) is None}
            models = {own: (record(model), how) for own, (model, how) in scorers.items()}
            searching, judges = open_search(
                *(prepared, items, params.strategies, params.scorers),
                *(None if missing else models, journal, directory, stack),
            )
            notes = [why(name)] if journal is None else []
            notes += [f"{model}: {reason}" for model, reason in missing.items()]
            with bar(f"searches of {name}") as watch:
                yield plan_searches(
                    *(name, searching, journal, judges),
                    rows=batch,
                    in_flight=max(1, batch // searching.side),
                    seconds=SECONDS,
                    note="; ".join(notes),
                    watch=watch,
                    progress=look_up,
                )

    def config_of(name: str) -> PreTrainedConfig:
        """The configuration of a model, which is that of the one it is made from."""
        given = params.models[name]
        if (derive := given["model"]["derive"]) is not None:
            return config_of(derive["parent"])
        file = config_file(given["model"], given["offline"])
        return AutoConfig.from_pretrained(file.parent, local_files_only=True)

    def tell_memory(derivations: dict[str, dict]) -> None:
        """Say what trainings take, where a study has some."""
        require("peft", extra="train")
        from thinkscale.jobs.training_plan import text, training_plan

        gpu = torch.cuda.is_available()
        available = torch.cuda.get_device_properties(0).total_memory if gpu else None
        training = training_plan(derivations, config_of, available)
        write_table(training, params.training)
        print(f"{text(training)}\n\nAlso in {params.training}\n", flush=True)

    if params.trained:
        tell_memory(params.trained)

    made = []
    for name in params.thinking:
        made += lines(name)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    made += [
        exploration_line(name, Derivation(**how), params.seed)
        for name, how in params.explored.items()
    ]
    like = {name: nearest(name) for name in (*params.thinking, *params.explored)}
    made = at_speed_of(made, like, apart=("search", COMPLETIONS["gkd"]))
    if params.trained:
        from thinkscale.jobs.training_time import timed

        made = timed(made, learned[1], config_of, prompts, is_there)
    # What is learned is told with who is asked, but is of who learns.
    order = list(params.models)
    made.sort(key=lambda line: order.index(line["model"]))
    found = table(made)
    write_table(found, params.plan)
    print(text(found, params.study), flush=True)
    if params.judge is not None:
        samples = sum(model["settings"]["samples"] for model in params.thinking.values())
        responses = len(items) * samples * len(configured_sweep(params.conditions))
        print(
            f"\nNot counted: the judge {params.judge}, asked about each different one of "
            f"{responses:,} responses."
        )
    print(f"\nAlso in {params.plan}")
