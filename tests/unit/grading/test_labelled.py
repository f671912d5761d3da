"""The default grader against labels, on invented responses of the many kinds that models give.

`labelled_responses.jsonl` holds one response a line: options, key, text, and the label a
careful reader would say the text finally chooses; null where it chooses none (a refusal, two
letters, a letter beside another option's text, an answer cut before its choice). Labels were given
before the grader saw the texts. The grader's rules were tuned on those whose id begins with "seen":
it agreed with 85.6% of them at first. "unseen" to "unseen4" were written after that, batch by
batch, and had 81 of 85, 46 of 50, 314 of 358 and 215 of 254 right (with one, none, eight and five
wrong labels) before the words and rules that they showed to be missing were added; so much is to be
expected of texts that nobody tuned for. The last two batches are dense with what is hard: of real
answers most are a letter.
"""

import json
from pathlib import Path

import pytest

from thinkscale.grading import GRADERS, Facts

DATA = Path(__file__).with_name("labelled_responses.jsonl")
ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


def facts(row):
    return Facts(row["item"], tuple(row["options"].items()), row["key"], None)


def outcome_of(label, key):
    return "ungradable" if label is None else "correct" if label == key else "incorrect"


def outcomes(grader):
    """(labelled, graded) outcome of every response."""
    return [
        (
            outcome_of(row["label"], row["key"]),
            GRADERS[grader].judge(row["text"], facts(row), None)[1],
        )
        for row in ROWS
    ]


def error(grader):
    pairs = outcomes(grader)
    return sum(meant != given for meant, given in pairs) / len(pairs)


def test_labels_are_many_and_various():
    assert len({(row["item"], row["text"]) for row in ROWS}) == len(ROWS) >= 300
    assert len({row["kind"] for row in ROWS}) >= 40
    assert max(len(row["options"]) for row in ROWS) == 10
    assert sum(row["label"] is None for row in ROWS) >= 60
    for row in ROWS:
        assert row["label"] is None or row["label"] in row["options"], row["id"]
        assert row["key"] in row["options"], row["id"]


def test_the_default_grader_agrees_with_the_labels(capsys):
    disagreements = []
    for row in ROWS:
        found, _ = GRADERS["choice"].judge(row["text"], facts(row), None)
        if found.label != row["label"]:
            disagreements.append(
                f"{row['id']} ({row['kind']}): labelled {row['label']}, graded {found.label} "
                f"({found.detail}): {row['text'][-120:]!r}"
            )
    agreed = 1 - len(disagreements) / len(ROWS)
    with capsys.disabled():
        print(f"\nchoice agrees with {100 * agreed:.1f}% of {len(ROWS)} labels; disagreements:")
        print("\n".join(disagreements))
        print(
            f"wrong outcomes: choice {100 * error('choice'):.1f}%, "
            f"article (substring rule) {100 * error('article'):.1f}%"
        )
    assert agreed >= 0.99


def test_the_substring_rule_errs_often():
    """It never says that nothing was answered, and any capital letter passes."""
    pairs = outcomes("article")
    assert error("article") > 0.3
    assert not any(given == "ungradable" for _, given in pairs)
    passed = [meant for meant, given in pairs if given == "correct"]
    assert sum(meant != "correct" for meant in passed) / len(passed) > 0.1


@pytest.mark.parametrize("grader", ["choice", "article"])
def test_outcomes_are_of_the_contract(grader):
    assert {given for _, given in outcomes(grader)} <= {"correct", "incorrect", "ungradable"}
