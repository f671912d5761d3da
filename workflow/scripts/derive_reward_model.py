"""Let a model think and go on from each step, and train a reward model on what comes of it."""

import json
import os
from pathlib import Path

from thinkscale.jobs.job import beside, importing, job

os.environ["HF_HUB_OFFLINE"] = "1"

with job(snakemake) as say:
    from thinkscale.config.inference import Inference
    from thinkscale.config.models import Derivation
    from thinkscale.data.tables import write_table

    with importing("torch", "transformers", extra="inference"):
        import torch

        from thinkscale.jobs.inference import prepare
        from thinkscale.jobs.rewarding import derive
        from thinkscale.jobs.training_items import training_items

    torch.set_num_threads(snakemake.threads)
    params = snakemake.params
    derivation = Derivation(**params.derive)
    items = training_items(derivation.reward, params.seed)
    prepared = prepare(
        json.loads(Path(snakemake.input.parent).read_text()),
        items,
        Inference(**params.inference),
        params.conditions,
        seed=params.seed,
    )
    losses, quality = derive(
        prepared,
        items,
        derivation,
        params.grader,
        beside(snakemake.output.model, params.journal),
        Path(snakemake.output.model),
    )
    say(f"{params.name}: " + ", ".join(f"{k} {v:.3g}" for k, v in quality.items()))
    losses.insert(0, "model", params.name)
    write_table(losses, snakemake.output.losses)
