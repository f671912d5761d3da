"""Pages show text; they never run what a model or a file wrote."""

import pandas as pd

from thinkscale.report.page import tables_page, text_page


def test_markdown_is_rendered_and_html_in_it_is_shown_as_text():
    page = text_page("# Study\n\n- accuracy **70%** <script>alert(1)</script>\n")
    assert "<h1>Study</h1>" in page and "<strong>70%</strong>" in page
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_tables_are_rounded_escaped_and_cut_aloud():
    frame = pd.DataFrame({"token": ["<img onerror=x>", "b", "c"], "estimate": [0.123456, 1, None]})
    frame["waits"] = pd.array([None, 1, 2], dtype="Int64")
    page = tables_page({"divergence_tokens": frame}, most=2)
    assert "<img" not in page and "&lt;img" in page
    assert "0.1235" in page and "NA" not in page
    assert "3 rows; the first 2 are shown" in page
    assert ">c<" not in page
