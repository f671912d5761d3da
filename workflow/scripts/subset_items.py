"""Write the study's items, what cleaning changed, and the facts about the bank."""

from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake) as say:
    from thinkscale.config.items import Items
    from thinkscale.data import contracts
    from thinkscale.data.tables import write_table
    from thinkscale.jobs.items import study_items

    params, output = snakemake.params, snakemake.output
    prepared = study_items(Items(**params.settings), params.seed, Path(output.report))
    contracts.write(prepared.items, output.study_items, "items")
    write_table(prepared.facts, output.facts)
    if prepared.warning:
        say(f"thinkscale: {prepared.warning}")
