"""Sum the token ledger per model and condition, with what the inference jobs took."""

import json
from pathlib import Path

from thinkscale import stats
from thinkscale.data import contracts
from thinkscale.data.graded import in_study_order
from thinkscale.data.tables import write_table
from thinkscale.jobs.job import job

with job(snakemake):
    responses = contracts.read(snakemake.input.responses, "responses")
    usage = [json.loads(Path(path).read_text()) for path in snakemake.input.usage]
    table = stats.ledger(responses, usage)
    write_table(in_study_order(table, snakemake.params.models), snakemake.output.table)
