"""Products of matrices on a CPU in float32, by oneDNN where torch would take MKL.

Both are part of torch. MKL uses half the width of an AMD CPU's vector units: there oneDNN took
less than half the time for layers of a model of 0.5 billion parameters, whatever the batch, and
for prompts of a small one.
"""

from functools import partial

import torch
from torch.nn.functional import linear
from transformers import PreTrainedModel

_LEAST_WEIGHTS = 2**18  # from which a layer gains, however little it is given
_LEAST_PRODUCTS = 2**24  # for smaller layers: a new number of tokens costs oneDNN half a ms


def use_onednn(model: PreTrainedModel) -> None:
    """Let a model's larger products be computed by oneDNN, those of linear layers in float32.

    Their sizes decide, and nothing that is measured: a model is computed alike in every run.
    """
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return
    for module in model.modules():
        # Layers that were made otherwise (quantized, brought in as needed) stay as they are.
        if type(module) is torch.nn.Linear and "forward" not in vars(module):
            weight = module.weight
            if weight.device.type == "cpu" and weight.dtype == torch.float32:
                module.forward = partial(_product, module)


def _product(layer: torch.nn.Linear, input: torch.Tensor) -> torch.Tensor:
    """input @ weight.T + bias; torch's own compiler calls oneDNN by the same operator."""
    weight, bias = layer.weight, layer.bias
    small = weight.numel() < _LEAST_WEIGHTS
    if small and input.numel() * len(weight) < _LEAST_PRODUCTS:
        return linear(input, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(input, weight, bias, "none", [], "")
