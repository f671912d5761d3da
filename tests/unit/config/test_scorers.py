"""Scorers and reward models in a study's configuration."""

import pytest

from studies import message, study
from thinkscale.config import parse_study
from thinkscale.config.judge import THOUGHT_SYSTEM
from thinkscale.config.presets.scorers import PRESETS
from thinkscale.config.strategies import ScorerText
from thinkscale.config.study import scorer_models

pytestmark = pytest.mark.usefixtures("folder")

SHEPHERD = {
    "name": "shepherd",
    "kind": "prm",
    "model": {"name": "math-shepherd", "hub": "owner/prm", "revision": "0" * 40},
    "text": {"preset": "math-shepherd"},
}
TRAINED = {"name": "judge", "derive": {"parent": "one", "recipe": "reward_model"}}


def judged(scorer=None, **changes):
    """A study with a reward model of its own, and a scorer that asks it."""
    values = study(
        **{"scorers": [scorer or {"name": "own", "kind": "prm", "model": {"name": "judge"}}]}
    )
    values["models"].append({**TRAINED, "derive": {**TRAINED["derive"], **changes}})
    return values


def test_a_reward_model_judges_and_does_not_think():
    read = parse_study(judged(), "my.yaml")
    assert [model.name for model in read.models if model.thinks] == ["one", "two"]
    assert scorer_models(read)["own"].name == "judge"


def test_a_scorers_model_is_run_as_the_study_says_but_for_its_own_keys():
    own = {**SHEPHERD, "model": {**SHEPHERD["model"], "inference": {"batch_size": 3}}}
    read = parse_study(study(scorers=[own], **{"inference.dtype": "bfloat16"}), "my.yaml")
    model = scorer_models(read)["shepherd"]
    assert (model.hub, model.inference.batch_size) == ("owner/prm", 3)
    assert model.inference.dtype == "bfloat16"


def test_a_judge_takes_the_likeliest_and_is_asked_in_words_of_its_own():
    model = {"name": "one", "inference": {"thinking": {"start": "<t>"}, "batch_size": 3}}
    values = study(
        **{
            "scorers": [{"name": "asked", "kind": "judge", "model": model}],
            "inference.prompt": {"system": "Think.", "system_role": "user"},
            "inference.readout": "options",
        }
    )
    asked = scorer_models(parse_study(values, "my.yaml"))["asked"].inference
    assert (asked.temperature, asked.top_p, asked.batch_size, asked.readout) == (0, 1, 3, None)
    assert (asked.prompt.system, asked.prompt.system_role) == (THOUGHT_SYSTEM, "user")
    assert asked.thinking.start == "<t>"


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_taken_where_a_key_is_not_given(preset):
    taken = ScorerText(preset=preset).model_dump(exclude={"preset"})
    assert {key: taken[key] for key in PRESETS[preset]} == PRESETS[preset]
    assert ScorerText(preset=preset, before="!").before == "!"


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        ({"kind": "prm"}, "`scorers[0].model`: missing; expected the reward model of kind 'prm'"),
        ({"kind": "likelihood", "d_prime": 1}, "`scorers[0].d_prime`: found with 'likelihood'"),
        (
            {"kind": "likelihood", "model": {"name": "one"}},
            "`scorers[0].model`: found with 'likelihood'; expected it with 'orm' or 'prm' or",
        ),
        (
            {"kind": "judge"},
            "`scorers[0].model`: missing; expected the model that is a 'judge'",
        ),
        (
            {"kind": "judge", "model": {"name": "one"}, "text": {"preset": "trl"}},
            "`scorers[0].text`: found with 'judge'; expected it with 'orm' or 'prm'",
        ),
        (
            {"kind": "prm", "model": {"name": "one"}, "judge": {"right": "Good"}},
            "`scorers[0].judge`: found with 'prm'; expected it with 'judge'",
        ),
        (
            {"kind": "judge", "model": {"name": "judge"}},
            "`scorers[0].kind`: found 'judge'; expected 'prm', as the recipe of judge makes it",
        ),
        (
            {"kind": "judge", "model": {"name": "one"}, "judge": {"template": "Is it right?"}},
            "`scorers[0].judge.template`: found 'Is it right?'; expected text with {thought}",
        ),
        (
            {"kind": "judge", "model": {"name": "one"}, "judge": {"right": " No"}},
            "expected two different words, `right` and `wrong`",
        ),
        (
            {"kind": "likelihood", "measure": "margin"},
            "`scorers[0].measure`: found with 'likelihood'; expected it with 'readout'",
        ),
        (
            {"kind": "prm", "model": {"name": "thre"}},
            "`scorers[0].model.name`: there is no model 'thre'",
        ),
        (
            {"kind": "prm", "model": {"name": "one", "path": "model"}},
            "`scorers[0].model.name`: found 'one', a model of the study, with `path`",
        ),
        (
            {"kind": "prm", "model": {"name": "x", "path": "nowhere"}},
            "`scorers[0].model.path` (x): nowhere holds no config.json",
        ),
        (
            {"kind": "orm", "model": {"name": "x", "path": "model"},
             "text": {"preset": "math-shepherd"}},
            "`scorers[0].text.right`: found with 'orm'; expected words only of a `prm`",
        ),
        (
            {"kind": "prm", "model": {"name": "x", "path": "model"}, "text": {"right": "+"}},
            "expected two different words, `right` and `wrong`, or neither",
        ),
        (
            {"kind": "prm", "model": {"name": "x", "path": "model"}, "text": {"chat": "turns"}},
            "expected `right` and `wrong` beside `chat: turns`",
        ),
        (
            {"kind": "orm", "model": {"name": "judge"}},
            "`scorers[0].kind`: found 'orm'; expected 'prm', as the recipe of judge makes it",
        ),
    ],
)  # fmt: skip
def test_contradictions_of_a_scorer(scorer, expected):
    assert expected in message(judged({"name": "s", **scorer}))


