"""Write the summary, and the front of Snakemake's report, every sentence made from the tables."""

from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    import yaml

    from thinkscale.data.tables import read_table
    from thinkscale.report.summary import restructured, summary, words

    tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
    told = {name: snakemake.params[name] for name in ("confidence", "counting")}
    text = summary(tables, snakemake.params.study, **told)
    Path(snakemake.output.summary).write_text(text, encoding="utf-8")
    text = restructured(words(tables, **told))
    Path(snakemake.output.answers).write_text(text, encoding="utf-8")
    # Numbers, since Snakemake 9.27 shows the parts of docutils' output beside each text.
    facts = {"Models": len(snakemake.params.models), "Tables": len(tables)}
    Path(snakemake.output.front).write_text(yaml.safe_dump(facts), encoding="utf-8")
