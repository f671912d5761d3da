"""Put the training losses of all derived models together."""

import pandas as pd

from thinkscale.data.tables import read_table, write_table
from thinkscale.jobs.job import job

with job(snakemake):
    frames = [read_table(path) for path in snakemake.input.losses]
    write_table(pd.concat(frames, ignore_index=True), snakemake.output.table)
