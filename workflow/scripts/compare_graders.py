"""Set the graders of a study side by side."""

from thinkscale import contracts, stats
from thinkscale.graded import in_study_order
from thinkscale.job import job
from thinkscale.tables import write_table

with job(snakemake):
    params = snakemake.params
    grades = contracts.read(snakemake.input.grades, "grades")
    items = contracts.read(snakemake.input.study_items, "items")
    table = stats.grader_agreement(grades, items, **params.options)
    write_table(in_study_order(table, params.models), snakemake.output.table)
