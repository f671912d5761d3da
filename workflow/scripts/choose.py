"""Let every strategy choose among the candidates that were found."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts, graded
    from thinkscale.data.tables import read_table
    from thinkscale.jobs.choosing import choose_study

    params, given, made = snakemake.params, snakemake.input, snakemake.output
    excluded = ()
    if given.overlap:
        excluded = graded.contaminated(read_table(given.overlap), **params.exclusion)
    choose_study(
        {name: given[name] for name in ("candidates", "scores", "spent")},
        contracts.read(given.study_items, "items"),
        params.strategies,
        {name: made[name] for name in ("searches", "ballots")},
        grading=params.grading,
        answer_prompts=params.answer_prompts,
        excluded=excluded,
        seed=params.seed,
    )
