"""A page of the report from markdown."""

from markdown_it import MarkdownIt

_STYLE = """
body { font: 15px/1.55 system-ui, sans-serif; color: #222; max-width: 46rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code { font-size: 0.9em; background: #f3f3f3; padding: 0 0.25em; border-radius: 3px; }
li { margin: 0.35rem 0; }
"""


def page(markdown: str) -> str:
    """Render markdown as one self-contained HTML page; HTML inside it is shown, never run."""
    body = MarkdownIt("commonmark", {"html": False}).render(markdown)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Summary</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )
