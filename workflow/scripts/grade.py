"""Judge every response by every configured grader."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts
    from thinkscale.grading import grade_study

    judged = snakemake.input.verdicts
    grade_study(
        snakemake.input.responses,
        contracts.read(snakemake.input.study_items, "items"),
        snakemake.output.grades,
        snakemake.params.grading,
        snakemake.params.answer_prompts,
        markers=snakemake.params.markers,
        verdicts=contracts.read(judged, "verdicts") if judged else None,
        processes=snakemake.threads,
    )
