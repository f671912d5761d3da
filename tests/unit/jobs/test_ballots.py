"""What candidates' answers vote for, and which of them an answer that was chosen came from."""

import pandas as pd
import pytest

from thinkscale.config.strategies import Strategy
from thinkscale.data import contracts
from thinkscale.jobs.choosing import choices

ANSWERS = {"samples": ["A", "B", "B", "no idea"], "beam_search": ["A", "B", "B", "no idea"]}
SCORES = (0.9, 0.3, 0.5, 0.99)


def frames(values):
    """One item whose key is B, four candidates by sampling and as many by search, judged alike."""
    candidates, scores, spent = [], [], []
    for search, answers in ANSWERS.items():
        key = {"model": "m", "item_id": "i", "search": search, "n": 4}
        for number, answer in enumerate(answers):
            candidates.append(
                {
                    **{**key, "candidate": number, "draws": [number], "step_tokens": [3]},
                    **{"think_tokens": 3, "answer_tokens": 1, "answer_from": "answer"},
                    **{"stop": "natural", "answer_stop": "eos", "think_text": "so"},
                    "answer_text": answer,
                }
            )
            own = {"candidate": number, "scorer": "s", "step": 0, "score": values[number]}
            scores.append({**key, **own})
        for scorer in (None, "s"):
            zeros = dict.fromkeys(contracts.SCHEMAS["spent"].names, 0)
            spent.append({**zeros, **key, "scorer": scorer, "error": None})
    options = [{"label": label, "text": f"the {label.lower()}"} for label in "ABC"]
    item = {"item_id": "i", "stem": "?", "options": options, "key": "B", "meta": "{}"}
    items = pd.DataFrame([dict.fromkeys(contracts.SCHEMAS["items"].names) | item])
    return pd.DataFrame(candidates), pd.DataFrame(scores), pd.DataFrame(spent), items


def chosen(*strategies, values=SCORES):
    candidates, scores, spent, items = frames(values)
    searches, ballots = choices(
        *(candidates, scores, spent, items),
        [Strategy(**given).model_dump() for given in strategies],
        grading={"graders": ["choice"], "choice": {}},
        answer_prompts={"m": "Answer:"},
    )
    return searches.set_index("strategy"), ballots.set_index(["search", "candidate"])


BEAM = {"approach": "beam_search", "n": [4], "scorer": "s"}


@pytest.mark.parametrize(
    ("choose", "answer", "sources"),
    [("best", "A", [0]), ("weighted", "A", [0]), ("majority", "B", [1, 2])],
)
def test_where_an_answer_came_from(choose, answer, sources, tmp_path):
    """The best score of all has no answer, and counts for nothing."""
    searches, ballots = chosen({**BEAM, "choose": choose}, {"approach": "majority", "n": [4]})
    assert searches.loc["beam_search", "answer"] == answer
    own = ballots.loc["beam_search"]
    assert list(own.index[own["chosen"]]) == sources
    assert own["ballot"].isna().tolist() == [False, False, False, True]
    assert own["correct"].tolist() == [False, True, True, False]
    assert not ballots.loc["samples", "chosen"].any()
    contracts.write(ballots.reset_index(), tmp_path / "ballots.parquet", "ballots")


def test_of_equal_answers_the_best_is_where_it_came_from():
    both = {**BEAM, "choose": "best"}, {"approach": "majority", "n": [4]}
    _, ballots = chosen(*both, values=(0.9, 0.3, 0.95, 0.99))
    assert list(ballots.loc["beam_search"].query("chosen").index) == [2]
