"""Join responses, grades and items to the frame that every analysis starts from."""

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data import contracts, graded
    from thinkscale.data.tables import read_table
    from thinkscale.grading import equality

    params, given = snakemake.params, snakemake.input
    read = given.get("readouts")
    excluded = ()
    if given.overlap:
        excluded = graded.contaminated(read_table(given.overlap), **params.exclusion)
    frame = graded.join(
        contracts.read(given.responses, "responses", graded.RESPONSE_COLUMNS),
        contracts.read(given.grades, "grades"),
        contracts.read(given.study_items, "items"),
        params.grading["graders"],
        excluded,
        readouts=contracts.read(read, "readouts") if read else None,
        same=equality(first := params.grading["graders"][0], params.grading.get(first)),
        controls=params.controls,
    )
    contracts.write(frame, snakemake.output.graded, "graded")
