"""Products of matrices on a CPU in float32, by oneDNN where torch would take MKL.

Both are part of torch. MKL uses half the width of an AMD CPU's vector units: there oneDNN took
less than half the time for layers of a model of 0.5 billion parameters, whatever the batch.
"""

from functools import partial

import torch
from transformers import PreTrainedModel

_LEAST = 2**18  # weights from which a layer gains: below, oneDNN's call costs as much as it saves


def use_onednn(model: PreTrainedModel) -> None:
    """Let a model's larger linear layers be computed by oneDNN, those in float32 on a CPU.

    Their sizes decide, and nothing that is measured: a model is computed alike in every run.
    """
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return
    for module in model.modules():
        # Layers that were made otherwise (quantized, brought in as needed) stay as they are.
        if type(module) is torch.nn.Linear and "forward" not in vars(module):
            weight = module.weight
            on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
            if on_cpu and weight.numel() >= _LEAST:
                module.forward = partial(_product, module)


def _product(layer: torch.nn.Linear, input: torch.Tensor) -> torch.Tensor:
    """input @ weight.T + bias; torch's own compiler calls oneDNN by the same operator."""
    return torch.ops.mkldnn._linear_pointwise(input, layer.weight, layer.bias, "none", [], "")
