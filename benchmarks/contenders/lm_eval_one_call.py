"""lm-evaluation-harness with a single `generate_until` call per condition: less than the sweep.

The call has room for the budget and an answer and goes on to the end of the turn. Nothing is
forced: what thinks longer than its budget never answers, and a wait is no more than a natural run.
This is what its command line does, run once per setting.
"""

from collections.abc import Callable
from typing import Any

from contenders.lm_eval_two_calls import generate_until, load


def prepare(work: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    model = load(work)
    eos = model.tokenizer.eos_token
    prompts = list(work["texts"].values())
    limits = {"natural": work["room"]}
    limits |= {f"max={budget}": budget for budget in work["budgets"]}
    limits |= {f"waits={waits}": work["room"] for waits in work["waits"]}

    def run() -> dict[str, Any]:
        for limit in limits.values():
            generate_until(model, prompts, [eos], limit + work["max_answer"])
        return {"responses": {}, "sampled": None}

    return run
