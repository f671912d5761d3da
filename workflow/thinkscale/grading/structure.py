"""Structure: an answer has the sections, the length and the JSON that a task asks for.

What the answer says is not looked at; that takes a judge. Sections are found in one pass over the
lines, and no pattern can backtrack far: the text is whatever a model wrote.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from thinkscale.data.spelling import heading_name
from thinkscale.grading.answer import without_thinking
from thinkscale.grading.grader import Extraction, Facts, Judged, ungradable

_HEADING = re.compile(r"(#{1,6})(?!#)")
_BULLET = re.compile(r"(?:[-+•>]|\*(?=[ \t]))[ \t]*")
_NUMBER = re.compile(
    # A number may stand alone; behind a letter there is a sign, or "A title" would be one.
    r"(?:(?:section|part)[ \t]{1,4})?(?:\d{1,3}(?:\.\d{1,3}){0,3}(?:[ \t]{0,2}[.):–-]){0,1}"
    r"|(?:[ivx]{1,5}|[a-z])[ \t]{0,2}[.):–-])[ \t]{1,4}",
    re.IGNORECASE,
)
_MARKS = "*_"
_NO_MARKDOWN = 7  # deeper than any level of Markdown
_LONGEST = 200  # characters in which a heading ends
_OPENS_OBJECT = re.compile(r"\{[ \t\r\n]*[\"}]")
_DEEPEST = 100  # levels of nesting; deeper is no extraction of fields


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
        import jsonschema  # here: many studies have nothing to validate
        from referencing import Registry

        kind = jsonschema.validators.validator_for(
            self.json_schema, default=jsonschema.Draft202012Validator
        )
        return kind(self.json_schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)


def judge_structure(text: str, facts: Facts, settings: StructureSettings) -> Judged:
    """Judge one answer by its structure.

    Correct: all that is required is there. Incorrect: something is not, and `detail` says what.
    Ungradable: there is no answer. The label is the JSON found, on one line and in one order, or
    how many of the required sections are as they should be, or the number of words.
    """
    text = without_thinking(text).strip()
    words = count_words(text)
    # "{}" is no words, but it is an answer where JSON is asked for.
    if not text or not (words or settings.json_schema is not None):
        return ungradable("the answer is empty")
    label = _words(words)
    faults = _length_faults("the answer", words, settings.min_words, settings.max_words)
    if settings.sections:
        label, more = _sections(text, settings)
        faults += more
    if settings.json_schema is not None:
        try:
            value = find_json(text)
        except NoJson as error:
            label = label if settings.sections else None
            faults.append(str(error))
        else:
            label = canonical(value)
            faults += shortcomings(settings.validator, value)
    if faults:
        return Extraction(label, "structure", "; ".join(faults)), "incorrect"
    return Extraction(label, "structure", f"all that is required; {_words(words)}"), "correct"


def _sections(text: str, settings: StructureSettings) -> tuple[str, list[str]]:
    found = find_sections(text, settings.titles)
    faults, met = [], 0
    for section in settings.sections:
        title = section["title"]
        here = found.get(title)
        if here is None:
            wrong = [f"section '{title}' is missing"] if section["required"] else []
        else:
            name = f"section '{title}'" + (f" ({here.times} times)" if here.times > 1 else "")
            wrong = _length_faults(name, here.words, section["min_words"], section["max_words"])
        faults += wrong
        met += section["required"] and not wrong
    if settings.ordered:
        wanted = [s["title"] for s in settings.sections if s["title"] in found]
        if wanted != list(found):
            faults.append(f"sections come in the order {', '.join(found)}")
    of = sum(section["required"] for section in settings.sections)
    return f"{met} of {of} section{'s' * (of != 1)}", faults


def _length_faults(what: str, words: int, least: int | None, most: int | None) -> list[str]:
    if least is not None and words < least:
        found = f"has {_words(words)}, expected at least {least}" if words else "is empty"
        return [f"{what} {found}"]
    if most is not None and words > most:
        return [f"{what} has {_words(words)}, expected at most {most}"]
    return []


def _words(count: int) -> str:
    return f"{count} word{'s' * (count != 1)}"


# Sections: headings in the shapes models write them, and the words under each.


@dataclass(frozen=True)
class Found:
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
    parts: list[tuple[str, int]] = []  # section, words
    level: int | None = None  # of the open section's heading; None: none is open
    for line in text.splitlines():
        depth, candidates = _candidates(line)
        listed = next(((titles[n], rest) for n, rest in candidates if n in titles), None)
        if listed is not None:
            level = depth
            parts.append((listed[0], count_words(listed[1])))
        elif depth < _NO_MARKDOWN and level is not None and depth <= level:
            level = None
        elif level is not None:
            section, words = parts[-1]
            parts[-1] = (section, words + count_words(line))
    longest: dict[str, int] = {}  # place among the parts
    for place in sorted(range(len(parts)), key=lambda place: -parts[place][1]):
        longest.setdefault(parts[place][0], place)
    headings = [section for section, _ in parts]
    return {
        headings[place]: Found(parts[place][1], headings.count(headings[place]))
        for place in sorted(longest.values())
    }


def _candidates(line: str) -> tuple[int, Iterator[tuple[str, str]]]:
    """(level, (name, rest of the line)) of what may be a heading at the beginning of a line."""
    bare, depth = line.strip(), _NO_MARKDOWN
    if bullet := _BULLET.match(bare):
        bare = bare[bullet.end() :]
    if hashes := _HEADING.match(bare):
        depth, bare = hashes.end(), bare[hashes.end() :]
    return depth, _beginnings(bare.strip())


def _beginnings(bare: str) -> Iterator[tuple[str, str]]:
    plain = bare.lstrip(_MARKS)
    number = _NUMBER.match(plain)
    for text in (bare, bare[len(bare) - len(plain) + number.end() :]) if number else (bare,):
        if len(text) <= _LONGEST:
            yield heading_name(text), ""
        head = text[:_LONGEST]
        for colon in (":", "："):
            if colon in head:
                name, _, _ = head.partition(colon)
                yield heading_name(name), text[len(name) + 1 :]
        # In bold at the beginning of a line; a number may stand outside or inside of the marks.
        inside = text.lstrip(" *_")
        for mark in ("**", "__"):
            if mark in text[: len(text) - len(inside)] + bare[:2]:
                name, closing, _ = inside[:_LONGEST].partition(mark)
                if closing:
                    yield heading_name(name), inside[len(name) + 2 :]


# JSON in what a model wrote, and what it lacks by a schema.


class NoJson(ValueError):
    """Why a text has no JSON, in words."""


def find_json(text: str) -> Any:
    """Return the JSON of an answer: its first block fenced as `json`, or else the whole of it, or
    else the first object in it.

    Read strictly: no NaN, no infinite number, no key twice in an object, at most 100 levels. Raises
    NoJson, in words; what follows a fence or a brace that does not close may have been cut.
    """
    fenced = _fenced(text)
    whole = (text if fenced is None else fenced).strip()
    if fenced is not None or (whole.startswith("[") and whole.endswith("]")):
        value, end = _decode(whole, 0)
        if whole[end:].strip():
            raise NoJson("its JSON is followed by something else")
        return value
    opening = _OPENS_OBJECT.search(text)
    if opening is None:
        raise NoJson("there is no JSON object")
    return _decode(text, opening.start())[0]


def _fenced(text: str) -> str | None:
    """The first block fenced as `json`; one that does not close runs to the end."""
    lines = text.splitlines()
    fences = [n for n, line in enumerate(lines) if line.strip()[:3] in ("```", "~~~")]
    for place, fence in enumerate(fences):
        if lines[fence].strip().strip("`~ \t").casefold() == "json":
            end = fences[place + 1] if place + 1 < len(fences) else None
            return "\n".join(lines[fence + 1 : end])
    return None


def _decode(text: str, start: int) -> tuple[Any, int]:
    decoder = json.JSONDecoder(
        object_pairs_hook=_once_each, parse_constant=_no_constant, parse_float=_finite
    )
    try:
        value, end = decoder.raw_decode(text, start)
    except RecursionError as error:
        raise NoJson("its JSON is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise NoJson(f"its JSON is not valid ({error.msg}, line {error.lineno})") from error
    except NoJson:
        raise
    except ValueError as error:  # whole numbers of thousands of digits
        raise NoJson("its JSON holds a number that is too long") from error
    if _deeper(value, _DEEPEST):
        raise NoJson("its JSON is nested too deeply")
    return value, end


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(again, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise NoJson(f"its JSON has the key {_short(again)} twice")
    return found


def _no_constant(name: str) -> Any:
    raise NoJson(f"its JSON holds {name}, which is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NoJson("its JSON holds a number that is too large")
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested more than so many levels deep."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(part, levels - 1) for part in inner)


def canonical(value: Any) -> str:
    """One line of JSON that is the same for the same value, whatever its spaces and order."""
    written = partial(json.dumps, value, sort_keys=True, separators=(",", ":"))
    text = written(ensure_ascii=False)
    # Half of a surrogate pair, which JSON can write and no file hold.
    return written() if re.search("[\ud800-\udfff]", text) else text


def shortcomings(checked_by, value: Any, most: int = 5) -> list[str]:
    """What a value lacks by a validator's schema, in words, at most so many and a count."""
    try:
        errors = list(checked_by.iter_errors(value))
    except RecursionError:
        return ["its JSON cannot be checked: schema and answer nest too deeply"]
    said = list(dict.fromkeys(map(_in_words, errors)))
    return said[:most] + ([f"{len(said) - most} more"] if len(said) > most else [])


def _in_words(error) -> str:
    where = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path
    ).lstrip(".")
    place = f"`{_clipped(where)}`" if where else "the JSON"
    wanted, found = error.validator_value, error.instance
    match error.validator:
        case "required":
            missing = [name for name in wanted if name not in found]
            return f"{place} lacks " + ", ".join(f"`{name}`" for name in missing)
        case "type":
            kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
            return f"{place} is {_short(found)}, expected type {kinds}"
        case "enum":
            return f"{place} is {_short(found)}, expected one of {_short(wanted)}"
        case "minItems" | "minLength" | "minProperties":
            return f"{place} has {len(found)}, expected at least {wanted}"
        case "maxItems" | "maxLength" | "maxProperties":
            return f"{place} has {len(found)}, expected at most {wanted}"
        case _:
            return f"{place}: {_clipped(error.message)}"


def _short(value: Any) -> str:
    return _clipped(json.dumps(value, ensure_ascii=True))


def _clipped(text: str) -> str:
    """Part of the answer's own text, which can have any length and any character."""
    text = " ".join(text.encode("utf-8", "backslashreplace").decode().split())
    return text if len(text) <= 120 else text[:119] + "…"
