"""Set the graders of a study side by side."""

from thinkscale import stats
from thinkscale.data import contracts
from thinkscale.data.graded import in_study_order
from thinkscale.data.tables import read_table, write_table
from thinkscale.jobs.job import job

with job(snakemake):
    params = snakemake.params
    grades = contracts.read(snakemake.input.grades, "grades")
    items = contracts.read(snakemake.input.study_items, "items")
    left_out = []
    if snakemake.input.overlap:
        left_out = stats.contaminated(read_table(snakemake.input.overlap), **params.exclusion)
        grades = stats.without_items(grades, left_out)
    table = stats.grader_agreement(grades, items, **params.options)
    table.insert(table.columns.get_loc("n_responses") + 1, "n_excluded", len(left_out))
    write_table(in_study_order(table, params.models), snakemake.output.table)
