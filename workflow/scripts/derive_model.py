"""Fine-tune a model on a corpus of traces, or distil a teacher on the corpus's questions."""

import json
import shutil
from dataclasses import asdict, fields
from pathlib import Path

from thinkscale.jobs.job import importing, job

with job(snakemake):
    from thinkscale.corpora.source import source_of
    from thinkscale.corpora.traces import COLUMNS, read_traces
    from thinkscale.data.tables import write_table
    from thinkscale.models.recipes.traces import TraceFormat
    from thinkscale.models.registry import verify

    params = snakemake.params
    derive, corpus, thinking = params.derive, params.corpus, params.thinking
    source = source_of({**corpus, "compare": COLUMNS}, snakemake.input.corpus or None)
    rows = read_traces(source, {name: corpus[name] for name in COLUMNS})
    with importing("torch", "transformers", "trl", "peft", extra="train"):
        import torch

        from thinkscale.config.inference import Inference
        from thinkscale.config.models import Derivation
        from thinkscale.jobs.watching import watch
        from thinkscale.models.recipes.gkd import GkdSettings, distil
        from thinkscale.models.recipes.lengths import NamedLength
        from thinkscale.models.recipes.settings import Training
        from thinkscale.models.recipes.sft import SftSettings, finetune
        from thinkscale.models.recipes.training import checkpoints_of

    torch.set_num_threads(snakemake.threads)
    records = [snakemake.input.parent, *filter(None, [snakemake.input.teacher])]
    models = [json.loads(Path(record).read_text()) for record in records]
    for model in models:
        verify(model)
    parent, *teacher = (Path(model["directory"]) for model in models)

    form = TraceFormat(thinking["start"], thinking["end"][0], thinking["answer_prompt"])
    given = {field.name: derive[field.name] for field in fields(Training) if field.name in derive}
    training = Training(**given, seed=params.seed)
    if teacher:
        settings = GkdSettings(
            training, **derive["gkd"], max_length=derive["max_length"], form=form
        )
        work = (parent, *teacher, [row["question"] for row in rows])
    else:
        lengths = tuple(NamedLength(**named) for named in derive["lengths"])
        step_end = thinking["step_end"]
        settings = SftSettings(
            training, derive["max_length"], form=form, lengths=lengths, step_end=step_end
        )
        work = (parent, rows)
    content = [[model["fingerprint"] for model in models], rows, asdict(settings), params.code]
    callbacks = []
    if params.watching is not None:
        inference, *how = params.watching
        given = (Derivation(**derive), Inference(**inference), *how, params.seed)
        callbacks.append(watch(models[0], *given))
        content.append([derive["held_out"], params.watching])
    checkpoints = checkpoints_of(Path(snakemake.output.model).parent / params.checkpoints, content)
    train = distil if teacher else finetune
    losses = train(*work, Path(snakemake.output.model), settings, checkpoints, callbacks)
    losses.insert(0, "model", params.name)
    write_table(losses, snakemake.output.losses)
    shutil.rmtree(checkpoints, ignore_errors=True)
