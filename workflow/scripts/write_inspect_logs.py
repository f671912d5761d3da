"""Write the study's responses as logs of inspect_ai."""

import json
from pathlib import Path

from thinkscale.jobs.job import job, require

with job(snakemake) as say:
    require("inspect_ai", extra="inspect")
    from tokenizers import Tokenizer

    from thinkscale.data import contracts
    from thinkscale.runs.inspect_logs import write_logs
    from thinkscale.thinking.prompts import user_message

    given, params = snakemake.input, snakemake.params

    def decoder(directory: str):
        tokenizer = Tokenizer.from_file(str(Path(directory, "tokenizer.json")))
        return lambda ids: tokenizer.decode(list(ids), skip_special_tokens=False)

    records = [json.loads(Path(path).read_text()) for path in given.records]
    paths = write_logs(
        Path(snakemake.output.logs),
        params.study,
        *(contracts.read(given[name], name) for name in ("responses", "chains", "grades")),
        contracts.read(given.study_items, "items"),
        decoders={record["name"]: decoder(record["directory"]) for record in records},
        answer_prompts=params.answer_prompts,
        prompt=lambda item: user_message(item, **params.form),
    )
    say(f"{len(paths)} logs in {snakemake.output.logs}: inspect view --log-dir {paths[0].parent}")
