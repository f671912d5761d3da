"""What a model can do on items that it is not trained on, measured while it is trained.

Through our own engine, with a copy of the weights: its kernels have no gradient. Items are thought
about as in a study, once naturally and once with a "Wait" put in.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft.utils.integrations import dequantize_module_weight
from transformers import PreTrainedModel, TrainerCallback

from thinkscale.engines.base import Ids
from thinkscale.engines.transformers.stream import Stream
from thinkscale.thinking.budget import Forcing
from thinkscale.thinking.conditions import NATURAL, Condition
from thinkscale.thinking.think import think

COLUMNS = [
    *("held_out_accuracy", "held_out_accuracy_wait"),
    *("held_out_think_right", "held_out_think_wrong", "held_out_own_waits"),
]


@dataclass(frozen=True)
class HeldOut:
    """Items, ready to be thought about.

    prompts, forcing, context, samples, seed: as for `think`. right: which responses, a frame by
    their contract, are right. wait: the continuation's name that is put in; text: what a model
    says that says it by itself.
    """

    prompts: Mapping[str, Ids]
    forcing: Forcing
    context: int
    decode: Callable[[Ids], str]
    right: Callable[[pd.DataFrame], Sequence[bool]]
    wait: str = "Wait"
    text: str = "Wait"
    samples: int = 1
    seed: int = 0


def measured(held_out: HeldOut, engine: Stream) -> dict[str, float | None]:
    """The values of `COLUMNS` by the weights that the engine has now.

    Accuracy is a share of all responses; thinking is in tokens, of natural responses that are right
    and of those that are wrong (None where there are none); own waits are how often a natural
    thought says the text that is otherwise put in.
    """
    waited = Condition(waits=1, continuation=held_out.wait)
    responses = think(
        "held out",
        held_out.prompts,
        {"natural": NATURAL, "waits=1": waited},
        engine,
        held_out.forcing,
        held_out.decode,
        context=held_out.context,
        samples=held_out.samples,
        seed=held_out.seed,
        in_flight=2 * engine.settings.batch_size,
    ).responses
    right = pd.Series(list(held_out.right(responses)), index=responses.index, dtype=bool)
    natural = responses["condition"].eq("natural")
    tokens, texts = responses["think_tokens"], responses.loc[natural, "think_text"]
    return {
        "held_out_accuracy": float(right[natural].mean()),
        "held_out_accuracy_wait": float(right[~natural].mean()),
        "held_out_think_right": _mean(tokens[natural & right]),
        "held_out_think_wrong": _mean(tokens[natural & ~right]),
        "held_out_own_waits": _mean(texts.map(lambda text: own_waits(text, held_out.text))),
    }


def own_waits(text: str, wait: str) -> int:
    """How often a thought says by itself what is otherwise put in."""
    return len(re.findall(rf"(?<!\w){re.escape(wait.strip())}(?!\w)", text))


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if len(values) else None


class Watch(TrainerCallback):
    """Measure the held-out items before training, every so many steps, and at the end.

    What is found stands in the trainer's history, and so in its checkpoints.
    """

    def __init__(self, held_out: HeldOut, engine: Stream, every: int) -> None:
        self.held_out, self.engine, self.every = held_out, engine, every

    def on_train_begin(self, args, state, control, model, **others) -> None:
        if state.global_step == 0:
            self._measure(state, model)

    def on_step_end(self, args, state, control, model, **others) -> None:
        if state.global_step % self.every == 0 or state.global_step == state.max_steps:
            self._measure(state, model)

    def _measure(self, state, model) -> None:
        self.engine.load_state(plain_state(model))
        state.log_history.append(
            {"step": state.global_step, **measured(self.held_out, self.engine)}
        )


@torch.no_grad()
def plain_state(model: PreTrainedModel | PeftModel) -> dict[str, torch.Tensor]:
    """A model's weights under its own names, those of LoRA worked in; the model stays as it is."""
    if not isinstance(model, PeftModel):
        return model.state_dict()
    base = model.get_base_model()
    adapted = {name: m for name, m in base.named_modules() if isinstance(m, LoraLayer)}
    # A quantized weight's state has entries beside it that are no weights.
    own = dict(base.named_parameters(remove_duplicate=False)) | dict(base.named_buffers())
    state = {}
    for key, value in base.state_dict().items():
        module, _, name = key.rpartition(".")
        layer = adapted.get(module.removesuffix(".base_layer"))
        if layer is None:
            if ".lora_" not in key and key in own:
                state[key] = value
        elif name == "weight" and module.endswith(".base_layer"):
            weight = dequantize_module_weight(layer.get_base_layer())
            changes = [layer.get_delta_weight(adapter) for adapter in layer.active_adapters]
            state[key.replace(".base_layer.", ".")] = sum(changes, weight)
        elif key in own:
            state[key.replace(".base_layer.", ".")] = value
    return state
