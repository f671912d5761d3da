"""Join responses, grades and items to the frame that every analysis starts from."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts, graded
    from thinkscale.data.tables import read_table
    from thinkscale.grading import equality

    params, given = snakemake.params, snakemake.input
    excluded = ()
    if given.overlap:
        excluded = graded.contaminated(read_table(given.overlap), **params.exclusion)
    frames = graded.join_study(
        given.responses,
        given.grades,
        contracts.read(given.study_items, "items"),
        params.grading["graders"],
        excluded,
        readouts=given.get("readouts"),
        same=equality(first := params.grading["graders"][0], params.grading.get(first)),
        controls=params.controls,
    )
    contracts.write_batches(frames, snakemake.output.graded, "graded")
