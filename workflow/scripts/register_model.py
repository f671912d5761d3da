"""Resolve a model to a directory and write its record."""

import json
from pathlib import Path

from thinkscale.jobs.job import job, require

with job(snakemake):
    from thinkscale.models.loading import fetch
    from thinkscale.models.registry import register

    model, trusted = snakemake.params.model, snakemake.params.trust_remote_code
    if model["hub"] is not None:
        require("huggingface_hub", extra="inference")
        directory = fetch(model["hub"], model["revision"], trusted, snakemake.params.offline)
    elif model["derive"] is not None:
        directory = Path(snakemake.input.files)
    else:
        directory = Path(model["path"])
    record = register(
        model["name"],
        directory,
        hub=model["hub"],
        revision=model["revision"],
        parent=model["derive"] and model["derive"]["parent"],
        fingerprint=snakemake.params.fingerprint,
        trust_remote_code=trusted,
    )
    Path(snakemake.output.record).write_text(json.dumps(record, indent=2) + "\n")
