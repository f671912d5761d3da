"""A study killed without warning, thirty times over, ends as if nobody had touched it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from scripted import forcing, ids, text
from thinkscale.engines.base import Completion, Request, Usage, split_at_end, uniforms
from thinkscale.engines.journal import Journaled
from thinkscale.thinking.conditions import sweep
from thinkscale.thinking.think import think

KILLS, SLOTS = 30, 4
STEP = 0.004  # seconds: a busy machine needs some to begin with what is then killed
SWEEP = sweep(max_think=[0, 3, 9], min_think=[12], waits=[1, 2], continuations=["Wait", "Hmm"])
PROMPTS = {f"q{n}": ids("Q" * (n + 1) + "<\n") for n in range(10)}
CONTEXT, SAMPLES = 60, 2


@dataclass
class Slow:
    """Draws letters, ends among them, by each row's own noise: a token a leaf and step.

    log: gets a line for each request taken up and for each step's tokens, killed or not.
    """

    log: Path
    name: str = "slow"
    exact_tokens: bool = True
    waiting: list[tuple[Hashable, Request]] = field(default_factory=list)
    leaves: list[tuple[Hashable, Request, list[int]]] = field(default_factory=list)

    def submit(self, ticket: Hashable, request: Request) -> None:
        self.waiting.append((ticket, request))

    def step(self) -> list[tuple[Hashable, Completion]]:
        time.sleep(STEP)
        lines = []
        while self.waiting and len(self.leaves) < SLOTS:
            ticket, request = self.waiting.pop(0)
            self.leaves.append((ticket, request, []))
            lines.append(f"request {request.noise.hex()} {request.position} {request.prompt}")
        lines.append(f"tokens {len(self.leaves)}")
        with open(self.log, "a") as log:
            log.write("".join(f"{line}\n" for line in lines))
        ended, going = [], []
        for ticket, request, drawn in self.leaves:
            [u] = uniforms(request.noise, request.position + len(drawn), 1)
            drawn.append(ord("abcdef|$\n"[int(u * 9)]))
            done = split_at_end(drawn, request.stops, frozenset(ids("$")))
            if done is None and len(drawn) == request.max_new:
                done = Completion(tuple(drawn), (), "length")
            if done is None:
                going.append((ticket, request, drawn))
            else:
                ended.append((ticket, done))
        self.leaves = going
        return ended

    def release(self, noise: bytes) -> None:
        pass

    def usage(self) -> Usage:
        return Usage()


def study(directory: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Chains and responses, through the journal in `directory`."""
    directory.mkdir(exist_ok=True)
    with Journaled(
        lambda: Slow(directory / "log"), directory / "journal", "0-of-1", {"model": "m"},
        name="slow", exact_tokens=True,
    ) as engine:  # fmt: skip
        thought = think(
            "m", PROMPTS, SWEEP, engine, forcing(), text, context=CONTEXT, samples=SAMPLES, seed=7
        )
    return thought.chains, thought.responses


def disturb(untouched: Path, killed: Path) -> None:
    """Run the study once in peace, then start it `KILLS` times and kill it; says how each ended.

    Processes are forked off this one, which has its imports behind it: they are killed at work.
    """
    began = time.monotonic()
    study(untouched)
    # On average a thirtieth part of the study less what starting costs: the last kills hit it too.
    longest = 1.5 * (time.monotonic() - began) / KILLS
    dice = random.Random(1)
    ends = []
    for _ in range(KILLS):
        process = os.fork()
        if process == 0:
            study(killed)
            os._exit(0)
        time.sleep(dice.uniform(0, longest))
        os.kill(process, signal.SIGKILL)
        ends.append(os.WIFSIGNALED(os.waitpid(process, 0)[1]))
    print(json.dumps(ends))


def logged(directory: Path) -> tuple[Counter, int]:
    """How often each request was taken up, and tokens drawn, over all runs."""
    requests, tokens = Counter(), 0
    for line in (directory / "log").read_text().splitlines():
        kind, _, what = line.partition(" ")
        if kind == "request":
            requests[what] += 1
        else:
            tokens += int(what)
    return requests, tokens


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked")
def test_killed_thirty_times_it_ends_as_if_undisturbed(tmp_path):
    program = f"""if True:
        import sys
        sys.path[:0] = {[str(Path(__file__).parent), *filter(None, sys.path)]!r}
        from pathlib import Path
        from test_interruptions import disturb
        disturb(Path({str(tmp_path / "untouched")!r}), Path({str(tmp_path / "killed")!r}))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kills = sum(json.loads(done.stdout))
    written = len(list((tmp_path / "killed" / "journal").iterdir()))
    assert kills >= KILLS / 2 and written >= KILLS / 4, "the kills came too late or too early"

    frames = study(tmp_path / "killed")
    for frame, expected in zip(frames, study(tmp_path / "untouched"), strict=True):
        left, right = (f.drop(columns="seconds", errors="ignore") for f in (frame, expected))
        pd.testing.assert_frame_equal(left, right)

    once, undisturbed = logged(tmp_path / "untouched")
    often, total = logged(tmp_path / "killed")
    assert set(once.values()) == {1} and set(often) == set(once)
    # A kill costs what was being sampled, at most a request in every slot.
    assert 0 < sum(often.values()) - len(once) <= kills * SLOTS
    longest = max(CONTEXT, forcing().max_answer)
    assert undisturbed <= total <= undisturbed + kills * SLOTS * longest

    study(tmp_path / "killed")
    assert logged(tmp_path / "killed")[1] == total  # and now all is known
