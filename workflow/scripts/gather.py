"""Put the shards of each contract together, those of an input under its name."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts

    for name, path in snakemake.output.items():
        contracts.gather(snakemake.input[name], path, name)
