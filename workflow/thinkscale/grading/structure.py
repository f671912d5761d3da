"""Structure: an answer has the sections, the length and the JSON that a task asks for.

What the answer says is not looked at; that takes a judge. Sections are found in one pass over the
lines, and no pattern can backtrack far: the text is whatever a model wrote.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from thinkscale.data.spelling import heading_name
from thinkscale.grading.answer import parts
from thinkscale.grading.grader import Extraction, Facts, Judged, ungradable


@dataclass(frozen=True)
class StructureSettings:
    """See `thinkscale.config.structure`. sections: title, alternatives, required, min_words and
    max_words of each."""

    sections: Sequence[Mapping[str, Any]] = ()
    ordered: bool = False
    min_words: int | None = None
    max_words: int | None = None
    json_schema: Mapping[str, Any] | None = None

    @cached_property
    def titles(self) -> dict[str, str]:
        return {
            heading_name(title): section["title"]
            for section in self.sections
            for title in (section["title"], *section["alternatives"])
        }

    @cached_property
    def validator(self):
        """The validator of `json_schema`; it never fetches what the schema refers to."""
        from jsonschema import Draft202012Validator, validators  # many studies validate nothing
        from referencing import Registry

        kind = validators.validator_for(self.json_schema, default=Draft202012Validator)
        return kind(self.json_schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)


def judge_structure(text: str, facts: Facts, settings: StructureSettings) -> Judged:
    """Judge one answer by its structure.

    Correct: all that is required is there. Incorrect: something is not, and `detail` says what.
    Ungradable: there is no answer. The label is the JSON found, on one line and in one order, or
    how many of the required sections are as they should be, or the number of words.
    """
    text = parts(text)[-1].strip()
    words, asks_json = count_words(text), settings.json_schema is not None
    # "{}" is no words, but it is an answer where JSON is asked for.
    if not (words or (text and asks_json)):
        return ungradable("the answer is empty")
    label: str | None = _words(words)
    faults = _length_faults("the answer", words, settings.min_words, settings.max_words)
    if settings.sections:
        label, more = _sections(text, settings)
        faults += more
    if asks_json:
        try:
            value = find_json(text)
            label = canonical(value)
            faults += shortcomings(settings.validator, value)
        except NoJson as error:
            label = label if settings.sections else None
            faults.append(str(error))
    detail = "; ".join(faults) or f"all that is required; {_words(words)}"
    return Extraction(label, "structure", detail), "incorrect" if faults else "correct"


def _sections(text: str, settings: StructureSettings) -> tuple[str, list[str]]:
    found, faults, met = find_sections(text, settings.titles), [], 0
    for section in settings.sections:
        name, here = f"section '{section['title']}'", found.get(section["title"])
        if here is None:
            wrong = [f"{name} is missing"] if section["required"] else []
        else:
            name += f" ({here.times} times)" if here.times > 1 else ""
            wrong = _length_faults(name, here.words, section["min_words"], section["max_words"])
        faults += wrong
        met += section["required"] and not wrong
    wanted = [section["title"] for section in settings.sections if section["title"] in found]
    if settings.ordered and wanted != list(found):
        faults.append(f"sections come in the order {', '.join(found)}")
    of = sum(section["required"] for section in settings.sections)
    return f"{met} of {of} section{'s' * (of != 1)}", faults


def _length_faults(what: str, words: int, least: int | None, most: int | None) -> list[str]:
    found = f"{what} has {_words(words)}, expected at"
    if least is not None and words < least:
        return [f"{found} least {least}" if words else f"{what} is empty"]
    return [f"{found} most {most}"] if most is not None and words > most else []


def _words(count: int) -> str:
    return f"{count} word{'s' * (count != 1)}"


# Sections: headings in the shapes models write them, and the words under each.

_MARKDOWN = re.compile(r"(?:[-+•>\s]|\*\s)*+(#{1,6})(?!#)")
_NO_MARKDOWN = 7  # deeper than any level of Markdown
_NUMBER = (
    # A number may stand alone; behind a letter there is a sign, or "A title" would be one.
    r"(?:(?:section|part)\s{1,4})?(?:\d{1,3}(?:\.\d{1,3}){0,3}(?:\s{0,2}[.):–-])?"
    r"|(?:[ivx]{1,5}|[a-z])\s{0,2}[.):–-])[*_]{0,3}\s"
)


class Found(NamedTuple):
    """A section of a text. times: how often its heading is there."""

    words: int
    times: int


def count_words(text: str) -> int:
    """Pieces between spaces that have a letter or digit in them."""
    return sum(any(map(str.isalnum, piece)) for piece in text.split())


def find_sections(text: str, titles: Mapping[str, str]) -> dict[str, Found]:
    """Find the sections of a text, in the order in which they are there.

    titles: section by the name of its heading (`heading_name`); several may stand for one section.
    A listed heading is a line of its own, as Markdown (`## Title`), in bold, numbered ("2. Title")
    or plain, or begins a line behind which the section goes on: "Title: text", "**Title** text". A
    section runs to the next listed heading, or to a Markdown heading that is not listed, of its own
    level or above (of any level, where its own is not of Markdown). Where a heading is there
    several times, as when an outline comes first, the one with most words under it counts.
    """
    listed, level = _listed(tuple(titles)), 0  # of the open section's heading; 0: none is open
    parts: list[list] = []  # [section, words]
    for line in text.splitlines():
        depth = len(mark[1]) if (mark := _MARKDOWN.match(line)) else _NO_MARKDOWN
        heading = listed.match(folded := unicodedata.normalize("NFKC", line).casefold())
        if heading and (heading["bold"] or "") in folded[: heading.start("name")]:
            level = depth
            parts.append([titles[heading_name(heading["name"])], count_words(heading["rest"])])
        elif mark and depth <= level:
            level = 0
        elif level:
            parts[-1][1] += count_words(line)
    times = Counter(section for section, _ in parts)
    by_words = sorted(range(len(parts)), key=lambda place: (parts[place][1], -place))
    fullest = {parts[place][0]: place for place in by_words}
    order = sorted(fullest, key=fullest.get)
    return {section: Found(parts[fullest[section]][1], times[section]) for section in order}


@lru_cache(maxsize=16)
def _listed(names: Sequence[str]) -> re.Pattern:
    """A heading in a folded line: up to its end, a colon, or the end of what is in bold."""
    longest = sorted(names, key=len, reverse=True)
    title = "|".join(r"[\W_]++".join(name.split()) for name in longest)
    return re.compile(
        rf"[\W_]*+(?:{_NUMBER}[\W_]*+)?(?P<name>{title})"
        r"(?:[\W_]*+$|(?:[^\w:]|_)*+:|[\W_]*?(?P<bold>\*\*|__))(?P<rest>.*)"
    )


# JSON in what a model wrote, and what it lacks by a schema.

_FENCED = re.compile(
    r"^[ \t]*+(?:`{3,}+|~{3,}+)[ \t]*json\s*?$(.*?)(?:^[ \t]*+(?:```|~~~)|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_OPENS_OBJECT = re.compile(r"\{[ \t\r\n]*[\"}]")
_DEEPEST = 100  # levels of nesting; deeper is no extraction of fields


class NoJson(Exception):
    """Why a text has no JSON, in words."""


def find_json(text: str) -> Any:
    """Return the JSON of an answer: its first block fenced as `json`, or else the whole of it, or
    else the first object in it.

    Read strictly: no NaN, no infinite number, no key twice in an object, at most 100 levels. Raises
    NoJson, in words; what follows a fence or a brace that does not close may have been cut.
    """
    fenced = _FENCED.search(text)
    text = (fenced[1] if fenced else text).strip()
    whole = fenced or (text[:1] == "[" and text[-1:] == "]")
    opening = None if whole else _OPENS_OBJECT.search(text)
    if not (whole or opening):
        raise NoJson("there is no JSON object")
    hooks = {"object_pairs_hook": _once_each, "parse_constant": _finite, "parse_float": _finite}
    try:
        value, end = json.JSONDecoder(**hooks).raw_decode(text, opening.start() if opening else 0)
        too_deep = _depth(value) > _DEEPEST
    except RecursionError:
        too_deep = True
    except json.JSONDecodeError as error:
        raise NoJson(f"its JSON is not valid ({error.msg}, line {error.lineno})") from error
    except ValueError as error:  # whole numbers of thousands of digits
        raise NoJson("its JSON holds a number that is too long") from error
    if too_deep:
        raise NoJson("its JSON is nested too deeply")
    if whole and text[end:].strip():
        raise NoJson("its JSON is followed by something else")
    return value


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NoJson(f"its JSON has the key {_short(key)} twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    if text.lstrip("-").isalpha():
        raise NoJson(f"its JSON holds {text}, which is no JSON")
    if math.isinf(value := float(text)):
        raise NoJson("its JSON holds a number that is too large")
    return value


def _depth(value: Any) -> int:
    """Levels of lists and objects."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


