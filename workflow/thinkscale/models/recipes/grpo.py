"""Reinforcement learning of a model that thinks, by TRL's GRPOTrainer on our own engine.

The trainer asks for completions by `rollout_func`, and the engine samples them with a copy of the
weights that is renewed at every step: two copies, since the engine's kernels have no gradient. What
is drawn depends on seed, step, item and place in the group alone, and so does what is learned: a
training that is killed goes on from its last checkpoint as if it had not been.
"""

import json
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from huggingface_hub import constants as hub_constants
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from thinkscale.engines.base import Completion, Ids, Request, noise_key
from thinkscale.engines.drive import drive
from thinkscale.engines.transformers.stream import Stream
from thinkscale.models.recipes import held_out, rewards
from thinkscale.models.recipes.held_out import HeldOut, Watch, own_waits, plain_state
from thinkscale.models.recipes.rewards import Reward, Rollout

logger = logging.getLogger(__name__)

_LOGGED = {
    "epoch": "epoch",
    "loss": "loss",
    "learning_rate": "learning_rate",
    "reward": "reward",
    "reward_std": "reward_std",
    "accuracy": "accuracy",
    "think_right": "think_right",
    "think_wrong": "think_wrong",
    "own_waits": "own_waits",
    "clipped": "clipped",
    "completions/mean_length": "completion_tokens",
    "frac_reward_zero_std": "no_variance",
    "entropy": "entropy",
    "kl": "kl",
    "num_tokens": "tokens",
    "step_time": "seconds",
}
_SHOWN_STEPS = 6  # at which completions are kept with their rewards, the first and last among them
_SHOWN_GROUPS = 2


@dataclass(frozen=True)
class GrpoSettings:
    """How to train: keys as in `config.models.Grpo` and `Derivation`.

    markers: the strings that open and end thinking. wait: what budget forcing would put in.
    """

    markers: tuple[str, ...]
    wait: str = "Wait"
    method: str = "lora"
    rank: int = 8
    alpha: float = 16.0
    learning_rate: float = 1e-4
    max_steps: int = 100
    batch_size: int = 16
    gradient_accumulation: int = 1
    gradient_checkpointing: bool = False
    dtype: str = "float32"
    save_steps: int | None = None
    eval_steps: int | None = None
    reward_funcs: tuple[str, ...] = ("accuracy", "format")
    reward_weights: tuple[float, ...] | None = None
    language: str | None = None
    soft_punish_cache: int = 64
    num_generations: int = 8
    max_completion_length: int = 512
    temperature: float = 1.0
    loss_type: str = "dr_grpo"
    scale_rewards: str = "none"
    beta: float = 0.0
    seed: int = 0


