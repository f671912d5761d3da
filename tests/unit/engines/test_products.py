"""Linear layers by oneDNN, against torch's own."""

import pytest
import torch

from thinkscale.engines.transformers.cpu.products import use_onednn


class Model(torch.nn.Module):
    """Layers large and small, with and without bias."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        torch.manual_seed(0)
        self.large = torch.nn.Linear(640, 512, dtype=dtype)
        self.plain = torch.nn.Linear(512, 640, bias=False, dtype=dtype)
        self.small = torch.nn.Linear(640, 16, dtype=dtype)

    def forward(self, x):
        return self.small(self.plain(self.large(x)))


@pytest.mark.parametrize("shape", [(1, 1, 640), (1, 77, 640), (300, 640), (0, 640)])
def test_products_are_the_same(shape):
    model, x = Model(), torch.randn(shape)
    with torch.inference_mode():
        expected = model(x)
        use_onednn(model)
        torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)


def by_onednn(model, tokens):
    """How many of a model's three products oneDNN does for so many tokens."""
    with torch.inference_mode(), torch.profiler.profile() as profile:
        model(torch.randn(tokens, 640))
    names = [event.name for event in profile.events()]
    assert (
        names.count("aten::addmm")
        + names.count("aten::mm")
        + names.count("mkldnn::_linear_pointwise")
        == 3
    )
    return names.count("mkldnn::_linear_pointwise")


@pytest.mark.parametrize(("tokens", "expected"), [(1, 2), (1638, 2), (1639, 3)])
def test_layers_that_are_large_and_others_given_much(tokens, expected):
    model = Model()
    use_onednn(model)
    assert by_onednn(model, tokens) == expected


def test_only_layers_in_float32_are_changed():
    model = Model()
    model.large.forward = made = lambda x: x[..., :512]  # as whoever brings weights in does
    use_onednn(model)
    assert model.large.forward is made
    half = Model(torch.bfloat16)
    use_onednn(half)
    assert not any("forward" in vars(module) for module in half.children())
