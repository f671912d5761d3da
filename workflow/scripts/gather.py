"""Put the shards of each contract together, those of an input under its name."""

import json
from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts
    from thinkscale.jobs.items import check_thought

    for name, path in snakemake.output.items():
        shards = snakemake.input[name]
        if name == "usage":
            jobs = [json.loads(Path(shard).read_text(encoding="utf-8")) for shard in shards]
            Path(path).write_text(json.dumps(jobs, indent=1) + "\n", encoding="utf-8")
            continue
        contracts.gather(shards, path, name)
        if name == "responses":
            check_thought(contracts.read(path, name, ["model", "item_id", "error"]))
