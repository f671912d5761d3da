"""Ask the judge about every response to one shard of the items."""

import json
import os
from dataclasses import replace
from pathlib import Path

from thinkscale.jobs.job import importing, job

os.environ["HF_HUB_OFFLINE"] = "1"

with job(snakemake, finishes=True) as say:
    from thinkscale.config.inference import Inference
    from thinkscale.config.sweep import Conditions
    from thinkscale.data import contracts

    with importing("torch", "transformers", extra="inference"):
        import torch

        from thinkscale.jobs.inference import checkpoint_of, prepare, run
        from thinkscale.jobs.judging import own_judgement, questions, reserved_strings, verdicts
        from thinkscale.jobs.progress import usage_line

    torch.set_num_threads(snakemake.threads)
    params, shard = snakemake.params, int(snakemake.wildcards.shard)
    settings, judge = Inference(**params.inference), params.judge
    record = json.loads(Path(snakemake.input.record).read_text())
    judged = [json.loads(Path(path).read_text()) for path in snakemake.input.records]
    warning = own_judgement(record, judged)
    if warning is not None:
        say(f"thinkscale: {snakemake.rule}: warning: {warning}")

    items = contracts.read(snakemake.input.study_items, "items").iloc[shard :: params.shards]
    responses = contracts.read(snakemake.input.responses, "responses")
    responses = responses[responses["item_id"].isin(items["item_id"])]
    checkpoint = checkpoint_of(record, settings)
    tokenizer = checkpoint.tokenizer
    reserved = reserved_strings(tokenizer, settings.thinking.model_dump())
    asked = questions(responses, items, judge, params.prompts, reserved)
    limit = judge["max_think"]
    prepared = prepare(
        record,
        asked.asked,
        settings,
        Conditions(max_think=None if limit is None else [limit]).model_dump(),
        seed=params.seed,
        checkpoint=checkpoint,
    )
    name, condition = list(prepared.work.conditions.items())[-1]
    work = replace(prepared.work, conditions={name: condition})
    thought, usage = run(
        replace(prepared, work=work), Path(params.journal), shard, params.shards, verb="judge"
    )
    say(usage_line(usage, verb="judge"))
    found = verdicts(
        responses,
        asked,
        thought.responses,
        record["name"],
        lambda question: tokenizer.decode(work.prompts[question]),
    )
    contracts.write(found, snakemake.output.verdicts, "verdicts")
    Path(snakemake.output.usage).write_text(
        json.dumps({**usage, "warning": warning}, indent=1) + "\n", encoding="utf-8"
    )
