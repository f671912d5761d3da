"""Draw one figure: the module of `thinkscale.figures` with its name says how."""

from importlib import import_module

from thinkscale.jobs.job import inputs, job

with job(snakemake):
    from thinkscale.figures.core.style import Look, Style, save

    params = snakemake.params
    figure = import_module(f"thinkscale.figures.{snakemake.wildcards.name}")
    look = Look(Style(**params.style), tuple(params.models), params.confidence)
    drawn = figure.draw(**inputs(snakemake.input), look=look)
    for path in snakemake.output:
        save(drawn, path)
