"""What search is known to do on the phantom: by hand, and some of it measured again."""

from pathlib import Path

import pandas as pd
import pytest

from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference
from thinkscale.config.strategies import Scorer, Strategy
from thinkscale.config.sweep import Conditions
from thinkscale.data import contracts
from thinkscale.jobs.choosing import choices
from thinkscale.jobs.inference import prepare
from thinkscale.jobs.search_effects import COLUMNS, search_effects
from thinkscale.jobs.searching import search_items
from thinkscale.models.registry import register

BASE = Path(__file__).parents[3] / "resources/calibration/base"


def row(strategy, n, item, correct, sampled, **more):
    return {
        **dict.fromkeys(contracts.SCHEMAS["searches"].names),
        **{"model": "m", "item_id": item, "strategy": strategy, "n": n, "correct": correct},
        **{"sampled": sampled, "excluded": False, "unmet": False, "think_tokens": 5.0, **more},
    }


def test_effects_by_hand():
    rows = [row("majority", n, i, c, 10.0 * n) for n in (1, 2, 4, 8) for i, c in (("a", n / 8),
            ("b", 0.5))]  # fmt: skip
    rows += [row("best_of_n", n, i, 0.75, 10.0 * n) for n in (4, 8) for i in "ab"]
    rows += [row("revisions", 1, i, 1.0, 20.0) for i in "ab"]
    rows += [row("rejection", 16, i, 0.0, 90.0, unmet=i == "a") for i in "ab"]
    rows += [row("majority", 8, "out", 0.0, 80.0, excluded=True)]
    found = search_effects(pd.DataFrame(rows))
    assert list(found.columns) == COLUMNS and set(found["n_items"][:-1]) == {2}
    assert found["n_items"].iloc[-1] == 1  # one met its budget
    value = found.set_index("effect")["estimate"].to_dict()
    assert value == pytest.approx(
        {
            "accuracy of majority at 1": (0.125 + 0.5) / 2,
            "accuracy of majority at 8": 0.75,
            "accuracy of best_of_n at 8": 0.75,
            "best_of_n at 8: gain over majority": 0.0,
            "majority at 8: gain over best_of_n": 0.0,
            "best_of_n: gain of 8 over 4": 0.0,
            "accuracy of revisions": 1.0,
            "revisions: gain over majority at equal tokens": 1 - (0.25 + 0.5) / 2,
            "rejection at 16: share unmet": 0.5,
            "rejection at 16: thinking tokens where it was met": 5.0,
        }
    )
    assert found.set_index("effect").loc["rejection at 16: share unmet", "sampled"] == 90


@pytest.fixture(scope="module")
def measured(one_thread, tmp_path_factory) -> pd.Series:
    """Some effects on the base model, on items that no other test or study has."""
    settings = Inference(
        dtype="float32", device="cpu", temperature=1.0, top_p=1.0, max_answer_tokens=8,
        prompt={"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""},
        thinking={"answer_prompt": "\n\nAnswer:", "step_end": "\n"}, batch_size=128,
    )  # fmt: skip
    scorers = [
        {"name": "good", "kind": "calibration", "d_prime": 2.0},
        {"name": "weak", "kind": "calibration", "d_prime": 0.3},
    ]
    strategies = [
        Strategy(**one).model_dump()
        for one in (
            {"approach": "majority", "n": [1, 8]},
            {"approach": "best_of_n", "n": [8], "scorer": "good"},
            {"approach": "beam_search", "n": [8], "scorer": "good"},
            {"approach": "beam_search", "name": "beam_weak", "n": [8], "scorer": "weak"},
        )
    ]
    items = generate_bank(40, seed=577)
    record = register("base", BASE)
    ready = prepare(record, items, settings, Conditions().model_dump(), seed=577)
    found, _ = search_items(
        *(ready, items, strategies, [Scorer(**s).model_dump(exclude={"model"}) for s in scorers]),
        *({}, "\n", tmp_path_factory.mktemp("journal") / "base", 0, 1),
    )
    searches, _ = choices(
        *(found.candidates, found.scores, found.spent, items, strategies),
        grading={"graders": ["choice"], "choice": {}},
        answer_prompts={"base": "\n\nAnswer:"},
    )
    return search_effects(searches).set_index("effect")["estimate"]


def test_a_good_scorer_is_worth_its_search_and_a_weak_one_is_worse_than_a_vote(measured):
    """Bounds lie two or more standard errors of 40 items from what docs/strategies.md has."""
    assert measured["accuracy of majority at 8"] > measured["accuracy of majority at 1"] + 0.05
    assert measured["best_of_n at 8: gain over majority"] > 0.05
    assert measured["beam_search at 8: gain over majority"] > 0.08
    assert measured["beam_weak at 8: gain over majority"] < 0
    weak = measured["accuracy of beam_weak at 8"]
    assert weak < measured["accuracy of beam_search at 8"] - 0.2
