"""Norms in one step, against transformers' own."""

import pytest
import torch
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm

from thinkscale.engines.transformers.cpu.norms import use_fused_norms


def changed(module):
    use_fused_norms(torch.nn.Sequential(module))
    return "forward" in vars(module)


@pytest.mark.parametrize("made", [LlamaRMSNorm, Qwen3RMSNorm])
@pytest.mark.parametrize("shape", [(1, 1, 33), (1, 300, 33), (1, 7, 4, 33), (1, 0, 33)])
@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
def test_norms_are_the_same(made, shape, scale):
    torch.manual_seed(0)
    norm, x = made(33), scale * torch.randn(shape)
    torch.nn.init.normal_(norm.weight)
    with torch.inference_mode():
        expected = norm(x)
        assert changed(norm)
        torch.testing.assert_close(norm(x), expected)
        turned = torch.randn(1, 33, 5).transpose(1, 2)  # not as it lies in memory
        torch.testing.assert_close(norm(turned), type(norm).forward(norm, turned))


class Shifted(LlamaRMSNorm):
    def forward(self, hidden_states):
        return super().forward(hidden_states) + hidden_states


class Gated(LlamaRMSNorm):
    def forward(self, hidden_states, gate=None):
        return super().forward(hidden_states)


def test_norms_that_do_something_else_stay_as_they_are():
    assert not changed(Shifted(16))
    assert not changed(Gated(16))
    assert not changed(GemmaRMSNorm(16))
    assert not changed(LlamaRMSNorm(16).to(torch.bfloat16))
    assert not changed(torch.nn.LayerNorm(16))
    assert not changed(LlamaRMSNorm(16).to("meta"))
    norm = LlamaRMSNorm(16)
    norm.forward = made = lambda x: x  # as whoever brings weights in does
    use_fused_norms(norm)
    assert norm.forward is made
