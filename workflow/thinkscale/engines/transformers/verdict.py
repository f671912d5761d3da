"""Models that judge, as language models of two words: wrong (0) and right (1).

So a judgement is a continuation that is read, and what holds for reading holds for it: rows side by
side in one stream, each beginning run once, memory bounded.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
    Qwen2Config,
    Qwen2Model,
    Qwen2PreTrainedModel,
)

from thinkscale.engines.transformers.attention import ATTENTION
from thinkscale.engines.transformers.cpu.norms import use_fused_norms
from thinkscale.engines.transformers.cpu.products import use_onednn
from thinkscale.engines.transformers.loading import Checkpoint, load_weights
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.engines.transformers.stream import Settings, Stream
from thinkscale.engines.transformers.supported import check_supported
from thinkscale.errors import ThinkscaleError

WORDS = 2


class Qwen2ForProcessRewardModel(Qwen2PreTrainedModel):
    """Qwen2.5-Math-PRM (arXiv 2501.07301): two labels by a perceptron with one hidden layer.

    Its weights' names are those of the Python code that comes with them, which is not needed so.
    """

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__(config)
        size, self.num_labels = config.hidden_size, WORDS
        self.model = Qwen2Model(config)
        self.score = torch.nn.Sequential(
            torch.nn.Linear(size, size), torch.nn.ReLU(), torch.nn.Linear(size, WORDS)
        )
        self.post_init()


_OWN = {model.__name__: model for model in (Qwen2ForProcessRewardModel,)}


@dataclass(frozen=True)
class _Said:
    logits: torch.Tensor


class Verdict(torch.nn.Module):
    """A model behind two words.

    words: the ids of a causal model's tokens for wrong and right. None: the model has a layer
    `score` for one label, the log-odds of right, or for two, wrong and right.
    """

    def __init__(self, model: PreTrainedModel, words: tuple[int, int] | None) -> None:
        super().__init__()
        self.model, self.words = model, words
        kind = type(model).__name__
        if words is None and not hasattr(model, "score"):
            raise ThinkscaleError(f"architecture {kind} has no layer `score`; expected one")
        if words is None and model.num_labels not in (1, WORDS):
            raise ThinkscaleError(
                f"architecture {kind} has {model.num_labels} labels; expected one (how likely it "
                "is right) or two (wrong, right)"
            )
        self.config, self.device, self.dtype = model.config, model.device, model.dtype
        self._supports_attention_backend = model._supports_attention_backend
        self.set_attn_implementation = model.set_attn_implementation

    def forward(
        self, input_ids: torch.Tensor, logits_to_keep: torch.Tensor | int = 0, **others: Any
    ) -> _Said:
        """Logits (1, tokens kept, 2) of wrong and right. logits_to_keep: as in transformers."""
        if self.words is not None:
            said = self.model(input_ids=input_ids, logits_to_keep=logits_to_keep, **others)
            return _Said(said.logits[..., list(self.words)])
        hidden = self.model.base_model(input_ids=input_ids, **others).last_hidden_state
        if not isinstance(logits_to_keep, int):
            hidden = hidden[:, logits_to_keep]
        logits = self.model.score(hidden)
        if logits.shape[-1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
        return _Said(logits)


def open_verdict(
    checkpoint: Checkpoint,
    kind: Literal["orm", "prm"],
    words: tuple[int, int] | None,
    batch_size: int,
    memory: int | None = None,
    attention: str = "sdpa",
) -> Stream:
    """Load a reward model and return an engine that reads its verdicts.

    kind: a model with a head for whole sequences, or for tokens. words: see `Verdict`; without a
    head. Others and what is raised as `open_engine`.
    """
    architecture = next(iter(checkpoint.config.architectures or ()), None)
    if words is not None:
        loaded_as = AutoModelForCausalLM
    elif kind == "orm":
        loaded_as = AutoModelForSequenceClassification
    else:
        loaded_as = _OWN.get(architecture, AutoModelForTokenClassification)
    model = load_weights(checkpoint, ATTENTION[attention], loaded_as)
    use_onednn(model)
    use_fused_norms(model)
    judge = Verdict(model, words)
    settings = Settings(Sampling(temperature=0), frozenset(), WORDS, batch_size, memory)
    stream = Stream(judge, settings)
    check_supported(judge, stream.device)
    return stream
