"""Reinforcement learning of a model that thinks, by TRL's GRPOTrainer on our own engine.

The trainer asks for completions by `rollout_func`, and the engine samples them with a copy of the
weights that is renewed at every step: two copies, since the engine's kernels have no gradient. What
is drawn depends on seed, step, item and place in the group alone, and so does what is learned: a
training that is killed goes on from its last checkpoint as if it had not been.
"""

import json
import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import Dataset
from tqdm import tqdm
from transformers import AutoTokenizer, PrinterCallback, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from thinkscale.engines.base import Completion, Ids, Request, noise_key
from thinkscale.engines.drive import drive
from thinkscale.engines.transformers.stream import Stream
from thinkscale.models.recipes import held_out, rewards
from thinkscale.models.recipes.held_out import HeldOut, Watch, own_waits, plain_state
from thinkscale.models.recipes.rewards import Reward, Rollout
from thinkscale.models.recipes.training import (
    Training,
    adapter,
    arguments,
    in_order,
    last_checkpoint,
    load_parent,
    save,
)

logger = logging.getLogger(__name__)

_LOGGED = {
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
    """What to reinforce, by keys as in `config.models.Grpo`, and how weights are trained.

    The learning rate stays as it is. markers: the strings that open and end thinking. wait: what
    budget forcing would put in.
    """

    training: Training
    markers: tuple[str, ...]
    wait: str = "Wait"
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
    a directory for these settings on these prompts and no others.

    Returns the log, a row a step: `step`, what `_LOGGED` renames (lengths in tokens, entropy in
    nats, `no_variance` and `clipped` shares, `seconds` and `tokens` so far), a `reward_<name>` for
    each of `reward_funcs`, and `held_out.COLUMNS` where it was measured, before training too (step
    0). And samples: step, item, completion, whether it is right, each reward.
    """
    tokenizer = AutoTokenizer.from_pretrained(parent)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are using 'rollout_func'")
        # TRL asks for it under this name at every step.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        directory = checkpoints or Path(scratch)
        rollouts = _Rollouts(prompts, think_end, right, engine, tokenizer.decode, settings)
        rollouts.kept = directory / "samples"
        trainer = _trainer(parent, tokenizer, rollouts, settings, directory)
        if watched is not None and settings.eval_steps is not None:
            trainer.add_callback(Watch(watched, engine, settings.eval_steps))
        last = last_checkpoint(directory)
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
        save(trainer, tokenizer, parent, settings.training, out_dir)
        kept = sorted(rollouts.kept.iterdir(), key=lambda path: int(path.stem))
        samples = [row for path in kept for row in json.loads(path.read_text(encoding="utf-8"))]
    return _table(trainer.state.log_history, settings.reward_funcs), samples


def _trainer(
    parent: Path, tokenizer, rollouts: "_Rollouts", settings: GrpoSettings, directory: Path
) -> GRPOTrainer:
    weights, how = settings.reward_weights, settings.training
    shared = arguments(how, directory)
    args = GRPOConfig(
        **{**shared, "lr_scheduler_type": "constant", "lr_scheduler_kwargs": {}, "warmup_steps": 0},
        num_generations=settings.num_generations,
        max_completion_length=settings.max_completion_length,
        temperature=settings.temperature,
        reward_weights=None if weights is None else list(weights),
        loss_type=settings.loss_type,
        scale_rewards=settings.scale_rewards,
        beta=settings.beta,
        shuffle_dataset=False,
        disable_tqdm=True,
    )
    # A prompt goes by its item's name: the engine is asked in token ids, as in a study.
    names = in_order([*rollouts.prompts], how, settings.num_generations)
    trainer = GRPOTrainer(
        model=load_parent(parent, settings.training),
        reward_funcs=[_looked_up(name) for name in settings.reward_funcs],
        args=args,
        train_dataset=Dataset.from_dict({"prompt": names}),
        processing_class=tokenizer,
        peft_config=adapter(settings.training),
        rollout_func=rollouts,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_Tell())
    return trainer


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
        last = settings.training.max_steps - 1
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
            noise = noise_key(self.settings.training.seed, f"{step}\x1f{name}", before[name])
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
    """A bar of steps; and, once for each kind, a warning of what goes wrong while it does."""

    def __init__(self) -> None:
        self.told: set[str] = set()
        self.bar: tqdm | None = None

    def on_train_begin(self, args, state, control, **others) -> None:
        interval = 0.5 if sys.stderr.isatty() else 20
        how = {"desc": "reinforce", "unit": "step", "mininterval": interval}
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, **how)

    def on_train_end(self, args, state, control, **others) -> None:
        self.bar.close()

    def on_log(self, args, state, control, **others) -> None:
        history = [_row(entry) for entry in state.log_history if "reward" in entry]
        if not history or history[-1]["step"] != state.global_step:
            return
        shown = {name: history[-1][name] for name in ("accuracy", "completion_tokens", "clipped")}
        self.bar.set_postfix({k: f"{v:.3g}" for k, v in shown.items()}, refresh=False)
        self.bar.update(state.global_step - self.bar.n)
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
