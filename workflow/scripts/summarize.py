"""Write the summary, every sentence of it made from the tables, and the tables as a page."""

from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data.tables import read_table
    from thinkscale.report.page import tables_page, text_page
    from thinkscale.report.summary import summary

    tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
    text = summary(tables, snakemake.params.study, confidence=snakemake.params.confidence)
    Path(snakemake.output.summary).write_text(text, encoding="utf-8")
    Path(snakemake.output.page).write_text(text_page(text), encoding="utf-8")
    Path(snakemake.output.tables).write_text(tables_page(tables), encoding="utf-8")
