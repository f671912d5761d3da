"""Responses as logs of inspect_ai: pieces of thinking by who put them there, and back again."""

import numpy as np
import pandas as pd
import pytest

from thinkscale.config.responses import Recorded
from thinkscale.data import contracts
from thinkscale.runs.inspect_logs import pieces_of, write_logs
from thinkscale.runs.responses import Markers, read_log
from thinkscale.thinking.prompts import user_message

SEGMENTS = [("sampled", [1, 2, 3]), ("injected", [9]), ("sampled", [4, 5])]
FORM = {"template": None, "option": "{label}. {text}", "separator": "\n"}


def decode(ids):
    return "".join({9: " Wait"}.get(i, f" t{i}") for i in ids)


def response(condition, tokens, **changes):
    row = dict.fromkeys(contracts.SCHEMAS["responses"].names)
    row |= {"model": "m", "item_id": "q1", "sample": 0, "condition": condition, "no_think": False}
    row |= dict.fromkeys(contracts.LEDGER, 0) | {"think_tokens": tokens, "stop": "natural"}
    row |= {"answer_stop": "eos", "answer_from": "answer", "censored": False, "seconds": 0.1}
    row |= {"think_text": "all of it", "answer_text": "Answer: B", "engine": "e"}
    return {**row, "exact_tokens": True, **changes}


CHAINS = [
    {
        **{"model": "m", "item_id": "q1", "sample": 0, "continuation": "Wait"},
        "segments": [{"kind": kind, "token_ids": ids} for kind, ids in SEGMENTS],
        **{"natural_end": True, "prompt_token_ids": [0]},
    }
]


@pytest.mark.parametrize(
    ("condition", "tokens", "continuation", "pieces"),
    [
        ("natural", 3, None, [("sampled", " t1 t2 t3")]),
        ("max=2", 2, None, [("sampled", " t1 t2")]),
        (
            *("waits=1", 6, "Wait"),
            [("sampled", " t1 t2 t3"), ("injected", " Wait"), ("sampled", " t4 t5")],
        ),
        ("no_think", 0, None, []),
    ],
)
def test_an_answer_s_thinking_is_told_by_who_put_it_there(condition, tokens, continuation, pieces):
    given = response(condition, tokens, continuation=continuation)
    assert pieces_of(given, CHAINS, decode) == pieces


def test_what_was_recorded_elsewhere_is_one_piece():
    assert pieces_of(response("natural", 3), [], None) == [("sampled", "all of it")]


def test_logs_are_read_back_with_what_was_put_in_marked(tmp_path):
    log = pytest.importorskip("inspect_ai.log")
    options = [{"label": label, "text": text} for label, text in (("A", "no"), ("B", "yes"))]
    items = pd.DataFrame(
        [{"item_id": "q1", "stem": "Is it?", "options": options, "key": "B", "answer_text": np.nan}]
    ).assign(difficulty=0.5)
    cut = {"stop": "budget", "censored": True}
    responses = pd.DataFrame(
        [
            response("natural", 3),
            response("waits=1", 6, continuation="Wait", waits=1),
            response("max=2", 2, max_think=2, answer_text=" A", **cut),
        ]
    )
    keys = responses[["model", "item_id", "sample", "condition"]]
    outcomes = ["correct", "correct", "incorrect"]
    grades = keys.assign(grader="choice", extracted=list("BBA"), outcome=outcomes, detail="said")
    paths = write_logs(
        *(tmp_path, "study", responses, pd.DataFrame(CHAINS), grades, items),
        decoders={"m": decode},
        answer_prompts={"m": "\n\nFinal Answer:"},
        prompt=lambda item: user_message(item, **FORM),
    )
    assert [path.name for path in paths] == ["m-natural.eval", "m-waits=1.eval", "m-max=2.eval"]
    natural, waited, budget = (log.read_eval_log(str(path)) for path in paths)
    [sample] = waited.samples
    content = sample.messages[-1].content
    assert [part.type for part in content] == ["reasoning", "text", "reasoning", "text"]
    assert content[1].text == "**[put in]** Wait" and content[3].text == "Answer: B"
    assert sample.metadata["put_in"] == [" Wait"] and sample.target == ["B"]
    assert budget.samples[0].messages[-1].content[1].text == "**[put in]** Final Answer:"
    assert budget.samples[0].scores["choice"].value == "I"
    # Without a beginning and an end the viewer's duration is NaN.
    assert waited.stats.started_at <= waited.stats.completed_at
    assert waited.stats.model_usage["m"].reasoning_tokens == 6 and sample.total_time == 0.1
    assert natural.results.scores[0].metrics["accuracy"].value == 1.0

    # And what is written is read as anybody's log.
    recorded = Recorded(source="inspect", logs=[{"path": str(paths[0])}])
    found = read_log(
        *("back", recorded, Markers("<think>", ("</think>",)), {}, ["q1"]),
        graders=["inspect:choice"],
    )
    row = found.responses.iloc[0]
    assert (row["think_text"], row["think_tokens"], row["answer_text"]) == (
        *(" t1 t2 t3", 3),
        "Answer: B",
    )
    assert found.grades["outcome"].tolist() == ["correct"]
