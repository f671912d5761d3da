"""Draw the figure that the outputs are named after, each output in the format of its suffix."""

from importlib import import_module
from pathlib import Path

from thinkscale.data import contracts
from thinkscale.data.tables import read_table
from thinkscale.figures.core.style import Look, Style, save
from thinkscale.jobs.job import job


def named(path: Path) -> tuple[str, object]:
    """A frame under the name of its file; what is no frame as its path, a JSON file as `record`."""
    if path.suffix == ".csv":
        return path.stem, read_table(path)
    if path.suffix == ".parquet":
        return path.stem, contracts.read(path, path.stem)
    return ("record" if path.suffix == ".json" else path.stem), path


with job(snakemake):
    params = snakemake.params
    look = Look(Style.from_mapping(params.style), tuple(params.models), params.confidence)
    figure = import_module(f"thinkscale.figures.{Path(snakemake.output[0]).stem}")
    drawn = figure.draw(**dict(map(named, map(Path, snakemake.input))), look=look)
    for path in snakemake.output:
        save(drawn, path)
