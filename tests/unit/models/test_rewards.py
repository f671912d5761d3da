"""What completions are rewarded for."""

from dataclasses import replace

import pytest

from thinkscale.engines.base import Completion
from thinkscale.models.recipes import rewards
from thinkscale.models.recipes.rewards import Rollout, faults, observed, rolled

GOOD = Rollout("one", (1, 2, 3, 4, 5), "so it is", 3, " B", True, right=True)
OPEN = replace(GOOD, answer=None, ended=False, right=False)


def test_a_rollout_is_what_was_sampled():
    decode = lambda ids: "".join(map(chr, ids))  # noqa: E731
    thought = Completion((97, 98), (122,), "marker")
    said = rolled("one", thought, Completion((99,), (0,), "eos"), decode)
    assert said == Rollout("one", (97, 98, 122, 99, 0), "ab", 2, "c", True)
    cut = rolled("one", thought, Completion((99,), (), "length"), decode)
    assert (cut.ids, cut.answer, cut.ended) == ((97, 98, 122, 99), "c", False)
    assert rolled("one", Completion((97,), (), "length"), None, decode).answer is None
    assert rolled("one", Completion((97,), (0,), "eos"), None, decode).ended


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({}, 1.0),
        ({"answer": None}, 0.0),
        ({"answer": " \n"}, 0.0),
        ({"ended": False}, 0.0),
        ({"thought": "so\n<think>\nagain"}, 0.0),  # the prompt has opened thinking
        ({"answer": "B</think> no, C"}, 0.0),
        ({"right": False}, 1.0),
    ],
)
def test_format(change, value):
    reward = rewards.well_formed(("<think>\n", "</think>"))
    assert reward([replace(GOOD, **change)]) == [value]


def test_accuracy_and_length():
    assert rewards.accuracy([GOOD, OPEN]) == [1.0, 0.0]
    assert rewards.length([GOOD, replace(GOOD, ids=(1,))]) == [-5.0, -1.0]


def test_overlong_falls_to_minus_one():
    told = rewards.overlong(10, 4)([replace(GOOD, ids=(1,) * n) for n in (6, 7, 9, 10)])
    assert told == [0.0, -0.25, -0.75, -1.0]


def test_language_is_a_share_of_the_thought():
    mixed = replace(GOOD, thought="so the sum is 三 and 五")
    assert rewards.language_consistency("Latn")([mixed, GOOD]) == [pytest.approx(5 / 7), 1.0]
    assert rewards.language_consistency("Hani")([GOOD]) == [0.0]
    assert rewards.language_consistency("en")([replace(GOOD, thought="$3 + 4 = 7$")]) == [1.0]


def test_what_a_step_shows():
    found = observed([GOOD, replace(OPEN, think_tokens=7, waits=2)])
    assert found == {
        "accuracy": 0.5, "think_right": 3, "think_wrong": 7, "own_waits": 1, "clipped": 0.5,
    }  # fmt: skip
    assert str(observed([GOOD])["think_wrong"]) == "nan"


STEP = {
    "clipped": 0.0, "accuracy": 0.5, "no_variance": 0.0, "completion_tokens": 40.0,
    "reward_accuracy": 0.5, "reward_format": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("late", "kinds"),
    [
        ({}, set()),
        ({"clipped": 1.0, "accuracy": 0.0, "no_variance": 1.0}, {"clipped"}),
        ({"clipped": 1.0}, set()),
        ({"no_variance": 1.0}, {"no_variance"}),
        ({"reward_format": 0.0}, {"format"}),
        ({"completion_tokens": 19.0}, {"length"}),
        ({"completion_tokens": 19.0, "reward_length": -19.0}, set()),
    ],
)
def test_what_goes_wrong_is_told(late, kinds):
    history = [{**STEP, "step": n} for n in range(5)]
    assert {kind for kind, _ in faults([*history, *[{**STEP, **late}] * 5])} == kinds
    assert not list(faults([*history, *[{**STEP, **late}] * 4, STEP]))
