"""Keys of strategies against what each approach can be told."""

import re
from pathlib import Path

import pytest
import yaml

from studies import message, study
from thinkscale.config import parse_study
from thinkscale.config.strategies import Strategy
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.preflight import check_levels, check_strategies
from thinkscale.thinking.strategies.registry import APPROACHES

STUDIES = Path(__file__).parents[3] / "config/studies"


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
        ({"approach": "samples", "n": [4]}, "found 'samples'; expected one of majority, best_of"),
        (
            {"approach": "beam_search", "n": [8, 6], "scorer": "s"},
            "`strategies.0..n`: found 6; expected a multiple of `beam_width`, which is 4",
        ),
        ({"approach": "dvts", "n": [2], "scorer": "s"}, "`strategies.0..n`: found 2; expected a"),
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n": [4, 4]}, r"`strategies\[0\].n`: 4 is repeated"),
        ({"approach": "rejection", "max_think": [8, 8]}, r"max_think`: 8 is repeated"),
        ({"n": [4], "name": "samples"}, r"`strategies\[0\].name`: found 'samples'"),
        ({"n": [4], "choose": "best"}, r"choose`: found 'best' without a scorer"),
        ({"n": [4], "scorer": "s"}, r"scorer`: found 's'; expected one of `scorers` \(none given"),
    ],
)
def test_what_is_wrong_between_keys_is_named(given, said, folder):
    assert re.search(said, message(study(strategies=[{"approach": "majority"} | given])))


def test_at_temperature_0_there_is_one_thing_to_draw(folder):
    given = {"strategies": [{"approach": "majority", "n": [1, 2]}], "inference.temperature": 0.0}
    assert re.search(r"\(majority\): found 'one' at temperature 0", message(study(**given)))
    given["strategies"] = [{"approach": "revisions", "n": [1], "passes": 3}]
    assert parse_study(study(**given), "my.yaml").strategies


def test_the_shipped_studies_of_all_strategies_passes():
    shown = set()
    for name in ("strategies.yaml", "prompt-control.yaml"):
        strategies = yaml.safe_load((STUDIES / name).read_text())["strategies"]
        check_strategies([Strategy(**one) for one in strategies], name)
        shown |= {one["approach"] for one in strategies}
    assert shown == set(APPROACHES)


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
