"""Let a model learn by reinforcement from its own completions."""

import json
import os
from pathlib import Path

from thinkscale.jobs.job import importing, job

os.environ["HF_HUB_OFFLINE"] = "1"

with job(snakemake) as say:
    from thinkscale.config.inference import Inference
    from thinkscale.config.models import Derivation
    from thinkscale.config.sweep import Conditions
    from thinkscale.data.tables import write_table

    with importing("torch", "transformers", "trl", "peft", extra="train"):
        import pandas as pd
        import torch

        from thinkscale.jobs.inference import prepare
        from thinkscale.jobs.reinforcing import derive
        from thinkscale.jobs.training_items import split_items

    torch.set_num_threads(snakemake.threads)
    params, model = snakemake.params, snakemake.wildcards.model
    derivation = Derivation(**params.derive)
    conditions = Conditions(**params.forced).model_dump()
    items, apart = split_items(derivation, params.seed)
    prepared = prepare(
        json.loads(Path(snakemake.input.parent).read_text()),
        pd.concat([items, apart], ignore_index=True),
        Inference(**params.inference),
        conditions,
        seed=params.seed,
    )
    log, samples, counts = derive(
        prepared,
        items,
        apart,
        derivation,
        conditions,
        params.grader,
        Path(params.journal),
        Path(params.checkpoints),
        Path(snakemake.output.model),
    )
    say(f"{model}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    log.insert(0, "model", model)
    write_table(log, snakemake.output.log)
    pd.DataFrame(samples).to_json(
        snakemake.output.samples, orient="records", lines=True, force_ascii=False
    )