def canonical(value: Any) -> str:
    """One line of JSON that is the same for the same value, whatever its spaces and order."""
    return _writable(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def shortcomings(checked_by, value: Any, most: int = 5) -> list[str]:
    """What a value lacks by a validator's schema, in words, at most so many and a count."""
    try:
        said = list(dict.fromkeys(map(_in_words, checked_by.iter_errors(value))))
    except (RecursionError, OverflowError):
        return ["its JSON cannot be checked: it nests too deeply or holds too large a number"]
    return said[:most] + ([f"{len(said) - most} more"] if len(said) > most else [])


def _in_words(error) -> str:
    where = error.json_path.removeprefix("$").lstrip(".")
    place = f"`{_clipped(where)}`" if where else "the JSON"
    kind, wanted, found = error.validator, error.validator_value, error.instance
    if kind == "required" and isinstance(wanted, list):  # in the third draft it is a boolean
        return f"{place} lacks " + ", ".join(f"`{name}`" for name in wanted if name not in found)
    if kind == "enum":
        return f"{place} is {_short(found)}, expected one of {_short(wanted)}"
    if kind == "type" and isinstance(wanted, list):
        wanted = " or ".join(map(str, wanted))
    if re.fullmatch("(?:min|max)(?:Items|Length|Properties)", kind or ""):
        bound = "least" if kind.startswith("min") else "most"
        return f"{place} has {len(found)}, expected at {bound} {wanted}"
    if isinstance(wanted, str | int | float) and not isinstance(wanted, bool):
        return f"{place} is {_short(found)}, expected {kind} {wanted}"
    return f"{place}: {_clipped(error.message)}"


def _short(value: Any) -> str:
    return _clipped(json.dumps(value, ensure_ascii=False))


def _clipped(text: str) -> str:
    """Part of the answer's own text, which can have any length and any character."""
    text = " ".join(_writable(text).split())
    return text if len(text) <= 120 else text[:119] + "…"


def _writable(text: str) -> str:
    """With escapes for halves of surrogate pairs, which JSON can write and no file hold."""
    return text.encode("utf-8", "backslashreplace").decode()
