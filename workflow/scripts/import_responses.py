"""Read a recorded model's responses from its logs."""

from thinkscale.jobs.job import job

with job(snakemake) as say:
    from thinkscale.config.responses import Recorded
    from thinkscale.data import contracts
    from thinkscale.jobs.importing import import_responses, write_imported
    from thinkscale.runs.responses import Markers

    params = snakemake.params
    start, *ends = params.markers
    imported = import_responses(
        snakemake.wildcards.model,
        Recorded(**params.recorded),
        Markers(start, tuple(ends), params.whole_turn),
        params.conditions,
        contracts.read(snakemake.input.study_items, "items"),
        graders=params.graders,
        strategies=params.strategies,
    )
    say(imported.said)
    write_imported(imported, snakemake.output)
