"""A corpus of calibration traces to fine-tune on, and to compare with the bank."""

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from thinkscale.calibration.bank import MAX_STEPS, draw_problem
from thinkscale.calibration.traces import TraceLaw, draw_trace

# The corpus favours short problems, additions and small operands; the bank spreads all evenly.
CORPUS_STEP_WEIGHTS = (6, 6, 6, 6, 5, 5, 4, 4)
CORPUS_OPERAND_WEIGHTS = (7.0, 6.0, 6.0, 5.0, 5.0, 4.0, 3.0, 3.0, 2.0)
CORPUS_MINUS_SHARE = 0.35
CORPUS_LAW = TraceLaw(forced=(0.6, 0.2, 0.1, 0.05, 0.05))


# The second dialect: values said as Han numerals too, behind the digits that were reached. What
# follows can read the digits as ever: a model that must read numerals, three tokens that it never
# met, slips at them for thousands of steps, and whoever rewards right answers takes them away.
HAN = "〇一二三四五六七八九"
_VALUE = re.compile(r"(?<==)[0-9]")


def calibration_corpus(n: int, seed: int, han: float = 0.0) -> list[dict]:
    """n rows of traces about problems from the training half of the calibration problems.

    han: the share of the values that are said in the second dialect too.
    """
    rng = random.Random(f"calibration-corpus-{seed}")
    dice = random.Random(f"dialect-{seed}")
    rows = []
    for _ in range(n):
        k = rng.choices(range(1, MAX_STEPS + 1), CORPUS_STEP_WEIGHTS)[0]
        problem = draw_problem(
            rng,
            k,
            for_bank=False,
            minus_share=CORPUS_MINUS_SHARE,
            operand_weights=CORPUS_OPERAND_WEIGHTS,
        )
        row = asdict(draw_trace(rng, problem, CORPUS_LAW))
        for segment in row["reasoning"]:
            segment["text"] = _spoken(segment["text"], han, dice)
        rows.append(row | {"reasoning": list(row["reasoning"])})
    return rows


def _spoken(text: str, han: float, dice: random.Random) -> str:
    def numeral(value: re.Match) -> str:
        return value[0] + (HAN[int(value[0])] if dice.random() < han else "")

    return _VALUE.sub(numeral, text)


def write_corpus(rows: Iterable[Mapping], path: Path) -> None:
    """Write rows as JSON lines."""
    lines = (json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
    Path(path).write_text("".join(lines), encoding="utf-8")
