"""What a grader is, what it may know of an item, and what it says of an answer."""

from collections.abc import Callable
from dataclasses import dataclass

from thinkscale.data.contracts import key_labels
from thinkscale.errors import ThinkscaleError


@dataclass(frozen=True, slots=True)
class Extraction:
    """A label, or None where the text names no one option; `how` is the rule that decided.

    `open`: the text ends in what was found, so that one cut short may have gone on.

    `how` is one of tag, statement, boxed, letter, text, fuzzy (found); tie, contradiction, none
    (not found). Of free responses `label` is the answer as written. `detail` is the same for a
    reader, with what was seen.
    """

    label: str | None
    how: str
    detail: str
    open: bool = False

    def judged(self, right: bool) -> "Judged":
        """With its outcome: ungradable without a label, else by whether that is `right`."""
        graded = "correct" if right else "incorrect"
        return self, "ungradable" if self.label is None else graded


Judged = tuple[Extraction, str]  # with the outcome: correct, incorrect or ungradable


def ungradable(why: str) -> Judged:
    """Of an answer in which nothing was found."""
    return Extraction(None, "none", why), "ungradable"


@dataclass(frozen=True, slots=True)
class Facts:
    """An item as graders see it: never its stem, never its difficulty."""

    item_id: str
    options: tuple[tuple[str, str], ...]  # (label, text); empty for free response
    key: str | None  # label of the right option; of several, joined by commas
    answer_text: str | None  # the reference answer of a free response

    @property
    def keys(self) -> tuple[str, ...]:
        return key_labels(self.key, [label for label, _ in self.options])

    def unfit(self, grader: str, why: str) -> ThinkscaleError:
        """The error for a reference by which that grader can judge no answer."""
        return ThinkscaleError(
            f"Grader {grader!r}: item {self.item_id!r} has the answer {self.answer_text!r}{why}."
        )


@dataclass(frozen=True)
class Grader:
    """How one answer is judged, under a name in `GRADERS`.

    `rule(text, facts)` returns (extraction, outcome). Of a grader with settings the rule, `check`
    and `same` take them as one more argument; of one that reads a frame beside the responses the
    last is the frame's row for this response, as a dictionary without the keys, or None if it has
    none.
    """

    rule: Callable[..., Judged]
    settings: type | None = None  # a frozen dataclass; its fields are the keys of the config
    # Whether it looks for the answer: the injected prompt is then part of the text, and a pattern
    # of the study's own says where the answer stands.
    reads_prompt: bool = True
    needs: tuple[str, ...] = ()  # what an item must have: "options", "key", "answer_text"
    # check(facts) raises ThinkscaleError for an item that it can never grade.
    check: Callable[..., None] | None = None
    # same(first, second): whether two extracted answers are equal; None where they are as labels.
    same: Callable[..., bool] | None = None
    any_key: bool = False  # whether any one of an item's several keys is a correct answer
    reads: str | None = None  # the frame: "verdicts", or "readouts" by response
    reads_whole: bool = False  # whether an incorrect answer that was cut might have become correct

    def judge(self, text: str, facts: Facts, settings=None, beside=None) -> Judged:
        """Judge one answer; without `settings` by their defaults."""
        given = self.given(settings)
        return self.rule(text, facts, *given, *((beside,) if self.reads else ()))

    def given(self, settings) -> tuple:
        """The settings, or their defaults, as what is passed on; nothing where there are none."""
        return () if self.settings is None else (settings or self.settings(),)
