"""How much memory a training will take, told from a model's configuration alone.

The model is built without its weights, on torch's `meta` device. What a step keeps for its
gradients is counted there, over the layers as they are; attention counts as flash kernels have it,
which keep no square of the length.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from peft import get_peft_model
from transformers import AttentionInterface, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from thinkscale.models.recipes.settings import Training
from thinkscale.models.recipes.training import adapter

# NF4 in blocks of 64 weights: half a byte each, and a float32 for each block.
_BYTES_IN_4_BITS = 0.5 + 4 / 64
_ADAM = 2  # moments


@dataclass(frozen=True)
class Memory:
    """Bytes at the peak of a training step, by what they hold.

    others: weights beside the model's own, as a teacher's. head: what the loss takes while it goes
    back into the last layer. Not in it: the framework itself (half a GiB on a GPU), and what its
    allocator cannot use.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    head: int
    others: int = 0
    accumulates: bool = False

    @property
    def peak(self) -> int:
        """Gradients appear while activations go, unless those of earlier batches are kept."""
        backward = self.activations + self.head
        kept = self.gradients + backward if self.accumulates else max(self.gradients, backward)
        return self.weights + self.optimizer + self.others + kept


def training_memory(
    config: PreTrainedConfig, how: Training, length: int, others: Iterable[PreTrainedConfig] = ()
) -> Memory:
    """What a step on batches of so many tokens a row takes at most.

    others: models that are loaded beside the one that is trained. Raises as transformers does for
    an architecture that it does not know.
    """
    dtype = getattr(torch, how.dtype)
    model = _built(config, dtype)
    vocabulary = model.get_output_embeddings().weight
    heads = {id(vocabulary), id(model.get_input_embeddings().weight)}
    linear = [m.weight for m in model.modules() if isinstance(m, torch.nn.Linear)]
    adapted = sum(weight.numel() for weight in linear if id(weight) not in heads)
    total = sum(weight.numel() for weight in model.parameters())
    weights = total * dtype.itemsize
    if how.method == "qlora":
        weights += round(adapted * (_BYTES_IN_4_BITS - dtype.itemsize))

    trained = _trained(model, how)
    # Adapters are in single precision, but on four bits in half of it, as in QLoRA's paper.
    size = {"full": dtype.itemsize, "lora": 4, "qlora": 2}[how.method]
    own = sum(weight.numel() for weight in trained.parameters() if weight.requires_grad)
    weights += own * size if how.method != "full" else 0

    shape = (how.batch_size, length)
    activations = _kept(trained, shape, how.gradient_checkpointing)
    if how.gradient_checkpointing:
        # One layer at a time is computed anew, and kept while it is gone back through.
        single = _trained(_built(_with_layers(config, 1), dtype), how)
        activations += _kept(single, shape, False)
    # The loss adds the gradients of its tiles up in single precision.
    hidden = how.batch_size * length * vocabulary.shape[1]
    head = (hidden + (vocabulary.numel() if how.method == "full" else 0)) * (4 + dtype.itemsize)
    return Memory(
        weights,
        own * size,
        _ADAM * own * size,
        activations,
        head,
        sum(sum(p.numel() for p in _built(c, dtype).parameters()) for c in others) * dtype.itemsize,
        how.gradient_accumulation > 1,
    )


def _with_layers(config: PreTrainedConfig, layers: int) -> PreTrainedConfig:
    changed = type(config).from_dict(config.to_dict())
    changed.num_hidden_layers = layers
    if kinds := getattr(changed, "layer_types", None):
        changed.layer_types = kinds[:layers]
    return changed


def _built(config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="counted")


def _trained(model: PreTrainedModel, how: Training) -> torch.nn.Module:
    """The model with its adapters; these get the model's number type, as under autocast."""
    lora = adapter(how)
    if lora is None:
        return model.train()
    return get_peft_model(model, lora, low_cpu_mem_usage=True).to(model.dtype).train()


def _kept(model: torch.nn.Module, shape: tuple[int, int], checkpointing: bool) -> int:
    """Bytes that a forward pass keeps for the backward pass, weights excepted."""
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    if checkpointing:
        plain.activation_checkpointing_enable()
        plain.enable_input_require_grads()
    held: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        held[storage._cdata] = storage
        return tensor

    owned = {weight.untyped_storage()._cdata for weight in model.parameters()}
    ids = torch.zeros(shape, dtype=torch.long, device="meta")
    # Rows of several lengths have a mask, which every layer reads.
    mask = torch.ones((shape[0], 1, shape[1], shape[1]), dtype=torch.bool, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        plain.base_model(input_ids=ids, attention_mask=mask, use_cache=False)
    return sum(storage.nbytes() for key, storage in held.items() if key not in owned)


class _Flash(torch.autograd.Function):
    """What a flash kernel keeps: its arguments, its result, and a number a row and head."""

    @staticmethod
    def forward(ctx, query, key, value):
        out = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, out, query.new_empty(query.shape[:-1]).float())
        return out


def _counted(module, query, key, value, attention_mask, **others):
    """Attention that computes nothing; shapes (B, H, L, D) in, (B, L, H, D) out."""
    return _Flash.apply(query, key, value).transpose(1, 2).contiguous(), None


AttentionInterface.register("counted", _counted)
