"""What a grader is, and what it may know about an item."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from thinkscale.grading.text import Extraction


@dataclass(frozen=True, slots=True)
class Facts:
    """An item as graders see it: never its stem, never its difficulty."""

    item_id: str
    options: tuple[tuple[str, str], ...]  # (label, text); empty for free response
    key: str | None  # label of the right option
    answer_text: str | None  # the reference answer of a free response


@dataclass(frozen=True)
class Grader:
    """How one answer is judged, under a name in `GRADERS`.

    judge(text, facts, settings) returns (extraction, outcome), outcome being correct, incorrect or
    ungradable. A grader that reads verdicts is called with one more argument: the row of the
    `verdicts` frame for this response, as a dictionary without the keys, or None if it has none.
    """

    judge: Callable[..., tuple[Extraction, str]]
    settings: type | None = None  # a frozen dataclass; its fields are the keys of the config
    reads_prompt: bool = True  # whether the injected answer prompt is part of the text graded
    needs: tuple[str, ...] = ()  # what an item must have: "options", "key", "answer_text"
    # Raises ThinkscaleError for an item that it can never grade: check(facts, settings).
    check: Callable[[Facts, Any], None] | None = None
    reads_verdicts: bool = False
    reads_whole: bool = False  # whether an incorrect answer that was cut might have become correct
