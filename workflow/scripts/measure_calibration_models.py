"""Write the manifest of the calibration models from a study of them."""

import json
from importlib.metadata import version
from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.calibration.pretrain import RECIPES
    from thinkscale.data import contracts
    from thinkscale.jobs.known_effects import known_effects, manifest

    study = snakemake.params.study
    items = contracts.read(snakemake.input.study_items, "items")
    graded = contracts.read(snakemake.input.graded, "graded")
    known = json.loads(Path(snakemake.input.manifest).read_text())["models"]
    carried = {model["name"]: model for model in study["models"]}
    found = manifest(
        Path(carried["reasoner"]["path"]).parent,
        RECIPES,
        {name: known[name]["training_seconds"] for name in RECIPES},
        known_effects(graded, items, seed=study["seed"]),
        {
            "items": f"generate_bank({len(items)}, seed={study['seed']})",
            "temperature": study["inference"]["temperature"],
            "samples": study["inference"]["samples"],
            "sft": carried["sft"]["derive"],
            "engine": "transformers, float32, CPU",
            "versions": {name: version(name) for name in ("torch", "transformers")},
        },
    )
    Path(snakemake.output.manifest).write_text(json.dumps(found, indent=1) + "\n")
