"""How long steps of training take: what is run, and how its seconds become those of a step."""

from itertools import count

import pytest
import torch
from transformers import LlamaConfig, Qwen2Config

from thinkscale.errors import ThinkscaleError
from thinkscale.models import steps
from thinkscale.models.recipes.settings import Training

SHAPE = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
CPU = torch.device("cpu")
HOW = Training("full", batch_size=8, gradient_accumulation=3)


@pytest.fixture
def read(monkeypatch, one_thread):
    """The shapes that models read, in order, where each run takes a second."""
    shapes, real = [], steps._built

    def built(config, dtype, device):
        model = real(config, dtype, device)

        def note(module, args, kwargs):
            ids = args[0] if args else kwargs["input_ids"]
            if len(ids) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            shapes.append((tuple(ids.shape), module.training))

        model.register_forward_pre_hook(note, with_kwargs=True)
        return model

    monkeypatch.setattr(steps, "_built", built)
    ticks = count()
    monkeypatch.setattr(steps.time, "perf_counter", lambda: next(ticks))
    return shapes


def test_rows_that_do_not_fit_together_go_one_part_after_another(read):
    assert steps.step_seconds(Qwen2Config(**SHAPE), HOW, 12, CPU) == 8 * 3 / 2
    assert read == [((2, 12), True)] * 3


def test_a_teacher_reads_the_same_rows(read):
    one = Qwen2Config(**SHAPE)
    assert steps.step_seconds(one, HOW, 12, CPU, teacher=one) == 12
    assert read == [((2, 12), False), ((2, 12), True)] * 3


def test_what_is_drawn_is_told_for_one_token_of_each_row(read):
    seconds = steps.drawing_seconds(Qwen2Config(**SHAPE), HOW, 12, CPU)
    assert seconds == 8 * 3 / 2 / 8
    assert [shape for shape, _ in read] == ([(2, 12)] + [(2, 1)] * 7) * 3


@pytest.mark.parametrize("config", [Qwen2Config(**SHAPE), LlamaConfig(**SHAPE)])
@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_steps_of_each_method_run(config, method, one_thread):
    how = Training(method, batch_size=2, gradient_checkpointing=True, dtype="bfloat16")
    assert steps.step_seconds(config, how, 12, CPU) > 0


def test_what_is_too_much_for_a_processor_is_not_tried():
    large = Qwen2Config(**{**SHAPE, "hidden_size": 4096, "intermediate_size": 11008})
    with pytest.raises(ThinkscaleError, match=r"a row of 4,096 tokens takes .* FLOPs"):
        steps.step_seconds(large, HOW, 4096, CPU)
