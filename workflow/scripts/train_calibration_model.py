"""Train a calibration model from nothing."""

from pathlib import Path

from thinkscale.jobs.job import job, require

with job(snakemake):
    require("torch", extra="inference")
    import torch

    from thinkscale.calibration.pretrain import RECIPES, pretrain

    torch.set_num_threads(snakemake.threads)
    recipe, seed = RECIPES[snakemake.wildcards.recipe]
    pretrain(recipe, seed, Path(snakemake.output.model))
