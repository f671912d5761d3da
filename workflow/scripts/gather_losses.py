"""Put the training losses of all derived models together."""

import pandas as pd

from thinkscale import contracts
from thinkscale.job import job

with job(snakemake):
    frames = [contracts.read_table(path) for path in snakemake.input.losses]
    contracts.write_table(pd.concat(frames, ignore_index=True), snakemake.output.table)
