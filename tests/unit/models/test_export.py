"""GGUF files say what the safetensors do, and a Modelfile asks as the study does."""

import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny
from families import tokenizer
from thinkscale.config.inference import Inference
from thinkscale.engines.transformers.loading import Loading, open_checkpoint
from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.export import modelfile, write_gguf
from thinkscale.thinking.prompts import render

CALIBRATION = Path(__file__).parents[3] / "resources/calibration/base"
TEMPLATE = re.compile(r'^TEMPLATE """(.*?)"""$', flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    out = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(CALIBRATION, out, "f32", "default")
    return out


def test_logits_are_those_of_the_model(exported, monkeypatch):
    """Read back by transformers, which knows the reader by its package's own name alone."""
    monkeypatch.setattr("transformers.modeling_gguf_pytorch_utils.is_gguf_available", lambda: True)
    ids = torch.arange(3, 643).reshape(4, 160)
    models = [
        AutoModelForCausalLM.from_pretrained(CALIBRATION),
        AutoModelForCausalLM.from_pretrained(exported.parent, gguf_file=exported.name),
    ]
    with torch.no_grad():
        own, read = (model(input_ids=ids).logits for model in models)
    assert own.std() > 1 and torch.equal(own, read)


def test_a_tokenizer_that_the_converter_does_not_know_needs_a_word(tmp_path):
    with pytest.raises(ThinkscaleError, match=r"`export\.gguf\.pre_tokenizer`: missing"):
        write_gguf(CALIBRATION, tmp_path / "model.gguf", "f32")


def asked(said: str, message: str) -> str:
    """What Ollama makes of a Modelfile's template, for the few actions that it has."""
    [template] = TEMPLATE.findall(said)
    filled = template.replace("{{ .Prompt }}", message).replace("{{ .Response }}", "")
    return filled.replace('{{ "{{" }}', "{{")


@pytest.mark.parametrize("family", ["deepseek-r1", "s1"])
def test_a_modelfile_asks_as_the_study_does(tmp_path, exported, family):
    parent = tiny.save(tmp_path / "model", "llama")
    tokenizer(family).save_pretrained(parent)
    settings = Inference(
        temperature=0.7,
        thinking={"preset": family},
        prompt={
            "system": "Reply in {{JSON}}.",
            "examples": [{"user": "1 + 1?", "assistant": "<think>\nEasy.\n</think>\n\n2"}],
        },
    )
    checkpoint = open_checkpoint(parent, Loading(), context=100)
    said = modelfile(checkpoint, settings, exported)
    expected = render(
        checkpoint.tokenizer,
        "2 + 2?",
        system=settings.prompt.system,
        examples=[example.model_dump() for example in settings.prompt.examples],
        start=settings.thinking.start,
        end=settings.thinking.end,
        template_options=settings.thinking.template_options,
    )
    assert asked(said, "2 + 2?") == expected and "{{JSON}}" in expected
    assert said.startswith("FROM ./model.gguf\n")
    eos = [checkpoint.tokenizer.decode([token]) for token in checkpoint.eos]
    assert sorted(re.findall(r'^PARAMETER stop "(.*)"$', said, flags=re.MULTILINE)) == sorted(eos)
    assert "PARAMETER temperature 0.7\n" in said and "PARAMETER num_ctx 100\n" in said
