"""Supervised fine-tuning."""

import json

import pytest

from thinkscale.calibration.corpus import calibration_corpus
from thinkscale.calibration.tokens import build_tokenizer
from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.sft import SftSettings, encode_rows, finetune
from thinkscale.models.recipes.traces import TraceFormat, encode_row
from thinkscale.models.recipes.training import Training


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    """An untrained model of the calibration kind, small enough for a test."""
    import torch
    from transformers import LlamaForCausalLM

    from thinkscale.calibration.pretrain import Recipe, model_config, save_model

    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    recipe = Recipe(hidden_size=32, layers=2, intermediate_size=64)
    directory = tmp_path_factory.mktemp("tiny")
    save_model(LlamaForCausalLM(model_config(recipe, tokenizer)), tokenizer, directory)
    return directory


def masked_text(tokenizer, row, form=None):
    example = encode_row(tokenizer, row, form)
    return tokenizer.decode([i for i, m in zip(example.input_ids, example.mask, strict=True) if m])


def test_plain_reasoning_carries_all_the_loss(tokenizer):
    row = {"question": "Why?", "reasoning": "Hm. So it is.", "response": "Because."}
    assert masked_text(tokenizer, row) == "Hm. So it is.\n</think>\n\nBecause.<|eos|>"


def test_injected_and_forced_text_carries_none(tokenizer):
    segments = [
        {"kind": "sampled", "text": "a b\n"},
        {"kind": "injected", "text": "Wait"},
        {"kind": "sampled", "text": " c"},
    ]
    row = {"question": "Why?", "reasoning": segments, "response": "d", "ended": "budget"}
    assert masked_text(tokenizer, row) == "a b\n cd<|eos|>"
    row["response"] = "Answer: d"
    assert masked_text(tokenizer, row) == "a b\n c d<|eos|>"
    assert masked_text(tokenizer, row | {"ended": "open"}) == "a b\n c"


def test_think_start_is_appended_where_the_template_lacks_it(tokenizer):
    row = {"question": "Why?", "reasoning": "x", "response": "y"}
    opens = tokenizer.decode(encode_row(tokenizer, row).input_ids)
    other = build_tokenizer()
    other.chat_template = "{{ bos_token }}{{ messages[0]['content'] }}|"
    added = other.decode(encode_row(other, row).input_ids)
    assert opens.count("<think>") == added.count("<think>") == 1
    assert added == "<|bos|>Why?|<think>\nx\n</think>\n\ny<|eos|>"
    form = TraceFormat("<r>", "</r>", "\nFinal Answer:")
    assert "|<r>x\n</r>" in other.decode(encode_row(other, row, form).input_ids)


def test_overlong_rows_are_counted(tokenizer, caplog):
    rows = calibration_corpus(50, seed=1)
    lengths = [len(encode_row(tokenizer, row).input_ids) for row in rows]
    limit = sorted(lengths)[24]
    over = sum(length > limit for length in lengths)
    examples, dropped = encode_rows(tokenizer, rows, SftSettings(max_length=limit))
    assert (len(examples), dropped) == (50 - over, over)
    assert f"{over} of 50" in caplog.text
    settings = SftSettings(max_length=limit, overlong="truncate")
    examples, _ = encode_rows(tokenizer, rows, settings)
    assert len(examples) == 50 and max(len(e.input_ids) for e in examples) == limit
    with pytest.raises(ThinkscaleError, match="max_length"):
        encode_rows(tokenizer, rows, SftSettings(max_length=limit, overlong="error"))
    with pytest.raises(ThinkscaleError, match="No corpus row is left"):
        encode_rows(tokenizer, rows, SftSettings(max_length=3))


def test_bad_settings_name_the_key():
    with pytest.raises(ThinkscaleError, match=r"training\.method is 'dora'"):
        Training(method="dora")
    with pytest.raises(ThinkscaleError, match=r"training\.batch_size"):
        Training(batch_size=0)
    with pytest.raises(ThinkscaleError, match=r"training\.overlong is 'keep'"):
        SftSettings(overlong="keep")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_finetuning_learns_and_saves_a_plain_model(tiny_model, tmp_path, method, monkeypatch):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reports = []
    monkeypatch.setattr("huggingface_hub.utils._telemetry._TELEMETRY_QUEUE.put", reports.append)
    settings = SftSettings(
        Training(method, max_steps=24, batch_size=8, log_every=4, learning_rate=1e-2, rank=4)
    )
    rows = calibration_corpus(40, seed=1)
    log = finetune(tiny_model, rows, tmp_path, settings)
    assert list(log.columns) == ["step", "epoch", "loss", "learning_rate", "tokens"]
    assert log["step"].tolist() == [4, 8, 12, 16, 20, 24]
    assert log["loss"].iloc[-1] < log["loss"].iloc[0] - 0.3
    assert log["tokens"].is_monotonic_increasing
    assert reports == []

    names = {path.name for path in tmp_path.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "training.json"} <= names
    assert not any("adapter" in name for name in names)
    assert json.loads((tmp_path / "training.json").read_text())["rows_used"] == 40

    before = AutoModelForCausalLM.from_pretrained(tiny_model)
    after = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert after.state_dict().keys() == before.state_dict().keys()
    weight = "model.layers.0.self_attn.q_proj.weight"
    assert not before.state_dict()[weight].equal(after.state_dict()[weight])
    saved = AutoTokenizer.from_pretrained(tmp_path)
    assert saved.chat_template == AutoTokenizer.from_pretrained(tiny_model).chat_template


def test_loss_is_the_models_own_on_the_masked_tokens(tiny_model, tmp_path):
    """The first logged loss, at a learning rate of nearly nothing, against a loss by hand."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = build_tokenizer()
    rows = calibration_corpus(4, seed=3)
    settings = SftSettings(
        Training("full", max_steps=1, batch_size=4, log_every=1, learning_rate=1e-12)
    )
    log = finetune(tiny_model, rows, tmp_path, settings)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    total, count = 0.0, 0
    for row in rows:
        example = encode_row(tokenizer, row)
        ids, mask = torch.tensor(example.input_ids), torch.tensor(example.mask)
        with torch.no_grad():
            logits = model(input_ids=ids[None]).logits[0]
        losses = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
        total += float((losses * mask[1:]).sum())
        count += int(mask[1:].sum())
    assert log["loss"].iloc[0] == pytest.approx(total / count, abs=1e-3)
    assert log["tokens"].iloc[0] == sum(len(encode_row(tokenizer, r).input_ids) for r in rows)
