"""Reinforcement learning, of random models: what is learned from rewards, and how it goes on."""

import multiprocessing
import os
import signal

import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny
from thinkscale.engines.transformers.engine import open_engine
from thinkscale.engines.transformers.loading import Loading, open_checkpoint
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.models.recipes.grpo import GrpoSettings, reinforce
from thinkscale.models.recipes.held_out import COLUMNS, HeldOut
from thinkscale.models.recipes.training import Training
from thinkscale.thinking.prompts import encode, forcing

WORDS = tiny.tokenizer()
ENDS = tuple(encode(WORDS, letter) for letter in "aeiou")
PROMPTS = {name: encode(WORDS, name) for name in ("one", "two", "three")}
LOW = Sampling(1.0)


def short(rollouts):
    """As if those were right that think little."""
    return [rollout.think_tokens < 6 for rollout in rollouts]


def settings(steps=2, save_steps=None, method="full", **others):
    training = Training(
        method=method, learning_rate=1e-2, max_steps=steps, batch_size=8, log_every=1,
        save_steps=save_steps, seed=3,
    )  # fmt: skip
    given = {"num_generations": 4, "max_completion_length": 12, "reward_funcs": ("accuracy",)}
    return GrpoSettings(training, ("<", ">"), **{**given, **others})


def learn(parent, out_dir, how, right=short, **others):
    engine = open_engine(open_checkpoint(parent, Loading(device="cpu")), LOW, 8)
    return reinforce(parent, PROMPTS, ENDS, right, engine, out_dir, how, **others)


def weights(directory):
    return AutoModelForCausalLM.from_pretrained(directory).state_dict()


@pytest.fixture(scope="module")
def parents(tmp_path_factory):
    made = tmp_path_factory.mktemp("parents")
    return {kind: tiny.save(made / kind, kind, seed=1) for kind in ("qwen2", "llama")}


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_step_changes_the_weights(parents, kind, method, tmp_path, one_thread):
    log, samples = learn(parents[kind], tmp_path, settings(method=method))
    before, after = weights(parents[kind]), weights(tmp_path)
    assert before.keys() == after.keys()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert any("down_proj" in name for name in changed)
    assert ("model.norm.weight" in changed) == (method == "full")
    assert list(log["step"]) == [1, 2] and log["tokens"].is_monotonic_increasing
    assert log["reward"].equals(log["reward_accuracy"]) and log["entropy"].gt(0).all()
    assert {row["step"] for row in samples} == {1, 2} and len(samples) == 2 * 8
    assert all(row["accuracy"] == row["right"] for row in samples)
    assert log["accuracy"].iloc[0] == pd.DataFrame(samples).query("step == 1")["right"].mean()


def test_what_is_rewarded_becomes_more_frequent(parents, tmp_path, one_thread):
    log, _ = learn(parents["llama"], tmp_path, settings(steps=15))
    assert log["reward"].tail(3).mean() > log["reward"].head(3).mean() + 0.15


def test_equal_rewards_teach_nothing(parents, tmp_path, one_thread):
    log, _ = learn(parents["qwen2"], tmp_path, settings(), right=lambda r: [True] * len(r))
    before, after = weights(parents["qwen2"]), weights(tmp_path)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert log["no_variance"].eq(1).all() and log["reward"].eq(1).all()


def test_a_training_that_is_killed_goes_on_as_if_it_had_not_been(parents, tmp_path, one_thread):
    held_out = HeldOut(
        PROMPTS,
        forcing(WORDS, end="aeiou", answer_prompt="A", continuations=["Wait"], max_answer=2,
                max_swaps=1),
        60, WORDS.decode, lambda responses: responses["think_tokens"] < 6,
    )  # fmt: skip
    how = settings(steps=5, save_steps=2, eval_steps=2)
    log, samples = learn(parents["qwen2"], tmp_path / "whole", how, watched=held_out)
    kept, calls = tmp_path / "kept", []

    def dies(rollouts):
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return short(rollouts)

    given = {"watched": held_out, "checkpoints": kept}
    job = multiprocessing.get_context("fork").Process(
        target=learn, args=(parents["qwen2"], tmp_path / "none", how, dies), kwargs=given
    )
    job.start()
    job.join()
    assert job.exitcode == -signal.SIGKILL and (kept / "checkpoint-2").is_dir()
    (kept / "checkpoint-3").mkdir()  # begun, and not written to its end
    asked = []
    again, same = learn(
        parents["qwen2"], tmp_path / "again", how,
        lambda rollouts: asked.append(1) or short(rollouts), **given,
    )  # fmt: skip
    assert len(asked) == 3  # the steps behind the checkpoint
    undisturbed, resumed = weights(tmp_path / "whole"), weights(tmp_path / "again")
    assert all(torch.equal(undisturbed[name], resumed[name]) for name in undisturbed)
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), log.drop(columns="seconds"))
    assert same == samples
    measured = log.loc[log[COLUMNS[0]].notna(), "step"]
    assert list(measured) == [0, 2, 4, 5]
