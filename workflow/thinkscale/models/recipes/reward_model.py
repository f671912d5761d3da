"""A reward model from values: what a beginning of a thought is worth, learned by cross-entropy.

The parent's language model with one label for each token. What is learned is the log-odds that
thought which begins so will reach the right answer (Math-Shepherd, Wang et al., arXiv 2312.08935;
of a beginning's last token alone, so that reading one takes nothing anew). Fresh layers on top see
what the parent's last one computed of earlier tokens, as the result it expected of a step: the
parent's own layers see that too late to compare it with what was written.
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
)

from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.settings import Training

_POOL = 16  # batches whose examples are sorted by length together, which saves padding
_BINS = 10
_HEADS = {
    "token": AutoModelForTokenClassification,
    "sequence": AutoModelForSequenceClassification,
}


@dataclass(frozen=True)
class Example:
    """A thought behind its prompt. ends: how many ids each beginning has; values: its worth, 0..1.

    begin: how many ids the prompt has.
    """

    ids: tuple[int, ...]
    ends: tuple[int, ...]
    values: tuple[float, ...]
    begin: int = 0


@dataclass(frozen=True)
class RewardSettings:
    """How to train, all weights whatever the method. head: for whole sequences, or for tokens.

    layers: fresh ones on top of the parent's. surprise: weight of a second loss, by which the model
    learns how likely the parent found each token of the thought (0: without it). Examples of more
    than `max_length` tokens are left out.
    """

    training: Training = field(default_factory=lambda: Training("full", max_steps=1000))
    head: Literal["sequence", "token"] = "token"
    layers: int = 0
    surprise: float = 0.0
    max_length: int = 4096


def train_reward_model(
    parent: Path,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    out_dir: Path,
    settings: RewardSettings,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train all weights on the examples and save them as safetensors, with the tokenizer.

    held_out: examples that quality is measured on. Writes `training.json` beside the weights.
    Returns the loss log (columns as `finetune`'s; nats per beginning) and the quality. Raises
    ThinkscaleError if no example is left within `max_length`.
    """
    began = time.perf_counter()
    fitting = [example for example in examples if len(example.ids) <= settings.max_length]
    if not fitting:
        raise ThinkscaleError(
            f"no example is left to train on: {len(examples)} given, all over `max_length` "
            f"{settings.max_length}"
        )
    torch.manual_seed(settings.training.seed)
    model = _with_head(parent, settings)
    log = _train(model, Surprise(parent, model) if settings.surprise else None, fitting, settings)
    quality = measured(model, [e for e in held_out if len(e.ids) <= settings.max_length])
    model.save_pretrained(out_dir)
    AutoTokenizer.from_pretrained(parent).save_pretrained(out_dir)
    summary = {
        "settings": asdict(settings),
        "examples": len(examples),
        "examples_overlong": len(examples) - len(fitting),
        "beginnings": sum(len(example.ends) for example in fitting),
        "held_out": quality,
        "seconds": round(time.perf_counter() - began, 1),
    }
    (out_dir / "training.json").write_text(json.dumps(summary, indent=2) + "\n")
    return log, quality


def _with_head(parent: Path, settings: RewardSettings) -> PreTrainedModel:
    """The parent with a fresh head, and fresh layers that add nothing yet."""
    how = settings.training
    config = AutoConfig.from_pretrained(parent, num_labels=1, local_files_only=True)
    layers = config.num_hidden_layers
    config.num_hidden_layers = layers + settings.layers
    if kinds := getattr(config, "layer_types", None):
        config.layer_types = [*kinds[:layers], *kinds[-1:] * settings.layers]
    config.classifier_dropout = 0.0
    model = _HEADS[settings.head].from_pretrained(
        parent,
        config=config,
        dtype=getattr(torch, how.dtype),
        use_safetensors=True,
        local_files_only=True,
    )
    for layer in model.base_model.layers[layers:]:
        for last in (layer.self_attn.o_proj, layer.mlp.down_proj):
            torch.nn.init.zeros_(last.weight)
    if how.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


class Surprise(torch.nn.Module):
    """How likely the parent finds each token, learned from hidden states that have seen the token.

    A slip is a token that the parent did not expect. So the model is told at every token how what
    was written compares with what was expected, which outcomes say seldom and dimly. It is of use
    in training only.
    """

    def __init__(self, parent: Path, model: PreTrainedModel) -> None:
        super().__init__()
        self.parent = AutoModelForCausalLM.from_pretrained(
            parent, dtype=model.dtype, use_safetensors=True, local_files_only=True
        ).requires_grad_(False)
        self.head = torch.nn.Linear(model.config.hidden_size, 1, dtype=model.dtype)

    def forward(self, hidden: torch.Tensor, batch: Sequence[Example]) -> torch.Tensor:
        """Cross-entropy (nats a token) of the parent's probabilities; hidden: (B, T, size)."""
        ids = _padded(batch).to(hidden.device)
        places = [(n, t) for n, e in enumerate(batch) for t in range(max(e.begin, 1), len(e.ids))]
        rows, columns = torch.tensor(places, device=hidden.device).T
        with torch.no_grad():
            logits = self.parent.eval()(input_ids=ids, use_cache=False).logits
            expected = logits[rows, columns - 1].float().softmax(-1)
            expected = expected.gather(1, ids[rows, columns].unsqueeze(1))[:, 0]
        said = self.head(hidden[rows, columns])[:, 0].float()
        return binary_cross_entropy_with_logits(said, expected)


