"""Presets: what families of reward models are given, as their authors' own code has it."""

from collections.abc import Mapping
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Math-Shepherd (Wang et al., arXiv 2312.08935), the card of peiyi9979/math-shepherd-mistral-7b-
    # prm: a causal model that says "+" or "-" behind the tag which ends each line.
    "math-shepherd": {
        "chat": "none",
        "before": " ",
        "behind": " ки",
        "between": "\n",
        "right": "+",
        "wrong": "-",
    },
    # RLHFlow (github.com/RLHFlow/RLHF-Reward-Modeling, math): a chat in which the user brings the
    # steps and the assistant answers each with "+" or "-".
    "rlhflow": {"chat": "turns", "before": " ", "right": "+", "wrong": "-"},
    # Qwen2.5-Math-PRM (Zhang et al., arXiv 2501.07301): two labels at a token behind each step.
    "qwen2.5-math-prm": {
        "chat": "answer",
        "system": "Please reason step by step, and put your final answer within \\boxed{}.",
        "behind": "<extra_0>",
    },
    # What TRL's PRMTrainer makes of prompt and completions: labels at the newline behind each step.
    "trl": {"chat": "none", "behind": "\n", "pieces": True},
    # A reward model for whole answers, as those that TRL's RewardTrainer makes of a chat.
    "chat": {"chat": "answer"},
}
