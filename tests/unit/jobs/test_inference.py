"""A model's part of a study: its labels spelled, read, and read later from a journal."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny
from thinkscale.config.inference import Inference
from thinkscale.config.sweep import Conditions
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import prepare, run
from thinkscale.models.registry import register

pytestmark = pytest.mark.usefixtures("one_thread")
CONDITIONS = Conditions(max_think=[0, 6], waits=[1]).model_dump()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("model"), "llama", initializer_range=0.1)


def items(*labels: str) -> pd.DataFrame:
    options = [{"label": label, "text": f"option {label}"} for label in labels]
    return pd.DataFrame(
        {"item_id": ["q1", "q2"], "stem": ["Is it?", "Or?"], "options": [options] * 2}
    )


def prepared(directory, of, **settings):
    inference = {"dtype": "float32", "device": "cpu", "context": 230, "max_answer_tokens": 6}
    return prepare(
        register("m", directory), of, Inference(**inference, **settings), CONDITIONS, seed=3
    )


def test_a_study_that_reads_too_recalls_its_answers(directory, tmp_path):
    of = items("A", "10", "1")
    answered, first = run(prepared(directory, of), tmp_path, 0, 1)
    assert len(answered.readouts) == 0
    read, second = run(prepared(directory, of, readout="options"), tmp_path, 0, 1)
    assert second["recalled_tokens"] == first["sampled_tokens"] > 0
    assert second["sampled_tokens"] == 0 and second["fed_tokens"] > 0
    pd.testing.assert_frame_equal(read.responses, answered.responses)
    assert len(read.readouts) == 3 * len(read.responses)
    again, third = run(prepared(directory, of, readout="options"), tmp_path, 0, 1)
    assert third["passes"] == 0  # the model was not loaded
    pd.testing.assert_frame_equal(again.readouts, read.readouts)


@torch.inference_mode()
def test_what_is_read_is_the_label_s_probability_behind_the_answer_prompt(directory, tmp_path):
    """From texts alone: a byte is a token, and the first condition thinks nothing."""
    of = prepared(directory, items("A", "10", "1"), readout="options")
    thought, _ = run(of, tmp_path, 0, 1)
    model = AutoModelForCausalLM.from_pretrained(directory).eval()
    forcing, words = of.work.forcing, tiny.tokenizer()
    before = [*of.work.prompts["q1"], *forcing.think_end[0], *forcing.answer_prompt]

    def probability(text: str) -> float:
        ids = words(text).input_ids
        logits = model(torch.tensor([[*before, *ids]])).logits[0, len(before) - 1 : -1]
        logs = logits[:, : len(words)].double().log_softmax(-1)
        return float(logs.gather(1, torch.tensor(ids).unsqueeze(1)).sum().exp())

    ten, one = (probability(label) + probability(f" {label}") for label in ("10", "1"))
    expected = [probability("A") + probability(" A"), ten, one - ten]
    keys = ["item_id", "sample", "condition"]
    found = thought.readouts.set_index(keys).loc[("q1", 0, "max=0")]
    assert found["label"].tolist() == ["A", "10", "1"]
    assert np.exp(found["logprob"]).tolist() == pytest.approx(expected, rel=1e-3)
    assert found["mass"].tolist() == pytest.approx([sum(expected)] * 3, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([], "`inference.readout`: item 'q1': there are no options"),
        (["A" * 9], "item 'q1': a label takes 10 tokens; expected at most the 6 of"),
    ],
)
def test_labels_that_cannot_be_read_are_named_before_a_model_loads(directory, labels, said):
    with pytest.raises(ThinkscaleError, match=said):
        prepared(directory, items(*labels), readout="options")


def test_a_model_that_a_server_runs_needs_no_weights_here(directory, tmp_path):
    bare = shutil.copytree(directory, tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    with pytest.raises(ThinkscaleError, match="holds no"):
        register("m", bare)
    record = register("m", bare, weights=False)
    server = {"url": "http://127.0.0.1:1", "software": "vllm"}
    how = {"engine": "completions", "context": 230, "max_answer_tokens": 6}

    def made(**more):
        settings = Inference(server={**server, **more}, **how)
        return prepare(record, items("A"), settings, CONDITIONS, seed=3)

    assert made().work.prompts == prepared(directory, items("A")).work.prompts
    assert made().parameters is None and made(parameters=7).parameters == 7
    assert prepared(directory, items("A")).parameters > 1000
