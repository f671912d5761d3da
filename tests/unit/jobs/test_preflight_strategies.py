"""Keys of strategies against what each approach can be told."""

from pathlib import Path

import pytest

from studies import study
from thinkscale.config import parse_study
from thinkscale.config.strategies import Strategy
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.preflight import check_levels, check_strategies


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
    ],
)
def test_a_key_that_an_approach_does_not_have_or_lacks_is_named(given, said):
    with pytest.raises(ThinkscaleError, match=said):
        check_strategies([Strategy(**given)], "study.yaml")


def test_what_each_approach_has_passes():
    check_strategies([Strategy(approach="ab_mcts", num_simulations=[4], scorer="s")], "study.yaml")


def test_levels_by_accuracy_need_samples_that_no_strategy_draws():
    model = Path(__file__).parents[3] / "resources/calibration/reasoner"
    values = study(
        **{"models": [{"name": "one", "path": str(model)}], "corpora": []},
        **{"analyses.levels": "accuracy", "inference.samples": 16},
    )
    values["strategies"] = [
        {"approach": "majority", "n": [4]},
        {"approach": "rejection", "max_think": [99]},
    ]
    with pytest.raises(ThinkscaleError, match=r"`analyses\.levels`: .* 16 samples of one, "):
        check_levels(parse_study(values, "study.yaml"), "study.yaml")
    values["strategies"][1]["max_tries"] = 12
    check_levels(parse_study(values, "study.yaml"), "study.yaml")
    values["analyses"]["levels"], values["strategies"][1]["max_tries"] = "difficulty", 99
    check_levels(parse_study(values, "study.yaml"), "study.yaml")
