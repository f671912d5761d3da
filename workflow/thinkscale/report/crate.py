"""The study's results as an RO-Crate: what each file is, for archives and search engines."""

from pathlib import Path
from typing import Any

from rocrate.model import SoftwareApplication
from rocrate.rocrate import ROCrate

WHAT = {  # by file or folder of a study's results
    "report.html": "Answers, figures, tables and methods on a page",
    "summary.md": "The study in words",
    "methods.md": "Methods, for a paper",
    "references.bib": "References of the methods",
    "provenance.json": "Versions, commit, configuration, content hashes and hardware",
    "config.yaml": "Configuration of the study",
    "items.parquet": "Items",
    "chains.parquet": "Token ids thought, in segments",
    "responses.parquet": "Answers, with the tokens each took",
    "grades.parquet": "Outcome of each answer by each grader",
    "graded.parquet": "One row a response: what every analysis starts from",
    "tables": "Tidy tables",
    "figures": "Figures",
}


def write_crate(path: Path, provenance: dict[str, Any]) -> None:
    """Write `ro-crate-metadata.json` for the results beside it.

    What a study has not, such as chains that were recorded elsewhere, is left out.
    """
    crate, root = ROCrate(), path.parent
    crate.name = f"thinkscale study {provenance['study']}"
    crate.description = "How thinking scales at test time, and whether it tells difficulty."
    software = crate.add(
        SoftwareApplication(
            crate,
            "#thinkscale",
            properties={"name": "thinkscale", "softwareVersion": provenance["thinkscale"]},
        )
    )
    made = []
    for name, what in WHAT.items():
        if not (source := root / name).exists():
            continue
        add = crate.add_directory if source.is_dir() else crate.add_file
        made.append(add(source, name, properties={"description": what}))
    crate.add_action(software, identifier="#study", result=made)
    crate.metadata.write(root)
