"""Write a model as GGUF, and the Modelfile by which Ollama asks it as the study does."""

import json
import os
from pathlib import Path

from thinkscale.jobs.job import job, require

os.environ["HF_HUB_OFFLINE"] = "1"

with job(snakemake):
    from thinkscale.config.inference import Inference

    require("torch", extra="inference")
    require("conversion", extra="gguf")
    from thinkscale.jobs.inference import checkpoint_of
    from thinkscale.models.recipes.export import modelfile, write_gguf
    from thinkscale.models.registry import verify

    record = json.loads(Path(snakemake.input.record).read_text())
    verify(record)
    settings = Inference(**snakemake.params.inference)
    weights = Path(snakemake.output.gguf)
    write_gguf(Path(record["directory"]), weights, **snakemake.params.export)
    said = modelfile(checkpoint_of(record, settings), settings, weights)
    Path(snakemake.output.modelfile).write_text(said, encoding="utf-8")
