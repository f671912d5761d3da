"""JSON in what a model wrote, and JSON schemas for it."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_OPENS_OBJECT = re.compile(r"\{[ \t\r\n]*[\"}]")
_DEEPEST = 100  # levels of nesting; deeper is no extraction of fields


class NoJson(ValueError):
    """Why a text has no JSON, in words."""


def find_json(text: str) -> Any:
    """Return the JSON of an answer: its first block fenced as `json`, or else the whole of it, or
    else the first object in it.

    Read strictly: no NaN, no infinite number, no key twice in an object, at most 100 levels. Raises
    NoJson, in words; what follows a fence or a brace that does not close may have been cut.
    """
    fenced = _fenced(text)
    if fenced is not None:
        return _read(fenced)
    whole = text.strip()
    if whole.startswith("[") and whole.endswith("]"):
        return _read(whole)
    opening = _OPENS_OBJECT.search(text)
    if opening is None:
        raise NoJson("there is no JSON object")
    return _decode(text, opening.start())[0]


def _fenced(text: str) -> str | None:
    """The first block fenced as `json`; one that does not close runs to the end."""
    inside: list[str] | None = None
    for line in text.splitlines():
        bare = line.strip()
        if inside is None:
            if bare[:3] in ("```", "~~~") and bare.strip("`~ \t").casefold() == "json":
                inside = []
        elif bare[:3] in ("```", "~~~"):
            break
        else:
            inside.append(line)
    return None if inside is None else "\n".join(inside)


def _read(text: str) -> Any:
    """The value of a text that is JSON and nothing else."""
    text = text.strip()
    value, end = _decode(text, 0)
    if text[end:].strip():
        raise NoJson("its JSON is followed by something else")
    return value


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
    if _depth(value) > _DEEPEST:
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


def _depth(value: Any) -> int:
    """Levels of lists and objects, counted no further than is allowed."""
    level, values = 0, [value]
    while values := [v for v in values if isinstance(v, dict | list)]:
        level += 1
        if level > _DEEPEST:
            break
        values = [inner for v in values for inner in (v.values() if isinstance(v, dict) else v)]
    return level


def canonical(value: Any) -> str:
    """One line of JSON that is the same for the same value, whatever its spaces and order."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and no file hold
        text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return text


def validator(schema: Mapping[str, Any]):
    """Return the validator of a schema; it never fetches what the schema refers to."""
    import jsonschema  # here: configurations are read where there is nothing to validate, too
    from referencing import Registry

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)


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


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a JSON schema; None where nothing is.

    References must lie within the schema, so that nothing is ever fetched.
    """
    import jsonschema

    kind = jsonschema.validators.validator_for(schema, default=None)
    if kind is None and "$schema" in schema:
        return f"`$schema` is {schema['$schema']!r}, which is none that is known"
    kind = kind or jsonschema.Draft202012Validator
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = ".".join(map(str, error.absolute_path))
        return f"{f'`{where}`: ' if where else ''}{error.message[:200]}"
    for key, value in _pairs(schema):
        refers = key in ("$ref", "$dynamicRef") and isinstance(value, str)
        if refers and not _resolves(schema, value):  # it would be fetched, or fail on an answer
            return f"`{key}` is {value!r}, which names no part of it as `#/$defs/name` does"
        if key == "format" and isinstance(value, str) and value not in kind.FORMAT_CHECKER.checkers:
            return f"`format` is {value!r}, which is not checked here; a `pattern` is"
    return None


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key, inner
            yield from _pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)


def _resolves(schema: Mapping[str, Any], reference: str) -> bool:
    """Whether a JSON pointer behind `#` names a part of a schema."""
    if reference != "#" and not reference.startswith("#/"):
        return False
    found: Any = schema
    for part in reference[1:].split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or part not in found:
            return False
        found = found[part]
    return True
