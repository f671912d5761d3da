"""Write `config/schema.json`, and the tables of `config/README.md`, from the keys' descriptions.

Run `python -m thinkscale.config.docs [DIRECTORY]` after changing a key; a test compares both files
with what this module makes.
"""

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from thinkscale.config.presets.banks import PRESETS, Preset
from thinkscale.config.section import (
    COLOUR_PATTERN,
    GRADER_PATTERN,
    NAME_PATTERN,
    Section,
    block_in,
    blocks,
)
from thinkscale.config.study import Study


def readme(page: str) -> str:
    """Return the text of config/README.md: `page`, with its tables of banks and keys made anew.

    They stand between comments of their names; all else is written by hand.
    """
    banks = "| preset | for | columns, the first that the file has |\n|---|---|---|\n"
    banks += "".join(_preset(name, preset) for name, preset in PRESETS.items())
    keys = []
    for path, section in blocks(Study):
        if ".bank" in path:  # the keys of `items`, which are there by themselves
            continue
        title = f"`{path}`" if path else "The study"
        keys.append(f"### {title}\n\n{inspect.getdoc(section)}\n\n{_table(path, section)}")
    return _filled(_filled(page, "banks", banks), "keys", "\n".join(keys))


def _filled(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}"


def schema() -> str:
    """Return the text of config/schema.json."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | Study.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def write(directory: Path) -> None:
    """Write schema.json into `directory`, and the tables of its README.md."""
    page = directory / "README.md"
    page.write_text(readme(page.read_text(encoding="utf-8")), encoding="utf-8")
    (directory / "schema.json").write_text(schema(), encoding="utf-8")


def _preset(name: str, preset: Preset) -> str:
    """A row of the table of item banks."""
    forms = [_mapping(form) for form in (preset.delimited, preset.columns) if form]
    about, columns = preset.about.replace("|", "\\|"), ". Or: ".join(forms).replace("|", "\\|")
    return f"| `{name}` | {about} | {columns} |\n"


def _mapping(columns: Mapping[str, Any]) -> str:
    return "; ".join(f"{key}: {_names(key, value)}" for key, value in columns.items())


def _names(key: str, value: Any) -> str:
    """The columns of one key; candidates in their order, or all that make up the options."""
    if not isinstance(value, list):
        return f"`{value}`"
    several = key in ("option_columns", "other_options")
    names = [f"`{name}`" for name in value if name is not None]
    return (", " if several else " or ").join(names) + (" or none" if None in value else "")


def _table(path: str, section: type[Section]) -> str:
    lines = ["| key | type | default | unit | meaning |", "|---|---|---|---|---|"]
    types = section.model_json_schema()["properties"]
    for name, field in section.model_fields.items():
        key = f"`{path}.{name}`" if path else f"`{name}`"
        unit = types[name].get("unit", "")
        cells = [key, _words(types[name]), _default(field), unit, field.description]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if field.default is None or block_in(field.annotation):
        return "none" if field.default in (None, []) else "as below"
    shown = json.dumps(field.default, ensure_ascii=False)
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


_KINDS = {"integer": "whole number", "number": "number", "boolean": "true or false"}
_PATTERNS = {NAME_PATTERN: "name", GRADER_PATTERN: "name", COLOUR_PATTERN: "colour"}
_BOUNDS = (
    ("minimum", "≥"),
    ("exclusiveMinimum", ">"),
    ("maximum", "≤"),
    ("exclusiveMaximum", "<"),
)


def _words(field: Mapping[str, Any]) -> str:
    """A JSON schema's type in plain words."""
    if "anyOf" in field:
        kinds = [part for part in field["anyOf"] if part.get("type") != "null"]
        return " or ".join(map(_words, kinds))
    if "enum" in field or "const" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "$ref" in field:
        return "block"
    if field["type"] == "array":
        entries = field.get("prefixItems")
        if entries:
            return f"pair of {_words(entries[0])}s"
        least = ", not empty" if field.get("minItems") else ""
        return f"list ({_words(field['items'])}){least}"
    if field["type"] == "string":
        return _PATTERNS.get(field.get("pattern"), "text")
    if field["type"] == "object":
        return "keys and values"
    bounds = [f"{sign} {field[bound]:g}" for bound, sign in _BOUNDS if bound in field]
    return " ".join([_KINDS[field["type"]], *([", ".join(bounds)] if bounds else [])])


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[3] / "config"))
