"""A corpus encoded block by block, on several threads, and what is gathered from its tokens."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from thinkscale.corpora.blocks import Block
from thinkscale.corpora.encode import Encoded, Encoder

Take = Callable[[Block, Encoded], None]


def stream(blocks: Iterable[Block], encoder: Encoder, take: Take, threads: int | None = None):
    """Encode every block and hand it to `take`, which several threads may call at once.

    Only as many blocks are held as there are threads, and one more. What is gathered must not
    depend on the order of the blocks. Nearly all the time is spent in Arrow, numpy and the
    tokenizer, which let other threads run.
    """
    threads = threads or available_cores()

    def work(block: Block) -> None:
        take(block, encoder.encode(block))

    if threads == 1:
        for block in blocks:
            work(block)
        return
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future] = deque()
        try:
            for block in blocks:
                running.append(pool.submit(work, block))
                if len(running) > threads:
                    running.popleft().result()
            while running:
                running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
