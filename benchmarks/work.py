"""What every contender does: the same model, items and conditions or searches, as plain values.

Plain and in JSON, because one of the contenders lives in an environment without thinkscale.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

from thinkscale.calibration.bank import generate_bank
from thinkscale.calibration.tokens import ANSWER_PROMPT, THINK_END
from thinkscale.calibration.traces import CONTINUATION
from thinkscale.thinking.prompts import encode, encode_prompt, render, user_message

ROOT = Path(__file__).resolve().parent.parent
REASONER = ROOT / "resources" / "calibration" / "reasoner"
WINDOW = 512
BATCH = 64
MAX_ANSWER = 8


def sweep_work(
    items: int, budgets: Sequence[int] = (), waits: Sequence[int] = (), seed: int = 1
) -> dict[str, Any]:
    """Natural thinking, the budgets and the waits over a fresh bank of `items` items."""
    tokenizer = AutoTokenizer.from_pretrained(REASONER)
    texts = {item["item_id"]: _prompt(tokenizer, item) for item in _bank(items, seed)}
    prompts = {item_id: encode_prompt(tokenizer, text) for item_id, text in texts.items()}
    forced = {
        "end": encode(tokenizer, THINK_END),
        "newline": encode(tokenizer, "\n"),
        "answer_prompt": encode(tokenizer, ANSWER_PROMPT),
        "continuation": encode(tokenizer, CONTINUATION),
    }
    longest = max(map(len, prompts.values())) + sum(map(len, forced.values()))
    return {
        "model": str(REASONER),
        "batch_size": BATCH,
        "max_answer": MAX_ANSWER,
        "window": WINDOW,
        # Thinking no contender may exceed; one number for all items, so that batches stay whole.
        "room": WINDOW - longest - MAX_ANSWER,
        "texts": texts,
        "prompts": {item_id: list(ids) for item_id, ids in prompts.items()},
        "forced": {name: list(ids) for name, ids in forced.items()},
        "strings": {
            "end": THINK_END,
            "answer_prompt": ANSWER_PROMPT,
            "continuation": CONTINUATION,
        },
        "budgets": list(budgets),
        "waits": list(waits),
    }


def search_work(items: int, judge: Path, sizes: Sequence[int]) -> dict[str, Any]:
    """Best-of-N and beam search at each of these sizes over a fresh bank.

    judge: directory of a reward model with a head for tokens, which knows the model's tokens.
    """
    return sweep_work(items) | {
        "items": items,
        "judge": str(judge),
        "sizes": list(sizes),
        "beam_width": 4,
        "rounds": 40,
        "step_end": "\n",
    }


def random_judge(directory: Path) -> Path:
    """Write a reward model in the reasoner's shape with random weights: it costs what one costs."""
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(REASONER, num_labels=1)
    AutoModelForTokenClassification.from_config(config).save_pretrained(directory)
    AutoTokenizer.from_pretrained(REASONER).save_pretrained(directory)
    return directory


def equally_spaced(longest: float, count: int) -> list[int]:
    """`count` distinct budgets, equally spaced up to `longest`."""
    budgets = [max(1, round(longest * i / count)) for i in range(1, count + 1)]
    if len(set(budgets)) < count:
        raise SystemExit(f"{count} budgets do not fit below {longest} tokens")
    return budgets


def _bank(items: int, seed: int) -> list[dict[str, Any]]:
    return generate_bank(items, seed).to_dict("records")


def _prompt(tokenizer, item: dict[str, Any]) -> str:
    return render(tokenizer, user_message(item, "{stem}\n{options}", " {label}){text}", ""))
