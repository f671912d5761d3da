"""Write the versions of all that is installed where the rules of an environment run."""

import json
from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.report.provenance import environment

    text = json.dumps(environment(), indent=2)
    Path(snakemake.output.environment).write_text(text + "\n", encoding="utf-8")
