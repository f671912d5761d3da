"""The report: one page that holds answers, figures, tables and methods, and fetches nothing."""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import itables
import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from thinkscale.report.answers import QUESTIONS
from thinkscale.report.summary import SECTIONS, Words

MOST_ROWS = 500  # of a table; its CSV has the others
LONG = 60  # characters beyond which a cell's text may wrap
TYPES = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True)
class Shown:
    """What a study shows: a figure or table, its place in the report, and its caption there."""

    kind: str  # "figure" or "table"
    name: str
    category: str
    title: str
    caption: str  # reStructuredText so plain that it is Markdown, too


def page(
    study: str,
    said: Words,
    shown: Sequence[Shown],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Iterable[Path]],
    *,
    methods: str,
    references: str,
    provenance: Mapping[str, Any],
) -> str:
    """The report as HTML. All text is shown as text: nothing in a table or a name is run.

    tables, figures : what is `shown`, by name; of a figure its files, of which the smallest is
        embedded
    methods, references : in Markdown and BibTeX
    """
    figured = {
        one.name: {
            "name": one.name,
            "title": one.title,
            "data": _data(min(figures[one.name], key=lambda path: path.stat().st_size)),
            "caption": _markdown(one.caption),
        }
        for one in shown
        if one.kind == "figure"
    }
    tabled = {
        one.name: {"name": one.name, "title": one.title, "caption": _markdown(one.caption)}
        | _cells(tables[one.name])
        for one in shown
        if one.kind == "table"
    }
    titles = {table: title for title, table, _ in SECTIONS}
    sections = []
    for category in dict.fromkeys(one.category for one in shown):
        own = [one for one in shown if one.category == category]
        sentences = [
            sentence
            for one in own
            if one.kind == "table"
            for sentence in said.details.get(titles.get(one.name, ""), ())
        ]
        sections.append(
            {
                "title": category,
                "anchor": re.sub(r"\W+", "-", category.lower()),
                "sentences": [_line(sentence) for sentence in sentences],
                "figures": [figured[one.name] for one in own if one.kind == "figure"],
                "tables": [tabled[one.name] for one in own if one.kind == "table"],
            }
        )
    answers = [
        {
            "asked": asked.asked,
            "text": _line(said.answers[asked.asked]),
            "figures": [figured[name] for name in asked.figures if name in figured],
        }
        for asked in QUESTIONS
        if asked.asked in said.answers
    ]
    bundle = Path(itables.__file__).parent / "html" / "dt_bundle.js"
    environment = Environment(
        loader=PackageLoader("thinkscale.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.jinja").render(
        study=study,
        note=_line(said.note),
        answers=answers,
        sections=sections,
        methods=_markdown(methods),
        references=references,
        provenance=json.dumps(provenance, indent=2, ensure_ascii=False),
        datatables_js=Markup(re.sub(r"</(script)", r"<\\/\1", bundle.read_text("utf-8"))),
        datatables_css=Markup(bundle.with_suffix(".css").read_text("utf-8")),
    )


def _cells(table: pd.DataFrame) -> dict[str, Any]:
    """A table's columns and its first `MOST_ROWS` rows, as the template wants them.

    What is the same in all rows is said once, and an empty column only named. Numbers are rounded
    to four digits for the eye, and sort by their value.
    """
    same = [name for name in table if len(table) > 1 and table[name].nunique(dropna=False) == 1]
    cut = f", the first {MOST_ROWS:,} shown" if len(table) > MOST_ROWS else ""
    kept = table.drop(columns=same).head(MOST_ROWS)
    numbers = [is_numeric_dtype(kind) and not is_bool_dtype(kind) for kind in kept.dtypes]
    columns = [_column(kept[name], how) for name, how in zip(kept, numbers, strict=True)]
    return {
        "size": f"{len(table):,} rows{cut}",
        "same": [(name, _shown(table[name].iloc[0]) or "empty") for name in same],
        "columns": list(zip(kept.columns, numbers, strict=True)),
        "rows": list(zip(*columns, strict=True)),
    }


def _column(values: pd.Series, number: bool) -> list[tuple[str, str, str]]:
    """Of each cell its class, what it sorts by, and its text.

    Cells of a column sort by their texts, unless one has something else to sort by.
    """
    texts = [_shown(value) for value in values]
    if not number:
        return [("long" if len(text) > LONG else "", "", text) for text in texts]
    orders = ["" if pd.isna(value) else f"{value:.8g}" for value in values]
    if orders == texts:
        orders = [""] * len(texts)
    return [("number", order, text) for order, text in zip(orders, texts, strict=True)]


def _shown(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, str | bool | np.bool):
        return str(value)
    text = f"{int(value):,}" if float(value).is_integer() else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _data(path: Path) -> str:
    """A file as what an image's `src` may hold."""
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{TYPES[path.suffix[1:]]};base64,{content}"


def _markdown(text: str) -> Markup:
    """Markdown rendered; HTML in it is shown, never run."""
    return Markup(MarkdownIt("commonmark", {"html": False}).render(text))


def _line(text: str) -> Markup:
    """A sentence rendered, its intervals less loud than what they belong to."""
    html = MarkdownIt("commonmark", {"html": False}).renderInline(text)
    return Markup(re.sub(r"\[\S+ to \S+?\]", r'<span class="interval">\g<0></span>', html))
