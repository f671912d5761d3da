"""What `make plan` says of the memory of trainings."""

import pytest
from transformers import Qwen2Config

from thinkscale.config.models import Derivation
from thinkscale.engines.transformers.memory import GIB
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.training_plan import COLUMNS, text, training_plan
from thinkscale.models.loading import config_file

SMALL = Qwen2Config(
    vocab_size=300,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
)
# Embedding and head; in each layer q, k, v, o, three biases, three of the MLP, two norms; a norm.
SMALL_WEIGHTS = 2 * 300 * 64 + 2 * (4 * 64 * 64 + 3 * 64 + 3 * 64 * 96 + 2 * 64) + 64
HUB = {"hub": "owner/model", "revision": "0" * 40, "path": None}


def derivation(**changes) -> dict:
    given = {"parent": "one", "corpus": "traces", "batch_size": 2, "max_length": 64, **changes}
    return Derivation(**given).model_dump()


def config_of(name: str) -> Qwen2Config:
    if name == "far":
        raise ThinkscaleError("the hub cannot be reached")
    if name == "odd":
        raise ValueError("no known\n architecture")  # as transformers says it
    return SMALL


def test_each_training_has_a_line_and_what_is_not_known_is_said():
    trained = {
        "lora": derivation(),
        "taught": derivation(recipe="gkd", teacher="two"),
        "unknown": derivation(parent="far"),
        "odd": derivation(parent="odd"),
    }
    plan = training_plan(trained, config_of, available=2**20)
    assert list(plan) == list(COLUMNS) and plan["model"].tolist() == list(trained)
    lora, taught, unknown, odd = plan.to_dict("records")
    parts = sum(lora[f"{name}_gib"] for name in ("weights", "optimizer", "activations", "head"))
    assert lora["peak_gib"] == pytest.approx(parts) and lora["others_gib"] == 0
    assert taught["others_gib"] * GIB == 4 * SMALL_WEIGHTS and taught["peak_gib"] > lora["peak_gib"]
    assert plan["peak_gib"].isna().tolist() == [False, False, True, True]
    assert unknown["note"] == "not known: the hub cannot be reached"
    assert odd["note"] == "not known: no known architecture"
    assert lora["note"] == "more than the 0 GiB of this GPU"
    said = text(plan)
    assert "unknown: not known" in said and f"{lora['peak_gib']:.2f}" in said


def test_of_a_model_of_the_hub_its_configuration_is_enough(tmp_path, monkeypatch):
    cache = tmp_path / "models--owner--model" / "snapshots" / ("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ThinkscaleError, match=r"hub model owner/model .*`offline` is true"):
        config_file(HUB, offline=True)
    SMALL.save_pretrained(cache)
    assert config_file(HUB, offline=True) == cache / "config.json"
    assert config_file({"hub": None, "path": str(cache)}, False) == cache / "config.json"
