"""Cleaning of item text, with a record of every change.

Steps work on one string each and are listed in `STEPS`, in the order in which they run; `Cleaning`
has a switch for each. Steps that need the whole bank (duplicates) work on the items frame.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import ftfy
import pandas as pd

REPORT_COLUMNS = ("item_id", "row", "field", "action", "before", "after")

# Only what went wrong in decoding. ftfy's other repairs (straight quotes, ligatures, HTML entities,
# full-width letters) change text that nobody broke.
_MOJIBAKE = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
)

_INVISIBLE = re.compile("[\u200b\u2060\ufeff]")
_LINE_BREAK = re.compile("\r\n?|[\u2028\u2029\x0b\x0c\x85]")
_SPACE = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_SPACES_WITHIN = re.compile(r"(?<=\S) {2,}")  # indentation at a line's start is left
_SPACES_AT_END = re.compile(r" +(?=\n|$)")
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Cleaning:
    """Which steps run. Field names are the actions that the report names."""

    mojibake: bool = True
    whitespace: bool = True
    duplicates: bool = True  # found and reported; the items are kept


def repair_mojibake(text: str) -> str:
    """Undo wrong decoding (UTF-8 read as Windows-1252 and the like), and nothing else."""
    return text if text.isascii() else ftfy.fix_text(text, _MOJIBAKE)


def tidy_whitespace(text: str) -> str:
    """One kind of space and line break, no runs within a line, at most one blank line together."""
    text = _INVISIBLE.sub("", text)
    text = _SPACE.sub(" ", _LINE_BREAK.sub("\n", text))
    text = _SPACES_AT_END.sub("", _SPACES_WITHIN.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", text).strip()


STEPS: dict[str, Callable[[str], str]] = {
    "mojibake": repair_mojibake,
    "whitespace": tidy_whitespace,
}


def clean_text(text: str, cleaning: Cleaning) -> tuple[str, list[tuple[str, str, str]]]:
    """The cleaned text, and (action, before, after) for each step that changed it."""
    changes = []
    for action, step in STEPS.items():
        if getattr(cleaning, action):
            after = step(text)
            if after != text:
                changes.append((action, text, after))
            text = after
    return text, changes


def find_duplicates(items: pd.DataFrame, rows: list[int]) -> list[dict]:
    """Report rows for items whose stem and option texts equal an earlier item's.

    `rows` holds the file row of each item. Case, spacing and the options' order do not count.
    """
    seen: dict[tuple, str] = {}
    found = []
    for item_id, stem, options, row in zip(
        items["item_id"], items["stem"], items["options"], rows, strict=True
    ):
        texts = sorted(_fold(option["text"]) for option in options)
        first = seen.setdefault((_fold(stem), *texts), item_id)
        if first != item_id:
            found.append(
                report_row(item_id, row, "stem", f"kept, duplicate of item {first}", stem, stem)
            )
    return found


def report_row(
    item_id: str, row: int, field: str, action: str, before: str | None, after: str | None
) -> dict:
    """One line of items_report.csv."""
    return dict(zip(REPORT_COLUMNS, (item_id, row, field, action, before, after), strict=True))


def report_frame(rows: list[dict]) -> pd.DataFrame:
    """The report as a frame, with its columns even when nothing was changed."""
    frame = pd.DataFrame(rows, columns=list(REPORT_COLUMNS))
    text = {name: "str" for name in REPORT_COLUMNS if name != "row"}
    return frame.astype({"row": "int64", **text})


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
