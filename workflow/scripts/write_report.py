"""Write the report's page, the methods with their references, and the study's RO-Crate."""

import json
from pathlib import Path

from thinkscale.jobs.job import job

with job(snakemake):
    from thinkscale.data.tables import read_table
    from thinkscale.report.counting import recounted
    from thinkscale.report.crate import write_crate
    from thinkscale.report.methods import bibliography, methods, spelled_out
    from thinkscale.report.page import Shown, page
    from thinkscale.report.summary import words

    study = snakemake.params.study
    tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
    figures, captions = {}, {Path(path).stem: path for path in snakemake.input.captions}
    for path in map(Path, snakemake.input.figures):
        figures.setdefault(path.stem, []).append(path)
    provenance = json.loads(Path(snakemake.input.provenance).read_text(encoding="utf-8"))
    shown = []
    for one in snakemake.params.shown:
        text = Path(captions[one["caption"]]).read_text(encoding="utf-8") if one["caption"] else ""
        shown.append(Shown(**{**one, "caption": text}))

    text = methods(study, provenance, tables)
    written = page(
        study["study"],
        words(tables, confidence=study["analyses"]["confidence"], counting=recounted(study)),
        shown,
        tables,
        figures,
        methods=spelled_out(text),
        references=bibliography(text),
        provenance=provenance,
    )
    Path(snakemake.output.page).write_text(written, encoding="utf-8")
    Path(snakemake.output.methods).write_text(text, encoding="utf-8")
    Path(snakemake.output.references).write_text(bibliography(text), encoding="utf-8")
    write_crate(Path(snakemake.output.crate), provenance)
