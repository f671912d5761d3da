"""Generate a corpus of calibration traces."""

from thinkscale.job import job
from thinkscale.training.corpus import calibration_corpus, write_corpus

with job(snakemake):
    rows = calibration_corpus(snakemake.params.n or 1000, snakemake.params.seed)
    write_corpus(rows, snakemake.output.corpus)
