"""Logs that lm-evaluation-harness and inspect_ai wrote themselves, read as records and responses.

`logs/samples_sums_*.jsonl`: the calibration reasoner on three items, once and twice each, with two
filters. `logs/inspect_capitals.json`: inspect_ai's mock model on three items, two epochs each.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from thinkscale.config.items import Items
from thinkscale.config.responses import Recorded
from thinkscale.errors import ThinkscaleError
from thinkscale.items import logs
from thinkscale.items.bank import prepare_items
from thinkscale.runs.responses import Markers, read_log
from thinkscale.thinking.conditions import Condition

LOGS = Path(__file__).parent / "logs"
ONCE, TWICE = LOGS / "samples_sums_once.jsonl", LOGS / "samples_sums_twice.jsonl"
CAPITALS = LOGS / "inspect_capitals.json"
THINK = Markers("<think>\n", ("</think>",))
SUMS = ["cal-3-0001", "cal-3-0002", "cal-3-0003"]


def words(texts):
    return [len(text.split()) for text in texts]


def read(source, *paths, items=SUMS, markers=THINK, graders=(), count=words, size=0, **settings):
    columns = settings.pop("columns", {"item": "id"})
    given = [path if isinstance(path, dict) else {"path": str(path)} for path in paths]
    recorded = Recorded(source=source, logs=given, columns=columns, **settings)
    asked = {"natural": Condition(), "max=4": Condition(max_think=4)}
    return read_log(
        "them", recorded, markers, asked, items, graders=graders, count=count, size=size
    )


@pytest.fixture
def inspect_records(monkeypatch):
    """The log through inspect_ai where that is there, else its samples as they stand in it."""
    if find_spec("inspect_ai") is None:
        samples = json.loads(CAPITALS.read_text())["samples"]
        records = [(row, logs.inspect_record(s)) for row, s in enumerate(samples, start=1)]
        monkeypatch.setattr(logs, "_inspect_records", lambda path: iter(records))


def test_lm_eval_s_responses_are_split_and_counted():
    found = read("lm_eval", ONCE).responses
    first = found.iloc[0]
    assert found["item_id"].tolist() == SUMS and (found["sample"] == 0).all()
    assert first["think_text"].endswith("\n#8 +1 =8\nSo 8 C\n")
    assert first["answer_text"] == "\n\nAnswer: C"
    assert (first["think_tokens"], first["answer_tokens"]) == (len(first["think_text"].split()), 2)
    assert first["new_tokens"] == first["think_tokens"] + 2 and first["think_injected"] == 0
    assert first["engine"] == "imported:lm_eval" and not first["exact_tokens"]
    # lm_eval does not say why a text ended, nor how long it took.
    assert first["answer_stop"] is None and first["seconds"] is None
    assert (found["stop"] == "natural").all() and not found["censored"].any()


def test_lm_eval_s_repeats_are_samples_and_its_filters_are_none():
    found = read("lm_eval", TWICE).responses
    assert found[["item_id", "sample"]].apply(tuple, axis=1).tolist() == [
        (item, sample) for item in SUMS for sample in (0, 1)
    ]
    assert found["answer_text"].str.strip().tolist()[:2] == ["Answer: D", "Answer: B"]


def test_lm_eval_s_own_scores_are_graders():
    names = ["lm_eval:exact_match", "lm_eval:exact_match,letter"]
    grades = read("lm_eval", ONCE, graders=names).grades
    by_letter = grades[grades["grader"] == names[1]]
    logged = [json.loads(line) for line in ONCE.read_text().splitlines()][3:]
    assert by_letter["extracted"].tolist() == [line["filtered_resps"][0] for line in logged]
    outcomes = {1.0: "correct", 0.0: "incorrect"}
    assert by_letter["outcome"].tolist() == [outcomes[line["exact_match"]] for line in logged]
    # The whole text is never equal to the key's letter.
    assert set(grades.loc[grades["grader"] == names[0], "outcome"]) == {"incorrect"}


def test_a_score_of_several_responses_together_is_of_none():
    with pytest.raises(ThinkscaleError, match=r"row 1: .*'lm_eval:exact_match'.*together"):
        read("lm_eval", TWICE, graders=["lm_eval:exact_match"])


def test_items_are_read_from_the_same_log():
    settings = Items(
        source=str(ONCE), log="lm_eval", columns={"item_id": "id", "options": "options"}
    )
    items = prepare_items(settings, 1).items
    assert sorted(items["item_id"]) == SUMS
    assert items.set_index("item_id").loc[SUMS[0], "key"] == "B"
    assert "text" not in json.loads(items["meta"].iloc[0])


def test_what_an_item_calls_as_a_record_does_stands_apart(tmp_path):
    line = json.loads(ONCE.read_text().splitlines()[0])
    line["doc"] |= {"text": "of the document", "target": 7}
    log = tmp_path / "samples.jsonl"
    log.write_text(json.dumps(line))
    [(_, cells)] = logs.log_records(log, "lm_eval")
    assert cells["doc.text"] == "of the document" and cells["text"] == line["resps"][0][0]
    assert (cells["doc.target"], cells["target"]) == (7, line["target"])
    sample = json.loads(CAPITALS.read_text())["samples"][0]
    sample["metadata"] |= {"seconds": 40}
    cells = logs.inspect_record(sample)
    assert cells["metadata.seconds"] == 40 and cells["seconds"] == sample["output"]["time"]
    assert cells["topic"] == "places"


@pytest.mark.usefixtures("inspect_records")
def test_inspect_s_reasoning_is_thinking_and_its_counts_are_exact():
    items = ["cap-1", "cap-2", "cap-3"]
    log = read("inspect", CAPITALS, items=items, columns={}, count=None, graders=["inspect:choice"])
    found = log.responses.set_index(["item_id", "sample"])
    first, cut = found.loc[("cap-1", 0)], found.loc[("cap-3", 1)]
    assert first["think_text"] == "I know this one. It is the second."
    assert (first["think_tokens"], first["answer_tokens"], first["prompt_tokens"]) == (8, 3, 40)
    assert first["exact_tokens"] and first["answer_stop"] == "eos"
    assert cut["censored"] and cut["stop"] == "context" and cut["answer_from"] == "none"
    # C, I and N: the last was cut, and says nothing.
    outcomes = log.grades.set_index(["item_id", "sample"])["outcome"]
    assert outcomes.loc[[("cap-1", 0), ("cap-2", 1), ("cap-3", 1)]].tolist() == [
        *("correct", "incorrect", "ungradable")
    ]
    recounted = read("inspect", CAPITALS, items=items, columns={}).responses
    assert recounted["think_tokens"].tolist() == found["think_tokens"].tolist()
    assert not recounted["exact_tokens"].any()


@pytest.mark.usefixtures("inspect_records")
def test_items_of_an_inspect_log_have_its_metadata():
    columns = {"stem": "input", "options": "choices", "key": "target", "difficulty": "p_correct"}
    settings = Items(
        source=str(CAPITALS),
        log="inspect",
        columns=columns,
        difficulty_direction="higher_is_easier",
    )
    items = prepare_items(settings, 1).items.set_index("item_id")
    assert items.loc["cap-3", "difficulty_raw"] == 0.4 and items["difficulty"].idxmax() == "cap-3"
    assert items.loc["cap-2", "options"][2] == {"label": "C", "text": "Mercury"}


def test_without_inspect_ai_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(logs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ThinkscaleError, match=r"pip install 'thinkscale\[inspect\]'"):
        read("inspect", CAPITALS)


TABLE = [
    {"q": "a", "n": 0, "how": "natural", "said": "<think>\none two</think>A", "why": "stop"},
    {"q": "a", "n": 0, "how": "max=4", "said": "<think>\n1 2 3 4</think>B", "why": "length"},
    {"q": "b", "n": 0, "how": "natural", "said": "one two three", "why": "max_tokens"},
    {"q": "b", "n": 0, "how": "shorter", "said": "x</think>C", "why": None},
]
MAPPED = {"item": "q", "sample": "n", "condition": "how", "text": "said", "finish": "why"}


def table(tmp_path, rows=TABLE, suffix="csv", columns=MAPPED, **settings):
    path = tmp_path / f"runs.{suffix}"
    frame = pd.DataFrame(rows)
    match suffix:
        case "csv":
            frame.to_csv(path, index=False)
        case "parquet":
            frame.to_parquet(path)
        case _:
            frame.to_json(path, orient="records", lines=True)
    return read("table", path, columns=columns, **{"items": ["a", "b"], **settings})


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_any_table_is_read_by_its_columns(tmp_path, suffix):
    found = table(tmp_path, suffix=suffix, unmarked="thinking").responses
    found = found.set_index(["item_id", "condition"])
    natural, budget = found.loc[("a", "natural")], found.loc[("a", "max=4")]
    cut, other = found.loc[("b", "natural")], found.loc[("b", "shorter")]
    assert natural["think_text"] == "\none two" and natural["answer_text"] == "A"
    assert budget["max_think"] == 4 and budget["stop"] == "budget" and budget["censored"]
    assert budget["answer_stop"] == "limit" and pd.isna(budget["forced_end_tokens"])
    assert cut["censored"] and cut["stop"] == "context" and cut["answer_from"] == "none"
    # Of a condition that the study has not, nothing is known but what was counted.
    assert other["think_tokens"] == 1 and pd.isna(other["stop"]) and pd.isna(other["new_tokens"])


def test_thinking_that_is_not_shown_goes_by_its_number(tmp_path):
    rows = [{"q": "a", "reply": "B", "reasoning": 311}, {"q": "a", "reply": "C", "reasoning": 12}]
    columns = {"item": "q", "answer": "reply", "think_tokens": "reasoning"}
    found = table(tmp_path, rows, columns=columns, items=["a"], count=None).responses
    assert found["think_tokens"].tolist() == [311, 12] and found["exact_tokens"].all()
    assert found["sample"].tolist() == [0, 1] and found["answer_tokens"].isna().all()
    with pytest.raises(ThinkscaleError, match="row 2: shows no thinking that could be counted"):
        table(tmp_path, rows, columns=columns, items=["a"])


def test_markers_may_be_missing_where_that_is_said(tmp_path):
    with pytest.raises(ThinkscaleError, match=r"runs.csv, row 4, column said is 'one two three'"):
        table(tmp_path)
    answer = table(tmp_path, unmarked="answer").responses.iloc[2]
    assert (answer["think_tokens"], answer["answer_text"]) == (0, "one two three")
    whole = table(tmp_path, markers=Markers("<think>", ("</think>",), whole_turn=True)).responses
    assert whole.loc[2, "answer_from"] == "turn" and whole.loc[2, "think_tokens"] == 3


def test_a_sample_that_failed_has_its_error_and_no_score(monkeypatch):
    samples = json.loads(CAPITALS.read_text())["samples"]
    samples[0] = {**samples[0], "output": {}, "scores": None, "error": {"message": "no answer"}}
    records = [(row, logs.inspect_record(s)) for row, s in enumerate(samples, start=1)]
    monkeypatch.setattr(logs, "_inspect_records", lambda path: iter(records))
    items, graders = ["cap-1", "cap-2", "cap-3"], ["inspect:choice"]
    log = read("inspect", CAPITALS, items=items, columns={}, graders=graders)
    failed = log.responses.iloc[0]
    assert (failed["error"], failed["answer_stop"]) == ("no answer", "none")
    assert failed["think_tokens"] is None or pd.isna(failed["think_tokens"])
    assert len(log.grades) == 5
    with pytest.raises(ThinkscaleError, match="choose among 2 samples, and 1 items have fewer"):
        read("inspect", CAPITALS, items=items, columns={}, size=2)


def test_an_empty_cell_of_thinking_is_no_thinking(tmp_path):
    rows = [{"q": "a", "thought": None, "reply": "B"}, {"q": "a", "thought": "x y", "reply": "B"}]
    columns = {"item": "q", "thinking": "thought", "answer": "reply"}
    found = table(tmp_path, rows, columns=columns, items=["a"]).responses
    assert found["think_tokens"].tolist() == [0, 2] and not found["censored"].any()


def test_thinking_that_is_not_shown_and_has_no_answer_behind_it_was_cut(tmp_path):
    """What a server says whose limit of tokens was spent on thinking: none of the answer's text."""
    rows = [{"q": "a", "reply": reply, "n": n} for reply, n in ((None, 90), ("B", 90), (None, 0))]
    rows = [{**row, "why": "length" if row["n"] and not row["reply"] else "stop"} for row in rows]
    columns = {"item": "q", "answer": "reply", "think_tokens": "n", "finish": "why"}
    found = table(tmp_path, rows, columns=columns, items=["a"], count=None).responses
    assert found["censored"].tolist() == [True, False, False]
    assert found["stop"].tolist() == ["context", "natural", "natural"]
    # So does a column of thinking whose cells are empty.
    again = [{**row, "trace": ""} for row in rows]
    columns |= {"thinking": "trace"}
    hidden = table(tmp_path, again, columns=columns, items=["a"], count=None).responses
    pd.testing.assert_frame_equal(hidden, found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": []}, "runs.csv: found no response; expected one at least"),
        ({"columns": {**MAPPED, "text": "reply"}}, "no column 'reply' (mapped as text); found q"),
        (
            {"rows": [TABLE[0], TABLE[0]], "items": ["a"]},
            "row 3: item 'a', sample 0, condition 'natural' is there again (first in",
        ),
        ({"rows": [{**TABLE[0], "q": " "}]}, "row 2, column q is empty; expected the item's id"),
        ({"rows": [{**TABLE[0], "n": "x"}]}, "row 2, column n is 'x'; expected a whole number"),
        ({"items": ["a"]}, "1 items of the log are none of the study's, as 'b'"),
        ({"items": ["a", "b", "c", "d"]}, "2 items of the study have no response, as 'c', 'd'"),
        ({"size": 2}, "2 items have fewer in the log, as 'a' with 1"),
        ({"graders": ["table:right"]}, "found 'table:right', and the log has no score 'right'"),
        ({"scores": {"rm": "said"}}, "column said is '<think>"),
        (
            {"rows": [{**TABLE[0], "t": "fast"}], "columns": {**MAPPED, "seconds": "t"}},
            "row 2, column t is 'fast'; expected a number",
        ),
        ({"count": None}, "says no number of thinking tokens"),
    ],
)
def test_faults_are_named(tmp_path, change, said):
    with pytest.raises(ThinkscaleError) as raised:
        table(tmp_path, unmarked="thinking", **change)
    assert said in str(raised.value)


def test_what_does_not_match_can_be_left_out_and_is_counted(tmp_path):
    log = table(tmp_path, items=["a", "c"], mismatch="left_out", unmarked="thinking")
    assert set(log.responses["item_id"]) == {"a"} and (log.left_out, log.unanswered) == (2, 1)


def test_a_file_that_is_none_is_named(tmp_path):
    with pytest.raises(ThinkscaleError, match=r"nowhere.jsonl: there is no such file"):
        read("lm_eval", tmp_path / "nowhere.jsonl")
    (odd := tmp_path / "odd.jsonl").write_text('{"doc_id": 1, "doc": {}, "resps": [["x", 1]]}\n')
    with pytest.raises(ThinkscaleError, match=r"odd.jsonl, line 1: resps is .*generate_until"):
        read("lm_eval", odd)
    odd.write_text('{"item": 1}\n')
    with pytest.raises(ThinkscaleError, match=r"odd.jsonl, line 1: found no doc_id, doc, resps"):
        read("lm_eval", odd)
