"""Search as its-hub and search-and-learn do it, on transformers: a call for each step of the beams.

As there: every size is a run of its own and nothing is shared between runs. Best-of-N gives
`generate` 25 questions and has the N answers to each judged (search-and-learn's
`search_batch_size`). Beam search takes one question at a time, which is all that either allows. In
each round the text of all N beams is tokenised anew and run from its beginning, `generate` stops at
the end of a step, and the reward model reads the text of every beam whole, without a cache, four
texts at a time (`prm_batch_size`). The best N / M beams that go on are copied until there are N
again; copies are judged like all others.

Kinder than they are: beams that ended are not sampled on, and N of them end the search, where
search-and-learn goes on until all beams end in the same round. Within a call keys and values are
cached, as they are there.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

QUESTIONS = 25


@dataclass(frozen=True)
class Calls:
    """The two models behind text. judged: texts that the reward model reads at a time.

    spent: tokens sampled (padding apart), run through the model and through the reward model.
    """

    model: PreTrainedModel
    judge: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    window: int
    judged: int
    spent: Counter[str]

    @torch.inference_mode()
    def generate(
        self, texts: Sequence[str], stops: Sequence[int], each: int = 1
    ) -> list[tuple[str, bool]]:
        """Continue each text up to a stop, `each` times; returns what is new, and if it ended."""
        inputs = self._encoded(texts)
        width, eos = inputs.input_ids.shape[1], self.tokenizer.eos_token_id
        out = self.model.generate(
            **inputs,
            max_new_tokens=max(1, self.window - width),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            num_return_sequences=each,
            eos_token_id=list(stops),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        found = []
        for row in out[:, width:].tolist():
            length = next((n for n, token in enumerate(row, 1) if token in stops), len(row))
            self.spent["sampled"] += length
            stopped_short = row[length - 1] in stops and row[length - 1] != eos
            text = self.tokenizer.decode(row[:length], skip_special_tokens=True)
            found.append((text, not stopped_short))
        return found

    @torch.inference_mode()
    def value(self, texts: Sequence[str]) -> list[float]:
        """What the reward model says at the last token of each text."""
        found = []
        for part in _parts(texts, self.judged):
            inputs = self._encoded(part)
            self.spent["read"] += inputs.input_ids.numel()
            found += self.judge(**inputs, use_cache=False).logits[:, -1, 0].tolist()
        return found

    def _encoded(self, texts: Sequence[str]):
        return self.tokenizer(
            list(texts), add_special_tokens=False, padding=True, return_tensors="pt"
        )


def prepare(
    work: dict[str, Any], questions: int = 1, judged: int = 4
) -> Callable[[], dict[str, Any]]:
    """questions: that beam search takes at a time. judged: see `Calls`."""
    model = AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float32).eval()
    judge = AutoModelForTokenClassification.from_pretrained(work["judge"], dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(work["model"], padding_side="left")
    texts, spent = list(work["texts"].values()), Counter()
    calls = Calls(model, judge.eval(), tokenizer, work["window"], judged, spent)

    def count(_module, _arguments, inputs) -> None:
        spent["run"] += inputs["input_ids"].numel()

    model.register_forward_pre_hook(count, with_kwargs=True)

    def run() -> dict[str, Any]:
        spent.clear()
        for n in work["sizes"]:
            for part in _parts(texts, QUESTIONS):
                best_of_n(calls, part, n)
            for part in _parts(texts, questions):
                beam_search(calls, part, n, work)
        return dict(spent)

    return run


def best_of_n(calls: Calls, questions: Sequence[str], n: int) -> list[str]:
    """The best of n answers to each question."""
    said = calls.generate(questions, [calls.tokenizer.eos_token_id], n)
    asked = [question for question in questions for _ in range(n)]
    answers = [text for text, _ in said]
    values = calls.value([a + b for a, b in zip(asked, answers, strict=True)])
    ranked = _parts([*zip(values, answers, strict=True)], n)
    return [max(of_one)[1] for of_one in ranked]


def beam_search(calls: Calls, questions: Sequence[str], n: int, work: dict[str, Any]) -> list[str]:
    """The best of the beams that ended, for each question; empty where none did."""
    [step_end] = calls.tokenizer(work["step_end"], add_special_tokens=False).input_ids
    eos, rounds = calls.tokenizer.eos_token_id, work["rounds"]
    beams = {question: [""] * n for question in questions}
    ended: dict[str, list[tuple[float, str]]] = {question: [] for question in questions}
    for number in range(rounds):
        live = [(question, beam) for question, going in beams.items() for beam in going]
        if not live:
            break
        stops = [eos] if number == rounds - 1 else [step_end, eos]
        said = calls.generate([question + beam for question, beam in live], stops)
        texts = [beam + step for (_, beam), (step, _) in zip(live, said, strict=True)]
        values = calls.value([q + text for (q, _), text in zip(live, texts, strict=True)])
        going = {question: [] for question in questions}
        for (question, _), text, value, (_, over) in zip(live, texts, values, said, strict=True):
            (ended if over else going)[question].append((value, text))
        for question, young in going.items():
            kept = sorted(young, reverse=True)[: max(1, n // work["beam_width"])]
            more = n if kept and len(ended[question]) < n else 0
            beams[question] = [text for _, text in islice(cycle(kept), more)]
    return [max(found)[1] if found else "" for found in ended.values()]


def _parts(whole: Sequence, size: int) -> Iterator[Sequence]:
    return (whole[start : start + size] for start in range(0, len(whole), size))
