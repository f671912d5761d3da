"""Grading a study's responses from file to file: in batches, by several processes.

What is read, what waits and what is written at once is bounded, however many responses there are.
Batches are judged one by one and written in their order, so that the outcome does not depend on
the number of processes.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.data import contracts
from thinkscale.grading.frames import COLUMNS, Prepared, grade_with, prepared

BATCH = 20_000  # responses

# Set before processes are forked, which inherit it.
_judgings: dict[str, Prepared] = {}


def grade_study(
    responses: str | Path,
    items: pd.DataFrame,
    grades: str | Path,
    grading: Mapping[str, Any],
    answer_prompts: Mapping[str, str],
    *,
    verdicts: pd.DataFrame | None = None,
    processes: int = 1,
    batch: int = BATCH,
) -> None:
    """Write the grades of every response in `responses` by every grader of `grading["graders"]`.

    `grading` has the settings of each grader under its name; `answer_prompts` holds what was put in
    before a cut response's answer, by model. Raises as `thinkscale.grading.grade` does.
    """
    _judgings.clear()
    for name in grading["graders"]:
        _judgings[name] = prepared(items, name, grading.get(name) or {}, verdicts)
    many = processes > 1 and contracts.count(responses) > batch
    with _pool(processes if many else 0) as pool:
        contracts.write_batches(
            (
                judged
                for name in grading["graders"]
                for judged in _judged(name, responses, answer_prompts, batch, pool, processes)
            ),
            grades,
            "grades",
        )


def _judged(
    name: str,
    responses: str | Path,
    answer_prompts: Mapping[str, str],
    batch: int,
    pool: Executor | None,
    processes: int,
) -> Iterator[pd.DataFrame]:
    frames = contracts.batches(responses, "responses", COLUMNS, batch)
    if pool is None:
        for frame in frames:
            yield _judge(name, frame, answer_prompts)
        return
    waiting: deque = deque()
    for frame in frames:
        waiting.append(pool.submit(_judge, name, frame, answer_prompts))
        if len(waiting) > 2 * processes:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _judge(name: str, frame: pd.DataFrame, answer_prompts: Mapping[str, str]) -> pd.DataFrame:
    return grade_with(_judgings[name], frame, answer_prompts)


@contextmanager
def _pool(processes: int) -> Iterator[Executor | None]:
    """Processes that judge, each on its main thread; None for 0."""
    if processes == 0:
        yield None
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("fork"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
