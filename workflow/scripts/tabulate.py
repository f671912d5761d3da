"""Compute one table from the graded responses; `params.analysis` names it."""

from thinkscale import stats
from thinkscale.data import contracts
from thinkscale.data.graded import graded, in_study_order
from thinkscale.data.tables import read_table, write_table
from thinkscale.jobs.job import job

with job(snakemake):
    params = snakemake.params
    responses = contracts.read(snakemake.input.responses, "responses")
    grades = contracts.read(snakemake.input.grades, "grades")
    items = contracts.read(snakemake.input.study_items, "items")
    frame = graded(responses, grades, items, params.grader)
    left_out = []
    if snakemake.input.overlap:
        left_out = stats.contaminated(read_table(snakemake.input.overlap), **params.exclusion)
        frame = stats.without_items(frame, left_out)
    analyses = {
        "accuracy": stats.accuracy,
        "registration": stats.registration,
        "outcome_difficulty": stats.outcome_difficulty,
        "mcnemar": stats.mcnemar,
        "token_change": stats.token_change,
        "model_comparison": stats.model_comparison,
        "consensus": stats.consensus,
    }
    table = analyses[params.analysis](frame, **params.options)
    table.insert(table.columns.get_loc("errors") + 1, "n_excluded", len(left_out))
    write_table(in_study_order(table, params.models), snakemake.output.table)
