"""Put the shards of each contract together, those of an input under its name."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts
    from thinkscale.jobs.items import check_thought

    for name, path in snakemake.output.items():
        contracts.gather(snakemake.input[name], path, name)
        if name == "responses":
            check_thought(contracts.read(path, name, ["model", "item_id", "error"]))
