"""Judge every response by every configured grader."""

from thinkscale.jobs.job import job

with job(snakemake):
    import pandas as pd

    from thinkscale.data import contracts
    from thinkscale.data.readouts import read_by_response
    from thinkscale.grading import grade_study

    given, beside = snakemake.input, {}
    items = contracts.read(given.study_items, "items")
    if given.verdicts:
        beside["verdicts"] = contracts.read(given.verdicts, "verdicts")
    for path in given.recorded:
        for name, own in contracts.read(path, "grades").groupby("grader"):
            before = [beside[name]] if name in beside else []
            beside[name] = pd.concat([*before, own.drop(columns="grader")])
    if "readout" in snakemake.params.grading["graders"]:
        beside["readouts"] = read_by_response(given.readouts, items)
    grade_study(
        given.responses,
        items,
        snakemake.output.grades,
        snakemake.params.grading,
        snakemake.params.answer_prompts,
        beside=beside,
        markers=snakemake.params.markers,
        processes=snakemake.threads,
    )
