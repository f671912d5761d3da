"""Corpora that models write: what is kept, in what form, and that nothing is thought twice."""

import os
import signal
import subprocess
import sys
import time
from functools import cache, partial
from pathlib import Path

import pandas as pd
import pytest
from transformers import AutoTokenizer

from thinkscale.calibration.corpus import write_corpus
from thinkscale.config.corpora import Corpus, Generate
from thinkscale.corpora.source import source_of
from thinkscale.corpora.traces import COLUMNS, read_traces
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.generating import fates, last_pass, trace
from thinkscale.models.recipes.traces import TraceFormat, encode_row
from thinkscale.stats import generated
from writing import MODELS, SETTINGS, written


@pytest.fixture(scope="module")
def journeys(tmp_path_factory, one_thread):
    """Traces with a Wait, and the journal they were thought with."""
    journal = tmp_path_factory.mktemp("journal")
    return written(journal, waits=1), journal


def responses(*rows):
    """Responses and their grades: item, answer, outcome, thinking tokens, and what else differs."""
    good = {"stop": "natural", "answer_from": "answer", "answer_stop": "eos", "error": None}
    made = [
        good | {"item_id": i, "extracted": a, "outcome": o, "think_tokens": n} | dict(*more)
        for i, a, o, n, *more in rows
    ]
    frame = pd.DataFrame(made)
    return frame, frame[["item_id", "outcome", "extracted"]]


RIGHT, WRONG, OPEN = "correct", "incorrect", "ungradable"
ASKED = responses(
    ("a", "A", RIGHT, 9), ("a", "A", RIGHT, 7), ("a", "B", WRONG, 3), ("a", None, OPEN, 2),
    ("b", "C", WRONG, 5), ("b", "C", WRONG, 6), ("b", "D", RIGHT, 8),
    ("c", "A", RIGHT, 4), ("c", "B", WRONG, 4),
    ("d", "A", RIGHT, 1, {"stop": "context"}), ("d", "A", RIGHT, 1, {"answer_stop": "limit"}),
    ("d", None, OPEN, 1, {"answer_from": "turn"}), ("d", None, OPEN, 0, {"error": "too long"}),
)  # fmt: skip
CUT = ["thinking cut by the context", "answer cut", "no end of thinking"]
CUT += ["item that does not fit the context"]


@pytest.mark.parametrize(
    ("keep", "kept", "others"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6, 7, 8], {}),
        ("correct", [0, 1, 6, 7], {2: "incorrect", 3: "ungradable", 8: "incorrect"}),
        ("shortest", [1, 6, 7], {0: "not the shortest", 4: "incorrect"}),
        ("longest", [0, 6, 7], {1: "not the longest"}),
        # Of a the answer A, of b the wrong C; of c, a tie, none; what is ungradable has no vote.
        ("consistent", [0, 1, 4, 5], {3: "ungradable", 7: "not what most samples answer"}),
    ],
)
def test_what_is_kept_and_why_the_rest_is_not(keep, kept, others):
    frame, grades = ASKED
    fate = fates(frame, None if keep == "all" else grades, keep)
    assert list(fate[fate == "kept"].index) == kept
    assert {place: fate[place] for place in others} == others
    assert fate.tolist()[9:] == CUT


def test_answers_that_are_equal_vote_together():
    frame, grades = responses(
        ("a", "0.5", WRONG, 1), ("a", "1/2", WRONG, 1), ("a", "2", RIGHT, 1), ("a", "2", RIGHT, 1),
        ("a", "half", WRONG, 1),
    )  # fmt: skip
    same = lambda one, other: {one, other} <= {"0.5", "1/2", "half"}  # noqa: E731
    alone = fates(frame, grades, "consistent")
    assert alone.eq("kept").tolist() == [False, False, True, True, False]
    together = fates(frame, grades, "consistent", same)
    assert together.eq("kept").tolist() == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("one\nWait\ntwo\nWait, three\n", ["Wait"], "three\n"),
        ("one. Hmm... two", ["Wait", "Hmm"], "two"),
        ("Waiting is no Waiter", ["Wait"], "Waiting is no Waiter"),
        ("a+b", ["+"], "a+b"),
        ("a Wait\n\n@0 =3", ["Wait"], "@0 =3"),
    ],
)
def test_the_last_pass(text, words, expected):
    assert last_pass(text, words) == expected


def test_forms_of_a_trace():
    segments = [
        {"kind": "sampled", "token_ids": [*b"one\n"]},
        {"kind": "injected", "token_ids": [*b"Wait"]},
        {"kind": "sampled", "token_ids": [*b"\ntwo"]},
    ]
    form = partial(trace, segments, "\n\nAnswer: B", lambda ids: bytes(ids).decode())
    whole = form(Generate(model="m"))
    assert [piece["text"] for piece in whole["reasoning"]] == ["one\n", "Wait", "\ntwo"]
    assert {piece["kind"] for piece in whole["reasoning"]} == {"sampled"}
    masked = form(Generate(model="m", learn_waits=False))["reasoning"]
    assert [piece["kind"] for piece in masked] == ["sampled", "injected", "sampled"]
    last = form(Generate(model="m", reasoning="last_pass"))
    assert last["reasoning"] == [{"kind": "sampled", "text": "two"}]
    assert form(Generate(model="m", reasoning="none"))["reasoning"] == []
    assert {whole["response"], last["response"]} == {"Answer: B"}


