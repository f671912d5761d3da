"""Presets through the engine: tiny random models with a real vocabulary, under a whole sweep."""

import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

import families
import tiny
from thinkscale.config.inference import Inference
from thinkscale.config.sweep import Conditions
from thinkscale.engines.transformers.engine import open_engine
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.jobs.inference import prepare
from thinkscale.thinking.think import think

ITEMS = pd.DataFrame(
    [
        {"item_id": stem, "stem": stem, "options": [{"label": "A", "text": "this"}]}
        for stem in ("Which?", "And what of it, then?")
    ]
)
CONDITIONS = Conditions(
    max_think=[0, 3, 9, 500],
    min_think=[6],
    waits=[1],
    combine=[{"waits": 2, "max_think": 8}, {"min_think": 6, "max_think": 12}],
    continuations=["Wait", "", " So, is that right?"],
    continuation_choice="drawn",
    truncate=[3],
    no_think=True,
).model_dump()


@pytest.fixture(scope="module", params=["deepseek-r1", "qwen3", "s1", "instruct"])
def prepared(request, tmp_path_factory):
    """A random model that says a few tokens only, those of its family's marker among them."""
    preset = request.param
    directory = tmp_path_factory.mktemp(preset)
    words = families.tokenizer(preset)
    kind = {"deepseek-r1": "qwen2", "qwen3": "qwen3", "s1": "qwen2", "instruct": "llama"}[preset]
    torch.manual_seed(5)
    config = tiny.CONFIGS[kind](
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=512,
        initializer_range=0.4,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        tie_word_embeddings=False,
    )
    model = AutoModelForCausalLM.from_config(config).float()
    marker = {"s1": "<|im_start|>answer", "instruct": " Answer:"}.get(preset, "</think>")
    said = words(f"{marker} so it is, then that one. Or not.\n", add_special_tokens=False).input_ids
    said = sorted({*said, words.eos_token_id})
    with torch.no_grad():
        # Half of them are always likelier than all other tokens, which are all alike.
        half = 8 * torch.randn((len(said) + 1) // 2, 16)
        head = torch.zeros_like(model.lm_head.weight)
        head[said] = torch.cat([half, -half])[: len(said)]
        model.lm_head.weight.copy_(head)
    model.save_pretrained(directory)
    words.save_pretrained(directory)
    settings = Inference(
        device="cpu",
        context=200,
        max_answer_tokens=4,
        samples=3,
        top_k=5,
        thinking={"preset": preset},
    )
    record = {"directory": str(directory), "fingerprint": "none"}
    return prepare(record, ITEMS, settings, CONDITIONS, seed=3)


def run(prepared, conditions=None, batch_size=8):
    engine = open_engine(prepared.checkpoint, Sampling(2.0, 1.0, 5), batch_size)
    work = prepared.work
    decode = prepared.checkpoint.tokenizer.decode
    settings = {"context": work.context, "samples": work.samples, "seed": work.seed}
    settings["unthinking"] = work.unthinking
    asked = conditions or work.conditions
    thought = think("m", work.prompts, asked, engine, work.forcing, decode, **settings)
    return thought, engine.usage()


def test_laws_hold_and_no_marker_is_left_in_thinking(prepared):
    thought, usage = run(prepared)
    responses, chains = thought.responses, thought.chains
    assert usage.sampled == responses["new_tokens"].sum()
    assert set(responses["stop"]) >= {"budget", "natural"}
    assert (responses["think_tokens"] <= responses["max_think"].fillna(500)).all()
    assert set(responses["continuation"].dropna()) == {"(drawn)"}
    markers = prepared.work.forcing.think_end
    ids = {
        (chain["item_id"], chain["sample"]): [i for s in chain["segments"] for i in s["token_ids"]]
        for chain in chains.to_dict("records")
    }
    for row in responses.to_dict("records"):
        prefix = ids[row["item_id"], row["sample"]][: row["think_tokens"]]
        decode = prepared.checkpoint.tokenizer.decode
        assert row["think_text"] == decode(prefix)
    for chain in chains.to_dict("records"):
        for segment in chain["segments"]:
            said = tuple(segment["token_ids"])
            for marker in markers if segment["kind"] == "sampled" else ():
                assert not any(said[n : n + len(marker)] == marker for n in range(len(said)))
    put_in = {
        tuple(s["token_ids"]) for c in chains["segments"] for s in c if s["kind"] != "sampled"
    }
    whole = set(prepared.work.forcing.drawn)
    assert put_in <= {text[:n] for text in whole for n in range(len(text) + 1)}
    assert len(put_in & whole) > 1


def test_each_condition_alone_says_what_it_says_in_the_sweep(prepared):
    thought, _ = run(prepared)
    together = thought.responses
    columns = ["think_text", "answer_text", "stop", "waits_done", "alone_tokens", "answer_tokens"]
    for name in ("waits=2;max=8", "min=6;max=12", "truncate=3", "no_think"):
        asked = {n: prepared.work.conditions[n] for n in ("natural", name)}
        thought, usage = run(prepared, asked, batch_size=3)
        alone = thought.responses
        assert usage.sampled == alone["new_tokens"].sum()
        for condition in asked:
            here, there = (f[f["condition"] == condition][columns] for f in (alone, together))
            assert here.reset_index(drop=True).equals(there.reset_index(drop=True))
