"""Draw one figure: the module of `thinkscale.figures` with its name says how."""

from importlib import import_module

from thinkscale.jobs.job import inputs, job

with job(snakemake):
    from thinkscale.figures.core.frames import READS
    from thinkscale.figures.core.style import Look, Style, save

    params = snakemake.params
    figure = import_module(f"thinkscale.figures.{snakemake.wildcards.name}")
    look = Look(Style(**params.style), tuple(params.models), params.confidence)
    among = figure.rows(snakemake.input, params.models) if hasattr(figure, "rows") else {}
    drawn = figure.draw(**inputs(snakemake.input, READS, among), look=look)
    for path in snakemake.output:
        save(drawn, path)