def test_one_name_stands_for_one_model():
    other = {**SHEPHERD, "name": "other", "model": {"name": "math-shepherd", "path": "model"}}
    told = message(study(scorers=[SHEPHERD, other]))
    assert "`scorers`: the model name 'math-shepherd' stands for several" in told


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"corpus": "traces"}, "`models[2].derive.corpus` (judge): found 'traces'"),
        ({"parent": "judge"}, "a model cannot derive from itself"),
        (
            {"lengths": [{"by": "steps", "instruction": "{message} {length}"}]},
            "`models[2].derive.lengths` (judge): found with `recipe: reward_model`; expected with "
            "`sft`",
        ),
        ({"reward": {"held_out": 1}}, "`models[2].derive.reward.held_out`: found 1"),
        (
            {"reward": {"bank": {"source": "none.csv"}}},
            "`models[2].derive.reward.bank.source`: there is no file none.csv",
        ),
    ],
)
def test_contradictions_of_a_recipe(changes, expected):
    assert expected in message(judged(**changes))


def test_a_reward_model_needs_a_bank_and_a_grader_without_a_model():
    values = judged()
    values["items"] = {"source": "bank.csv", "preset": "bea2024"}
    assert "`models[2].derive.reward.bank` (judge): missing" in message(values)
    values = judged()
    values["grading"] = {"graders": ["judge"], "judge": {"model": {"name": "judge"}}}
    told = message(values)
    assert "`grading.graders[0]`: found 'judge'; expected a grader that needs no model" in told
    assert "`grading.judge.model.name`: found 'judge', a reward model" in told


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"instruction": "{message} for a while"}, "instruction`: found '{message} for a while'"),
        ({"length_classes": {"long": 9, "short": 4}}, "from the shortest to the longest"),
        ({"length_classes": {}}, "length_classes`"),
        ({"length_classes": {"short": -1}}, "length_classes.short`: found -1"),
    ],
)
def test_faults_of_a_length_that_is_named(given, expected):
    classed = {"approach": "class_conditional", "length_classes": {"short": 4, "long": None}}
    told = message(study(strategies=[{**classed, **given}]))
    assert "strategies[0]." in told and expected in told


def test_reward_models_are_compared_with_nothing():
    values = judged()
    values["analyses"] = {"compare": [["one", "judge"]]}
    assert "`analyses.compare`: found 'judge'; expected one of one, two" in message(values)
