"""Put the verdicts of all shards together."""

import pandas as pd

from thinkscale.data import contracts
from thinkscale.jobs.job import job

with job(snakemake):
    frames = [contracts.read(path, "verdicts") for path in snakemake.input.verdicts]
    contracts.write(pd.concat(frames, ignore_index=True), snakemake.output.verdicts, "verdicts")
