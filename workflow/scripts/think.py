"""Run one model over one shard of the items."""

import json
import os
from pathlib import Path

from thinkscale.jobs.job import beside, importing, job

# The model's files are registered by now: nothing is asked of the hub, by any library.
os.environ["HF_HUB_OFFLINE"] = "1"

with job(snakemake, finishes=True) as say:
    from thinkscale.config.inference import Inference
    from thinkscale.data import contracts

    with importing("torch", "transformers", extra="inference"):
        import torch

        from thinkscale.jobs.inference import prepare, run
        from thinkscale.jobs.progress import usage_line

    torch.set_num_threads(snakemake.threads)
    params, output = snakemake.params, snakemake.output
    shard, shards = int(params.shard), params.shards
    settings = Inference(**params.inference)
    items = contracts.read(snakemake.input.study_items, "items").iloc[shard::shards]
    prepared = prepare(
        json.loads(Path(snakemake.input.record).read_text()),
        items,
        settings,
        params.conditions,
        seed=params.seed,
    )
    journal = beside(output.chains, params.journal)
    thought, usage = run(prepared, journal, shard, shards)
    say(usage_line(usage))
    contracts.write(thought.chains, output.chains, "chains")
    contracts.write(thought.responses, output.responses, "responses")
    if path := output.get("readouts"):
        contracts.write(thought.readouts, path, "readouts")
    Path(output.usage).write_text(json.dumps(usage, indent=1) + "\n", encoding="utf-8")
