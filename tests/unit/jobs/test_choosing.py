"""From candidates to choices: what votes, what is counted, and what a choice among fewer costs."""

import itertools

import pandas as pd
import pytest

from thinkscale.config.strategies import Strategy
from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.choosing import aggregated, choices, choose_study

ITEMS = pd.DataFrame(
    {
        "item_id": ["i", "j"],
        "stem": "?",
        "options": [[{"label": label, "text": f"word {label}"} for label in "ABC"]] * 2,
        "key": "B",
        "answer_text": None,
        "difficulty": [0.5, 1.5],
        "cluster_id": None,
        "meta": "{}",
    }
)
# Of four samples about item i: what each answers, and its scores step by step.
SAID = {0: ("Answer: A", [0.9, 0.2]), 1: ("Answer: B", [0.1, 0.8]), 2: ("", [1.0, 1.0]),
        3: ("Answer: A", [0.4, 0.5])}  # fmt: skip
GRADING = {"graders": ["choice"], "choice": {}}


def frames(said=SAID, search="samples", n=4, stop="natural", scorer="s", think=10):
    """Frames by contract of one search about item i; item j did not fit."""
    key = {"model": "m", "search": search, "n": n}
    candidates = [
        {**key, "item_id": "i", "candidate": c, "draws": [c], "step_tokens": [think]}
        | {"think_tokens": think, "answer_tokens": 3, "answer_from": "answer", "stop": stop}
        | {"answer_stop": "eos", "think_text": "t", "answer_text": answer}
        for c, (answer, _) in said.items()
    ]
    scores = [
        {**key, "item_id": "i", "candidate": c, "scorer": scorer, "step": step, "score": value}
        for c, (_, values) in said.items()
        for step, value in enumerate(values)
    ]
    sizes = {"prompt_tokens": 20, "parameters": 5, "scorer_parameters": 2, "rounds": 2}
    costs = dict.fromkeys(("sampled", "sampled_new", "scored_uncached"), 40)
    bills = [
        {
            **key,
            **sizes,
            "item_id": item,
            "scorer": of,
            "scorer_exact_tokens": None if of is None else True,
            "error": error,
        }
        | (costs if error is None else dict.fromkeys(costs, 0))
        | dict.fromkeys(("scored", "scored_new"), 0 if of is None or error else 60)
        for item, error in (("i", None), ("j", "the prompt leaves no room"))
        for of in (None, scorer)
    ]
    made = {"candidates": candidates, "scores": scores, "spent": bills}
    return [pd.DataFrame(rows, columns=contracts.SCHEMAS[k].names) for k, rows in made.items()]


def chosen(strategies, given=None, **options):
    asked = [Strategy(**one).model_dump() for one in strategies]
    found, _ = choices(
        *(given or frames()),
        ITEMS,
        asked,
        **{"grading": GRADING, "answer_prompts": {"m": ""}} | options,
    )
    return found.set_index(["item_id", "strategy", "n"])


def test_a_study_is_chosen_for_a_few_items_at_a_time(tmp_path):
    other = [frame.assign(model="b") for frame in frames()]
    given = [pd.concat(pair, ignore_index=True) for pair in zip(frames(), other, strict=True)]
    names, made = ("candidates", "scores", "spent"), ("searches", "ballots")
    for name, frame in zip(names, given, strict=True):
        contracts.write(frame, tmp_path / name, name)
    asked = [Strategy(**one).model_dump() for one in ({"approach": "majority", "n": [2, 4]},)]
    how = {"grading": GRADING, "answer_prompts": {"m": "", "b": ""}, "seed": 1}
    found, written = ({name: tmp_path / name for name in group} for group in (names, made))
    choose_study(found, ITEMS, asked, written, at_a_time=1, **how)
    for name, whole in zip(made, choices(*given, ITEMS, asked, **how), strict=True):
        read = contracts.read(tmp_path / name, name)
        assert len(read) == {"searches": 8, "ballots": 8}[name]
        contracts.write(whole, tmp_path / "whole", name)
        pd.testing.assert_frame_equal(read, contracts.read(tmp_path / "whole", name))


def best(how, **more):
    return {"approach": "best_of_n", "scorer": "s", "n": [4], "agg_strategy": how} | more


@pytest.mark.parametrize(
    ("how", "answer"),  # of A .9 .2, B .1 .8, (nothing), A .4 .5
    [("last", "B"), ("min", "A"), ("prod", "A"), ("mean", "A")],
)
def test_scores_are_aggregated_as_the_strategy_says(how, answer):
    assert chosen([best(how)]).loc[("i", "best_of_n", 4), "answer"] == answer


def test_strategies_of_one_study_aggregate_each_in_its_own_way():
    found = chosen([best("last"), best("min", name="by_min")])
    assert found.loc["i"]["answer"].tolist() == ["B", "A"]


def test_an_answer_that_is_empty_does_not_vote_and_is_counted():
    found = chosen([{"approach": "majority", "n": [4]}, best("last")])
    assert found.loc["i"]["unanswered"].tolist() == [1.0, 1.0]
    assert found.loc[("i", "best_of_n", 4), "answer"] == "B"  # and not the empty one's 1.0
    nothing = frames({c: ("", [0.5]) for c in range(4)})
    row = chosen([{"approach": "majority", "n": [4]}], nothing).loc[("i", "majority", 4)]
    assert (row["share"], row["correct"], row["unanswered"]) == (0, 0, 4)
    assert pd.isna(row["answer"])