def test_a_trace_is_learned_as_it_was_thought(journeys, tmp_path):
    """Token for token: question, passes, end, answer and end of turn."""
    corpus, _ = journeys
    assert len(corpus.rows) == (corpus.log["fate"] == "kept").sum() > 10
    write_corpus(corpus.rows, tmp_path / "traces.jsonl")
    config = Corpus(name="traces", generate={"model": "reasoner"}).model_dump()
    source = source_of({**config, "compare": COLUMNS}, tmp_path / "traces.jsonl")
    rows = read_traces(source)
    assert [row["question"] for row in rows] == [row["question"] for row in corpus.rows]
    tokenizer = tokenizer_of("reasoner")
    for row, full in zip(rows, corpus.rows, strict=True):
        example = encode_row(tokenizer, row, TraceFormat(answer_prompt="\n\nAnswer:"))
        text = tokenizer.decode(example.input_ids)
        thought = "".join(piece["text"] for piece in full["reasoning"])
        assert "Wait" in thought and "#0" in thought and "@0" in thought
        assert text.endswith(f"{thought}</think>\n\n{full['response']}<|eos|>")
        assert sum(example.mask) == len(example.input_ids) - example.prompt_tokens


@cache
def tokenizer_of(model):
    return AutoTokenizer.from_pretrained(MODELS / model)


def test_corpora_of_the_same_traces_are_thought_once(journeys):
    corpus, journal = journeys
    again = written(journal, waits=1, reasoning="last_pass")
    assert [usage["sampled_tokens"] for usage in again.usage] == [0]
    assert len(again.rows) == len(corpus.rows)
    for row, full in zip(again.rows, corpus.rows, strict=True):
        thought = "".join(piece["text"] for piece in full["reasoning"])
        [piece] = row["reasoning"]
        assert piece["text"] == thought.split("Wait\n")[-1] and piece["text"][1:4] == "0 ="
    # The first pass of each is a natural sample.
    natural = written(journal, keep="all")
    assert sum(usage["sampled_tokens"] for usage in natural.usage) == 0
    assert set(natural.log["fate"]) == {"kept"} and len(natural.rows) == 30


def test_items_of_which_nothing_is_right_are_asked_once_more_with_a_hint(tmp_path, one_thread):
    told = "{stem}\n{options}\n#~ paper {answer}"
    corpus = written(tmp_path, "base", problems=20, samples=1, hint=told)
    log = corpus.log
    first = log[~log["hinted"]]
    failed = set(first.loc[first["fate"] != "kept", "item_id"])
    assert failed and set(log.loc[log["hinted"], "item_id"]) == failed
    assert len(corpus.rows) == (log["fate"] == "kept").sum()
    assert not any("paper" in row["question"].split("\n")[-1] for row in corpus.rows)
    table = generated.tabulate([log]).set_index(["hinted", "fate"])
    assert table.loc[(True, "kept"), "n_of"] == len(failed)
    assert table["guess"].tolist() == pytest.approx([0.2] * len(table))
    assert table.loc[(False, "kept"), "estimate"] == pytest.approx(1 - len(failed) / 20)
    assert table.groupby("hinted")["n_traces"].sum().tolist() == [20, len(failed)]


def test_a_corpus_of_nothing_says_what_became_of_all(tmp_path, one_thread):
    short = SETTINGS.model_copy(update={"context": 40, "max_answer_tokens": 1})
    with pytest.raises(ThinkscaleError) as raised:
        written(tmp_path, settings=short, problems=2, samples=1)
    assert "corpus traces: none of 2 traces of reasoner is kept (2 " in str(raised.value)


KILLED = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
import torch
torch.set_num_threads(1)
from writing import written
written(Path({journal!r}), "base", problems=12, samples=4, waits=1)
"""


def test_a_generation_that_is_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path, one_thread):
    journal = tmp_path / "killed"
    paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    program = KILLED.format(paths=paths, journal=str(journal))
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    while not (lines := sum(p.read_bytes().count(b"\n") for p in journal.glob("*"))) >= 20:
        assert process.poll() is None and time.monotonic() < begun + 120, lines
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    asked = {"model": "base", "problems": 12, "samples": 4, "waits": 1}
    after, undisturbed = written(journal, **asked), written(tmp_path / "new", **asked)
    assert after.rows == undisturbed.rows
    pd.testing.assert_frame_equal(after.log, undisturbed.log)
    [usage], [whole] = after.usage, undisturbed.usage
    assert usage["recalled_tokens"] > 0 < usage["sampled_tokens"]
    assert usage["recalled_tokens"] + usage["sampled_tokens"] == whole["sampled_tokens"]
