"""Write the manifest of the calibration models from a study of them."""

import json
from importlib.metadata import version
from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    from transformers import AutoTokenizer

    from thinkscale.calibration.measure import manifest, properties, token_divergence
    from thinkscale.calibration.pretrain import RECIPES
    from thinkscale.corpora.source import CorpusSource
    from thinkscale.corpora.traces import read_traces
    from thinkscale.data import contracts

    study = snakemake.params.study
    items = contracts.read(snakemake.input.study_items, "items")
    frame = contracts.read(snakemake.input.graded, "graded")
    known = json.loads(Path(snakemake.input.manifest).read_text())
    carried = {model["name"]: model for model in study["models"]}
    directory = Path(carried["reasoner"]["path"]).parent
    traces = CorpusSource("traces", "traces", path=Path(snakemake.input.corpora[0]))
    stems = [row["question"].split("\n A)")[0] for row in read_traces(traces)]
    tokenizer = AutoTokenizer.from_pretrained(carried["reasoner"]["path"])
    found = manifest(
        directory,
        RECIPES,
        {name: model["training_seconds"] for name, model in known["models"].items()},
        {name: properties(own, items) for name, own in frame.groupby("model")},
        {
            "items": f"generate_bank({len(items)}, seed={study['seed']})",
            "temperature": study["inference"]["temperature"],
            "samples": study["inference"]["samples"],
            "sft": carried["sft"]["derive"],
            "stem_js_bits": token_divergence(stems, items["stem"], tokenizer),
            "engine": "transformers, float32, CPU",
            "versions": {name: version(name) for name in ("torch", "transformers")},
        },
    )
    Path(snakemake.output.manifest).write_text(json.dumps(found, indent=1) + "\n")
