"""Root mean square norms on a CPU in float32, in one step where transformers takes six.

In a pass of a small model each step costs more to begin than to do.
"""

import inspect
from functools import partial

import numpy as np
import torch
from numba import njit
from transformers import PreTrainedModel


def use_fused_norms(model: PreTrainedModel) -> None:
    """Let those of a model's norms be computed in one step that come to the same by it."""
    for module in model.modules():
        weight = getattr(module, "weight", None)
        epsilon = getattr(module, "variance_epsilon", None)
        # Modules that were made otherwise (brought in as needed) stay as they are.
        if weight is None or epsilon is None or "forward" in vars(module):
            continue
        here = weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.ndim == 1
        if here and len(inspect.signature(module.forward).parameters) == 1:
            fused = partial(_norm, weight.detach().numpy(), np.float32(epsilon))
            given = torch.randn(2, *weight.shape, generator=torch.Generator().manual_seed(0))
            with torch.inference_mode():
                if torch.allclose(module(given), fused(given), rtol=1e-5, atol=1e-6):
                    module.forward = fused


def _norm(weight: np.ndarray, epsilon: np.float32, given: torch.Tensor) -> torch.Tensor:
    """Norm the last dimension of (…, size): Zhang and Sennrich (2019), equation 4."""
    given = given.contiguous()
    found = torch.empty_like(given)
    size = len(weight)
    _fill(found.view(-1, size).numpy(), weight, epsilon, given.view(-1, size).numpy())
    return found


@njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy", cache=True)
def _fill(found, weight, epsilon, given):
    rows, size = given.shape
    for n in range(rows):
        total = np.float32(0)
        for d in range(size):
            total += given[n, d] * given[n, d]
        factor = np.float32(1) / np.sqrt(total / np.float32(size) + epsilon)
        for d in range(size):
            found[n, d] = weight[d] * (given[n, d] * factor)
