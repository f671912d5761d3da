"""The examples of docs/other_runs.md, through Snakemake: nothing is run, everything is analysed."""

import json
import re
import shutil
import subprocess

import pandas as pd
import pytest
import yaml

from test_study import REPOSITORY, snakemake
from thinkscale.data import contracts
from thinkscale.data.tables import read_table

PAGE = (REPOSITORY / "docs/other_runs.md").read_text()
THEIRS, SCORED = (
    yaml.safe_load(block.replace("resources/", f"{REPOSITORY}/resources/"))
    for block in re.findall(r"```yaml\n(study: .*?)```\n", PAGE, re.DOTALL)
)
LOG = REPOSITORY / "tests/unit/runs/logs/samples_sums_once.jsonl"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with what the page's two studies read."""
    here = tmp_path_factory.mktemp("others")
    [script] = re.findall(r"^python - <<'END'\n(.*?)^END$", PAGE, re.DOTALL | re.MULTILINE)
    subprocess.run(["python", "-c", script], cwd=here, check=True)
    shutil.copy(LOG, here / "runs/samples_sums.jsonl")
    return here


def test_a_log_of_lm_eval_is_graded_by_our_grader_and_its_own(place):
    graded = "results/theirs/graded.parquet"
    snakemake(place, THEIRS, "--", graded, "results/theirs/tables/ledger.csv")
    frame = contracts.read(place / graded, "graded")
    assert len(frame) == 3 and (frame["engine"] == "imported:lm_eval").all()
    own = [json.loads(line) for line in LOG.read_text().splitlines()[3:]]
    told = {line["doc"]["id"]: line["filtered_resps"][0] for line in own}
    assert dict(zip(frame["item_id"], frame["extracted"], strict=True)) == told
    assert (frame["outcome_choice"] == frame["outcome_lm_eval:exact_match,letter"]).all()
    ledger = read_table(place / "results/theirs/tables/ledger.csv")
    assert ledger["chains"].tolist() == [0] and ledger["think_tokens"][0] > 30


@pytest.mark.dear
def test_scores_that_are_there_are_chosen_by(place):
    """The whole study, to its report, whose first page names the tokenizer that counted."""
    tables = [f"results/scored/tables/{name}.csv" for name in ("strategies", "accuracy")]
    snakemake(place, SCORED)
    summary = (place / "results/scored/summary.md").read_text()
    [tokenizer] = [model["responses"]["tokenizer"]["path"] for model in SCORED["models"]]
    assert "Token counts of `theirs` are not exact, but made again over the" in summary
    assert f"by the tokenizer `{tokenizer}`." in summary
    assert "missing" not in summary and (place / "results/scored/report.html").exists()
    strategies, accuracy = (read_table(place / table) for table in tables)
    at = strategies[strategies["level"] == 0].set_index(["approach", "n"])["estimate"]
    rows = pd.read_json(place / "runs/scored.jsonl", lines=True)
    rows["right"] = rows["response"].str.endswith("A")
    rows["reward"] = rows["rewards"].map(min)
    assert accuracy["estimate"][0] == pytest.approx(rows["right"].mean())
    share = rows.groupby("item_id")["right"].mean()
    voted = (share > 0.5).astype(float) + 0.5 * (share == 0.5)
    assert at["majority", 8] == pytest.approx(voted.mean())
    best = rows["reward"] == rows.groupby("item_id")["reward"].transform("max")
    assert at["best_of_n", 8] == pytest.approx(rows[best].groupby("item_id")["right"].mean().mean())
