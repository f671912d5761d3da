"""Resolve a model to a directory and write its record."""

import json
from pathlib import Path

from thinkscale.jobs.job import job, require

with job(snakemake):
    from thinkscale.models.loading import bring

    params = snakemake.params
    if params.model["hub"] is not None:
        require("huggingface_hub", extra="inference")
    record = bring(
        params.model,
        Path(snakemake.input.files) if params.model["derive"] is not None else None,
        offline=params.offline,
        trust_remote_code=params.trust_remote_code,
        fingerprint=params.fingerprint,
        weights=params.weights,
    )
    Path(snakemake.output.record).write_text(json.dumps(record, indent=2) + "\n")
