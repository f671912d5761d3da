"""Items made by hand, and a bank that is read from them as a file would be."""

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
