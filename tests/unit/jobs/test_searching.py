"""Searches about the calibration items: what is found is a function of the item alone."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference
from thinkscale.config.strategies import Scorer, Strategy
from thinkscale.config.sweep import Conditions
from thinkscale.jobs import searching
from thinkscale.jobs.inference import prepare, run
from thinkscale.jobs.searching import search_items
from thinkscale.models.registry import register

REASONER = Path(__file__).parents[3] / "resources/calibration/reasoner"
SETTINGS = Inference(
    dtype="float32", device="cpu", temperature=1.0, top_p=1.0, max_answer_tokens=8, batch_size=8,
    prompt={"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""},
    thinking={"answer_prompt": "\n\nAnswer:", "step_end": "\n"}, samples=3,
)  # fmt: skip
SCORERS = [
    {"name": "good", "kind": "calibration", "d_prime": 2.0},
    {"name": "own", "kind": "likelihood"},
]
STRATEGIES = [
    {"approach": "majority", "n": [1, 3]},
    {"approach": "best_of_n", "n": [2], "scorer": "own"},
    {"approach": "beam_search", "n": [2, 4], "beam_width": 2, "scorer": "good", "lookahead": 1},
    {"approach": "dvts", "n": [4], "beam_width": 2, "scorer": "own"},
    {"approach": "mcts", "num_simulations": [4], "scorer": "good"},
    {"approach": "ab_mcts", "num_simulations": [4], "scorer": "good"},
    {"approach": "particle_filtering", "n": [3], "scorer": "good"},
    {"approach": "revisions", "n": [2], "scorer": "good"},
    {"approach": "rejection", "max_think": [16], "max_tries": 3},
]
SEED = 1

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def record():
    return register("reasoner", REASONER)


def prepared(record, items, **changes):
    settings = SETTINGS.model_copy(update=changes)
    return prepare(record, items, settings, Conditions().model_dump(), seed=SEED)


def search(ready, items, directory, strategies=STRATEGIES, shard=0, shards=1):
    return search_items(
        *(ready, items, [Strategy(**s).model_dump() for s in strategies]),
        *([Scorer(**s).model_dump(exclude={"model"}) for s in SCORERS], {}, "\n"),
        *(directory / "journal" / "reasoner", shard, shards),
    )


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    keys = [k for k in ("item_id", "search", "n", "candidate", "scorer", "step") if k in frame]
    return frame.sort_values(keys).reset_index(drop=True)


@pytest.fixture(scope="module")
def items():
    return generate_bank(3, 3)


@pytest.fixture(scope="module")
def whole(record, items, tmp_path_factory):
    """All at once, behind the study's own samples."""
    ready, directory = prepared(record, items), tmp_path_factory.mktemp("whole")
    thought, _ = run(ready, directory / "journal" / "reasoner", 0, 1)
    found, did = search(ready, items, directory)
    return thought, found, did


def test_nothing_depends_on_shards_batches_or_the_order_of_strategies(
    record, items, whole, tmp_path
):
    _, found, _ = whole
    pieces = []
    for shard in range(3):
        part = items.iloc[shard::3]
        ready = prepared(record, part, batch_size=(2, 3, 64)[shard])
        pieces.append(search(ready, part, tmp_path, STRATEGIES[::-1], shard, 3)[0])
    # Likelihoods are float sums, which differ in their last digits with what is read together.
    for name in ("candidates", "scores"):
        one = ordered(getattr(found, name))
        other = ordered(pd.concat([getattr(piece, name) for piece in pieces]))
        pd.testing.assert_frame_equal(one, other, rtol=1e-5, check_exact=False)
    # What each would cost alone is the same; who pays for what is shared depends on who was first.
    alone = ["item_id", "search", "n", "scorer", "sampled", "scored", "scored_uncached"]
    one = ordered(found.spent[alone])
    other = ordered(pd.concat([piece.spent[alone] for piece in pieces]))
    pd.testing.assert_frame_equal(one, other)


def test_samples_are_the_rows_of_the_natural_condition(whole):
    thought, found, did = whole
    natural = thought.responses[thought.responses["condition"] == "natural"]
    own = found.candidates[found.candidates["search"] == "samples"]
    both = own.assign(sample=own["candidate"]).merge(natural, on=["item_id", "sample"])
    assert len(both) == len(own) == 9
    for column in ("think_text", "answer_text", "think_tokens", "answer_tokens", "stop"):
        assert both[f"{column}_x"].equals(both[f"{column}_y"])
    assert did["recalled"] >= natural["new_tokens"].sum()
    spent = found.spent[found.spent["scorer"].isna() & (found.spent["search"] == "samples")]
    assert spent["sampled"].sum() == natural["alone_tokens"].sum()


def test_a_search_that_was_killed_goes_on_from_its_journal(
    record, items, whole, tmp_path, monkeypatch
):
    """It is killed behind its first item, while others are under way."""
    _, found, _ = whole
    ready, drive = prepared(record, items), searching.drive

    def killed(asking, engine, in_flight, watch):
        yield next(iter(drive(asking, engine, in_flight, watch)))
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "drive", killed)
    with pytest.raises(KeyboardInterrupt):
        search(ready, items, tmp_path)
    monkeypatch.setattr(searching, "drive", drive)
    again, did = search(ready, items, tmp_path)
    for name in ("candidates", "spent"):
        assert ordered(getattr(again, name)).equals(ordered(getattr(found, name)))
    assert did["recalled"] > 0 and did["usage"].sampled > 0
    third, did = search(ready, items, tmp_path)
    assert did["usage"].sampled == did["usage"].fed == 0
    assert third.scores.equals(again.scores)


def test_an_item_that_does_not_fit_is_there_with_its_reason(record, items, tmp_path):
    ready = prepared(record, items)
    longest = max(ready.work.prompts, key=lambda item: len(ready.work.prompts[item]))
    room = ready.work.forcing.room(0, ready.work.prompts[longest])  # below 0: what it lacks
    ready = replace(ready, work=replace(ready.work, context=-room - 1))
    found, _ = search(ready, items, tmp_path, [*STRATEGIES[:1], STRATEGIES[4]])
    unfit = found.spent[found.spent["error"].notna()]
    assert longest in set(unfit["item_id"]) and not set(unfit["item_id"]) >= set(items["item_id"])
    assert unfit["error"].str.fullmatch(r"the prompt of \d+ tokens leaves no room.*").all()
    assert (unfit[["sampled", "scored", "rounds"]] == 0).all(axis=None)
    assert not set(unfit["item_id"]) & set(found.candidates["item_id"])
    # Each item has a bill for every search and scorer, whether or not it could be asked.
    assert found.spent.groupby("item_id").size().nunique() == 1
