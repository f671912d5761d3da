"""Say what the study will cost; changes nothing but the journal, which the study reads too."""

import gc
import json
import sys
from functools import partial
from pathlib import Path

from thinkscale.jobs.job import job, progress, require

SECONDS = 20.0  # of the engine's time for a model's calibration
BATCHES = 4  # rows of a calibration, in batches: enough for rows to begin where others end

with job(snakemake):
    from thinkscale.config.inference import Inference
    from thinkscale.data import contracts
    from thinkscale.data.tables import write_table
    from thinkscale.jobs.plan import plan, plan_unknown, table, text

    for package in ("torch", "transformers"):
        require(package, extra="inference")
    import torch
    from tqdm import tqdm

    from thinkscale.jobs.inference import configured_sweep, prepare

    items = contracts.read(snakemake.input.study_items, "items")
    conditions = snakemake.params.conditions
    models = snakemake.params.models

    def nearest(name: str) -> str | None:
        """The model, or else that of those it is made from that is there."""
        if Path(models[name]["record"]).is_file():
            return name
        parent = models[name]["parent"]
        return None if parent is None else nearest(parent)

    def line(name: str) -> dict:
        inference = Inference(**models[name]["settings"])
        there = nearest(name)
        if there is None:
            rows = len(items) * inference.samples
            return plan_unknown(name, rows, configured_sweep(conditions))
        prepared = prepare(
            json.loads(Path(models[there]["record"]).read_text()),
            items,
            inference,
            conditions,
            seed=snakemake.params.seed,
        )
        if there != name:
            return plan(name, prepared.work, None, rows=0, in_flight=0, seconds=0)
        torch.set_num_threads(min(inference.threads, snakemake.threads))
        bar = tqdm(
            total=SECONDS,
            desc=f"calibrate {name}",
            bar_format="{desc}: |{bar}| {n:.0f} of at most {total:.0f} s",
            mininterval=0.5 if sys.stderr.isatty() else 20,
            delay=1.0,  # behind the bar of the look-up
        )
        with bar, prepared.journal(Path(models[name]["journal"]), "plan") as journaled:
            return plan(
                name,
                prepared.work,
                journaled,
                rows=BATCHES * inference.batch_size,
                in_flight=2 * inference.batch_size,
                seconds=SECONDS,
                watch=lambda spent: bar.update(min(spent, SECONDS) - bar.n),
                progress=partial(progress, label=f"look up {name}", unit="row"),
            )

    lines = []
    for name in models:
        lines.append(line(name))
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    found = table(lines)
    write_table(found, snakemake.params.plan)
    print(text(found, snakemake.params.study), flush=True)
    if snakemake.params.judge is not None:
        samples = sum(model["settings"]["samples"] for model in models.values())
        responses = len(items) * samples * len(configured_sweep(conditions))
        print(
            f"\nNot counted: the judge {snakemake.params.judge}, asked about each different one of "
            f"{responses:,} responses."
        )
    print(f"\nAlso in {snakemake.params.plan}")
