"""Generate a corpus of calibration traces."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.calibration.corpus import calibration_corpus, write_corpus

    params = snakemake.params
    rows = calibration_corpus(params.n or 1000, params.seed, params.han)
    write_corpus(rows, snakemake.output.corpus)
