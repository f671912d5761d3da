"""Write provenance.json and the configuration this run was given."""

import json
from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    import yaml

    from thinkscale.report.provenance import environment, provenance

    records = [json.loads(Path(path).read_text()) for path in snakemake.input.records]
    data = [snakemake.input.study_items, *snakemake.input.corpora]
    recorded = map(Path, snakemake.input.environments)
    environments = {path.stem: json.loads(path.read_text()) for path in recorded}
    found = provenance(
        snakemake.params.study,
        records,
        [Path(path) for path in data],
        Path(__file__).parent,
        # Without conda every rule runs where this one does.
        environments or {"all": environment()},
        snakemake.params.snakemake,
    )
    if snakemake.params.commit:
        found["git"] = {"commit": snakemake.params.commit, "dirty": False}
    Path(snakemake.output.provenance).write_text(json.dumps(found, indent=2) + "\n")
    text = yaml.safe_dump(snakemake.params.config, sort_keys=False, allow_unicode=True)
    Path(snakemake.output.config).write_text(text, encoding="utf-8")
