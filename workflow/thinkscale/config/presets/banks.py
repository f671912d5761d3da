"""Banks whose columns are known: what `items.preset` fills in.

Plain values, so that a study file can be read without anything that reads a bank. A list of names
stands for the first of them that the file has; None at its end: the file need not have any.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DELIMITED = (".csv", ".tsv", ".tab")
WORKBOOKS = (".xlsx", ".xlsm")
PACKED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class Preset:
    """Keys of `items.columns` and of `items` that are not given in the study file.

    about: what the preset is for, for the documentation.
    delimited: keys of `items.columns` that stand instead where the source is CSV or TSV.
    """

    about: str
    columns: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    delimited: Mapping[str, Any] = field(default_factory=dict)
    delimited_settings: Mapping[str, Any] = field(default_factory=dict)

    def columns_of(self, source: str | None) -> dict[str, Any]:
        """The columns, as a source of this name (None: a hub data set) has them."""
        return dict(self.delimited if self.delimited and is_delimited(source) else self.columns)

    def settings_of(self, source: str | None) -> dict[str, Any]:
        """The keys of `items` itself, for a source of this name."""
        return {**self.settings, **(self.delimited_settings if is_delimited(source) else {})}


def is_delimited(source: str | None) -> bool:
    """Whether a source is CSV or TSV, packed or not."""
    name = (source or "").lower()
    packed = next(filter(name.endswith, PACKED), "")
    return name.removesuffix(packed).endswith(DELIMITED)


# "5" and "Level 5"; "Level ?" is a missing difficulty.
LEVEL = r"(?:[Ll]evel *)?(?:([0-9.]+)|\?)"

_PEOPLE = {
    "difficulty": ["difficulty", None],
    "response_time": ["response_time", None],
    "cluster": ["cluster_id", "cluster", None],
    "item_id": ["item_id", "id", None],
}
_STEM = ["question", "stem", "problem", "prompt"]
_CONTEST = {
    "stem": ["problem", "question", "Problem", "Question"],
    "answer_text": ["answer", "Answer", None],
    "solution": ["solution", "Solution", None],
    "difficulty": ["difficulty", None],
    "item_id": ["id", "ID", "unique_id", None],
}

PRESETS: dict[str, Preset] = {
    "bea2024": Preset(
        "BEA 2024 shared task on item difficulty (USMLE items with response times); items whose "
        "`ItemType` is `PIX` need a picture and are left out, `exclude: []` keeps them",
        {
            "stem": "ItemStem_Text",
            "option_columns": [f"Answer__{letter}" for letter in string.ascii_uppercase[:10]],
            "key": "Answer_Key",
            "answer_text": ["Answer_Text", None],
            "difficulty": "Difficulty",
            "response_time": ["Response_Time", None],
            "item_id": "ItemNum",
        },
        {
            "exclude": [{"column": "ItemType", "values": ["PIX"]}],
            "difficulty_direction": "higher_is_harder",
        },
    ),
    "medqa": Preset(
        "MedQA, in both of its release styles and the copies that name the right letter `answer`",
        {
            "stem": "question",
            "options": "options",
            "key": ["answer_idx", "answer"],
            "difficulty": ["difficulty", None],
            "item_id": ["id", None],
        },
    ),
    "mmlu": Preset(
        "MMLU: the original CSV without a header (question, four options, key letter), or "
        "`question`, `choices` and an `answer` counted from 0, as on the hub",
        {
            "stem": "question",
            "options": "choices",
            "key": "answer",
            "key_counts_from": 0,
            "item_id": ["id", None],
        },
        delimited={"stem": "1", "option_columns": ["2", "3", "4", "5"], "key": "6"},
        delimited_settings={"header": False},
    ),
    "math": Preset(
        "MATH and MATH-500; `level` is the difficulty, the answer is what the solution has in its "
        "last `\\boxed{…}` where the file has no `answer`",
        {
            "stem": ["problem", "question"],
            "answer_text": ["answer", None],
            "solution": ["solution", None],
            "difficulty": ["level", None],
            "difficulty_pattern": LEVEL,
            "item_id": ["unique_id", "id", None],
        },
    ),
    "gsm8k": Preset(
        "GSM8K: the answer follows `####`",
        {
            "stem": "question",
            "answer_text": "answer",
            "answer_pattern": r"#### *(.+)",
            "item_id": ["id", None],
        },
    ),
    "aime": Preset("AIME problems with whole-number answers", _CONTEST),
    "amc": Preset("AMC problems with numeric answers", _CONTEST),
    "gpqa": Preset(
        "GPQA: the options are put in an order drawn from the study's seed and the item's id, "
        "which `meta` records as `option_order`",
        {
            "stem": ["Question", "question"],
            "correct_option": "Correct Answer",
            "other_options": [f"Incorrect Answer {i}" for i in (1, 2, 3)],
            "shuffle_options": True,
            "item_id": ["Record ID", "id", None],
        },
    ),
    "arc": Preset(
        "ARC, with options labelled A to E or 1 to 5",
        {
            "stem": "question",
            "options": "choices",
            "key": "answerKey",
            "item_id": ["id", None],
        },
    ),
    "multiple_choice": Preset(
        "any multiple-choice bank with the usual names",
        {
            "stem": _STEM,
            "options": ["options", "choices"],
            "key": ["key", "answer_key", "answer_idx", "answer", "answerKey"],
            "answer_text": ["answer_text", None],
            **_PEOPLE,
        },
    ),
    "free_response": Preset(
        "any bank of questions with a reference answer",
        {"stem": _STEM, "answer_text": ["answer", "answer_text", "reference"], **_PEOPLE},
    ),
    "open": Preset(
        "tasks whose answers are compared with nothing",
        {"stem": [*_STEM, "task", "text"], **_PEOPLE},
    ),
}
