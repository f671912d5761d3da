"""Run every strategy of the study about one shard of the items."""

import json
import os
from pathlib import Path

from thinkscale.jobs.job import importing, job

os.environ["HF_HUB_OFFLINE"] = "1"

with job(snakemake, finishes=True) as say:
    from thinkscale.config.inference import Inference
    from thinkscale.data import contracts

    with importing("torch", "transformers", extra="inference"):
        import torch

        from thinkscale.jobs.inference import prepare
        from thinkscale.jobs.judging import own_judgement
        from thinkscale.jobs.searching import search_items

    torch.set_num_threads(snakemake.threads)
    params, shard = snakemake.params, int(snakemake.wildcards.shard)
    settings = Inference(**params.inference)
    items = contracts.read(snakemake.input.study_items, "items").iloc[shard :: params.shards]
    prepared = prepare(
        json.loads(Path(snakemake.input.record).read_text()),
        items,
        settings,
        params.conditions,
        seed=params.seed,
    )
    models = {
        name: (json.loads(Path(record).read_text()), Inference(**inference))
        for name, (record, inference) in params.scorer_models.items()
    }
    for scorer in params.scorers:
        judge = models[scorer["name"]][0] if scorer["kind"] == "judge" else None
        if judge and (warning := own_judgement(judge, [prepared.record])):
            say(f"thinkscale: {snakemake.rule}: warning: scorer {scorer['name']}: {warning}")
    found, usage = search_items(
        prepared,
        items,
        params.strategies,
        params.scorers,
        models,
        settings.thinking.step_end,
        Path(params.journal),
        shard,
        params.shards,
    )
    done = usage["usage"]
    say(
        f"search {prepared.record['name']}: {usage['items']} items, "
        f"{len(found.candidates):,} candidates; {done.sampled:,} tokens sampled, "
        f"{usage['recalled']:,} from the journal; {done.seconds:.1f} s"
    )
    for name, ends in usage["unread"].items():
        say(f"scorer {name}: {ends:,} ends without a value, as what it was to read did not fit")
    for name in ("candidates", "scores", "spent", "nodes"):
        contracts.write(getattr(found, name), snakemake.output[name], name)
