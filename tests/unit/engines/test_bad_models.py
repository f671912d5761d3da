"""Models that are broken, each in its way: one message, which names the file or the weight."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from thinkscale.config.inference import Inference
from thinkscale.config.items import Items
from thinkscale.config.sweep import Conditions
from thinkscale.engines.transformers import engine
from thinkscale.engines.transformers.engine import open_engine
from thinkscale.engines.transformers.loading import Loading, load_weights, open_checkpoint
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import prepare
from thinkscale.jobs.items import check_thought, study_items
from thinkscale.models.loading import bring
from thinkscale.thinking.think import think

REASONER = Path(__file__).parents[3] / "resources/calibration/reasoner"
CONFIG = json.loads((REASONER / "config.json").read_text())
CPU = Loading(device="cpu")


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(REASONER, tmp_path / "model")


@pytest.fixture(scope="module")
def items():
    return study_items(Items(source="calibration", bank_size=20, n=3), 0).items


def told(way, *given, **how) -> str:
    with pytest.raises(ThinkscaleError) as error:
        way(*given, **how)
    said = str(error.value)
    assert len(said.splitlines()) == 1 and len(said) < 700
    return said


def half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def sharded(weight_map) -> dict:
    return {"model.safetensors": None, "model.safetensors.index.json": {"weight_map": weight_map}}


def brought(model: Path) -> dict:
    """The record of a model that a study names by its path."""
    named = {"name": "one", "path": str(model), "hub": None, "revision": None, "derive": None}
    return bring(named, None, offline=True, trust_remote_code=False, fingerprint=None)


# What is done to files of the directory: taken away, or given this content. The file that is named.
FILES = {
    "no config": ({"config.json": None}, "config.json"),
    "no tokenizer": ({"tokenizer.json": None}, "holds no tokenizer; expected tokenizer.json"),
    "no weights": ({"model.safetensors": None}, "holds no .safetensors weights"),
    "weights cut off": ({"model.safetensors": half}, "model.safetensors: found no whole weights"),
    "no bytes": ({"model.safetensors": b""}, "model.safetensors: found no whole weights"),
    "a text": ({"model.safetensors": b"weights"}, "model.safetensors: found no whole weights"),
    "a pointer": (
        {"model.safetensors": b"version https://git-lfs.github.com/spec/v1\nsize 2\n"},
        "model.safetensors: found no whole weights",
    ),
    "tokenizer cut off": ({"tokenizer.json": half}, "tokenizer.json: found no whole tokenizer"),
    "another JSON": ({"tokenizer.json": b"{}"}, "tokenizer.json: found no whole tokenizer"),
    "a binary file": ({"tokenizer.json": b"\xff\xfe"}, "tokenizer.json: found no whole tokenizer"),
    "config cut off": ({"config.json": half}, "config.json: found no valid JSON"),
    "no config's bytes": ({"config.json": b""}, "config.json: found no valid JSON"),
    "a list": ({"config.json": b"[]"}, "config.json: found a list"),
    "Latin-1": ({"config.json": b'{"a": "\xe9"}'}, "config.json: found no valid JSON"),
    "an adapter": ({"adapter_config.json": b"{}"}, "holds an adapter"),
    "an index of nothing": (sharded({}), "index.json: `weight_map` lists no weights"),
    "an index that lists": (sharded(["a"]), "index.json: `weight_map` lists no weights"),
    "a shard too few": (sharded({"a": "b.safetensors"}), "lacks 1 of the 1 weight files"),
    "a shard elsewhere": (sharded({"a": "../b.safetensors"}), "found '../b.safetensors'"),
}


def put(model: Path, files: dict) -> None:
    for name, content in files.items():
        path = model / name
        if content is None:
            path.unlink()
        elif callable(content):
            content(path)
        else:
            path.write_bytes(
                content if isinstance(content, bytes) else json.dumps(content).encode()
            )


@pytest.mark.parametrize("kind", FILES)
def test_files_are_looked_at_when_the_model_is_registered(model, kind):
    """That is before anything is trained or thinks."""
    files, expected = FILES[kind]
    put(model, files)
    said = told(brought, model)
    assert said.startswith(f"model one: {model}") and expected in said


SETTINGS = {
    "no kind": {"model_type": None},
    "an unknown kind": {"model_type": "nosuch"},
    "no heads": {"num_attention_heads": 0},
    "heads in words": {"num_attention_heads": "four"},
    "layers in words": {"num_hidden_layers": "3"},
    "a negative size": {"hidden_size": -1},
    "a window in words": {"max_position_embeddings": "many"},
    "a negative window": {"max_position_embeddings": -5},
    "no window": {"max_position_embeddings": 0},
    "an unknown number type": {"dtype": "float99"},
    "an end in words": {"eos_token_id": "x"},
    "positions in a list": {"rope_parameters": [1]},
    "an epsilon in words": {"rms_norm_eps": "x"},
}
OTHERS = {
    "tokenizer_config.json": [b"{", b"[]", b'{"model_max_length": "x"}'],
    "generation_config.json": [b"{", b"[]", b'{"eos_token_id": "x"}'],
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_config_that_no_model_has(model, kind):
    put(
        model,
        {"config.json": {k: v for k, v in {**CONFIG, **SETTINGS[kind]}.items() if v is not None}},
    )
    assert told(open_checkpoint, model, CPU).startswith(str(model))


@pytest.mark.parametrize(
    ("name", "content"), [(name, content) for name, all_ in OTHERS.items() for content in all_]
)
def test_settings_of_the_tokenizer_and_of_generation(model, name, content):
    put(model, {name: content})
    assert told(open_checkpoint, model, CPU).startswith(str(model))


MISFITS = {
    "a layer less": ({"num_hidden_layers": 2}, "no place for 9 of the weights (model.layers.2."),
    "no layers": ({"num_hidden_layers": 0}, "no place for 27 of the weights (model.layers.0."),
    "a layer more": ({"num_hidden_layers": 4}, "lack 9 of the model's weights (model.layers.3."),
    "fewer heads": ({"num_key_value_heads": 2}, "k_proj.weight of shape [128, 128]"),
    "no keys": ({"num_key_value_heads": 0}, "cannot load the model: ZeroDivisionError"),
    "no width of a head": ({"head_dim": 0}, "cannot load the model: ZeroDivisionError"),
    "another vocabulary": ({"vocab_size": 5}, "embed_tokens.weight of shape [645, 128]"),
    "no vocabulary": ({"vocab_size": 0}, "cannot load the model: IndexError"),
    "an unknown activation": ({"hidden_act": "nope"}, "cannot load the model: KeyError: 'nope'"),
    "unknown positions": ({"rope_parameters": {"rope_type": "nope"}}, "cannot load the model"),
    "another kind": ({"model_type": "bert"}, "lack"),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_a_config_that_is_not_of_these_weights(model, kind):
    settings, expected = MISFITS[kind]
    put(model, {"config.json": {**CONFIG, **settings}})
    said = told(load_weights, open_checkpoint(model, CPU), "eager")
    assert said.startswith(str(model)) and expected in said


def changed(model: Path, change) -> None:
    weights = load_file(model / "model.safetensors")
    change(weights)
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_weights_that_are_no_numbers(model, number):
    name = "model.layers.1.mlp.up_proj.weight"
    changed(model, lambda weights: weights[name][3].fill_(float(number)))
    said = told(load_weights, open_checkpoint(model, CPU), "eager")
    assert said.startswith(f"{model}: the weights {name} hold NaN or infinity")


def test_weights_that_the_model_would_run_without(model):
    """A bias that the config switches off is told; a head of another task is left aside, aloud."""
    head = {"value_head.weight": torch.zeros(1, 128)}
    changed(model, lambda weights: weights.update(head))
    with pytest.warns(
        UserWarning, match=r"1 weights are of no part of LlamaForCausalLM.*value_head"
    ):
        load_weights(open_checkpoint(model, CPU), "eager")
    bias = {"model.layers.0.self_attn.q_proj.bias": torch.zeros(128)}
    changed(model, lambda weights: weights.update(bias))
    said = told(load_weights, open_checkpoint(model, CPU), "eager")
    assert "no place for 1 of the weights (model.layers.0.self_attn.q_proj.bias)" in said


def test_numbers_that_overflow_on_the_way(model):
    """Finite weights whose products are not, as in half precision."""
    changed(model, lambda weights: weights["model.norm.weight"].fill_(3e38))
    checkpoint = open_checkpoint(model, CPU)
    said = told(open_engine, checkpoint, Sampling(1.0, 1.0, 0), 2)
    assert "logits are not finite in float32" in said


# Chat templates

TEMPLATES = {
    "nothing": ("", "leaves it out"),
    "without the question": ("{% for m in messages %}<user>{% endfor %}", "leaves it out"),
    "a part of the question": ("{{ messages[0].content[:5] }}", "leaves it out"),
    "the question in capitals": (
        "{{ messages[0].content | upper }}",
        "leaves it out or changes it",
    ),
    "a number": ("{{ 5 }}", "leaves it out"),
    "refusing": ("{{ raise_exception('no way') }}", "refuses it (no way)"),
    "unfinished": ("{% for m in messages %}{{ m.content", "refuses it (unexpected end"),
    "an unknown name": ("{{ foo.bar.baz }}", "refuses it ('foo' is undefined)"),
    "an unknown filter": ("{{ messages | nosuch }}", "refuses it (No filter named"),
    "a message too many": ("{{ messages[7].content }}", "refuses it ("),
    "divided by zero": ("{{ 1 / 0 }}", "refuses it (ZeroDivisionError"),
    "kinds mixed": ("{{ 'a' + 1 }}", "refuses it (TypeError"),
    "calling itself": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "(RecursionError"),
    "without end": ("{% for i in range(10**12) %}{% endfor %}", "refuses it (OverflowError"),
    "reaching out": ("{{ messages.__class__.__mro__ }}", "refuses it ("),
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_chat_templates(model, items, kind):
    template, expected = TEMPLATES[kind]
    put(model, {"chat_template.jinja": template.encode()})
    settings, conditions = Inference(device="cpu"), Conditions().model_dump()
    said = told(prepare, brought(model), items, settings, conditions, seed=0)
    assert said.startswith("`inference.prompt") and expected in said


def test_a_system_message_that_the_template_drops(model, items):
    only_users = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
    put(model, {"chat_template.jinja": only_users.encode()})
    settings = Inference(device="cpu", prompt={"system": "Be brief."})
    said = told(prepare, brought(model), items, settings, Conditions().model_dump(), seed=0)
    assert said.startswith("`inference.prompt.system`: the model's chat template leaves it out")


# Devices

REFUSALS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
def test_a_device_without_room_for_the_weights(monkeypatch, refusal):
    def refuse(*_, **__):
        raise refusal

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", refuse)
    said = told(load_weights, open_checkpoint(REASONER, CPU), "eager")
    assert "do not fit in the free memory of cpu" in said and "`quantization: 8bit`" in said


def test_a_device_with_room_for_the_weights_and_no_more(monkeypatch):
    def refuse(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(engine, "check_supported", refuse)
    said = told(open_engine, open_checkpoint(REASONER, CPU), Sampling(1.0, 1.0, 0), 2)
    assert "do not fit in the free memory of cpu" in said


def test_a_gpu_that_fails_otherwise(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", refuse)
    said = told(load_weights, open_checkpoint(REASONER, CPU), "eager")
    assert said.startswith(f"{REASONER}: cannot load the model: CUDA error: no kernel image")


def test_items_that_all_exceed_the_context(model, items):
    settings = Inference(device="cpu", context=40, max_answer_tokens=8)
    prepared = prepare(brought(model), items, settings, Conditions().model_dump(), seed=0)
    thought = think(
        "one", engine=prepared.journal(model / "journal", "0"), decode=str, **vars(prepared.work)
    )
    with pytest.raises(ThinkscaleError, match=r"model one: none of the 3 items .* context of 40"):
        check_thought(thought.responses)
    some = thought.responses.copy()
    some.loc[0, "error"] = None
    check_thought(some)
