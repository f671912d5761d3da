"""Models that learn by reinforcement: what a study file may say of them."""

import pytest

from studies import message, study
from thinkscale.config import parse_study


def reinforced(grpo=None, **changes):
    """A study whose second model is reinforced."""
    derive = {"parent": "one", "recipe": "grpo", "grpo": grpo or {}, **changes}
    return study(**{"models.1": {"name": "two", "derive": derive}})


@pytest.fixture(autouse=True)
def _in_folder(folder):
    pass


def test_defaults_are_those_of_dr_grpo():
    derive = parse_study(reinforced(), "my.yaml").models[1].derive
    own = derive.grpo
    assert (own.loss_type, own.scale_rewards, own.beta) == ("dr_grpo", "none", 0)
    assert own.reward_funcs == ["accuracy", "format"] and own.reward_weights is None
    assert derive.eval_steps is None and own.pass_rate is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (reinforced(corpus="traces"), "`models[1].derive.corpus` (two): found 'traces'"),
        (reinforced({"num_generations": 1}), "`models[1].derive.grpo.num_generations`"),
        (
            reinforced({"num_generations": 6}),
            "`models[1].derive.batch_size` (two): found 16 by 1 batches a step, 16 completions; "
            "expected a multiple of `grpo.num_generations`, 6",
        ),
        (reinforced({"reward_weights": [1]}), "a weight for each of the 2 `reward_funcs`"),
        (reinforced({"reward_funcs": ["length", "length"]}), "each of `reward_funcs` once"),
        (
            reinforced({"reward_funcs": ["language_consistency"]}),
            "`language` with `language_consistency`, and only there",
        ),
        (reinforced({"language": "en"}), "`language` with `language_consistency`"),
        (
            reinforced({"reward_funcs": ["overlong"], "max_completion_length": 32}),
            "`soft_punish_cache` 64 to be at most `max_completion_length`, 32",
        ),
        (reinforced({"pass_rate": {"at_least": 0.9, "at_most": 0.1}}), "`at_least` 0.9"),
        (
            reinforced({"bank": {"source": "nowhere.csv"}}),
            "`models[1].derive.grpo.bank.source`: there is no file nowhere.csv",
        ),
        (
            reinforced(held_out={"bank": {"source": "nowhere.csv"}}),
            "`models[1].derive.held_out.bank.source`: there is no file nowhere.csv",
        ),
        (
            reinforced() | {"items": {"source": "bank.csv"}},
            "`models[1].derive.grpo.bank` (two): missing",
        ),
        (
            reinforced() | {"grading": {"graders": ["readout"]}},
            "found 'readout'; expected a grader that needs no model, since two learns by it",
        ),
    ],
)
def test_faults(values, expected):
    assert expected in message(values)
