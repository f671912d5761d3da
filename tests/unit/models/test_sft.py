"""Corpora and supervised fine-tuning."""

import json

import pandas as pd
import pytest

from thinkscale.calibration.tokens import build_tokenizer
from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.sft import SftSettings, encode_rows, finetune
from thinkscale.models.recipes.traces import (
    TraceFormat,
    calibration_corpus,
    encode_row,
    read_corpus,
    write_corpus,
)


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


def test_calibration_corpus_has_waits_and_cuts_and_repeats():
    rows = calibration_corpus(400, seed=1)
    assert rows == calibration_corpus(400, seed=1)
    assert rows != calibration_corpus(400, seed=2)
    forced = [any(s["kind"] == "injected" for s in row["reasoning"]) for row in rows]
    assert 0.2 < sum(forced) / 400 < 0.5
    assert 0.1 < sum(row["ended"] == "budget" for row in rows) / 400 < 0.3


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


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_corpus_files_round_trip(tmp_path, suffix):
    rows = calibration_corpus(20, seed=1)
    path = tmp_path / f"corpus{suffix}"
    if suffix == ".jsonl":
        write_corpus(rows, path)
    else:
        pd.DataFrame(rows).to_parquet(path)
    assert read_corpus(path) == rows


def test_columns_are_mapped(tmp_path):
    path = tmp_path / "medical.json"
    record = {"Question": "q", "Complex_CoT": "t", "Response": "r"}
    path.write_text(json.dumps([record]))
    columns = {"question": "Question", "reasoning": "Complex_CoT", "response": "Response"}
    expected = {"question": "q", "reasoning": "t", "response": "r", "ended": "natural"}
    assert read_corpus(path, columns) == [expected]
    with pytest.raises(ThinkscaleError, match="lacks the column"):
        read_corpus(path)
    with pytest.raises(ThinkscaleError, match="mapping has"):
        read_corpus(path, {"answer": "Response"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": None}, "row 2: question must be text"),
        ({"reasoning": 3}, "row 2: reasoning must be text or a list"),
        ({"reasoning": [{"kind": "seen", "text": "x"}]}, "row 2: a segment must have kind"),
        ({"ended": "late"}, "row 2: ended is 'late'"),
    ],
)
def test_bad_rows_are_named(tmp_path, change, message):
    good = {"question": "q", "reasoning": "t", "response": "r", "ended": "natural"}
    path = tmp_path / "corpus.jsonl"
    write_corpus([good, good | change], path)
    with pytest.raises(ThinkscaleError, match=message):
        read_corpus(path)


def test_missing_and_unknown_files_are_errors(tmp_path):
    with pytest.raises(ThinkscaleError, match="does not exist"):
        read_corpus(tmp_path / "none.jsonl")
    (tmp_path / "corpus.txt").write_text("x")
    with pytest.raises(ThinkscaleError, match="suffix"):
        read_corpus(tmp_path / "corpus.txt")


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
    with pytest.raises(ThinkscaleError, match=r"training\.method is 'qlora'"):
        SftSettings(method="qlora")
    with pytest.raises(ThinkscaleError, match=r"training\.batch_size"):
        SftSettings(batch_size=0)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_finetuning_learns_and_saves_a_plain_model(tiny_model, tmp_path, method, monkeypatch):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    reports = []
    monkeypatch.setattr("huggingface_hub.utils._telemetry._TELEMETRY_QUEUE.put", reports.append)
    settings = SftSettings(
        method=method, max_steps=24, batch_size=8, log_every=4, learning_rate=1e-2, rank=4
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
        method="full", max_steps=1, batch_size=4, log_every=1, learning_rate=1e-12
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


def test_a_corpus_with_fewer_rows_than_asked_for_is_an_error(tmp_path):
    path = tmp_path / "corpus.jsonl"
    write_corpus([{"question": "q", "reasoning": "r", "response": "a"}] * 3, path)
    assert len(read_corpus(path, n=2)) == 2
    with pytest.raises(ThinkscaleError, match=r"asked for 4 rows, but it has 3"):
        read_corpus(path, n=4)
