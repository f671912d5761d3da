"""What reward models learn from: where each step of a thought leads."""

from dataclasses import replace
from pathlib import Path

import pytest

import scripted
from scripted import PROMPT, forcing, ids, text
from thinkscale.calibration.bank import belongs_to_bank, generate_bank, problem_of
from thinkscale.config.inference import Inference
from thinkscale.config.models import Reward
from thinkscale.config.sweep import Conditions
from thinkscale.engines.drive import drive
from thinkscale.jobs.inference import prepare
from thinkscale.jobs.rewarding import examples, explore, explored, worth
from thinkscale.jobs.training_items import training_items
from thinkscale.models.registry import register
from thinkscale.thinking.strategies.candidate import Task

REASONER = Path(__file__).parents[3] / "resources/calibration/reasoner"


def test_every_step_is_thought_on_from_and_what_thoughts_share_once():
    engine = scripted.Scripted(lambda so_far: scripted.passes(so_far, ("a;b;c",), "X"))
    row = lambda sample: bytes([sample]) * 16  # noqa: E731
    task = Task(ids(PROMPT), 60, row, forcing(), (ids(";"),))
    [(_, thoughts)] = drive([("item", explored(task, 2, 3))], engine, 1)
    assert [tuple(map(text, t.found.steps)) for t in thoughts] == [("a;", "b;", "c")] * 2
    assert [[len(reached) for reached in thought.reached] for thought in thoughts] == [[3] * 3] * 2
    onwards = [r for r in engine.asked if r.noise == row(0) and r.stops == task.forcing.think_end]
    began = [text(r.prompt).removeprefix(PROMPT) for r in onwards if r.position > 2**20]
    assert sorted(began) == sorted(["a;"] * 3 + ["a;b;"] * 3 + ["a;b;c"] * 3)
    assert len({(r.prompt, r.position) for r in onwards}) == len(onwards)
    last = thoughts[0].reached[0][0]
    assert last.steps == thoughts[0].found.steps and text(last.answer.ids) == "X"


@pytest.mark.parametrize(
    ("right", "chance", "soft", "hard"),
    # Of 8 guesses at a fifth each, 4 or more are right in 5.6 % of cases, 5 or more in 1.0 %.
    [(0, 0.2, 0, 0), (4, 0.2, 0.5, 0), (5, 0.2, 0.625, 1), (1, 0.0, 0.125, 1), (0, 0.0, 0, 0)],
)
def test_labels(right, chance, soft, hard):
    assert worth(right, 8, chance, "soft") == soft
    assert worth(right, 8, chance, "hard") == hard


def test_training_problems_are_in_no_bank():
    items = training_items(Reward(problems=30), 1)
    assert len(items) == 30 and not set(items["item_id"]) & set(generate_bank(30, 1)["item_id"])
    assert not any(belongs_to_bank(problem_of(meta)) for meta in items["meta"])


def test_a_reasoner_is_explored_and_graded(tmp_path, one_thread):
    settings = Inference(
        dtype="float32", device="cpu", temperature=1.0, top_p=1.0, max_answer_tokens=8,
        prompt={"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""},
        thinking={"answer_prompt": "\n\nAnswer:", "step_end": "\n"},
    )  # fmt: skip
    items = training_items(Reward(problems=6), 1)
    record = register("reasoner", REASONER)
    prepared = prepare(record, items, settings, Conditions().model_dump(), seed=1)
    found = explore(prepared, items, 2, 4, tmp_path / "journal")
    again = explore(replace(prepared, record={**record, "directory": ""}), items, 2, 4,
                    tmp_path / "journal")  # fmt: skip
    assert again == found  # from the journal: there are no such weights
    told = {
        objective: examples(prepared, items, found, objective, "soft", "choice", None)
        for objective in ("orm", "prm", "joint")
    }
    decode = prepared.checkpoint.tokenizer.decode
    for item_id in items["item_id"]:
        orm, prm, joint = (told[objective][item_id] for objective in told)
        assert joint == prm + orm and len(prm) == 2
        # The chains, and four rollouts from every distinct beginning of them.
        beginnings = {example.ids[:end] for example in prm for end in example.ends}
        assert len(orm) == 2 + 4 * len(beginnings)
        assert [example.ids for example in orm[:2]] == [example.ids for example in prm]
        for example in joint:
            assert all(decode(list(example.ids[:end]))[-1] == "\n" for end in example.ends[:-1])
        assert all(len(set(e.values)) == 1 and set(e.values) <= {0.0, 1.0} for e in orm)
        # What a beginning is worth is what its rollouts came to.
        for example in prm:
            for end, value in zip(example.ends, example.values, strict=True):
                begun = [e.values[0] for e in orm[2:] if e.ids[:end] == example.ids[:end]]
                assert min(begun) <= value <= max(begun)
    values = [v for each in told["prm"].values() for example in each for v in example.values]
    assert 0.3 < sum(values) / len(values) < 0.95
