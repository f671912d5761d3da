"""Items made by hand, and a bank that is read from them as a file would be; workbooks."""

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

from thinkscale.config.items import Items
from thinkscale.items.bank import Prepared, prepare
from thinkscale.items.item import Origin, RawItem

COLUMNS = {
    "stem": "q",
    "options": "o",
    "key": "k",
    "answer_text": "t",
    "item_id": "id",
    "difficulty": "d",
    "response_time": "s",
}
CHOICE = Origin("bank.csv", COLUMNS)
FREE = Origin("bank.csv", {n: c for n, c in COLUMNS.items() if n not in ("options", "key")})
OPEN = Origin("bank.csv", {"stem": "q"})


def raw(row: int = 1, **values) -> RawItem:
    """An item with two options, or with what `values` says instead."""
    fields = {
        "item_id": f"i{row}",
        "stem": f"Question {row}?",
        "options": (("A", "yes"), ("B", "no")),
        "key": "A",
        "answer_text": None,
        "difficulty": row / 10,
        "response_time": 10.0 * row,
        "cluster_id": None,
        "meta": "{}",
    }
    return RawItem(row, **{**fields, **values})


def prepared(items: list[RawItem], origin: Origin = CHOICE, seed: int = 1, **settings) -> Prepared:
    """What `prepare_items` makes of a bank of these items."""
    report_path = settings.pop("report_path", None)
    settings = Items(source="bank.csv", columns={"options": "o"}, **settings)

    def read(rows):
        return (item for item in items if rows is None or item.row in rows)

    return prepare(read, origin, settings, seed, report_path)


_OFFICE = "http://schemas.openxmlformats.org"
_SHEET = f'xmlns="{_OFFICE}/spreadsheetml/2006/main"'
_RELATIONS = f'<Relationships xmlns="{_OFFICE}/package/2006/relationships">{{}}</Relationships>'


def _relation(identity: str, kind: str, target: str) -> str:
    kind = f"{_OFFICE}/officeDocument/2006/relationships/{kind}"
    return f'<Relationship Id="{identity}" Type="{kind}" Target="{target}"/>'


def _cell(place: str, value: object) -> str:
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def workbook(path: Path, sheets: dict[str, list[list]]) -> Path:
    """Write an .xlsx of these sheets: rows of texts, numbers, and None for an empty cell."""
    book, relations, parts = "", "", {}
    for number, (name, rows) in enumerate(sheets.items(), start=1):
        book += f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>'
        relations += _relation(f"r{number}", "worksheet", f"worksheets/sheet{number}.xml")
        lines = ""
        for row, cells in enumerate(rows, start=1):
            places = [f"{chr(65 + column)}{row}" for column in range(len(cells))]
            held = [_cell(*pair) for pair in zip(places, cells, strict=True) if pair[1] is not None]
            lines += f'<row r="{row}">{"".join(held)}</row>'
        sheet = f"<worksheet {_SHEET}><sheetData>{lines}</sheetData></worksheet>"
        parts[f"xl/worksheets/sheet{number}.xml"] = sheet
    places = f'xmlns:r="{_OFFICE}/officeDocument/2006/relationships"'
    parts["xl/workbook.xml"] = f"<workbook {_SHEET} {places}><sheets>{book}</sheets></workbook>"
    parts["xl/_rels/workbook.xml.rels"] = _RELATIONS.format(relations)
    parts["_rels/.rels"] = _RELATIONS.format(_relation("r", "officeDocument", "xl/workbook.xml"))
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in parts.items():
            packed.writestr(name, text)
    return path
