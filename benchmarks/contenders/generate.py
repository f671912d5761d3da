"""What a careful user writes by hand: `model.generate`, batched, one full run per condition.

Left padding, keys and values cached, stop tokens in generate itself. Rows are kept as token ids,
so nothing is tokenised twice; what is put in (a forced end, a continuation) is appended and the
next call prefills from there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

Row = list[int]


@dataclass
class Generator:
    """Batched greedy `model.generate`; `sampled` counts the tokens of all rows, padding apart."""

    model: PreTrainedModel
    batch_size: int
    pad: int
    options: dict[str, Any] = field(default_factory=dict)
    sampled: int = 0

    def __call__(self, rows: Sequence[Row], max_new: int, stops: Sequence[int]) -> list[Row]:
        """Continue each row; a continuation ends with its stop token if it met one."""
        found = []
        for start in range(0, len(rows), self.batch_size):
            found += self._batch(rows[start : start + self.batch_size], max_new, stops)
        self.sampled += sum(map(len, found))
        return found

    def _batch(self, rows: Sequence[Row], max_new: int, stops: Sequence[int]) -> list[Row]:
        width = max(map(len, rows))
        out = self.model.generate(
            input_ids=torch.tensor([[self.pad] * (width - len(row)) + row for row in rows]),
            attention_mask=torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows]),
            max_new_tokens=max_new,
            do_sample=False,
            eos_token_id=list(stops),
            pad_token_id=self.pad,
            **self.options,
        )
        return [_to_stop(row, stops) for row in out[:, width:].tolist()]


@dataclass(frozen=True)
class Thought:
    """Thinking tokens, and the token that ended them (None where they were cut)."""

    ids: Row
    end: int | None


def prepare(work: dict[str, Any], **options) -> Callable[[], dict[str, Any]]:
    model = AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(work["model"])
    eos = model.generation_config.eos_token_id

    def run() -> dict[str, Any]:
        generate = Generator(model, work["batch_size"], tokenizer.pad_token_id, options)
        responses = {
            name: answered(generate, work, thoughts(), eos)
            for name, thoughts in _conditions(generate, work, eos).items()
        }
        texts = {
            name: {
                item: [tokenizer.decode(think), tokenizer.decode(answer)]
                for item, (think, answer) in zip(work["prompts"], rows, strict=True)
            }
            for name, rows in responses.items()
        }
        return {"sampled": generate.sampled, "responses": texts}

    return run


def _conditions(
    generate: Generator, work: dict[str, Any], eos: int
) -> dict[str, Callable[[], list[Thought]]]:
    prompts = list(work["prompts"].values())
    runs = {"natural": partial(think, generate, work, prompts, work["room"], eos)}
    for budget in work["budgets"]:
        runs[f"max={budget}"] = partial(think, generate, work, prompts, budget, eos)
    for waits in work["waits"]:
        runs[f"waits={waits}"] = partial(think_on, generate, work, waits, eos)
    return runs


def think(
    generate: Generator, work: dict[str, Any], prompts: Sequence[Row], budget: int, eos: int
) -> list[Thought]:
    """Think until the end marker, EOS or the budget."""
    [end] = work["forced"]["end"]
    # One more than the budget: an end that comes right behind it is a natural one.
    found = generate(prompts, budget + 1, [end, eos])
    return [
        Thought(ids[:-1], ids[-1]) if ids[-1] in (end, eos) else Thought(ids[:budget], None)
        for ids in found
    ]


def think_on(generate: Generator, work: dict[str, Any], waits: int, eos: int) -> list[Thought]:
    """Think, and at each of the first `waits` ends drop the end and go on behind a continuation."""
    prompts = list(work["prompts"].values())
    thoughts = think(generate, work, prompts, work["room"], eos)
    for _ in range(waits):
        so_far = [thought.ids + work["forced"]["continuation"] for thought in thoughts]
        left = work["room"] - max(map(len, so_far))
        rows = [prompt + ids for prompt, ids in zip(prompts, so_far, strict=True)]
        more = think(generate, work, rows, left, eos)
        thoughts = [Thought(a + b.ids, b.end) for a, b in zip(so_far, more, strict=True)]
    return thoughts


def answered(
    generate: Generator, work: dict[str, Any], thoughts: Sequence[Thought], eos: int
) -> list[tuple[Row, Row]]:
    """Close each thought, by its own end or a forced one, and answer."""
    forced = work["forced"]
    rows = []
    for prompt, thought in zip(work["prompts"].values(), thoughts, strict=True):
        before = prompt + thought.ids
        if thought.end is None:
            newline = [] if before[-1:] == forced["newline"] else forced["newline"]
            rows.append(before + newline + forced["end"] + forced["answer_prompt"])
        else:
            rows.append(before + forced["end"])
    answers = generate(rows, work["max_answer"], [eos])
    return [
        (thought.ids, [token for token in answer if token != eos])
        for thought, answer in zip(thoughts, answers, strict=True)
    ]


def _to_stop(row: Row, stops: Sequence[int]) -> Row:
    """Drop what generate pads a row with once it has stopped."""
    met = next((n for n, token in enumerate(row) if token in stops), len(row) - 1)
    return row[: met + 1]
