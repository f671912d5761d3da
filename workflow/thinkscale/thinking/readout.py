"""The readout: which token sequences name an item's labels, and what their probabilities come to.

A label's probability is that of beginning the answer with it, whatever stands behind it.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal

from thinkscale.engines.base import Ids
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.prompts import encode

LEAST = math.log(sys.float_info.min)  # -708.4 nats, for whatever is less likely still

Spellings = Mapping[str, tuple[Ids, ...]]


def label_spellings(tokenizer, answer_prompt: str, labels: Sequence[str]) -> Spellings:
    """The token sequences that name each label behind the answer prompt.

    A label may have a space before it or not, and is encoded both by itself and as the tokenizer
    goes on from the prompt, where the prompt's own tokens stay what they are: SentencePiece writes
    the first word of a text otherwise than the same word in it. A sequence that begins with another
    of the same label is left out, as the shorter one has its probability.

    Raises ThinkscaleError where a tokenizer spells two labels alike, or one by nothing.
    """
    begun = encode(tokenizer, answer_prompt)
    found: dict[str, tuple[Ids, ...]] = {}
    owners: dict[Ids, str] = {}
    for label in labels:
        ways = {}
        for space, before in product(("", " "), ("", answer_prompt)):
            whole, known = encode(tokenizer, before + space + label), begun if before else ()
            if whole[: len(known)] == known:
                ways[whole[len(known) :]] = None
        ways.pop((), None)
        if not ways:
            raise ThinkscaleError(f"the tokenizer has no token for the label {label!r}")
        found[label] = tuple(w for w in ways if not any(w[:n] in ways for n in range(1, len(w))))
        for way in found[label]:
            if owners.setdefault(way, label) != label:
                raise ThinkscaleError(
                    f"the tokenizer writes the labels {owners[way]!r} and {label!r} alike; "
                    "expected labels that it tells apart"
                )
    return found


def sequences(spellings: Spellings) -> tuple[Ids, ...]:
    """All that is to be read for an item."""
    return tuple(way for ways in spellings.values() for way in ways)


def label_logprobs(spellings: Spellings, logprobs: Sequence[float]) -> dict[str, float]:
    """Log-probabilities of labels, in nats, from those of their `sequences`.

    Where a label's spelling begins that of another ("1" and "10", digit by digit), what goes on to
    the longer label is not the shorter one's. None is below `LEAST`.
    """
    of = dict(zip(sequences(spellings), logprobs, strict=True))
    return {
        label: max(_sum([_without_longer(way, of) for way in ways]), LEAST)
        for label, ways in spellings.items()
    }


def among_labels(spellings: Spellings, logprobs: Sequence[float]) -> dict[str, float]:
    """Probabilities of labels among themselves, from log-probabilities of their `sequences`.

    NaN where one of these is no number, or no label can be said.
    """
    if any(map(math.isnan, logprobs)):
        return dict.fromkeys(spellings, math.nan)
    found = label_logprobs(spellings, logprobs)
    most = max(found.values())
    if most <= LEAST:
        return dict.fromkeys(spellings, math.nan)
    odds = {label: math.exp(logprob - most) for label, logprob in found.items()}
    return {label: each / math.fsum(odds.values()) for label, each in odds.items()}


def lead(probabilities: Mapping[str, float], measure: Literal["probability", "margin"]) -> float:
    """How far ahead the likeliest label is: its probability, or what the next one lacks of it."""
    if any(map(math.isnan, probabilities.values())):
        return math.nan
    first, second, *_ = *sorted(probabilities.values(), reverse=True), 0.0
    return first if measure == "probability" else first - second


def _without_longer(way: Ids, of: Mapping[Ids, float]) -> float:
    longer = [o for o in of if len(o) > len(way) and o[: len(way)] == way]
    nearest = [o for o in longer if not any(o[:n] in longer for n in range(len(way) + 1, len(o)))]
    if not nearest or of[way] == -math.inf:
        return of[way]
    share = math.fsum(math.exp(of[other] - of[way]) for other in nearest)
    return of[way] + math.log1p(-share) if share < 1 else -math.inf


def _sum(logprobs: Sequence[float]) -> float:
    """Log of the sum of exponentials."""
    most = max(logprobs)
    if most == -math.inf:
        return most
    return most + math.log(math.fsum(math.exp(logprob - most) for logprob in logprobs))
