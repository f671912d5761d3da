"""Pages of the report: the summary, and the tables to look at."""

from collections.abc import Mapping

import pandas as pd
from markdown_it import MarkdownIt

_STYLE = """
body { font: 15px/1.55 system-ui, sans-serif; color: #222; margin: 2rem auto; padding: 0 1rem; }
body.text { max-width: 46rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
code { font-size: 0.9em; background: #f3f3f3; padding: 0 0.25em; border-radius: 3px; }
li { margin: 0.35rem 0; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.8rem; }
th { text-align: left; border-bottom: 2px solid #999; padding: 0.2rem 0.6rem; }
td { border-bottom: 1px solid #e2e2e2; padding: 0.2rem 0.6rem; white-space: nowrap;
     font-variant-numeric: tabular-nums; }
tr:hover td { background: #f6f6f6; }
"""


def text_page(markdown: str) -> str:
    """Render markdown as one self-contained HTML page; HTML inside it is shown, never run."""
    return _page("Summary", "text", MarkdownIt("commonmark", {"html": False}).render(markdown))


def tables_page(tables: Mapping[str, pd.DataFrame], most: int = 100) -> str:
    """Render tables by name as one self-contained page, the first `most` rows of each.

    Numbers are rounded to four digits for the eye; the CSV files hold them whole.
    """
    links = " · ".join(f'<a href="#{name}">{name}</a>' for name in tables)
    parts = [f"<h1>Tables</h1><p>{links}</p>"]
    for name, table in tables.items():
        cut = f"; the first {most} are shown" if len(table) > most else ""
        parts.append(f'<h2 id="{name}">{name}</h2><p>{len(table):,} rows{cut}.</p>')
        rows = table.head(most).astype(object).fillna("")
        shown = rows.to_html(index=False, border=0, float_format="{:.4g}".format)
        parts.append(f'<div class="wide">{shown}</div>')
    return _page("Tables", "tables", "\n".join(parts))


def _page(title: str, kind: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<style>{_STYLE}</style></head>\n<body class="{kind}">\n{body}</body></html>\n'
    )
