"""The phantom's known effects: by hand, and some of the manifest's measured again."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graded_frames import graded_frame
from thinkscale.calibration.bank import generate_bank
from thinkscale.config.inference import Inference
from thinkscale.config.sweep import Conditions
from thinkscale.data import graded
from thinkscale.grading import grade
from thinkscale.jobs.inference import prepare, run
from thinkscale.jobs.known_effects import BOUNDS, COLUMNS, known_effects, manifest
from thinkscale.models.registry import register

RESOURCES = Path(__file__).parents[3] / "resources/calibration"


def made_up(items=12, samples=8):
    """Graded responses in the names of the phantom's models, and the items behind them."""
    frame = graded_frame(models=("base", "reasoner"), items=items, samples=samples)
    waits = frame["condition"] == "waits=1"
    frame.loc[waits, ["outcome", "extracted"]] = "correct", "A"
    meta = [{"k": 1 + i % 4, "misconceived": i % 2, "misconceived_base": 1} for i in range(items)]
    ids = [f"i{i}" for i in range(items)]
    return frame, pd.DataFrame({"item_id": ids, "meta": list(map(json.dumps, meta))})


def test_effects_by_hand():
    frame, items = made_up()
    found = known_effects(frame, items)
    assert list(found.columns) == COLUMNS and set(found["model"]) == {"reasoner", "base"}
    value = found.set_index(["model", "effect"])["estimate"]
    own = frame[(frame["model"] == "reasoner") & (frame["condition"] == "natural")]
    right = own["outcome"].eq("correct")
    assert value["reasoner", "accuracy"] == pytest.approx(right.mean())
    odd = own["item_id"].isin([f"i{i}" for i in range(1, 12, 2)])
    name = "misconceived items: accuracy of one sample"
    assert value["reasoner", name] == pytest.approx(right[odd].mean())
    assert value["base", name] == pytest.approx(value["base", "accuracy"])
    gain = value["reasoner", "one wait: gain of accuracy"]
    assert gain == pytest.approx(1 - right.mean())
    assert ("reasoner", "misconceived items: accuracy of votes of 32") not in value.index
    steps = [effect for model, effect in value.index if model == "base" and "budget:" in effect]
    assert steps == ["budget: gain of max=16 over max=8", "budget: gain of natural over max=16"]


def test_what_is_bound_is_met_or_not_and_the_rest_is_neither():
    frame, items = made_up()
    found = known_effects(frame, items).set_index(["effect", "model"])
    assert found.loc[("one wait: gain of accuracy", "reasoner"), "met"]
    assert not found.loc[("distinguishable budgets", "reasoner"), "met"]  # there are three
    assert found.loc[("accuracy", "base"), "at_most"] == 0.5
    bound = found["met"].notna()
    assert {*found.index[bound]} <= {*BOUNDS} and not bound.all()


def test_the_manifest_holds_json(tmp_path):
    frame, items = made_up()
    (tmp_path / "reasoner").mkdir()
    effects = known_effects(frame, items)
    held = manifest(tmp_path, {}, {}, effects, {"seed": 1})
    assert json.loads(json.dumps(held, allow_nan=False))["effects"][0]["effect"] == "accuracy"


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> pd.DataFrame:
    """Some effects of the carried models, on items that no other test or study has."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    items = generate_bank(80, seed=2718)
    frames = []
    for name, model, more in (
        ("reasoner", "reasoner", {"samples": 4}),
        ("base", "base", {"samples": 4}),
        ("reasoner-greedy", "reasoner", {"samples": 1, "temperature": 0.0}),
    ):
        settings = Inference(
            **{"dtype": "float32", "device": "cpu", "batch_size": 128, "temperature": 1.0} | more,
            max_answer_tokens=8,
            prompt={"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""},
            thinking={"answer_prompt": "\n\nAnswer:"},
        )
        sweep = Conditions(max_think=[0], waits=[1]).model_dump()
        record = register(name, RESOURCES / model)
        thought, _ = run(
            prepare(record, items, settings, sweep, seed=7), tmp_path_factory.mktemp(name), 0, 1
        )
        responses = thought.responses
        frames.append(graded.join(responses, grade(responses, items, "choice"), items, ["choice"]))
    torch.set_num_threads(threads)
    return known_effects(pd.concat(frames, ignore_index=True), items)


@pytest.mark.parametrize(
    ("effect", "model"),
    [
        ("accuracy", "reasoner"),
        ("accuracy", "base"),
        ("accuracy, greedily", "reasoner"),
        ("one wait: gain of accuracy", "reasoner"),
        ("thinking and number of steps", "reasoner"),
        ("thinking and difficulty, length of stem equal", "reasoner"),
    ],
)
def test_measured_again_an_effect_is_the_manifests(measured, effect, model):
    [stored] = [
        row
        for row in json.loads((RESOURCES / "manifest.json").read_text())["effects"]
        if (row["effect"], row["model"]) == (effect, model)
    ]
    row = measured.set_index(["effect", "model"]).loc[(effect, model)]
    spread = [(one["upper"] - one["lower"]) / (2 * 1.96) for one in (stored, row)]
    assert row["estimate"] == pytest.approx(stored["estimate"], abs=4 * np.hypot(*spread))
