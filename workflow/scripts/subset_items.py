"""Write the study's items and what cleaning changed."""

from thinkscale import contracts
from thinkscale.bank import prepare_items
from thinkscale.config.items import Items
from thinkscale.job import job
from thinkscale.tables import write_table

with job(snakemake):
    items, report = prepare_items(Items(**snakemake.params.settings), snakemake.params.seed)
    contracts.write(items, snakemake.output.study_items, "items")
    write_table(report, snakemake.output.report)
