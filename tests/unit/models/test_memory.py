"""What is told of a training's memory, against what a step keeps."""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from thinkscale.models.memory import training_memory
from thinkscale.models.recipes.settings import METHODS, Training

SHAPE = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
KINDS = {"qwen2": Qwen2Config, "llama": LlamaConfig}


def kept(model, ids) -> int:
    """Bytes that a real forward pass keeps beside the weights."""
    owned = {weight.untyped_storage()._cdata for weight in model.parameters()}
    held = {}

    def keep(tensor):
        held[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.base_model(input_ids=ids, use_cache=False)
    return sum(storage.nbytes() for key, storage in held.items() if key not in owned)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_activations_are_those_of_a_real_step(kind, dtype):
    config = KINDS[kind](**SHAPE)
    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).train()
    how = Training("full", batch_size=3, dtype=dtype)
    told = training_memory(config, how, 128)
    weights = sum(weight.numel() for weight in model.parameters()) * model.dtype.itemsize
    assert (told.weights, told.gradients, told.optimizer) == (weights, weights, 2 * weights)
    real = kept(model, torch.randint(300, (3, 128)))
    assert told.activations == pytest.approx(real, rel=0.1)


def test_each_way_of_saving_memory_saves_it():
    config = Qwen2Config(**SHAPE | {"num_hidden_layers": 6})
    shared = {"batch_size": 8, "dtype": "bfloat16"}
    full, lora, qlora = (training_memory(config, Training(m, **shared), 128) for m in METHODS)
    checkpointed = training_memory(config, Training(gradient_checkpointing=True, **shared), 128)
    assert qlora.weights < 0.6 * lora.weights and full.weights < lora.weights
    assert lora.gradients < 0.5 * full.gradients and qlora.gradients < lora.gradients
    assert checkpointed.activations < 0.4 * lora.activations
    assert checkpointed.peak < lora.peak < full.peak
    short = training_memory(config, Training(**shared), 64)
    assert short.activations == pytest.approx(lora.activations / 2, rel=0.05)
    taught = training_memory(config, Training(**shared), 128, [config])
    assert taught.peak - lora.peak == full.weights
    many = training_memory(config, Training(gradient_accumulation=2, **shared), 128)
    assert many.peak == lora.peak + min(lora.gradients, lora.activations + lora.head)


def test_no_weights_are_made():
    """An 8B model, whose weights alone would be 16 GB."""
    config = LlamaConfig(
        vocab_size=128256,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
    )
    how = Training("qlora", 16, batch_size=1, dtype="bfloat16", gradient_checkpointing=True)
    told = training_memory(config, how, 4096)
    assert told.weights / 2**30 == pytest.approx(5.7, abs=0.3)
    assert told.gradients == 2 * 41_943_040  # rank 16 in all linear layers of Llama 3 8B
