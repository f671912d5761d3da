"""Generate a corpus of calibration traces."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.calibration.corpus import calibration_corpus, write_corpus

    rows = calibration_corpus(snakemake.params.n or 1000, snakemake.params.seed)
    write_corpus(rows, snakemake.output.corpus)
