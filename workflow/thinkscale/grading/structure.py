"""Structure: an answer has the sections, the length and the JSON that a task asks for.

What the answer says is not looked at; that takes a judge.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from thinkscale.data.json_answers import NoJson, canonical, find_json, shortcomings, validator
from thinkscale.data.sections import count_words, find_sections, heading_name
from thinkscale.grading.grader import Facts
from thinkscale.grading.text import Extraction

_SPECIAL_TOKEN = re.compile(r"<[|\uff5c][^<>|\uff5c]{1,40}[|\uff5c]>")


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
        return validator(self.json_schema)


def judge_structure(text: str, facts: Facts, settings: StructureSettings) -> tuple[Extraction, str]:
    """Judge one answer by its structure.

    Correct: all that is required is there. Incorrect: something is not, and `detail` says what.
    Ungradable: there is no answer. The label is the JSON found, on one line and in one order, or
    how many of the required sections are as they should be, or the number of words.
    """
    text = _answer(text).strip()
    words = count_words(text)
    # "{}" is no words, but it is an answer where JSON is asked for.
    if not text or not (words or settings.json_schema is not None):
        return Extraction(None, "none", "the answer is empty"), "ungradable"
    label, faults = _words(words), _length_faults("the answer", words, settings)
    if settings.sections:
        label, more = _sections(text, settings)
        faults += more
    if settings.json_schema is not None:
        label, more = _json(text, settings, label if settings.sections else None)
        faults += more
    if faults:
        return Extraction(label, "structure", "; ".join(faults)), "incorrect"
    return Extraction(label, "structure", f"all that is required; {_words(words)}"), "correct"


def _answer(text: str) -> str:
    """The text without thinking that runs into it and without special tokens."""
    for end in ("</think>", "<|im_start|>answer"):
        text = text.rpartition(end)[2]
    return _SPECIAL_TOKEN.sub("", text.partition("<think>")[0])


def _sections(text: str, settings: StructureSettings) -> tuple[str, list[str]]:
    found = find_sections(text, settings.titles)
    faults, met = [], 0
    for section in settings.sections:
        title = section["title"]
        here = found.get(title)
        if here is None:
            wrong = [f"section '{title}' is missing"] if section["required"] else []
        else:
            bounds = {"min_words": section["min_words"], "max_words": section["max_words"]}
            name = f"section '{title}'" + (f" ({here.times} times)" if here.times > 1 else "")
            wrong = _length_faults(name, here.words, StructureSettings(**bounds))
        faults += wrong
        met += section["required"] and not wrong
    if settings.ordered:
        wanted = [s["title"] for s in settings.sections if s["title"] in found]
        if wanted != list(found):
            faults.append(f"sections come in the order {', '.join(found)}")
    of = sum(section["required"] for section in settings.sections)
    return f"{met} of {of} section{'s' * (of != 1)}", faults


def _json(
    text: str, settings: StructureSettings, label: str | None
) -> tuple[str | None, list[str]]:
    try:
        value = find_json(text)
    except NoJson as error:
        return label, [str(error)]
    return canonical(value), shortcomings(settings.validator, value)


def _length_faults(what: str, words: int, bounds: StructureSettings) -> list[str]:
    if bounds.min_words is not None and words < bounds.min_words:
        if words == 0:
            return [f"{what} is empty"]
        return [f"{what} has {_words(words)}, expected at least {bounds.min_words}"]
    if bounds.max_words is not None and words > bounds.max_words:
        return [f"{what} has {_words(words)}, expected at most {bounds.max_words}"]
    return []


def _words(count: int) -> str:
    return f"{count} word{'s' * (count != 1)}"
