"""What a user sees of thinking: the bar, the record and the line at the end."""

from scripted import EOS, Scripted, forcing, ids, text
from thinkscale.engines.base import Usage
from thinkscale.jobs.progress import Progress, usage_line, usage_record
from thinkscale.thinking.conditions import sweep
from thinkscale.thinking.think import think


def thinks(so_far: str) -> str:
    """Two thoughts, then an answer."""
    if "|" in so_far:
        return ("X" + EOS)[so_far.endswith("X") :]
    return "|" if so_far.endswith("bb") else "b"


def thought(prompts, engine, watch=lambda *counts: None):
    return think(
        "m", prompts, sweep(max_think=[1]), engine, forcing(), text,
        context=20, samples=2, seed=0, in_flight=2, watch=watch,
    )  # fmt: skip


def test_the_bar_says_rows_items_rate_and_time_left(capsys):
    engine = Scripted(thinks)
    with Progress("m", 6, engine.usage) as progress:
        thought({f"q{n}": ids(f"{n}<\n") for n in range(3)}, engine, progress.watch)
    shown = capsys.readouterr().err
    assert "think m: 100%" in shown and "6/6" in shown
    assert "3 items done, 0 in flight" in shown
    assert "tokens/s" in shown


def test_the_record_counts_what_was_done_and_what_sharing_saved():
    engine = Scripted(thinks)
    result = thought({"q0": ids("0<\n"), "long": ids("0" * 30)}, engine)
    usage = Usage(passes=4, fed=50, sampled=engine.sampled, seconds=2.0, peak_memory=3 * 2**20)
    record = usage_record(result, usage, recalled=7, device="cpu", model="m", parameters=9, shard=0)
    # A row draws b b | and X $ for the natural answer, X $ for the cut one; that one alone would
    # have drawn its b too.
    assert engine.sampled == 2 * 7
    assert record == {
        "model": "m",
        "parameters": 9,
        "shard": 0,
        "device": "cpu",
        "rows": 2,
        "chains": 2,
        "responses": 8,
        "errors": 1,
        "sampled_tokens": 14,
        "recalled_tokens": 7,
        "shared_tokens": 2,
        "passes": 4,
        "fed_tokens": 50,
        "seconds": 2.0,
        "peak_memory_bytes": 3 * 2**20,
    }
    assert usage_line(record) == (
        "think m: 2 chains, 8 responses; 14 tokens sampled, 7 from the journal, 2 saved by "
        "sharing; 2.0 s, 7 tokens/s, peak memory 3 MiB; items that do not fit the context: 1"
    )


def test_the_line_says_when_no_model_was_loaded():
    result = thought({"q0": ids("0<\n")}, Scripted(thinks))
    record = usage_record(
        result, Usage(), recalled=14, device="cpu", model="m", parameters=9, shard=0
    )
    assert "0 tokens sampled, 14 from the journal" in usage_line(record)
    assert "the model was not loaded" in usage_line(record)
