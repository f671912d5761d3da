"""lm-evaluation-harness, thinking and answer as two `generate_until` calls per condition.

Its interface takes and gives text; that is how budget forcing is put on top of it. Where thinking
was cut is told by counting the tokens of the text that came back.
"""

from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM


def load(work: dict[str, Any]) -> HFLM:
    return HFLM(
        pretrained=work["model"],
        device="cpu",
        dtype="float32",
        batch_size=work["batch_size"],
        add_bos_token=False,  # the prompts begin with theirs
    )


def generate_until(
    model: HFLM, texts: Sequence[str], until: Sequence[str], max_new: int
) -> list[str]:
    options = {"until": list(until), "max_gen_toks": max_new, "do_sample": False}
    requests = [
        Instance("generate_until", doc={}, arguments=(text, dict(options)), idx=index)
        for index, text in enumerate(texts)
    ]
    return model.generate_until(requests, disable_tqdm=True)


def count(model: HFLM, texts: Sequence[str]) -> list[int]:
    return [len(model.tok_encode(text, add_special_tokens=False)) for text in texts]


def prepare(work: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    model = load(work)
    eos = model.tokenizer.eos_token
    prompts, strings = list(work["texts"].values()), work["strings"]

    def think(prompts: Sequence[str], budget: int) -> list[str]:
        return generate_until(model, prompts, [strings["end"]], budget)

    def think_on(waits: int) -> list[str]:
        thoughts = think(prompts, work["room"])
        for _ in range(waits):
            so_far = [thought + strings["continuation"] for thought in thoughts]
            left = work["room"] - max(count(model, so_far))
            rows = [prompt + text for prompt, text in zip(prompts, so_far, strict=True)]
            more = think(rows, left)
            thoughts = [a + b for a, b in zip(so_far, more, strict=True)]
        return thoughts

    def answered(thoughts: Sequence[str], budget: int) -> list[str]:
        rows = []
        lengths = count(model, thoughts)
        for prompt, thought, length in zip(prompts, thoughts, lengths, strict=True):
            if length < budget:
                rows.append(prompt + thought + strings["end"])
            else:
                newline = "" if thought.endswith("\n") else "\n"
                forced = newline + strings["end"] + strings["answer_prompt"]
                rows.append(prompt + thought + forced)
        return generate_until(model, rows, [eos], work["max_answer"])

    def condition(thoughts: Sequence[str], budget: int) -> dict[str, list[str]]:
        answers = answered(thoughts, budget)
        return dict(zip(work["texts"], map(list, zip(thoughts, answers, strict=True)), strict=True))

    def run() -> dict[str, Any]:
        room = work["room"]
        responses = {"natural": condition(think(prompts, room), room)}
        for budget in work["budgets"]:
            responses[f"max={budget}"] = condition(think(prompts, budget), budget)
        for waits in work["waits"]:
            responses[f"waits={waits}"] = condition(think_on(waits), room)
        return {"responses": responses, "sampled": None}

    return run
