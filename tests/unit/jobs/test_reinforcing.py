"""Reinforcing a model of a study: its items, how they are graded, and what is learned."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from transformers import AutoConfig

from thinkscale.calibration.bank import problem_of
from thinkscale.config.inference import Inference
from thinkscale.config.models import Derivation
from thinkscale.config.sweep import Conditions
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import prepare
from thinkscale.jobs.reinforcing import derive, pass_rates
from thinkscale.jobs.training_items import split_items
from thinkscale.jobs.training_plan import training_plan
from thinkscale.jobs.watching import right_by
from thinkscale.models.recipes.held_out import COLUMNS
from thinkscale.models.registry import register

BASE = Path(__file__).parents[3] / "resources/calibration/base"
CHOICE = ("choice", None, None)
CONDITIONS = Conditions().model_dump()
SETTINGS = Inference(
    dtype="float32", device="cpu", temperature=1.0, top_p=1.0, max_answer_tokens=8,
    prompt={"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""},
    thinking={"answer_prompt": "\n\nAnswer:", "step_end": "\n"},
)  # fmt: skip


def asked(**changes):
    """A derivation; `grpo` and `held_out` are added to what is small already."""
    grpo = {"problems": 40, "num_generations": 4, "max_completion_length": 96}
    given = {"parent": "base", "recipe": "grpo", "method": "full", "max_steps": 1,
             "learning_rate": 1e-3, "batch_size": 8, "threads": 1}  # fmt: skip
    grpo |= changes.pop("grpo", {})
    return Derivation(**{**given, **changes}, grpo=grpo)


def prepared_for(derivation, **changes):
    items, apart = split_items(derivation, 1)
    both = pd.concat([items, apart], ignore_index=True)
    settings = SETTINGS.model_copy(update=changes)
    record = register("base", BASE)
    return prepare(record, both, settings, CONDITIONS, seed=1), items, apart


def reinforced(derivation, tmp_path, grader=CHOICE, **changes):
    prepared, items, apart = prepared_for(derivation, **changes)
    places = (tmp_path / "journal", tmp_path / "checkpoints", tmp_path / "model")
    return derive(prepared, items, apart, derivation, CONDITIONS, grader, *places)


def test_what_is_measured_is_not_learned():
    items, apart = split_items(asked(eval_steps=5, held_out={"n": 10}), 1)
    assert (len(items), len(apart)) == (40, 10)
    learned, held = (set(map(problem_of, frame["meta"])) for frame in (items, apart))
    assert not learned & held
    items, apart = split_items(asked(), 1)
    assert (len(items), len(apart)) == (40, 0)


def test_a_model_is_reinforced(tmp_path, one_thread):
    derivation = asked(eval_steps=5, held_out={"n": 4}, save_steps=1)
    log, samples, counts = reinforced(derivation, tmp_path)
    assert counts == {"items": 40, "items_overlong": 0, "items_used": 40}
    assert list(log["step"]) == [0, 1] and log[COLUMNS[0]].notna().all()
    written = json.loads((tmp_path / "model" / "training.json").read_text())
    assert written["items_used"] == 40 and written["settings"]["training"]["seed"] == 1
    assert written["settings"]["markers"] == ["<think>\n", "</think>"]
    # The study's grader reads the answer behind the thought.
    _, items, _ = prepared_for(derivation)
    keys = items.set_index("item_id")["key"]
    for row in samples:
        _, marker, answer = row["completion"].partition("</think>")
        said = answer.replace("<|eos|>", "").strip().removeprefix("Answer:").strip()[:1]
        assert row["right"] == bool(marker and said == keys[row["item_id"]])
    assert not (tmp_path / "checkpoints").exists()
    assert register("made", tmp_path / "model")["fingerprint"] != register("b", BASE)["fingerprint"]


def test_items_are_chosen_by_pass_rate(tmp_path, one_thread):
    rate = {"samples": 4, "at_least": 0.25, "at_most": 0.75}
    derivation = asked(grpo={"problems": 12, "pass_rate": rate})
    log, samples, counts = reinforced(derivation, tmp_path)
    parts = [counts[f"items_{name}"] for name in ("too_easy", "too_hard", "used")]
    assert sum(parts) == 12 and counts["items_used"] < 12
    prepared, items, _ = prepared_for(derivation)
    again, tried = pass_rates(
        replace(prepared, record={**prepared.record, "directory": str(BASE)}),
        prepared.work.prompts, derivation.grpo.pass_rate,
        right_by(items, CHOICE, "\n\nAnswer:"), tmp_path / "journal",
    )  # fmt: skip
    assert sum(0.25 <= value <= 0.75 for value in again.values()) == counts["items_used"]
    assert all(0.25 <= again[row["item_id"]] <= 0.75 for row in samples)
    # What it learned from are two groups of four; what was tried before counts too.
    assert log["sampled"].tolist() == [tried + 8 * log["completion_tokens"].iloc[0]]
    assert tried >= 12 * 4


def test_a_reference_that_cannot_be_read_is_an_error(tmp_path):
    derivation = asked()
    prepared, items, apart = prepared_for(derivation)
    items.loc[3, "key"] = None
    places = (tmp_path / "journal", tmp_path / "checkpoints", tmp_path / "model")
    with pytest.raises(ThinkscaleError, match=items.loc[3, "item_id"]):
        derive(prepared, items, apart, derivation, CONDITIONS, CHOICE, *places)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_reinforced_is_told(tmp_path):
    with pytest.raises(ThinkscaleError, match=r"no item is left.*items_overlong 40"):
        reinforced(asked(grpo={"max_completion_length": 1000}), tmp_path)


def test_a_plan_counts_the_copy_that_samples():
    """Beside what is trained: the engine's weights; and the parent's, if to leave it costs."""
    config = AutoConfig.from_pretrained(BASE)

    def others(**changes):
        derive = asked(max_length=128, **changes).model_dump()
        [line] = training_plan({"zero": derive}, lambda name: config).to_dict("records")
        assert line["note"] == ""
        return line["others_gib"] / line["weights_gib"]

    assert others() == pytest.approx(1)
    assert others(grpo={"beta": 0.1}) == pytest.approx(2)
    assert others(method="lora", grpo={"beta": 0.1}) < 1


@pytest.mark.dear
def test_thinking_grows_where_it_pays(tmp_path, one_thread):
    """Of the base, which seldom goes over a problem again: twenty steps."""
    derivation = asked(
        max_steps=20, batch_size=64, eval_steps=20, held_out={"n": 150},
        grpo={"problems": 600, "num_generations": 8, "max_completion_length": 128,
              "reward_weights": [1.0, 0.5]},
    )  # fmt: skip
    log, _, _ = reinforced(derivation, tmp_path)
    first, last = log[log[COLUMNS[0]].notna()].iloc[[0, -1]].to_dict("records")
    assert last["held_out_accuracy"] > first["held_out_accuracy"] + 0.25
    before, after = (_tokens(row) for row in (first, last))
    assert after > 1.5 * before
    assert last["held_out_own_waits"] > first["held_out_own_waits"] + 0.3


def _tokens(row):
    right = row["held_out_accuracy"]
    return right * row["held_out_think_right"] + (1 - right) * row["held_out_think_wrong"]


@pytest.mark.dear
def test_a_price_of_tokens_takes_the_growth_away(tmp_path, one_thread):
    """A hundredth for each: answers become right by fewer slips, and not by a second pass."""
    derivation = asked(
        max_steps=16, batch_size=64, eval_steps=16, held_out={"n": 150},
        grpo={"problems": 600, "num_generations": 8, "max_completion_length": 128,
              "reward_funcs": ["accuracy", "format", "length"],
              "reward_weights": [1.0, 0.5, 0.01]},
    )  # fmt: skip
    log, _, _ = reinforced(derivation, tmp_path)
    first, last = log[log[COLUMNS[0]].notna()].iloc[[0, -1]].to_dict("records")
    assert last["held_out_accuracy"] > first["held_out_accuracy"] + 0.1
    assert _tokens(last) < 1.05 * _tokens(first)
    assert last["held_out_own_waits"] < 0.1
