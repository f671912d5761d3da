"""What the grader of structure asks of an answer."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import field_validator, model_validator
from pydantic.types import StrictBool

from thinkscale.config.section import Positive, Section, Text, setting
from thinkscale.data.spelling import heading_name


class RequiredSection(Section):
    """A section an answer has under a heading of its own."""

    title: Text = setting(..., "Its heading; case and punctuation do not matter.")
    alternatives: list[Text] = setting([], "Other headings that are taken for it.")
    required: StrictBool = setting(
        True, "Whether it must be there; one that need not has its bounds all the same."
    )
    min_words: Positive = setting(1, "Least length, without the heading.", "words")
    max_words: Positive | None = setting(None, "Greatest length. Default: any.", "words")

    @property
    def titles(self) -> list[str]:
        return [self.title, *self.alternatives]

    @field_validator("title", "alternatives")
    @classmethod
    def _can_be_recognised(cls, value: str | list[str]) -> str | list[str]:
        for title in [value] if isinstance(value, str) else value:
            if not heading_name(title):
                raise ValueError("a heading with letters or digits")
        return value

    @model_validator(mode="after")
    def _bounds_agree(self) -> "RequiredSection":
        _check_bounds(self.min_words, self.max_words)
        return self


class StructureGrader(Section):
    """The grader of structure: sections with their bounds, length, JSON by a schema."""

    sections: list[RequiredSection] = setting(
        [],
        "Sections the answer has, each found as a Markdown heading, a line in bold, a numbered "
        'heading, or a line "Title:" (what follows the colon belongs to the section).',
    )
    ordered: StrictBool = setting(False, "Whether sections have to come in the order given.")
    min_words: Positive | None = setting(
        None, "Least length of the answer as a whole. Default: any.", "words"
    )
    max_words: Positive | None = setting(
        None, "Greatest length of the answer as a whole. Default: any.", "words"
    )
    json_schema: dict[str, Any] | None = setting(
        None,
        "A JSON schema for the JSON of the answer: its first block fenced as `json`, or the whole "
        "of it, or the first object in it. A `pattern` is tried on what models wrote: one with "
        "nested repetition can take for ever.",
    )

    @field_validator("json_schema")
    @classmethod
    def _is_a_schema(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and (fault := _schema_fault(value)):
            raise ValueError(f"a JSON schema: {fault}")
        return value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "StructureGrader":
        _check_bounds(self.min_words, self.max_words)
        if self.ordered and len(self.sections) < 2:
            raise ValueError("at least two `sections` beside `ordered: true`")
        known: dict[str, str] = {}
        for section in self.sections:
            for title in section.titles:
                name = heading_name(title)
                if name in known:
                    raise ValueError(
                        f"each heading once in `sections`; {title!r} and {known[name]!r} are one"
                    )
                known[name] = title
        least = sum(section.min_words for section in self.sections if section.required)
        if self.max_words is not None and least > self.max_words:
            raise ValueError(
                f"`max_words` of at least {least}, which the required sections have together"
            )
        return self

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        asked = (self.sections, self.json_schema, self.min_words, self.max_words)
        return not any(part is not None and part != [] for part in asked)


def _check_bounds(least: int | None, greatest: int | None) -> None:
    if least is not None and greatest is not None and least > greatest:
        raise ValueError(f"`min_words` {least} to be at most `max_words`, {greatest}")


def _schema_fault(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a JSON schema; None where nothing is.

    References must lie within the schema, so that nothing is ever fetched.
    """
    import jsonschema  # here: few studies have a schema

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
