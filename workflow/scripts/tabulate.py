"""Make one table: the module of `thinkscale.stats` with its name says how."""

from importlib import import_module

from thinkscale.jobs.job import inputs, job

with job(snakemake):
    from thinkscale.data.graded import in_study_order
    from thinkscale.data.tables import write_table

    analysis = import_module(f"thinkscale.stats.{snakemake.wildcards.name}")
    columns = {"graded": analysis.READS} if hasattr(analysis, "READS") else {}
    given = inputs(snakemake.input, columns)
    table = analysis.tabulate(**given, **snakemake.params.options)
    models = given["graded"]["model"].unique() if "graded" in given else ()
    write_table(in_study_order(table, models), snakemake.output.table)
