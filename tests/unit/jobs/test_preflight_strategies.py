"""Keys of strategies against what each approach can be told."""

import pytest

from thinkscale.config.strategies import Strategy
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.preflight import check_strategies


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"approach": "beam_serch", "n": [4]}, "found 'beam_serch'; .*did you mean 'beam_search'"),
        ({"approach": "majority", "n": [4], "beam_width": 2}, "majority has no such key"),
        (
            {"approach": "ab_mcts", "num_simulations": [4], "scorer": "s", "beam_width": 2},
            "ab_mcts has no such key; expected num_simulations, num_iterations",
        ),
        ({"approach": "rejection", "n": [4]}, "`strategies.0..n`: rejection has no such key"),
        ({"approach": "mcts", "scorer": "s"}, "num_simulations`: missing"),
        ({"approach": "beam_search", "n": [4]}, "scorer`: missing"),
        (
            {"approach": "token_conditional", "num_steps": [4]},
            "num_steps`: token_conditional has no such key; expected max_think, samples, instruc",
        ),
        ({"approach": "step_conditional"}, "num_steps`: missing; expected the sizes of step_cond"),
        ({"approach": "class_conditional", "samples": 2}, "length_classes`: missing"),
    ],
)
def test_a_key_that_an_approach_does_not_have_or_lacks_is_named(given, said):
    with pytest.raises(ThinkscaleError, match=said):
        check_strategies([Strategy(**given)], "study.yaml")


def test_what_each_approach_has_passes():
    check_strategies([Strategy(approach="ab_mcts", num_simulations=[4], scorer="s")], "study.yaml")