def reinforce(
    parent: Path,
    prompts: Mapping[str, Ids],
    think_end: tuple[Ids, ...],
    right: Callable[[Sequence[Rollout]], Sequence[bool]],
    engine: Stream,
    out_dir: Path,
    settings: GrpoSettings,
    *,
    watched: HeldOut | None = None,
    checkpoints: Path | None = None,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Train a model on prompts (token ids by item, each opening thinking) and save it, merged.

    think_end: markers that end thinking. right: which rollouts are. engine: opened on the parent,
    sampling at the settings' temperature alone. watched: measured every `eval_steps`. checkpoints:
    a directory for these settings on these prompts and no others, gone when all is done.

    Returns the log, a row a step: `step`, what `_LOGGED` renames (lengths in tokens, entropy in
    nats, `no_variance` and `clipped` shares, `seconds` and `tokens` so far), a `reward_<name>` for
    each of `reward_funcs`, and `held_out.COLUMNS` where it was measured, before training too (step
    0). And samples: step, item, completion, whether it is right, each reward.
    """
    tokenizer = AutoTokenizer.from_pretrained(parent)
    with _kept(checkpoints) as directory:
        rollouts = _Rollouts(prompts, think_end, right, engine, tokenizer.decode, settings)
        rollouts.kept = directory / "samples"
        trainer = _trainer(parent, tokenizer, rollouts, settings, directory)
        if watched is not None and settings.eval_steps is not None:
            trainer.add_callback(Watch(watched, engine, settings.eval_steps))
        trainer.add_callback(_Tell())
        trainer.train(resume_from_checkpoint=last_checkpoint(directory))
        model = trainer.model.merge_and_unload() if settings.method == "lora" else trainer.model
        model.config.use_cache = True  # training turns it off
        model.save_pretrained(out_dir)
        tokenizer.save_pretrained(out_dir)
        log = _table(trainer.state.log_history, settings.reward_funcs)
        kept = sorted(rollouts.kept.iterdir(), key=lambda path: int(path.stem))
        samples = [row for path in kept for row in json.loads(path.read_text(encoding="utf-8"))]
    return log, samples


@contextmanager
def _kept(checkpoints: Path | None):
    """The directory of checkpoints, or a passing one; removed when all is done."""
    if checkpoints is None:
        with tempfile.TemporaryDirectory() as scratch:
            yield Path(scratch)
    else:
        checkpoints.mkdir(parents=True, exist_ok=True)
        yield checkpoints
        shutil.rmtree(checkpoints)


def last_checkpoint(directory: Path) -> str | None:
    """The latest whole checkpoint: the trainer writes its own state last."""
    found = directory.glob("checkpoint-*/trainer_state.json")
    for state in sorted(found, key=lambda path: -int(path.parent.name.rpartition("-")[2])):
        with suppress(json.JSONDecodeError):
            json.loads(state.read_text(encoding="utf-8"))
            return str(state.parent)
    return None


def _trainer(
    parent: Path, tokenizer, rollouts: "_Rollouts", settings: GrpoSettings, directory: Path
) -> GRPOTrainer:
    # TRL reports the start of every training unless this is set; the environment variable of the
    # same name is read only when huggingface_hub is first imported.
    hub_constants.HF_HUB_DISABLE_TELEMETRY = True
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    args = GRPOConfig(
        output_dir=str(directory),
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        gradient_checkpointing=settings.gradient_checkpointing,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant",
        num_generations=settings.num_generations,
        max_completion_length=settings.max_completion_length,
        temperature=settings.temperature,
        reward_weights=list(settings.reward_weights) if settings.reward_weights else None,
        loss_type=settings.loss_type,
        scale_rewards=settings.scale_rewards,
        beta=settings.beta,
        bf16=settings.dtype == "bfloat16",
        logging_steps=1,
        save_strategy="no" if settings.save_steps is None else "steps",
        save_steps=settings.save_steps or settings.max_steps,
        save_total_limit=1,
        report_to="none",
        seed=settings.seed,
        data_seed=settings.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    # A prompt goes by its item's name: the engine is asked in token ids, as in a study.
    return GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(parent, dtype=getattr(torch, settings.dtype)),
        reward_funcs=[_looked_up(name) for name in settings.reward_funcs],
        args=args,
        train_dataset=Dataset.from_dict({"prompt": list(rollouts.prompts)}),
        processing_class=tokenizer,
        peft_config=lora if settings.method == "lora" else None,
        rollout_func=rollouts,
    )


def reward_of(name: str, settings: GrpoSettings) -> Reward:
    """The reward of that name."""
    match name:
        case "accuracy":
            return rewards.accuracy
        case "format":
            return rewards.well_formed(settings.markers)
        case "language_consistency":
            return rewards.language_consistency(settings.language)
        case "length":
            return rewards.length
        case "overlong":
            return rewards.overlong(settings.max_completion_length, settings.soft_punish_cache)
    raise ValueError(f"no reward {name!r}")


class _Rollouts:
    """What TRL calls a rollout function: from prompts, each repeated for its group, to completions.

    Rewards are computed here, where completions are known in parts, and looked up by the trainer.
    """

    def __init__(
        self,
        prompts: Mapping[str, Ids],
        think_end: tuple[Ids, ...],
        right: Callable[[Sequence[Rollout]], Sequence[bool]],
        engine: Stream,
        decode: Callable[[Ids], str],
        settings: GrpoSettings,
    ) -> None:
        self.prompts, self.think_end, self.right = prompts, think_end, right
        self.engine, self.decode, self.settings = engine, decode, settings
        self.rewards = {name: reward_of(name, settings) for name in settings.reward_funcs}
        self.kept = Path()
        last = settings.max_steps - 1
        self.shown = {round(n * last / (_SHOWN_STEPS - 1)) for n in range(_SHOWN_STEPS)}

    def __call__(self, names: Sequence[str], trainer: GRPOTrainer) -> dict[str, Any]:
        step = trainer.state.global_step
        self.engine.load_state(plain_state(trainer.model))
        drawn = self._drawn(names, step)
        told = zip(drawn, self.right(drawn), strict=True)
        drawn = [replace(rollout, right=bool(right)) for rollout, right in told]
        values = {name: reward(drawn) for name, reward in self.rewards.items()}
        if step in self.shown:
            self._keep(step, drawn, values)
        return {
            "prompt_ids": [list(self.prompts[name]) for name in names],
            "completion_ids": [list(rollout.ids) for rollout in drawn],
            "logprobs": None,
            "rollout": drawn,
            **{f"reward_{name}": value for name, value in values.items()},
        }

    def _drawn(self, names: Sequence[str], step: int) -> list[Rollout]:
        before: Counter[str] = Counter()
        rows = []
        for place, name in enumerate(names):
            noise = noise_key(self.settings.seed, f"{step}\x1f{name}", before[name])
            rows.append((place, self._asking(name, noise)))
            before[name] += 1
        found = dict(drive(rows, self.engine, 2 * self.engine.settings.batch_size))
        return [found[place] for place in range(len(names))]

    def _asking(
        self, name: str, noise: bytes
    ) -> Generator[list[Request], list[Completion], Rollout]:
        """Think to an end and answer; tokens are those that would be drawn in one go."""
        prompt, most = self.prompts[name], self.settings.max_completion_length
        [thought] = yield [Request(prompt, most, self.think_end, noise, 0)]
        answer, before = None, thought.ids + thought.end_ids
        if thought.stop == "marker":
            left = most - len(before)
            [answer] = yield [Request(prompt + before, left, (), noise, len(before))]
        made = rewards.rolled(name, thought, answer, self.decode)
        return replace(made, waits=own_waits(made.thought, self.settings.wait))

    def _keep(
        self, step: int, drawn: Sequence[Rollout], values: Mapping[str, Sequence[float]]
    ) -> None:
        rows = [
            {
                "step": step + 1,
                "item_id": rollout.item_id,
                "completion": self.decode(rollout.ids),
                "tokens": len(rollout.ids),
                "right": rollout.right,
                **{name: given[place] for name, given in values.items()},
            }
            for place, rollout in enumerate(drawn[: _SHOWN_GROUPS * self.settings.num_generations])
        ]
        self.kept.mkdir(exist_ok=True)
        (self.kept / f"{step + 1}.json").write_text(json.dumps(rows), encoding="utf-8")


def _looked_up(name: str) -> Callable[..., list[float]]:
    """A reward function as TRL expects it, which logs what else a step shows."""

    def reward(rollout, log_metric, **given):
        # The same from each, of which the trainer takes the mean.
        for key, value in rewards.observed(rollout).items():
            log_metric(key, value)
        return given[f"reward_{name}"]

    reward.__name__ = name
    return reward


class _Tell(TrainerCallback):
    """Warn, once for each kind, of what goes wrong while it does."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def on_log(self, args, state, control, **others) -> None:
        history = [_row(entry) for entry in state.log_history if "reward" in entry]
        for kind, sentence in rewards.faults(history):
            if kind not in self.told:
                self.told.add(kind)
                logger.warning("step %d: %s", state.global_step, sentence)


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A logged step under our names."""
    of_rewards = {
        f"reward_{key.split('/')[1]}": value
        for key, value in entry.items()
        if key.startswith("rewards/") and key.endswith("/mean")
    }
    return {"step": entry["step"], **{_LOGGED[k]: entry.get(k) for k in _LOGGED}, **of_rewards}


def _table(history: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """The log: a row a step, what was measured then beside what was logged."""
    steps: dict[int, dict[str, Any]] = {}
    for entry in history:
        measured = {name: entry[name] for name in held_out.COLUMNS if name in entry}
        logged = _row(entry) if "reward" in entry else {}
        if measured or logged:
            steps.setdefault(entry["step"], {"step": entry["step"]}).update(measured | logged)
    columns = ["step", *_LOGGED.values(), *(f"reward_{name}" for name in names)]
    log = pd.DataFrame([steps[step] for step in sorted(steps)])
    log = log.reindex(columns=[*columns, *held_out.COLUMNS])
    log["seconds"] = log["seconds"].fillna(0).cumsum()
    log["tokens"] = log["tokens"].fillna(0).astype("int64")
    return log
