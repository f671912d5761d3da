"""Run one model over one shard of the items."""

import json
import os
import sys
from pathlib import Path

from thinkscale import contracts
from thinkscale.config.inference import Inference
from thinkscale.job import job
from thinkscale.think import require, think

# The model's files are registered by now: nothing is asked of the hub, by any library.
os.environ["HF_HUB_OFFLINE"] = "1"

with job(snakemake):
    for package in ("torch", "transformers"):
        require(package, extra="inference")
    import torch

    from thinkscale.inference import prepare
    from thinkscale.progress import Progress, usage_line, usage_record

    torch.set_num_threads(snakemake.threads)
    model, shard = snakemake.wildcards.model, int(snakemake.wildcards.shard)
    settings, shards = Inference(**snakemake.params.inference), snakemake.params.shards
    items = contracts.read(snakemake.input.study_items, "items").iloc[shard::shards]
    prepared = prepare(
        json.loads(Path(snakemake.input.record).read_text()),
        items,
        settings,
        snakemake.params.conditions,
        seed=snakemake.params.seed,
        code=snakemake.params.sampler,
    )
    work = prepared.work
    journal = prepared.journal(Path(snakemake.params.journal), f"{shard}-of-{shards}")
    with journal, Progress(model, len(work.prompts) * work.samples, journal.usage) as progress:
        thought = think(
            model,
            work.prompts,
            work.conditions,
            journal,
            work.forcing,
            prepared.checkpoint.tokenizer.decode,
            context=work.context,
            samples=work.samples,
            seed=work.seed,
            in_flight=2 * settings.batch_size,
            watch=progress.watch,
        )
    usage = usage_record(
        thought,
        journal.usage(),
        recalled=journal.recalled,
        device=prepared.checkpoint.device_type,
        model=model,
        shard=shard,
    )
    print(usage_line(usage), file=sys.stderr)
    Path(snakemake.log[0]).write_text(usage_line(usage) + "\n", encoding="utf-8")
    contracts.write(thought.chains, snakemake.output.chains, "chains")
    contracts.write(thought.responses, snakemake.output.responses, "responses")
    Path(snakemake.output.usage).write_text(json.dumps(usage, indent=1) + "\n", encoding="utf-8")
