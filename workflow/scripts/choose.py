"""Let every strategy choose among the candidates that were found."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts, graded
    from thinkscale.data.tables import read_table
    from thinkscale.jobs.choosing import choices

    params, given = snakemake.params, snakemake.input
    excluded = ()
    if given.overlap:
        excluded = graded.contaminated(read_table(given.overlap), **params.exclusion)
    searches, ballots = choices(
        contracts.read(given.candidates, "candidates"),
        contracts.read(given.scores, "scores"),
        contracts.read(given.spent, "spent"),
        contracts.read(given.study_items, "items"),
        params.strategies,
        grading=params.grading,
        answer_prompts=params.answer_prompts,
        excluded=excluded,
        seed=params.seed,
    )
    contracts.write(searches, snakemake.output.searches, "searches")
    contracts.write(ballots, snakemake.output.ballots, "ballots")
