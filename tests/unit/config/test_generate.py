"""Corpora that a model of the study writes: what a study file may say of them."""

import pytest

from studies import message, study
from thinkscale.config import parse_study

GENERATED = {"name": "own", "generate": {"model": "one"}}


def asking(**generate):
    return [{"name": "traces", "generate": {"model": "one", **generate}}]


@pytest.fixture(autouse=True)
def _in_folder(folder):
    pass


def test_a_chain_of_models_and_corpora_is_accepted():
    derived = {"name": "three", "derive": {"parent": "one", "corpus": "second"}}
    two = {"name": "two", "derive": {"parent": "one", "corpus": "first"}}
    values = study(
        models=[{"name": "one", "path": "model"}, two, derived],
        corpora=[
            {"name": "first", "generate": {"model": "one", "keep": "shortest"}},
            {"name": "second", "generate": {"model": "two", "reasoning": "last_pass"}},
        ],
    )
    asked = parse_study(values, "my.yaml").corpora[1].generate
    assert (asked.samples, asked.waits, asked.keep, asked.hint) == (4, 0, "correct", None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"corpora": [{"name": "traces"}]},
            "`corpora[0]` (traces): found none of them; expected exactly one of `source`, `hub`, "
            "`generate`",
        ),
        (
            {"corpora": [{**GENERATED, "source": "corpus.jsonl"}]},
            "`corpora[0]` (own): found source, generate; expected exactly one",
        ),
        (
            {"corpora": [{"name": "traces", "source": "corpus.jsonl", "han": 0.5}]},
            "`corpora[0].han` (traces): found 0.5; expected it with `source: calibration`",
        ),
        ({"corpora": asking(model="onne")}, "no model 'onne'; did you mean 'one'?"),
        (
            {"corpora": asking(hint="{stem} {result}")},
            "{result} is not one or has a format",
        ),
        (
            {"corpora": asking(hint="{stem} {answer}", keep="all")},
            "`corpora[0].generate.hint` (traces): found with `keep: all`; expected it where right "
            "answers are kept",
        ),
        (
            {"corpora": [{**GENERATED, "format": "columns", "columns": ["a"]}]},
            "`corpora[0].format` (own): found 'columns'; expected 'traces' of a model",
        ),
        (
            {"corpora": [{**GENERATED, "question": "Frage"}]},
            "`corpora[0].question` (own): found 'Frage'; expected it of a corpus in a file",
        ),
        (
            {"items": {"source": "bank.csv"}, "corpora": asking()},
            "`corpora[0].generate.bank` (traces): missing; expected a bank of items",
        ),
        (
            {"corpora": asking(bank={"source": "none.csv"})},
            "`corpora[0].generate.bank.source`: there is no file none.csv",
        ),
        (
            {"grading": {"graders": ["readout"]}, "inference.readout": "options",
             "corpora": asking()},
            "expected a grader that needs no model, since traces of traces are kept by it",
        ),
        (
            {"models.1.derive": {"parent": "one", "recipe": "reward_model"},
             "corpora": asking(model="two")},
            "`corpora[0].generate.model` (traces): found 'two', a reward model; expected",
        ),
    ],
)  # fmt: skip
def test_faults(changes, expected):
    assert expected in message(study(**changes))


def test_models_that_learn_from_what_they_wrote_go_round_in_a_circle():
    values = study(corpora=asking(model="two"))
    said = message(values)
    assert "`models[1].derive.corpus` (two): a model cannot derive from itself" in said
    assert "(two from corpus traces from two)" in said
    three = {"name": "three", "derive": {"parent": "two", "corpus": "traces"}}
    values = study(models=[*study()["models"], three], corpora=asking(model="three"))
    said = message(values)
    assert "(two from corpus traces from three from two)" in said
    # What only begins at a circle is at no fault.
    four = {"name": "four", "derive": {"parent": "two", "corpus": "traces"}}
    values = study(models=[*study()["models"], four], corpora=asking(model="two"))
    assert "(four)" not in message(values)
