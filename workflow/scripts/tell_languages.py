"""Tell languages and scripts of what every response thought."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts
    from thinkscale.data.languages import READS, by_response

    frames = contracts.batches(snakemake.input.responses, "responses", READS, 20_000)
    told = (by_response(frame) for frame in frames)
    contracts.write_batches(told, snakemake.output.languages, "languages")
