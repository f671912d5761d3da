"""Write the study's items, what cleaning changed, and the facts about the bank."""

import sys
from pathlib import Path

from thinkscale.config.items import Items
from thinkscale.data import contracts
from thinkscale.data.tables import write_table
from thinkscale.jobs.items import study_items
from thinkscale.jobs.job import job

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    prepared = study_items(Items(**params.settings), params.seed, Path(output.report))
    contracts.write(prepared.items, output.study_items, "items")
    write_table(prepared.facts, output.facts)
    if prepared.warning:
        print(f"thinkscale: {prepared.warning}", file=sys.stderr)
        Path(snakemake.log[0]).write_text(prepared.warning + "\n", encoding="utf-8")
