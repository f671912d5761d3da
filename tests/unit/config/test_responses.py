"""Models whose responses are recorded: what goes with what."""

import pytest

from studies import message, study
from thinkscale.config import parse_study

TABLE = {"source": "table", "logs": [{"path": "log.jsonl"}], "columns": {"text": "said"}}
COUNTED = {**TABLE, "tokenizer": {"path": "tokenizer.json"}}


def of(recorded, **changes):
    return study(models=[{"name": "them", "responses": recorded}], corpora=[], **changes)


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("log.jsonl", "tokenizer.json"):
        (tmp_path / name).write_text("{}")


def test_a_recorded_model_thinks_and_is_not_run():
    [model] = parse_study(of(COUNTED), "my.yaml").models
    assert model.thinks and not model.runs


def test_a_reward_model_s_scores_may_be_there_too():
    values = of(
        {**COUNTED, "scores": {"rm": "reward"}},
        scorers=[{"name": "rm", "kind": "recorded"}],
        strategies=[{"approach": "best_of_n", "n": [2], "scorer": "rm"}],
    )
    parse_study(values, "my.yaml")


RM = [{"name": "rm", "kind": "recorded"}]
BEAM = [{"approach": "beam_search", "n": [4], "scorer": "rm"}]
BEST = [{"approach": "best_of_n", "n": [4], "scorer": "rm"}]


@pytest.mark.parametrize(
    ("recorded", "changes", "said"),
    [
        (TABLE, {}, "responses.tokenizer`: missing; expected one to count thinking tokens with"),
        ({**COUNTED, "columns": {}}, {}, "responses.columns`: found neither; expected `text`"),
        (
            {**COUNTED, "columns": {"text": "a", "answer": "b"}},
            {},
            "responses.columns`: found both; expected `text`",
        ),
        ({**COUNTED, "source": "lm-eval"}, {}, "expected 'lm_eval', 'inspect' or 'table'"),
        ({**COUNTED, "logs": [{"path": "no.csv"}]}, {}, "there is no file no.csv; expected a log"),
        ({**COUNTED, "tokenizer": {}}, {}, "tokenizer`: found neither; expected one of `path`"),
        ({**COUNTED, "scores": {"rm": "r"}}, {}, "responses.scores` (them): found 'rm'; expected"),
        (
            {**COUNTED, "scores": {"rm": "r"}},
            {"scorers": RM, "strategies": BEAM},
            "strategies[0].approach`: found 'beam_search', and the responses of them are recorded",
        ),
        (
            COUNTED,
            {"scorers": RM, "strategies": BEST},
            "strategies[0].scorer`: found 'rm'; expected a scorer whose scores the log of them",
        ),
    ],
)
def test_contradictions_are_named(recorded, changes, said):
    assert said in message(of(recorded, **changes))


def test_recorded_scores_are_none_of_a_model_that_is_run():
    assert "scorers[0].kind`: found 'recorded', and one is run here" in message(study(scorers=RM))


def test_nothing_is_derived_from_what_was_recorded():
    models = [
        {"name": "them", "responses": COUNTED},
        {"name": "ours", "derive": {"parent": "them", "corpus": "traces"}},
    ]
    assert "found 'them', whose responses are recorded" in message(study(models=models))


def test_a_model_comes_from_one_place():
    both = [{"name": "them", "path": "model", "responses": COUNTED}]
    assert "found path, responses; expected exactly one of" in message(study(models=both))
