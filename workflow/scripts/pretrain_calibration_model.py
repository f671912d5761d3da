"""Train a calibration model from nothing."""

from pathlib import Path

from thinkscale.job import job
from thinkscale.think import require

with job(snakemake):
    require("torch", extra="inference")
    from thinkscale.calibration.pretrain import RECIPES, pretrain

    recipe, seed = RECIPES[snakemake.wildcards.recipe]
    pretrain(recipe, seed, Path(snakemake.output.model))
