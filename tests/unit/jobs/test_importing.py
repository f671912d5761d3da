"""pass@1, maj@8 and rm@8 of responses and scores that are there, against a few plain lines."""

import json
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thinkscale.config.responses import Recorded
from thinkscale.config.strategies import Strategy
from thinkscale.config.sweep import Conditions
from thinkscale.data import contracts, graded
from thinkscale.grading import grade
from thinkscale.jobs.choosing import choices
from thinkscale.jobs.importing import import_responses
from thinkscale.runs.responses import Markers
from thinkscale.stats import accuracy, strategies

TOKENIZER = Path(__file__).parents[3] / "resources/calibration/reasoner/tokenizer.json"
ITEMS, SAMPLES, LETTERS = 30, 8, "ABCD"


@pytest.fixture(scope="module")
def bank():
    options = [{"label": label, "text": f"option {label}"} for label in LETTERS]
    return pd.DataFrame(
        {
            "item_id": [f"q{i}" for i in range(ITEMS)],
            "stem": "Which?",
            "options": [options] * ITEMS,
            "key": [LETTERS[i % 4] for i in range(ITEMS)],
            "answer_text": None,
            "difficulty": np.linspace(0, 1, ITEMS),
            "difficulty_raw": np.linspace(0, 1, ITEMS),
            "response_time": None,
            "cluster_id": None,
            "meta": "{}",
        }
    )


@pytest.fixture(scope="module")
def rows(bank):
    """Eight responses an item: letters, now and then none, ties among votes and among scores."""
    rng, made = np.random.default_rng(5), []
    for item in bank.itertuples():
        for sample in range(SAMPLES):
            right = rng.random() < 0.65 - 0.4 * item.difficulty
            letter = item.key if right else str(rng.choice(list(LETTERS)))
            said = "I do not know." if rng.random() < 0.1 else f"Answer: {letter}"
            steps = [round(float(x), 1) for x in rng.random(3) * 0.6 + 0.3 * right]
            made.append({"item_id": item.item_id, "sample": sample, "thinking": f"#1 +{sample} =3"})
            made[-1] |= {"answer": said, "reward": steps}
    return made


def by_hand(rows, bank):
    """pass@1, maj@8 and rm@8 (mean of the steps' rewards); what ties is shared."""
    own, keys = defaultdict(list), dict(zip(bank["item_id"], bank["key"], strict=True))
    for row in rows:
        found = row["answer"].removeprefix("Answer: ") if "Answer" in row["answer"] else None
        own[row["item_id"]].append((found, sum(row["reward"]) / len(row["reward"])))
    first, voted, best = [], [], []
    for item, said in own.items():
        first.append(np.mean([answer == keys[item] for answer, _ in said]))
        answers = [answer for answer, _ in said if answer]
        most = max(map(answers.count, answers))
        leading = [a for a in set(answers) if answers.count(a) == most]
        voted.append((keys[item] in leading) / len(leading))
        top = max(reward for answer, reward in said if answer)
        winners = [answer for answer, reward in said if answer and reward == top]
        best.append(winners.count(keys[item]) / len(winners))
    return np.mean(first), np.mean(voted), np.mean(best)


@pytest.fixture(scope="module")
def imported(tmp_path_factory, rows, bank):
    path = tmp_path_factory.mktemp("log") / "scored.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recorded = Recorded(
        source="table",
        logs=[{"path": str(path)}],
        columns={"sample": "sample", "thinking": "thinking", "answer": "answer"},
        tokenizer={"path": str(TOKENIZER)},
        scores={"rm": "reward"},
        parameters=1000,
    )
    return import_responses(
        *("them", recorded, Markers("<think>", ("</think>",)), Conditions().model_dump(), bank),
        strategies=WANTED,
    )


WANTED = [
    Strategy(approach="majority", n=[1, 2, 8]).model_dump(),
    Strategy(approach="best_of_n", n=[2, 8], scorer="rm", agg_strategy="mean").model_dump(),
    Strategy(approach="weighted_best_of_n", n=[8], scorer="rm", agg_strategy="min").model_dump(),
]


def through_files(frame, name, tmp_path):
    contracts.write(frame, tmp_path / f"{name}.parquet", name)
    return contracts.read(tmp_path / f"{name}.parquet", name)


def test_pass_at_1_maj_at_8_and_rm_at_8_are_those_of_a_script(imported, bank, rows, tmp_path):
    responses = through_files(imported.responses, "responses", tmp_path)
    found = [
        through_files(getattr(imported, name), name, tmp_path)
        for name in ("candidates", "scores", "spent")
    ]
    chosen, _ = choices(
        *(*found, bank, WANTED), grading={"graders": ["choice"]}, answer_prompts={"them": ""}
    )
    chosen = through_files(chosen, "searches", tmp_path)
    grades = grade(responses, bank, answer_prompt="")
    joined = through_files(graded.join(responses, grades, bank, ["choice"]), "graded", tmp_path)
    table = strategies.tabulate(chosen, joined)
    at = table[(table["level"] == 0)].set_index(["approach", "n"])["estimate"]
    first, voted, best = by_hand(rows, bank)
    assert len({round(value, 3) for value in (first, voted, best)}) == 3
    assert at["majority", 8] == pytest.approx(voted, abs=1e-12)
    assert at["best_of_n", 8] == pytest.approx(best, abs=1e-12)
    assert at["majority", 1] == pytest.approx(
        np.mean([mean_of_one(rows, bank, item) for item in bank["item_id"]]), abs=1e-12
    )
    natural = accuracy.tabulate(joined).iloc[0]
    assert natural["estimate"] == pytest.approx(first, abs=1e-12)


def mean_of_one(rows, bank, item):
    """A vote of one: the answer itself, and none where there is none."""
    key = bank.set_index("item_id").loc[item, "key"]
    return np.mean([row["answer"] == f"Answer: {key}" for row in rows if row["item_id"] == item])


def test_two_of_eight_are_every_pair(imported, bank, rows):
    found = (imported.candidates, imported.scores, imported.spent)
    chosen, _ = choices(
        *(*found, bank, WANTED), grading={"graders": ["choice"]}, answer_prompts={"them": ""}
    )
    own = [row for row in rows if row["item_id"] == "q3"]
    scored = [(row["answer"], sum(row["reward"]) / 3) for row in own]
    key, total = f"Answer: {bank['key'][3]}", 0.0
    for pair in combinations([s for s in scored], 2):
        known = [one for one in pair if one[0].startswith("Answer")]
        top = max((reward for _, reward in known), default=None)
        best = [answer for answer, reward in known if reward == top]
        total += best.count(key) / len(best) if best else 0
    at = chosen[(chosen["approach"] == "best_of_n") & (chosen["n"] == 2)].set_index("item_id")
    assert at.loc["q3", "correct"] == pytest.approx(total / 28)


def test_what_it_cost_is_what_was_sampled_and_the_reward_model_s_part_is_unknown(imported):
    tokens = imported.responses.groupby("item_id")["alone_tokens"].sum()
    bills = imported.spent.set_index(["item_id", "scorer"])
    own = imported.spent[imported.spent["scorer"].isna()].set_index("item_id")
    assert own["sampled"].astype(int).to_dict() == tokens.astype(int).to_dict()
    assert (own["parameters"] == 1000).all() and (own["scored"] == 0).all()
    assert pd.isna(bills.loc[("q0", "rm"), "scored"])
    assert imported.record["files"]["tokenizer.json"] and imported.usage["chains"] == 0
