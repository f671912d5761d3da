"""What a user sees of thinking: a bar while it goes on, a line and a record when it is done."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from tqdm import tqdm

from thinkscale.engines.base import Usage
from thinkscale.thinking.think import Thought

_RATE_SECONDS = 10.0  # tokens per second are those of about the last so many


class Progress:
    """A bar of rows done on stderr; without a terminal, one line every 20 seconds.

    rows: to be done in all. usage: what the engine did so far. verb: what the model is doing.
    """

    def __init__(
        self, model: str, rows: int, usage: Callable[[], Usage], verb: str = "think"
    ) -> None:
        interval = 0.5 if sys.stderr.isatty() else 20
        self._usage = usage
        self._interval = interval
        self._bar = tqdm(
            total=rows,
            desc=f"{verb} {model}",
            unit="row",
            mininterval=interval,
            maxinterval=interval,
            smoothing=0.05,
        )
        self._shown = self._since = time.monotonic()
        self._sampled = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()

    def watch(self, rows: int, items: int, in_flight: int) -> None:
        """Show how many rows and items are done and how many rows are on their way."""
        now = time.monotonic()
        if now - self._shown < self._interval and rows < self._bar.total:
            return
        self._shown = now
        sampled = self._usage().sampled
        rate = (sampled - self._sampled) / max(now - self._since, 1e-9)
        if now - self._since > _RATE_SECONDS:
            self._since, self._sampled = now, sampled
        self._bar.set_postfix_str(
            f"{items} items done, {in_flight} in flight, {rate:,.0f} tokens/s", refresh=False
        )
        self._bar.n = rows
        self._bar.refresh()


def usage_record(
    thought: Thought,
    usage: Usage,
    *,
    recalled: int,
    device: str,
    model: str,
    parameters: int | None,
    shard: int,
) -> dict[str, Any]:
    """Return what a job took and gave, as JSON values.

    `sampled_tokens`, `passes`, `fed_tokens`, `seconds` and `peak_memory_bytes` are of this run of
    the engine, null or zero where the journal held everything. `shared_tokens`: what the
    conditions would have sampled more, had each been run alone.
    """
    ledger = thought.responses[["alone_tokens", "new_tokens"]].sum()
    return {
        "model": model,
        "parameters": parameters,
        "shard": shard,
        "device": device,
        "rows": thought.rows,
        "chains": len(thought.chains),
        "responses": len(thought.responses),
        "errors": len(thought.refused),
        "sampled_tokens": usage.sampled,
        "recalled_tokens": recalled,
        "shared_tokens": int(ledger["alone_tokens"] - ledger["new_tokens"]),
        "passes": usage.passes,
        "fed_tokens": usage.fed,
        "seconds": usage.seconds,
        "peak_memory_bytes": usage.peak_memory,
    }


def usage_line(record: Mapping[str, Any], verb: str = "think") -> str:
    """Return a job's record as one line to read."""
    engine, memory = "the model was not loaded", record["peak_memory_bytes"]
    if seconds := record["seconds"]:
        engine = f"{seconds:.1f} s, {record['sampled_tokens'] / seconds:,.0f} tokens/s"
    if memory is not None:
        engine += f", peak memory {memory / 2**20:,.0f} MiB"
    refused = f"; items that do not fit the context: {record['errors']}" if record["errors"] else ""
    return (
        f"{verb} {record['model']}: "
        f"{record['chains']:,} chains, {record['responses']:,} responses; "
        f"{record['sampled_tokens']:,} tokens sampled, {record['recalled_tokens']:,} from the "
        f"journal, {record['shared_tokens']:,} saved by sharing; {engine}{refused}"
    )
