"""Write the summary, and the answers alone, every sentence of both made from the tables."""

from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    import yaml

    from thinkscale.data.tables import read_table
    from thinkscale.report.summary import restructured, summary, words

    tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
    level = {"confidence": snakemake.params.confidence}
    text = summary(tables, snakemake.params.study, **level)
    Path(snakemake.output.summary).write_text(text, encoding="utf-8")
    said = words(tables, **level).answers
    answers = {asked: restructured(answer) for asked, answer in said.items()}
    text = yaml.safe_dump(answers, sort_keys=False, allow_unicode=True, width=1000)
    Path(snakemake.output.answers).write_text(text, encoding="utf-8")
