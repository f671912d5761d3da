"""A study file as YAML: what is wrong with the file itself, whatever its keys."""

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import yaml

from thinkscale.errors import ThinkscaleError

# Far more than any study says. Aliases of aliases stand for more than memory holds.
_MOST_VALUES = 200_000
_DEEPEST = 200
_COLOUR = re.compile(r"(^|[\[,:{-])\s*#[0-9a-fA-F]{6}\b")

# What the loader raises for 2020-13-45, which looks like a date, and its like.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

Location = tuple[str | int, ...]


def read_yaml(path: Path) -> Any:
    """The values of a YAML file.

    Raises ThinkscaleError naming the line if it is no readable file, no YAML or not one document,
    has a key twice in one mapping (loaders take the last one without a word, and a study would run
    with half of what its file says), or stands for more values than any study has.
    """
    text, root = _text(path), None
    try:
        _check_depth(text)
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return None
        _check_size(path, root)
        problems = [f"{path}: {problem}" for problem in _faults(root)]
        if problems:
            raise ThinkscaleError("\n".join(problems))
        return loader.construct_document(root)
    except yaml.YAMLError as error:
        raise ThinkscaleError(_said(path, text, error)) from error
    except RecursionError as error:
        raise ThinkscaleError(
            f"{path}: found lists or keys nested too deeply; expected a study file"
        ) from error
    except _UNREADABLE as error:
        line, value = next(_unreadable(yaml.SafeLoader(""), root))
        raise ThinkscaleError(
            f"{path}, line {line}: found no valid YAML: {value[:40]!r} looks like a date or a "
            "number and is none; expected it in quotes"
        ) from error


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            what = "a directory" if path.is_dir() else "a pipe or device"
            raise ThinkscaleError(f"{path}: found {what}; expected a study file")
        data = path.read_bytes()
        return data.decode("utf-8")
    except OSError as error:
        raise ThinkscaleError(f"{path}: cannot read the config: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ThinkscaleError(
            f"{path}, line {line}: found bytes that are not UTF-8; save the file as UTF-8"
        ) from error


def _said(path: Path, text: str, error: yaml.YAMLError) -> str:
    """One of the loader's errors in one line, with what it most often means."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML does not allow; the reader counts characters only
        line = text.count("\n", 0, error.position) + 1
        found = f"the character #x{error.character:04x}"
    else:
        line, begun = mark.line + 1, error.context_mark
        found = f"{error.problem}, column {mark.column + 1}"
        if error.context:
            found += f" ({error.context}" + (f" begun in line {begun.line + 1})" if begun else ")")
    hint = "a study file"
    if any(_COLOUR.search(said) for said in text.splitlines()[:line]):
        hint = "a colour in quotes, as '#ff0000': without them `#` begins a comment"
    elif "'\\t'" in found:
        hint = "spaces; YAML allows no tabs there"
    elif "another document" in found:
        hint = "one document, without `---` in between"
    return f"{path}, line {line}: found no valid YAML: {found}; expected {hint}"


def _check_depth(text: str) -> None:
    """Raise RecursionError for brackets in brackets without end, over which the loader broods."""
    steps = (1 if bracket in "[{" else -1 for bracket in re.findall(r"[\[\]{}]", text))
    if max(accumulate(steps), default=0) > _DEEPEST:
        raise RecursionError


def _check_size(path: Path, root: yaml.Node) -> None:
    """Raise ThinkscaleError if aliases go round in a circle, or make the file too large."""
    sizes: dict[int, int | None] = {}

    def size(node: yaml.Node) -> int:
        if (known := sizes.get(id(node), 0)) is None:
            raise ThinkscaleError(
                f"{path}, line {node.start_mark.line + 1}: found an alias (`*`) within what it "
                "stands for; expected a study file"
            )
        if not known:
            sizes[id(node)] = None
            known = sizes[id(node)] = 1 + sum(map(size, _inner(node)))
        return known

    if (total := size(root)) > _MOST_VALUES:
        raise ThinkscaleError(
            f"{path}: found {total:.2g} values once its aliases (`*`) are written out; expected at "
            f"most {_MOST_VALUES:,}"
        )


def _inner(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else ()


def _faults(node: yaml.Node, location: Location = ()) -> Iterator[str]:
    """What is well-formed YAML and still no study file."""
    if isinstance(node, yaml.ScalarNode) and "\0" in node.value:
        line = node.start_mark.line + 1
        yield f"`{dotted(location)}`: found the character \\0 (line {line}); expected text"
    elif isinstance(node, yaml.SequenceNode):
        for index, inner in enumerate(node.value):
            yield from _faults(inner, (*location, index))
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for name, inner in node.value:
            here, line = (*location, str(name.value)), name.start_mark.line + 1
            if here[-1] in first:
                where = f"lines {first[here[-1]]} and {line}"
                yield f"`{dotted(here)}`: found twice (on {where}); expected each key once"
            first[here[-1]] = line
            yield from _faults(inner, here)


def _unreadable(loader: yaml.SafeLoader, node: yaml.Node) -> Iterator[tuple[int, str]]:
    """(line, text) of every scalar that the loader cannot make a value of."""
    if isinstance(node, yaml.ScalarNode):
        try:
            loader.construct_object(node)
        except _UNREADABLE:
            yield node.start_mark.line + 1, node.value
    for inner in _inner(node):
        yield from _unreadable(loader, inner)


def dotted(location: Iterable[str | int]) -> str:
    """A place in a study file as messages name it: `models[0].inference`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
