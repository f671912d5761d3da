"""Put all shards together."""

import pandas as pd

from thinkscale.data import contracts
from thinkscale.jobs.job import job

with job(snakemake):
    for name in ("chains", "responses"):
        frames = [contracts.read(path, name) for path in snakemake.input[name]]
        contracts.write(pd.concat(frames, ignore_index=True), snakemake.output[name], name)
