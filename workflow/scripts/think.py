"""Run one model over one shard of the items."""

import json
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path

from thinkscale import contracts
from thinkscale.conditions import sweep
from thinkscale.config.model import Inference
from thinkscale.job import job, progress
from thinkscale.think import require, think

with job(snakemake):
    for package in ("torch", "transformers"):
        require(package, extra="inference")
    import torch

    from thinkscale.engines.hf import Loading, load
    from thinkscale.engines.sampling import Sampling
    from thinkscale.journal import Journaled
    from thinkscale.prompts import encode_prompt, forcing, render, user_message

    torch.set_num_threads(snakemake.threads)
    inference = Inference(**snakemake.params.inference)
    asked = {k: v for k, v in snakemake.params.conditions.items() if v is not None}
    max_swaps = asked.pop("max_swaps")
    model, shard = snakemake.wildcards.model, int(snakemake.wildcards.shard)
    items = contracts.read(snakemake.input.study_items, "items").iloc[
        shard :: snakemake.params.shards
    ]
    record = json.loads(Path(snakemake.input.record).read_text())
    sampling = Sampling(inference.temperature, inference.top_p, inference.top_k)
    engine = load(
        Path(record["directory"]),
        Loading(
            inference.dtype, inference.device, inference.attention, inference.trust_remote_code
        ),
        sampling,
        inference.batch_size,
        inference.context,
    )
    # All that decides tokens, the sampler's own code and libraries among it: after a change of
    # those a rerun must not be answered with what was sampled before.
    identity = {
        "code": snakemake.params.sampler,
        "versions": {package: version(package) for package in ("torch", "transformers")},
        "engine": engine.name,
        "fingerprint": record["fingerprint"],
        "dtype": str(engine.model.dtype),
        "device": engine.model.device.type,
        "attention": inference.attention,
        "sampling": asdict(sampling),
    }
    journal = Path(snakemake.params.journal, f"{shard}-of-{snakemake.params.shards}.jsonl")
    form, thinking = inference.prompt, inference.thinking
    texts = {
        item["item_id"]: render(
            engine.tokenizer,
            user_message(item, form.template, form.option, form.separator),
            system=form.system,
            start=thinking.start,
        )
        for item in items.to_dict("records")
    }
    chains, responses = think(
        model,
        {item_id: encode_prompt(engine.tokenizer, text) for item_id, text in texts.items()},
        sweep(**asked),
        Journaled(engine, journal, identity),
        forcing(
            engine.tokenizer,
            end=thinking.end,
            answer_prompt=thinking.answer_prompt,
            continuations=asked["continuations"],
            max_answer=inference.max_answer_tokens,
            max_swaps=max_swaps,
        ),
        engine.tokenizer.decode,
        samples=inference.samples,
        seed=snakemake.params.seed,
        progress=partial(progress, label=f"think {model}", unit="chain"),
    )
    contracts.write(chains, snakemake.output.chains, "chains")
    contracts.write(responses, snakemake.output.responses, "responses")
