"""JSON as a stream of records: (row, object), only a part of the text being held.

Tables are exported in these forms, and which one it is the text tells:
- a list of objects;
- an object with one list of objects, whatever stands beside it (`{"data": […], "meta": …}`);
- an object of objects, which are records by their id: this is the cell `id` of a record that has
  none of its own;
- JSON lines: an object a line.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import shown

Record = tuple[int, dict[str, object]]

_CHUNK = 4_000_000  # characters
_HELD = 1000  # objects of an object that are held until it is clear that they are records
_NOTHING = object()
_EXPECTED = "a list of objects, an object with one such list, objects by their id, or JSON lines"


def json_records(path: Path, file: TextIO, lines: bool) -> Iterator[Record]:
    """Yield the records of a file: counted from 1, or by their line in JSON lines.

    lines: whether an object at the beginning is a line of JSON lines, whatever follows. Raises
    ThinkscaleError naming the row or the line, what was found there and what was expected.
    """
    text = _Text(path, file)
    first = text.next()
    if (lines and first != "[") or (first == "{" and _an_object_a_line(text.rest())):
        file.seek(0)
        yield from _lines(path, file)
        return
    if text.take("["):
        yield from _rows(path, _elements(text))
    elif text.take("{"):
        yield from _of_object(path, text)
    if text.next():
        raise text.problem("the end of the file" if first in "[{" else _EXPECTED)


def _an_object_a_line(beginning: str) -> bool:
    line, _, rest = beginning.lstrip().partition("\n")
    try:
        return rest.lstrip().startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _lines(path: Path, file: TextIO) -> Iterator[Record]:
    for row, line in enumerate(file, start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            if not line.strip():
                continue
            raise ThinkscaleError(
                f"{path}, line {row}: found {shown(line.strip())}, which is no JSON "
                f"({_why(error)}); expected an object a line."
            ) from error
        if record.__class__ is not dict:
            raise _not_an_object(path, row, record)
        yield row, record


def _rows(path: Path, values: Iterable[object]) -> Iterator[Record]:
    for row, record in enumerate(values, start=1):
        if record.__class__ is not dict:
            raise _not_an_object(path, row, record)
        yield row, record


def _of_object(path: Path, text: "_Text") -> Iterator[Record]:
    """The records of an object whose brace is taken: those of its one list, or its values."""
    kinds: set[str] = set()  # of its values
    held: list[object] = []
    listed, members = "", _members(text)
    for name in members:
        if text.take("["):
            values = _elements(text)
            begin = next(values, _NOTHING)
            kind = "list" if isinstance(begin, dict) else "empty" if begin is _NOTHING else "other"
            if kind == "list":
                if kind in kinds:
                    second = f"{name!r} holds a second one, beside {listed!r}"
                    raise text.problem(f"one list of objects; {second}", begin)
                listed = name
                yield from _rows(path, chain([begin], values))
            deque(values, maxlen=0)
        else:
            value = text.value(f"the value of {name!r}")
            kind = "object" if isinstance(value, dict) else "other"
            held.append(_with_id(name, value))
        kinds.add(kind)
        if kinds != {"object"}:
            held.clear()
        elif len(held) > _HELD:
            break
    if "list" in kinds or kinds == {"empty"}:
        return
    if kinds != {"object"}:
        raise ThinkscaleError(
            f"{path}: found an object without a list of objects; expected {_EXPECTED}."
        )
    later = (_with_id(name, text.value(f"the value of {name!r}")) for name in members)
    yield from _rows(path, chain(held, later))


def _with_id(name: str, value: object) -> object:
    return {"id": name, **value} if isinstance(value, dict) else value


def _elements(text: "_Text") -> Iterator[object]:
    """The values of a list whose bracket is taken."""
    row = 0
    while not text.take("]"):
        if row and not text.take(","):
            raise text.problem(f"a comma or the list's end after row {row}")
        row += 1
        yield text.value(f"row {row}")


def _members(text: "_Text") -> Iterator[str]:
    """The keys of an object whose brace is taken; of each the value is taken before the next."""
    name = None
    while not text.take("}"):
        if name is not None and not text.take(","):
            raise text.problem(f"a comma or the object's end after the value of {name!r}")
        name = text.value("a key")
        if not isinstance(name, str) or not text.take(":"):
            raise text.problem("a key and a colon")
        yield name


class _Text:
    """JSON text of which only a part is held."""

    def __init__(self, path: Path, file: TextIO):
        self._path, self._file = path, file
        self._text, self._at, self._lines = "", 0, 1
        self._decode = json.JSONDecoder().raw_decode

    def rest(self) -> str:
        """What is held and not taken yet."""
        return self._text[self._at :]

    def next(self) -> str:
        """The next character that is not white space, which is not taken; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, character: str) -> bool:
        """Take the next character if it is this one."""
        found = self.next() == character
        self._at += found
        return found

    def value(self, what: str) -> object:
        """Take the next value."""
        self.next()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
                if end < len(self._text) or not self._more():  # a number at the end may go on
                    self._at = end
                    return value
            except (ValueError, RecursionError) as error:
                if not (_may_go_on(error, self._text) and self._more()):
                    raise self.problem(f"JSON for {what} ({_why(error)})") from error

    def problem(self, expected: str, found: object = None) -> ThinkscaleError:
        """The error about what comes next, or about `found`, which was just taken."""
        line = self._lines + self._text.count("\n", 0, self._at)
        if found is None and not self.next():
            said = "the end of the file"
        else:
            said = shown(self.rest()[:1000].strip() if found is None else found)
        return ThinkscaleError(f"{self._path}, line {line}: found {said}; expected {expected}.")

    def _more(self) -> bool:
        kept = self.rest()
        added = self._file.read(max(_CHUNK, len(kept)))
        self._lines += self._text.count("\n", 0, self._at)
        self._text, self._at = kept + added, 0
        return bool(added)


def _may_go_on(error: Exception, text: str) -> bool:
    """Whether JSON may be at fault only because it is not read to its end yet."""
    return isinstance(error, json.JSONDecodeError) and (
        error.pos > len(text) - 16 or error.msg.startswith("Unterminated")
    )


def _not_an_object(path: Path, row: int, record: object) -> ThinkscaleError:
    return ThinkscaleError(f"{path}, row {row}: found {shown(record)}; expected an object.")


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return getattr(error, "msg", None) or str(error)  # a part's own line would mislead
