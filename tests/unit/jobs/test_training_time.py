"""What a plan says of the time that the steps of a training take."""

import pytest
from transformers import Qwen2Config

from thinkscale.config.models import Derivation
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs import training_time
from thinkscale.jobs.plan import empty_line, table, text
from thinkscale.jobs.training_time import batch_lengths, longest, timed

SFT = Derivation(parent="base", corpus="right", max_steps=10, batch_size=4, max_length=200)
GRPO = Derivation(
    parent="base", recipe="grpo", max_steps=10, batch_size=8, max_length=4096,
    grpo={"num_generations": 4, "max_completion_length": 90},
)  # fmt: skip
GKD = Derivation(
    parent="base", recipe="gkd", teacher="far", corpus="right", max_steps=10, batch_size=4,
    gkd={"max_completion_length": 80},
)  # fmt: skip
PROMPTS = {"base": [10, 20, 30, 40]}


def line(model, part, **values):
    return empty_line(model, part, 20) | {"rows_known": 5, "sampled_known": 100} | values


@pytest.fixture
def clock(monkeypatch):
    """A step takes a second for each ten tokens of a row, and a token drawn a tenth of one."""
    asked = []

    def step(config, how, length, device, teacher=None):
        asked.append((how.batch_size, length, teacher is not None))
        return length / 10

    monkeypatch.setattr(training_time, "step_seconds", step)
    monkeypatch.setattr(training_time, "drawing_seconds", lambda *given: 0.1)
    return asked


def config_of(name):
    if name == "away":
        raise ThinkscaleError("the hub cannot be\n reached")
    return Qwen2Config()


def by_name(lines, part="training"):
    return {line["model"]: line for line in lines if line["part"] == part}


def test_a_training_takes_its_steps_on_rows_as_long_as_those_it_learns_from(clock):
    corpus = line("teacher", "corpus right", left_expected=300.0)  # 20 tokens a row
    lines = timed([corpus], {"taught": SFT}, config_of, PROMPTS, {}.get)
    told = by_name(lines)["taught"]
    length = round(34 + 20 * (1 + 1 / 2 + 1 / 3 + 1 / 4))  # the prompt has four parts of five below
    assert clock == [(4, length, False)]
    assert told["rows"] == 40 and told["left_at_most"] is None
    assert told["hours_expected"] == pytest.approx(10 * length / 10 / 3600)
    assert told["hours_at_most"] == pytest.approx(10 * 200 / 10 / 3600)
    assert f"padded to {length} tokens" in told["note"]
    assert lines[0] == corpus
    assert "taught, training: 7.6 s a step" in text(table(lines), "s")


def test_without_rows_to_go_by_a_training_takes_at_most_so_long(clock):
    for drawn in ([], [line("teacher", "corpus right")]):
        told = by_name(timed(drawn, {"taught": SFT}, config_of, PROMPTS, {}.get))["taught"]
        assert told["hours_expected"] is None
        assert told["hours_at_most"] == pytest.approx(10 * 20 / 3600)


def test_reinforcement_learns_from_few_prompts_and_cut_completions():
    own = line("zero", "reinforcement", left_expected=300.0)
    most, expected = batch_lengths(GRPO, PROMPTS["base"], own)
    assert most == 40 + 90
    assert expected == round(30 + longest(20, 8))  # of two prompts, the longer
    assert batch_lengths(GRPO, PROMPTS["base"], own | {"left_expected": 3e5})[1] == most


def test_what_trl_draws_is_drawn_until_the_longest_ends(clock):
    own = line("student", "distillation", left_expected=100.0)  # 10 tokens a row
    lines = timed([own], {"student": GKD}, config_of, PROMPTS, {}.get)
    drawn, learned = by_name(lines, "distillation")["student"], by_name(lines)["student"]
    assert drawn["hours_expected"] == pytest.approx(10 * 0.1 * longest(10, 4) / 3600)
    assert drawn["hours_at_most"] == pytest.approx(10 * 0.1 * 80 / 3600)
    assert clock[-1][2] and learned["hours_expected"] > 0


def test_what_is_made_takes_no_time_and_what_is_not_known_is_said(clock):
    away = SFT.model_copy(update={"parent": "away"})
    lines = timed([], {"taught": SFT, "other": away}, config_of, {}, {"taught": True}.get)
    told = by_name(lines)
    assert told["taught"]["hours_at_most"] == 0 and told["taught"]["note"] == "made"
    assert told["other"]["hours_at_most"] is None
    assert told["other"]["note"] == "not timed: the hub cannot be reached"