def test_a_candidate_without_a_score_is_not_chosen_and_is_counted():
    given = frames(SAID | {1: ("Answer: B", [0.1, None])})
    for approach in ("best_of_n", "weighted_best_of_n"):
        row = chosen([best("last", approach=approach)], given).loc[("i", approach, 4)]
        assert (row["answer"], row["unscored"]) == ("A", 1.0)
    vote = {"approach": "majority", "n": [4]}
    assert chosen([vote], given).loc[("i", "majority", 4), "unscored"] == 0


def test_a_score_that_is_missing_on_the_way_is_missed_by_all_but_the_last():
    _, scores, _ = frames({0: ("Answer: A", [None, 0.4]), 1: ("Answer: B", [0.5, None])})
    last = aggregated(scores, "last")["score"]
    assert last[0] == 0.4 and last.isna()[1]
    for how in ("min", "prod", "mean"):
        assert aggregated(scores, how)["score"].isna().all()
    shuffled = aggregated(scores.iloc[::-1], "last")
    assert shuffled["score"].equals(last)  # by their number, not by where they stand


def test_scores_that_are_no_weights_are_refused_where_votes_are_weighted():
    given = frames(SAID | {0: ("Answer: A", [0.9, 1.2])})
    with pytest.raises(ThinkscaleError, match=r"found the score 1.2; expected scores from 0 to 1"):
        chosen([best("last", approach="weighted_best_of_n")], given)
    assert chosen([best("last")], given).loc[("i", "best_of_n", 4), "answer"] == "A"


def test_fewer_samples_are_any_of_them_and_cost_their_share():
    """Of two of the four, over all six pairs: the best that has an answer, by hand."""
    found = chosen([best("last", n=[2, 4]), {"approach": "majority", "n": [1, 2]}])
    last = {c: (answer, values[-1]) for c, (answer, values) in SAID.items() if answer}
    pairs = list(itertools.combinations(range(4), 2))
    right = [max((last[c][1], last[c][0]) for c in p if c in last)[1][-1] == "B" for p in pairs]
    row = found.loc[("i", "best_of_n", 2)]
    assert row["correct"] == pytest.approx(sum(right) / 6)
    assert row["candidates"] == 2 and row["any_correct"] == pytest.approx(3 / 6)
    assert found.loc[("i", "majority", 1), "correct"] == pytest.approx(1 / 4)
    # Half of what was sampled; the scorer reads the prompt (20 of its 60) for two as for four.
    assert (row["sampled"], row["scored"], row["prompt_tokens"]) == (20, 20 + 40 / 2, 20)
    assert found.loc[("i", "majority", 2), "scored"] == 0


def test_an_item_that_could_not_be_asked_is_wrong_and_says_why(tmp_path):
    found = chosen([best("last")])
    contracts.write(found.reset_index(), tmp_path / "searches.parquet", "searches")
    row = found.loc[("j", "best_of_n", 4)]
    assert (row["correct"], row["candidates"], row["sampled"]) == (0, 0, 0)
    assert row["error"] == "the prompt leaves no room" and pd.isna(row["answer"])


@pytest.mark.parametrize(
    ("think", "stop", "unmet"),
    [(8, "natural", False), (9, "natural", True), (8, "context", True)],
)
def test_a_budget_is_met_by_thinking_that_ended_within_it(think, stop, unmet):
    given = frames({0: ("Answer: B", [])}, "rejection", 8, stop, think=think)
    row = chosen([{"approach": "rejection", "max_think": [8]}], given).loc[("i", "rejection", 8)]
    assert row["unmet"] == unmet and row["correct"] == 1.0


def test_no_thinking_at_all_is_a_budget():
    given = frames({0: ("Answer: B", [])}, "rejection", 0, think=0)
    row = chosen([{"approach": "rejection", "max_think": [0]}], given).loc[("i", "rejection", 0)]
    assert (row["unmet"], row["sampled"]) == (False, 40)


def test_equal_answers_are_one_by_the_grader():
    """0.5 and 1/2 are one answer: together they outvote 2."""
    said = {0: ("0.5", []), 1: ("2", []), 2: ("1/2", []), 3: ("2.0", []), 4: ("50%", [])}
    items = ITEMS.assign(options=[[]] * 2, key=None, answer_text="0.5")
    asked = [Strategy(approach="majority", n=[5]).model_dump()]
    grading = {"graders": ["numeric"], "numeric": {}}
    found, _ = choices(*frames(said, n=5), items, asked, grading=grading, answer_prompts={"m": ""})
    first = found.set_index("item_id").loc["i"]
    assert first["correct"] == 1.0 and first["share"] == 1.0


def test_a_study_without_a_grader_of_answers_is_refused():
    with pytest.raises(ThinkscaleError, match="found judge; expected one with `strategies` that"):
        chosen([best("last")], grading={"graders": ["judge"]})
