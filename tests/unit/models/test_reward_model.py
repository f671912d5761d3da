"""Reward models: what is learned of beginnings, and how it is measured."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForTokenClassification

import tiny
from thinkscale.engines.base import Scoring
from thinkscale.engines.reader import Reader, as_given, verdict
from thinkscale.engines.transformers.loading import Loading, open_checkpoint
from thinkscale.engines.transformers.verdict import open_verdict
from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.reward_model import (
    Example,
    RewardSettings,
    Surprise,
    measured,
    train_reward_model,
)
from thinkscale.models.recipes.settings import Training

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = 12


def thoughts(count: int, seed: int) -> list[Example]:
    """Letters with a step at every third; a step ending in a letter below 'n' was a good one."""
    generator = torch.Generator().manual_seed(seed)
    letters = torch.tensor(tiny.tokenizer()(tiny.LETTERS).input_ids)
    drawn = torch.randint(26, (count, LENGTH), generator=generator)
    ends = (6, 9, 12)
    return [
        Example(
            tuple(letters[row].tolist()), ends, tuple(0.9 * float(row[e - 1] < 13) for e in ends)
        )
        for row in drawn
    ]


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("parent"), "qwen2", initializer_range=0.1)


@pytest.mark.parametrize(("head", "kind"), [("token", "prm"), ("sequence", "orm")])
def test_what_is_learned_is_what_the_engine_reads(parent, tmp_path, head, kind):
    how = Training("full", max_steps=60, batch_size=16, learning_rate=3e-3, log_every=20)
    settings = RewardSettings(how, head=head, layers=1)
    log, quality = train_reward_model(parent, thoughts(160, 1), thoughts(40, 2), tmp_path, settings)
    assert list(log.columns) == ["step", "epoch", "loss", "learning_rate", "tokens"]
    assert log["step"].tolist() == [20, 40, 60] and log["tokens"].iloc[-1] == 60 * 16 * LENGTH
    assert log["loss"].iloc[-1] < 0.3 < log["loss"].iloc[0]
    # Of attempts from good beginnings nine in ten are right: no judge could reach more.
    assert 0.85 < quality["auc"] < 0.97 and quality["ece"] < 0.15
    written = json.loads((tmp_path / "training.json").read_text())
    assert written["held_out"] == quality and written["beginnings"] == 480
    assert (tmp_path / "model.safetensors").is_file()
    checkpoint = open_checkpoint(tmp_path, Loading(device="cpu"))
    engine = Reader(open_verdict(checkpoint, kind, None, 4), verdict(as_given, checkpoint.context))
    good, bad = [], []
    for n, example in enumerate(thoughts(40, 2)):
        engine.submit(n, Scoring("s", example.ids, 3, example.ends, bytes([n])))
    found = {}
    while len(found) < 40:
        found.update(engine.step())
    for n, example in enumerate(thoughts(40, 2)):
        for value, told in zip(found[n].values, example.values, strict=True):
            (good if told else bad).append(value)
    assert sum(good) / len(good) > 0.7 and sum(bad) / len(bad) < 0.3


def test_fresh_layers_add_nothing_before_they_are_trained(parent, tmp_path):
    settings = RewardSettings(Training("full", max_steps=1, learning_rate=1e-30), layers=2)
    train_reward_model(parent, thoughts(4, 1), [], tmp_path, settings)
    ids = torch.tensor([thoughts(1, 3)[0].ids])
    with torch.inference_mode():
        before = AutoModel.from_pretrained(parent)(input_ids=ids).last_hidden_state
        made = AutoModelForTokenClassification.from_pretrained(tmp_path)
        after = made.model(input_ids=ids).last_hidden_state
    assert len(made.model.layers) == 4
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)


def test_surprise_is_what_the_parent_makes_of_the_tokens_behind_the_prompt(parent):
    """Of examples of unlike length, against one pass of the parent for each."""
    whole, other = thoughts(2, 5)
    batch = [replace(whole, begin=4), Example(other.ids[:7], (6,), (1.0,), 3)]
    model = AutoModelForCausalLM.from_pretrained(parent)
    chances = []
    for example in batch:
        with torch.inference_mode():
            said = model(input_ids=torch.tensor([example.ids])).logits[0].softmax(-1)
        places = range(example.begin, len(example.ids))
        chances += [float(said[place - 1, example.ids[place]]) for place in places]
    surprise = Surprise(parent, model)
    torch.nn.init.zeros_(surprise.head.weight)
    torch.nn.init.constant_(surprise.head.bias, 1.0)
    yes = 1 / (1 + math.exp(-1))
    losses = [-p * math.log(yes) - (1 - p) * math.log(1 - yes) for p in chances]
    assert len(losses) == 8 + 4
    found = surprise(torch.zeros(2, LENGTH, model.config.hidden_size), batch)
    assert found.item() == pytest.approx(sum(losses) / len(losses), abs=1e-5)
    assert not any(p.requires_grad for p in surprise.parent.parameters())


def test_surprise_is_learned_beside_and_not_saved(parent, tmp_path):
    said = {}
    for weight in (0.0, 1.0):
        settings = RewardSettings(Training("full", max_steps=2), surprise=weight)
        log, _ = train_reward_model(parent, thoughts(8, 1), [], tmp_path / str(weight), settings)
        said[weight] = log["loss"].iloc[-1]
    assert said[0.0] != said[1.0] and abs(said[0.0] - said[1.0]) < 0.2  # told without it
    for weight in said:
        AutoModelForTokenClassification.from_pretrained(tmp_path / str(weight))
    assert len({(tmp_path / str(w) / "model.safetensors").stat().st_size for w in said}) == 1


def test_without_an_example_that_fits_there_is_nothing_to_learn(parent, tmp_path):
    with pytest.raises(ThinkscaleError, match="4 given, all over `max_length` 5"):
        train_reward_model(parent, thoughts(4, 1), [], tmp_path, RewardSettings(max_length=5))


def test_quality_by_hand():
    """A judge that says .2, .7 and .9 of beginnings from which none, half and all are right."""
    odds = torch.tensor([0.2, 0.7, 0.9]).logit()
    judge = SimpleNamespace(
        device="cpu",
        base_model=lambda input_ids, use_cache: SimpleNamespace(
            last_hidden_state=odds[input_ids].unsqueeze(-1)
        ),
        score=lambda hidden: hidden,
    )
    found = measured(judge, [Example((0, 1), (1, 2), (0.0, 0.5)), Example((2,), (1,), (1.0,))])
    # Right: half of .7, all of .9. Wrong: all of .2, half of .7. Of the pairs of 1.5 by 1.5 all are
    # in order but half by half, which is a tie.
    assert found["auc"] == pytest.approx((1.5 * 1.5 - 0.25 / 2) / 2.25)
    assert found["within_auc"] == pytest.approx(found["auc"])  # one prompt, of no token
    # Of two prompts one has right and wrong attempts, the other right ones only.
    [apart, alone] = Example((0, 1), (1, 2), (0.0, 0.5)), Example((2, 2), (2,), (1.0,), 1)
    within = measured(judge, [apart, alone])["within_auc"]
    assert within == pytest.approx((0.5 * 1.5 - 0.25 / 2) / (0.5 * 1.5))
    assert found["last_auc"] == pytest.approx((1.5 * 0.5 - 0.25 / 2) / 0.75)
    brier = (0.2**2 + (0.3**2 + 0.7**2) / 2 + 0.1**2) / 3
    assert found["brier"] == pytest.approx(brier)
    assert found["ece"] == pytest.approx((0.2 + 0.2 + 0.1) / 3)
    assert measured(judge, []) == {"beginnings": 0}
