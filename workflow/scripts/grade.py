"""Judge every response by every configured grader."""

import pandas as pd

from thinkscale import contracts
from thinkscale.grading import grade
from thinkscale.job import job

with job(snakemake):
    grading = snakemake.params.grading
    items = contracts.read(snakemake.input.study_items, "items")
    responses = contracts.read(snakemake.input.responses, "responses")
    frames = [
        grade(part, items, grader, grading.get(grader, {}), answer_prompt=prompt)
        for grader in grading["graders"]
        for model, prompt in snakemake.params.answer_prompts.items()
        if len(part := responses[responses["model"] == model])
    ]
    contracts.write(pd.concat(frames, ignore_index=True), snakemake.output.grades, "grades")
