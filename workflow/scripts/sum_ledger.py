"""Sum the token ledger per model and condition."""

from thinkscale import contracts, stats
from thinkscale.graded import in_study_order
from thinkscale.job import job

with job(snakemake):
    table = stats.ledger(contracts.read(snakemake.input.responses, "responses"))
    contracts.write_table(in_study_order(table, snakemake.params.models), snakemake.output.table)
