"""A corpus by its configuration: where it is, its format, and which of its texts count."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import shown
from thinkscale.items.files import opened
from thinkscale.items.records import read_records

BLOCK = 8_000_000  # bytes of lines, or characters of rows, held at once
_ASCII_SPACE = " \t\n\r\v\f"

# A message's keys, as chat templates and as ShareGPT's exports have them, and the latter's roles.
_CHAT = ("role", "content")
_SHAREGPT = ("from", "value")
_ROLES = {"human": "user", "gpt": "assistant"}

T = TypeVar("T")


@dataclass(frozen=True)
class CorpusSource:
    """Where a corpus is and how it is read.

    path: its file; or hub, revision, config, split, offline: a data set of the hub. format: traces,
    columns, messages or text. columns: those whose texts count, as the file calls them (for
    messages the one that holds them). roles: whose messages count. n: rows from the first.
    """

    name: str
    format: str
    columns: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    path: Path | None = None
    hub: str | None = None
    revision: str | None = None
    config: str | None = None
    split: str | None = None
    offline: bool = False
    n: int | None = None

    @property
    def where(self) -> str:
        """The corpus in messages."""
        return str(self.path) if self.path else f"hub data set {self.hub}"

    @property
    def counted(self) -> str:
        """What counts as the corpus, as tables say it in `corpus_columns`."""
        if self.format == "text":
            return "lines"
        if self.format == "messages":
            return f"{self.columns[0]} ({', '.join(self.roles)})"
        return ", ".join(self.columns)


def source_of(settings: Mapping[str, Any], path: str | Path | None) -> CorpusSource:
    """The source of a corpus from its configuration (`config.corpora.Corpus`, as a dict).

    path: its file, which a rule may have made; None for a data set of the hub.
    """
    match settings["format"]:
        case "traces":
            columns = tuple(settings[role] for role in settings["compare"])
        case "columns":
            columns = tuple(settings["columns"])
        case "messages":
            columns = (settings["messages"],)
        case _:
            columns = ()
    roles = tuple(settings["roles"]) if settings["format"] == "messages" else ()
    hub = {key: settings[key] for key in ("hub", "revision", "config", "split", "offline")}
    return CorpusSource(
        name=settings["name"],
        format=settings["format"],
        columns=columns,
        roles=roles,
        path=None if path is None else Path(path),
        n=settings["n"],
        **(hub if path is None else {}),
    )


def blocks(source: CorpusSource, size: int = BLOCK) -> Iterator[list[list[str]]]:
    """Yield a corpus in blocks of about `size` bytes: documents, each a list of its texts.

    A document is a line of a text file that is not blank, else a row; its texts are those of the
    columns that count, or of the messages, each by itself: no text is put between them.
    """
    if source.format == "text":
        return _line_blocks(source, size)
    return gathered(documents(source), size, lambda texts: sum(map(len, texts)))


def documents(source: CorpusSource) -> Iterator[list[str]]:
    """Yield the texts of each row that count and are not empty."""
    count = 0
    for row, record in islice(rows(source), source.n):
        count += 1
        where = f"{source.where}, row {row}"
        if source.format == "messages":
            texts = _message_texts(record, source, where)
        else:
            texts = [_text(_cell(record, name, where), name, where) for name in source.columns]
        yield [text for text in texts if text]
    if source.n is not None and count < source.n:
        raise too_few(source.where, source.n, count)


def gathered(values: Iterable[T], size: int, measure: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield values in lists that end where their measures sum to `size` or more."""
    held, total = [], 0
    for value in values:
        held.append(value)
        total += measure(value)
        if total >= size:
            yield held
            held, total = [], 0
    if held:
        yield held


def rows(source: CorpusSource, columns: Iterable[str] | None = None) -> Iterator[tuple[int, dict]]:
    """Yield (row, cells) of a corpus that is no text file."""
    if source.path is not None:
        return read_records(source.path, columns=source.columns if columns is None else columns)
    from thinkscale.items.hub import hub_records

    return hub_records(source.hub, source.revision, source.config, source.split, source.offline)


def too_few(where: str, asked: int, found: int) -> ThinkscaleError:
    return ThinkscaleError(
        f"Corpus {where}: asked for {asked} rows, but it has {found}; ask for fewer, or leave `n` "
        "out to take all."
    )


def _cell(record: Mapping[str, Any], column: str, where: str) -> Any:
    if column not in record:
        raise ThinkscaleError(
            f"{where}: there is no column {column!r}; found {', '.join(map(str, record)) or 'none'}"
        )
    return record[column]


def _text(value: Any, column: str, where: str) -> str:
    """A cell's text; reasoning may come in segments, each with a text."""
    if isinstance(value, str):
        return _whole_characters(value, column, where)
    if isinstance(value, list):
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in value]
        if all(isinstance(part, str) for part in parts):
            return _whole_characters("".join(parts), column, where)
    found = "nothing" if value is None else shown(value)
    raise ThinkscaleError(f"{where}, column {column}: found {found}; expected text.")


def _whole_characters(text: str, column: str, where: str) -> str:
    """JSON can spell half a character, which no tokenizer takes."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ThinkscaleError(
                f"{where}, column {column}: found half a character, {text[error.start]!r}; "
                "expected Unicode text."
            ) from error
    return text


def _message_texts(record: Mapping[str, Any], source: CorpusSource, where: str) -> list[str]:
    [column] = source.columns
    messages = _cell(record, column, where)
    if not isinstance(messages, list):
        raise ThinkscaleError(
            f"{where}, column {column}: found {shown(messages)}; expected a list of messages."
        )
    texts = []
    for number, message in enumerate(messages, 1):
        here = f"{where}, column {column}, message {number}"
        role, text = _CHAT
        if isinstance(message, Mapping) and role not in message:
            role, text = _SHAREGPT
        if not isinstance(message, Mapping) or not isinstance(message.get(role), str):
            raise ThinkscaleError(
                f"{here}: found {shown(message)}; expected `role` and `content`, or `from` and "
                "`value`."
            )
        who = message[role]
        if who in source.roles or _ROLES.get(who) in source.roles:
            texts.append(_text(message.get(text), text, here))
    return texts


def _line_blocks(source: CorpusSource, size: int) -> Iterator[list[list[str]]]:
    wanted, lines = source.n, 0
    with opened(source.path) as file:
        while wanted != 0 and (data := file.read(size)):
            data += b"" if data.endswith(b"\n") else file.readline()
            if lines == 0:
                data = data.removeprefix(b"\xef\xbb\xbf")
            text = _decoded(data, source.path, lines)
            lines += data.count(b"\n")
            # A file from Windows ends its lines in two characters.
            found = (line.removesuffix("\r") for line in text.split("\n"))
            block = [[line] for line in found if line.strip(_ASCII_SPACE)][:wanted]
            wanted = None if wanted is None else wanted - len(block)
            yield block
    if wanted:
        raise too_few(source.where, source.n, source.n - wanted)


def _decoded(data: bytes, path: Path, lines: int) -> str:
    """The text of bytes that stand behind so many lines of a file."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = lines + data.count(b"\n", 0, error.start) + 1
        raise ThinkscaleError(
            f"{path}, line {line}: found bytes that are not UTF-8 ({error.reason}); expected UTF-8."
        ) from error
