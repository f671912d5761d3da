"""Put the shards of each contract together, those of an input under its name."""

from thinkscale.jobs.job import job

with job(snakemake):
    import pandas as pd

    from thinkscale.data import contracts
    from thinkscale.jobs.items import check_thought

    for name, path in snakemake.output.items():
        frames = [contracts.read(shard, name) for shard in snakemake.input[name]]
        gathered = pd.concat(frames, ignore_index=True)
        if name == "responses":
            check_thought(gathered)
        contracts.write(gathered, path, name)
