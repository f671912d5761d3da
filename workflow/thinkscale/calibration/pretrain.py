"""Training of the calibration models from nothing, on one CPU thread in minutes.

The curriculum: look-up drills first (letters of options, operations of lines), then clean
arithmetic, then traces with slips, waits and cuts with growing k, at last more forced waits.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from thinkscale.calibration.bank import (
    LABELS,
    MAX_STEPS,
    MORE_MISCONCEIVED,
    SlipLaw,
    draw_problem,
)
from thinkscale.calibration.tokens import build_tokenizer
from thinkscale.calibration.traces import CLEAN, DRILLS, TraceLaw, draw_trace
from thinkscale.models.recipes.traces import Example, encode_row

CONTEXT = 512
LETTER_WEIGHT = 4.0


@dataclass(frozen=True)
class Stage:
    """A stretch of training: batches of `mix` (shares of letter, pointer, clean, trace)."""

    steps: int
    max_k: int
    mix: dict[str, float]
    forced: tuple[float, ...] = (0.75, 0.12, 0.06, 0.04, 0.03)


_MORE_WAITS = (0.45, 0.25, 0.14, 0.08, 0.08)
STAGES = (
    Stage(500, 6, {"letter": 0.5, "pointer": 0.5}),
    Stage(500, 2, {"letter": 0.25, "pointer": 0.25, "clean": 0.5}),
    Stage(700, 4, {"letter": 0.15, "pointer": 0.15, "clean": 0.7}),
    Stage(900, 6, {"letter": 0.05, "pointer": 0.1, "clean": 0.15, "trace": 0.7}),
    Stage(1400, 8, {"letter": 0.05, "pointer": 0.05, "trace": 0.9}),
    Stage(1000, 8, {"letter": 0.03, "pointer": 0.05, "trace": 0.92}, _MORE_WAITS),
)


@dataclass(frozen=True)
class Recipe:
    """All that decides a calibration model, the seed excepted."""

    slips: SlipLaw = field(default_factory=SlipLaw)
    stages: tuple[Stage, ...] = STAGES
    hidden_size: int = 128
    layers: int = 3
    heads: int = 4
    intermediate_size: int = 256
    init_std: float = 0.05  # at .02 the look-up is never learned
    rope_theta: float = 1e6  # at 1e4 looking up letters stalls
    learning_rate: float = 2e-3
    warmup: float = 0.05
    decay_from: float = 0.65
    weight_decay: float = 0.02
    batch_size: int = 16


REASONER = Recipe()
BASE = replace(REASONER, slips=SlipLaw(easy=0.18, carry=0.32, misconceived=MORE_MISCONCEIVED))
# The recipe and the seed of each model that the repository carries.
RECIPES = {"reasoner": (REASONER, 0), "base": (BASE, 0)}


def pretrain(
    recipe: Recipe, seed: int, out_dir: Path, max_steps: int | None = None
) -> pd.DataFrame:
    """Train a model from nothing and save it with its tokenizer (safetensors, fp32).

    The same recipe, seed and thread count give the same weights. `max_steps` ends the curriculum
    early. Returns the loss log: step, loss (weighted mean over the batch, nats), learning_rate,
    tokens (seen so far).
    """
    tokenizer = build_tokenizer()
    torch.manual_seed(seed)
    model = LlamaForCausalLM(model_config(recipe, tokenizer))
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
    )
    total = sum(stage.steps for stage in recipe.stages)
    steps = total if max_steps is None else min(max_steps, total)
    rows, seen = [], 0
    model.train()
    progress = tqdm(batches(recipe, seed, tokenizer), total=steps, desc="pretrain", unit="step")
    for step, (input_ids, weights) in enumerate(progress, 1):
        rate = recipe.learning_rate * schedule(step / total, recipe)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = weighted_loss(model(input_ids=input_ids).logits, input_ids, weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen += int((weights >= 0).sum())
        rows.append((step, loss.item(), rate, seen))
        if step % 50 == 0:
            progress.set_postfix(loss=f"{loss.item():.3f}")
        if step == steps:
            break
    progress.close()
    save_model(model, tokenizer, out_dir)
    return pd.DataFrame(rows, columns=["step", "loss", "learning_rate", "tokens"])


def model_config(recipe: Recipe, tokenizer) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": recipe.rope_theta},
        initializer_range=recipe.init_std,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def schedule(done: float, recipe: Recipe) -> float:
    """Share of the peak learning rate: linear warm-up, constant, linear decay to zero."""
    if done < recipe.warmup:
        return done / recipe.warmup
    return min(1.0, (1 - done) / (1 - recipe.decay_from))


def weighted_loss(
    logits: torch.Tensor, input_ids: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Mean next-token cross-entropy under the weights (B, T) of the predicted tokens, in nats."""
    weights = weights[:, 1:].clamp(min=0)  # (B, T - 1)
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2).float(), input_ids[:, 1:], reduction="none"
    )
    return (losses * weights).sum() / weights.sum()


def batches(recipe: Recipe, seed: int, tokenizer) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The curriculum's batches: ids (B, T) and weights (B, T), -1 where padded."""
    rng = random.Random(f"calibration-pretrain-{seed}")
    letters = set(tokenizer.convert_tokens_to_ids([f"Ġ{letter}" for letter in LABELS]))
    for stage in recipe.stages:
        law = TraceLaw(slips=recipe.slips, forced=stage.forced)
        left = stage.steps
        while left:
            # Examples of like length share a batch, which saves padding.
            count = min(8, left)
            pool = [
                encode_row(tokenizer, _draw_row(rng, stage, law))
                for _ in range(count * recipe.batch_size)
            ]
            pool.sort(key=lambda example: len(example.input_ids))
            starts = list(range(0, len(pool), recipe.batch_size))
            rng.shuffle(starts)
            for start in starts:
                chosen = pool[start : start + recipe.batch_size]
                yield collate(chosen, letters, tokenizer.pad_token_id)
            left -= count


def collate(
    examples: list[Example], letters: set[int], pad: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad on the right; weights are the loss mask, letters times LETTER_WEIGHT, -1 on padding."""
    length = max(len(example.input_ids) for example in examples)
    ids = torch.full((len(examples), length), pad)
    weights = torch.full((len(examples), length), -1.0)
    for i, example in enumerate(examples):
        n = len(example.input_ids)
        ids[i, :n] = torch.tensor(example.input_ids)
        weights[i, :n] = torch.tensor(
            [
                m * (LETTER_WEIGHT if token in letters else 1.0)
                for token, m in zip(example.input_ids, example.mask, strict=True)
            ]
        )
    return ids, weights


def save_model(model: LlamaForCausalLM, tokenizer, out_dir: Path) -> None:
    """Weights as safetensors, configs, tokenizer and chat template, loadable by Auto classes."""
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(out_dir)
    tokenizer.save_pretrained(out_dir)


def _draw_row(rng: random.Random, stage: Stage, law: TraceLaw) -> dict:
    kind = rng.choices(list(stage.mix), list(stage.mix.values()))[0]
    # Longer problems take more learning: k is drawn with weights k + 2.
    k = rng.choices(range(stage.max_k + 1), range(2, stage.max_k + 3))[0]
    k = min(k, MAX_STEPS)
    if kind in DRILLS:
        return asdict(DRILLS[kind](rng, draw_problem(rng, k, for_bank=False)))
    if kind == "clean":
        law = TraceLaw(slips=CLEAN, forced=law.forced, wait=law.wait, cut=law.cut)
    return asdict(draw_trace(rng, draw_problem(rng, k, for_bank=False), law))
