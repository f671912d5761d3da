"""Accuracy on held-out items while a model is trained."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

import tiny
from thinkscale.engines.base import Request
from thinkscale.engines.drive import drive
from thinkscale.engines.transformers.engine import open_engine
from thinkscale.engines.transformers.loading import Loading, open_checkpoint
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.models.recipes.held_out import HeldOut, measured, plain_state
from thinkscale.thinking.prompts import encode, forcing

GREEDY = Sampling(temperature=0.0)


def engine_of(directory):
    return open_engine(open_checkpoint(directory, Loading(device="cpu")), GREEDY, 4)


def says(engine, prompts):
    """What an engine says to each prompt."""

    def asking(n, prompt):
        [said] = yield [Request(prompt, 12, (), bytes([n]), 0)]
        return said.ids

    return dict(drive(((n, asking(n, p)) for n, p in enumerate(prompts)), engine, 8))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two models of one shape."""
    base = tmp_path_factory.mktemp("models")
    return [tiny.save(base / str(seed), "qwen2", seed=seed) for seed in (1, 2)]


PROMPTS = [(7, 8, 9), (7, 8, 9), (11, 12), (30, 31, 32, 33)]


def test_an_engine_goes_on_with_the_weights_it_is_given(models):
    one, other = map(engine_of, models)
    expected = says(other, PROMPTS)
    assert says(one, PROMPTS) != expected
    held = [parameter.data_ptr() for parameter in one.model.parameters()]
    one.load_state(AutoModelForCausalLM.from_pretrained(models[1]).state_dict())
    assert says(one, PROMPTS) == expected
    assert [parameter.data_ptr() for parameter in one.model.parameters()] == held


def test_weights_do_not_change_under_a_request(models):
    engine = engine_of(models[0])
    engine.submit("asked", Request((7, 8), 3, (), b"", 0))
    with pytest.raises(ValueError, match="under way"):
        engine.load_state(engine.model.state_dict())
    while not engine.step():
        pass
    engine.load_state(engine.model.state_dict())  # what has ended may still be kept


def test_adapters_are_worked_into_a_state_and_the_model_stays(models):
    model = AutoModelForCausalLM.from_pretrained(models[0])
    names = set(model.state_dict())
    adapted = get_peft_model(model, LoraConfig(target_modules="all-linear", r=2))
    torch.manual_seed(0)
    for name, parameter in adapted.named_parameters():
        if ".lora_" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    before = {name: value.clone() for name, value in adapted.state_dict().items()}
    state = plain_state(adapted)
    assert set(state) == names
    assert all(torch.equal(value, before[name]) for name, value in adapted.state_dict().items())
    merged = adapted.merge_and_unload().state_dict()
    assert all(torch.equal(state[name], merged[name]) for name in names)
    assert not torch.equal(
        state["model.layers.0.mlp.down_proj.weight"],
        AutoModelForCausalLM.from_pretrained(models[0]).model.layers[0].mlp.down_proj.weight,
    )


def test_what_is_measured(models):
    """Natural responses and those with a Wait are told apart, as are right and wrong ones."""
    words = tiny.tokenizer()
    forced = forcing(
        words,
        end=["z"],
        answer_prompt="A",
        continuations=["Wait"],
        max_answer=2,
        max_swaps=2,
    )
    prompts = {"one": encode(words, "ab"), "two": encode(words, "cd"), "three": encode(words, "e")}
    seen = []

    def right(responses):
        seen.append(responses)
        second = responses["item_id"].eq("two")
        return second | responses["condition"].eq("waits=1")

    held_out = HeldOut(prompts, forced, 60, words.decode, right)
    found = measured(held_out, engine_of(models[0]))
    [responses] = seen
    natural = responses[responses["condition"].eq("natural")].set_index("item_id")
    assert len(responses) == 6 and len(natural) == 3
    assert found["held_out_accuracy"] == pytest.approx(1 / 3)
    assert found["held_out_accuracy_wait"] == 1
    assert found["held_out_think_right"] == natural.loc["two", "think_tokens"]
    others = natural.loc[["one", "three"], "think_tokens"]
    assert found["held_out_think_wrong"] == others.mean()
    assert found["held_out_own_waits"] == 0
