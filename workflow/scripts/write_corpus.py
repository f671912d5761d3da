"""Generate a corpus of calibration traces."""

from thinkscale.jobs.job import job
from thinkscale.models.recipes.traces import calibration_corpus, write_corpus

with job(snakemake):
    rows = calibration_corpus(snakemake.params.n or 1000, snakemake.params.seed)
    write_corpus(rows, snakemake.output.corpus)