def _train(
    model: PreTrainedModel,
    surprise: Surprise | None,
    examples: Sequence[Example],
    settings: RewardSettings,
) -> pd.DataFrame:
    how, surprise = settings.training, surprise and surprise.to(model.device)
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *(surprise.head.parameters() if surprise else ())],
        lr=how.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=how.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, how))
    drawn = _batches(examples, how)
    rows, losses, tokens = [], [], 0
    per_epoch = len(examples) / (how.batch_size * how.gradient_accumulation)
    model.train()
    for step in tqdm(range(1, how.max_steps + 1), desc="reward model", unit="step"):
        for batch in (next(drawn) for _ in range(how.gradient_accumulation)):
            hidden = _hidden(model, batch)
            loss = binary_cross_entropy_with_logits(*_judged(model, hidden, batch))
            losses.append(loss.item())
            if surprise:
                loss = loss + settings.surprise * surprise(hidden, batch)
            (loss / how.gradient_accumulation).backward()
            tokens += sum(len(example.ids) for example in batch)
        torch.nn.utils.clip_grad_norm_(model.parameters(), how.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        rate = schedule.get_last_lr()[0]
        schedule.step()
        if step % how.log_every == 0 or step == how.max_steps:
            rows.append((step, step / per_epoch, float(np.mean(losses)), rate, tokens))
            losses = []
    model.eval()
    return pd.DataFrame(rows, columns=["step", "epoch", "loss", "learning_rate", "tokens"])


def _share(step: int, how: Training) -> float:
    """Of the peak learning rate: linear warm-up, constant, linear decay to zero."""
    done = (step + 1) / how.max_steps
    if done < how.warmup:
        return done / how.warmup
    return min(1.0, (1 - done) / (1 - how.decay_from))


def _batches(examples: Sequence[Example], how: Training) -> Iterator[list[Example]]:
    """Batches without end: each example once an epoch, those of like length together."""
    rng, size = random.Random(how.seed), how.batch_size
    while True:
        order = rng.sample(range(len(examples)), len(examples))
        pools = [order[n : n + _POOL * size] for n in range(0, len(order), _POOL * size)]
        for pool in pools:
            pool.sort(key=lambda n: len(examples[n].ids))
            starts = list(range(0, len(pool), size))
            for start in rng.sample(starts, len(starts)):
                yield [examples[n] for n in pool[start : start + size]]


def _padded(batch: Sequence[Example]) -> torch.Tensor:
    """The ids of a batch, (B, T), padded behind, where no token looks."""
    ids = torch.zeros(len(batch), max(len(e.ids) for e in batch), dtype=torch.long)
    for n, example in enumerate(batch):
        ids[n, : len(example.ids)] = torch.tensor(example.ids)
    return ids


def _hidden(model: PreTrainedModel, batch: Sequence[Example]) -> torch.Tensor:
    ids = _padded(batch).to(model.device)
    return model.base_model(input_ids=ids, use_cache=False).last_hidden_state


def _judged(
    model: PreTrainedModel, hidden: torch.Tensor, batch: Sequence[Example]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-odds at every beginning of a batch and their values, (M,) each."""
    rows = [n for n, example in enumerate(batch) for _ in example.ends]
    places = [end - 1 for example in batch for end in example.ends]
    logits = model.score(hidden[rows, places])[:, 0].float()
    values = torch.tensor([value for example in batch for value in example.values])
    return logits, values.to(logits.device)


@torch.inference_mode()
def measured(model: PreTrainedModel, examples: Sequence[Example]) -> dict[str, float]:
    """How good a model's values are on examples; NaN where there is nothing to tell apart.

    auc: of attempts from a beginning, right against wrong ones. within_auc: the same within each
    prompt, which is what a choice goes by, and the mean over attempts. last_auc: of whole thoughts
    alone.
    brier: mean squared distance of probability and outcome of an attempt. ece: expected calibration
    error over ten bins of equal width (Guo et al., arXiv 1706.04599).
    """
    if not examples:
        return {"beginnings": 0}
    found = [_judged(model, _hidden(model, [example]), [example])[0] for example in examples]
    odds = torch.cat(found).double().sigmoid().cpu().numpy()
    values = np.array([value for example in examples for value in example.values])
    prompts = [example.ids[: example.begin] for example in examples for _ in example.ends]
    last = np.cumsum([len(example.ends) for example in examples]) - 1
    # Labels may be shares: a beginning of value .3 is three right attempts of ten.
    bins = np.minimum((odds * _BINS).astype(int), _BINS - 1)
    gaps = [abs((odds - values)[bins == b].sum()) for b in range(_BINS)]
    return {
        "beginnings": len(odds),
        "auc": _auc(odds, values),
        "within_auc": _within(odds, values, prompts),
        "last_auc": _auc(odds[last], values[last]),
        "brier": float(np.mean(values * (1 - odds) ** 2 + (1 - values) * odds**2)),
        "ece": float(np.sum(gaps) / len(odds)),
    }


def _within(scores: np.ndarray, shares: np.ndarray, prompts: Sequence[tuple]) -> float:
    places = pd.Series(range(len(scores))).groupby(pd.factorize(pd.Series(prompts))[0])
    found = [(_auc(scores[own], shares[own]), len(own)) for own in places.indices.values()]
    told = [(auc, n) for auc, n in found if not np.isnan(auc)]
    if not told:
        return float("nan")
    aucs, counts = zip(*told, strict=True)
    return float(np.average(aucs, weights=counts))


def _auc(scores: np.ndarray, shares: np.ndarray) -> float:
    """The area under the ROC curve where each score stands for a share of right attempts."""
    if shares.sum() == 0 or shares.sum() == len(shares):
        return float("nan")
    right = np.repeat([True, False], len(scores))
    return float(
        roc_auc_score(right, np.tile(scores, 2), sample_weight=np.concatenate([shares, 1 - shares]))
    )
