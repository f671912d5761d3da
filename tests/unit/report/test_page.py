"""The page shows text, never runs what a model or a file wrote, fetches nothing, and sorts."""

import html
import json
import re
import shutil
import subprocess

import pandas as pd
import pytest

from thinkscale.report import words
from thinkscale.report.page import MOST_ROWS, Shown, page

HOSTILE = "<script>window.run = 1</script><img src=x onerror='window.run=1'>`"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="300"><rect width="9"/></svg>'


def registration(model="m", estimate=0.4):
    return {
        **{"model": model, "criterion": "difficulty", "measure": "spearman", "n": 1060},
        **{"estimate": estimate, "lower": 0.2, "upper": 0.6, "p": 0.001, "detectable": 0.1},
        **{"censored": 0.0, "method": HOSTILE + " and so on" * 8},
    }


def made(tmp_path, *, rows=30) -> str:
    values = [registration(estimate=(17 * n % rows) / rows - 0.2) for n in range(rows)]
    tables = {"registration": pd.DataFrame(values)}
    tables["registration"]["waits"] = pd.array([None, *range(1, rows)], dtype="Int64")
    tables["overlap"] = pd.DataFrame({"item_id": [HOSTILE, "b"], "stem": ["=1+1", HOSTILE]})
    answered = {"registration": pd.DataFrame([registration(HOSTILE)])}
    figures = [tmp_path / f"tokens_vs_difficulty.{kind}" for kind in ("svg", "png")]
    figures[0].write_text(SVG)
    figures[1].write_bytes(b"x" * 5000)
    shown = [
        Shown("figure", "tokens_vs_difficulty", "Registration", "tokens", "**A caption** of it."),
        Shown("table", "registration", "Registration", "correlations", ""),
        Shown("table", "overlap", "Corpus and items", HOSTILE, ""),
    ]
    return page(
        HOSTILE,
        words(answered),
        shown,
        tables,
        {"tokens_vs_difficulty": figures},
        methods=f"**Models.** {HOSTILE}",
        references="@misc{a}",
        provenance={"study": HOSTILE},
    )


def own(text: str) -> str:
    """The page without the library that it brings along."""
    return re.sub(r'<script type="text/plain".*?</script>|<style>.*?</style>', "", text, flags=re.S)


def test_text_is_text_wherever_it_stands(tmp_path):
    text = own(made(tmp_path))
    assert "<script>window" not in text and "<img src=x" not in text
    assert html.escape("<script>window.run") in text


def test_nothing_is_fetched(tmp_path):
    text = made(tmp_path)
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:|//)""", own(text))
    assert "default-src 'none'" in text and "connect-src" not in text
    assert "data:image/svg+xml;base64," in text  # the smaller of the two files
    assert len(text) < 1_000_000


def test_numbers_are_rounded_and_what_is_the_same_is_said_once(tmp_path):
    text = made(tmp_path)
    assert "n 1,060" in text and "<td class=number>1,060" not in text
    assert re.search(r"<td class=number data-order=0\.3666\d+>0\.3667", text)
    assert "<td class=number data-order=-0.2>−0.2" in text  # of all cells in a column, or of none
    assert "<td class=number data-order=0.5>0.5" in text and "<td class=number>3" in text
    assert "NA" not in own(text)


def test_of_a_long_table_the_first_rows_are_shown_and_that_is_said(tmp_path):
    text = made(tmp_path, rows=MOST_ROWS + 3)
    assert f"{MOST_ROWS + 3} rows, the first {MOST_ROWS} shown" in text
    assert own(text).count("<tr>") == MOST_ROWS + 2 + 2  # two headers, two rows of the other table


def test_answers_stand_first_each_with_its_figure(tmp_path):
    text = own(made(tmp_path))
    answer, figure, table, methods = (
        text.index(part)
        for part in ("1. Is thinking longer", "data:image", 'id="table-reg', 'id="methods"')
    )
    assert answer < figure < table < methods
    assert '<span class="interval">[0.20 to 0.60]</span>' in text
    assert "<strong>A caption</strong>" in text


# Opens the table, sorts it by its estimates, filters it, and says what then stands there.
LOOKED = """
<pre id="seen"></pre><script type="module">
const wait = (test) => new Promise((done) => {
  const look = () => (test() ? done() : setTimeout(look, 20));
  look();
});
await wait(() => document.documentElement.dataset.ready);
const table = document.querySelector("#table-registration");
table.open = true;
await wait(() => table.querySelector("table.dataTable"));
const cells = (column) => [...table.querySelectorAll("tbody tr")].map(
  (row) => row.children[column].textContent);
const heads = [...table.querySelectorAll("thead th")];
heads[0].querySelector(".dt-column-title").click();
await new Promise((done) => setTimeout(done, 200));
const sorted = cells(0), align = getComputedStyle(table.querySelector("tbody td")).textAlign;
const search = table.querySelector("input[type=search]");
search.value = "29"; search.dispatchEvent(new Event("input", { bubbles: true }));
search.dispatchEvent(new Event("keyup", { bubbles: true }));
await new Promise((done) => setTimeout(done, 800));
document.getElementById("seen").textContent = JSON.stringify({
  heads: heads.map((head) => head.textContent), sorted, align, found: cells(1),
  run: window.run ?? null, wide: document.documentElement.scrollWidth - innerWidth,
  height: document.querySelector("figure img").getBoundingClientRect().height,
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [800, 1400])
def test_in_a_browser(tmp_path, width):
    file = tmp_path / "report.html"
    file.write_text(made(tmp_path).replace("</body>", f"{LOOKED}</body>"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900"]
    ran = subprocess.run(
        [*command, "--virtual-time-budget=8000", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in ran.stderr, ran.stderr
    seen = json.loads(html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', ran.stdout)[1]))
    assert seen["heads"] == ["estimate", "waits"]
    values = [float(cell.replace("−", "-")) for cell in seen["sorted"]]
    assert values == sorted(values) and len(values) == 25 and values[0] < 0
    assert seen["align"] == "right" and seen["found"] == ["29"]
    assert seen["run"] is None and seen["wide"] <= 0 and seen["height"] > 50
