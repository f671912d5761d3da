"""A small study through Snakemake itself: it runs, reruns only what it must, and adds up."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from thinkscale.data import contracts
from thinkscale.data.tables import read_table

REPOSITORY = Path(__file__).parents[2]
ITEMS, SAMPLES = 12, 2
FIGURES = [
    "accuracy_by_item",
    "accuracy_vs_budget",
    "accuracy_vs_waits",
    "allocation",
    "consensus",
    "correlations",
    "difficulty_by_outcome",
    "difficulty_histogram",
    "flips",
    "frontier",
    "one_chain",
    "power",
    "predicted_difficulty",
    "readout_entropy",
    "readout_reliability",
    "readout_vs_budget",
    "readout_vs_tokens",
    "reliability",
    "scorer_quality",
    "search_tree",
    "strategies_vs_compute",
    "thinking_lengths",
    "token_change",
    "token_scatter",
    "tokens_by_outcome",
    "tokens_vs_difficulty",
    "tokens_vs_response_time",
    "training_cost",
    "training_effects",
    "training_loss",
    "training_rounds",
    "training_vs_thinking",
]


def small_study() -> dict:
    study = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    study["study"] = "small"
    study["items"].update(n=ITEMS, bank_size=60)
    study["inference"].update(samples=SAMPLES, shards=1)
    study["corpora"][0]["n"] = 40
    study["conditions"] = {"max_think": [0, 16], "min_think": [30], "waits": [1]}
    study["strategies"] = [
        {"approach": "majority", "n": [1, 2]},
        {"approach": "weighted_best_of_n", "n": [2], "scorer": "stated"},
        {"approach": "beam_search", "n": [4], "scorer": "stated"},
    ]
    study["analyses"] = {
        "n_boot": 200,
        "n_permutations": 200,
        "consensus_k": [1, 2],
        "controls": ["stem_chars", "k"],
        "divergence": {"n_permutations": 50},
    }
    for model in study["models"]:
        if "path" in model:
            model["path"] = str(REPOSITORY / model["path"])
        else:
            model["derive"]["max_steps"] = 4
    study["models"][1]["inference"] = {"shards": 2, "readout": None}
    return study


def snakemake(directory: Path, study: dict, *arguments: str) -> str:
    config = directory / "study.yaml"
    config.write_text(yaml.safe_dump(study, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(directory), "--configfile", str(config), "--cores", "2"]
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def planned(directory: Path, study: dict) -> set[str]:
    """The rules that would run again."""
    plan = snakemake(directory, study, "--dry-run")
    return set(re.findall(r"^ *(?:local)?rule (\w+):$", plan, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("study")
    snakemake(directory, small_study())
    return directory


@pytest.fixture(scope="module")
def results(run) -> Path:
    return run / "results" / "small"


def test_every_contract_table_figure_and_page_is_there(results):
    for name in ("chains", "responses", "grades", "items"):
        assert len(contracts.read(results / f"{name}.parquet", name))
    for name in FIGURES:
        for kind in ("svg", "png"):
            assert (results / "figures" / f"{name}.{kind}").stat().st_size > 1000
    for table in (results / "tables").glob("*.csv"):
        # Two samples do not cost as much as twice one: strategies have no compute in common.
        assert len(read_table(table)) or table.stem == "compute_optimal", table
    for name in ("report.html", "workflow.html"):
        page = (results / name).read_text()
        assert "thinking tokens and difficulty" in page
        assert not re.search(r'(src|href)="https?://[^"]+\.(js|css)"', page)  # self-contained


def test_answers_come_first_in_both_reports(results):
    asked = re.findall(r"^\d+\. \*\*(.*?)\*\*", (results / "summary.md").read_text(), flags=re.M)
    page = (results / "report.html").read_text()
    assert page.index(html.escape(asked[-1])) < page.index('id="table-accuracy"')
    snakemakes = (results / "workflow.html").read_text()
    front, categories, text = (
        json.loads(re.search(rf"^    var {name} = (.*);$", snakemakes, flags=re.M)[1])
        for name in ("metadata", "categories", "workflow_desc")
    )
    assert front["Models"] == 3  # where there is none, the front is a graph of rules
    assert 'href="report.html"' in text
    assert all(f"<strong>{html.escape(question)}</strong>" in text for question in asked)
    assert sorted(categories)[:3] == ["01 Registration", "02 Sweeps", "03 Allocation"]


def test_methods_cite_what_the_references_hold(results):
    methods, references = (
        (results / name).read_text() for name in ("methods.md", "references.bib")
    )
    cited = set(re.findall(r"(?<=[\[ ])@(\w+)", methods))
    assert {"muennighoff2025s1", "molder2021sustainable"} <= cited
    assert cited == set(re.findall(r"^@\w+\{(\w+),", references, flags=re.M))
    graph = json.loads((results / "ro-crate-metadata.json").read_text())["@graph"]
    assert "report.html" in {entry["@id"] for entry in graph}


def test_every_model_item_sample_and_condition_answered_once(results):
    responses = contracts.read(results / "responses.parquet", "responses")
    assert len(responses) == 3 * ITEMS * SAMPLES * 5
    assert not responses.duplicated(["model", "item_id", "sample", "condition"]).any()
    assert responses["condition"].unique().tolist() == [
        "natural", "max=0", "max=16", "min=30", "waits=1",
    ]  # fmt: skip
    grades = contracts.read(results / "grades.parquet", "grades")
    assert grades["grader"].value_counts().to_dict() == {
        "choice": len(responses),
        "readout": len(responses),
        "article": len(responses),
    }


def test_labels_are_read_of_the_models_that_are_to_be_read(results):
    """The one that is not has its responses all the same, and nothing beside them."""
    readouts = contracts.read(results / "readouts.parquet", "readouts")
    assert readouts["model"].unique().tolist() == ["calibration-reasoner", "calibration-sft"]
    assert len(readouts) == 2 * ITEMS * SAMPLES * 5 * 5  # conditions, options
    assert readouts["mass"].min() > 0.9  # they were trained on lines of such answers
    graded = contracts.read(results / "graded.parquet", "graded")
    read = graded["model"] != "calibration-base"
    assert graded.loc[~read, "outcome_readout"].eq("ungradable").all()
    assert graded.loc[~read, list(contracts.READOUT)].isna().all(axis=None)
    right = graded["readout_label"].notna() & (graded["outcome_readout"] == "correct")
    assert (graded.loc[right, "readout_key"] == graded.loc[right, "readout_confidence"]).all()
    assert graded.loc[read, list(contracts.READOUT)].notna().all(axis=None)


def test_every_strategy_chose_for_every_item_and_nothing_of_samples_was_sampled_twice(results):
    searches = contracts.read(results / "searches.parquet", "searches")
    assert searches.groupby(["strategy", "n"], sort=False).size().to_dict() == {
        ("majority", 1): 3 * ITEMS,
        ("majority", 2): 3 * ITEMS,
        ("weighted_best_of_n", 2): 3 * ITEMS,
        ("beam_search", 4): 3 * ITEMS,
    }
    graded = contracts.read(results / "graded.parquet", "graded")
    natural = graded[graded["condition"] == "natural"]
    right = natural.assign(right=natural["outcome"] == "correct").groupby(["model", "item_id"])
    one = searches[(searches["strategy"] == "majority") & (searches["n"] == 1)]
    one = one.set_index(["model", "item_id"])["correct"]
    pd.testing.assert_series_equal(
        one.sort_index(), right["right"].mean().sort_index(), check_names=False
    )
    both = searches[(searches["strategy"] == "majority") & (searches["n"] == 2)]
    assert both["sampled"].sum() == natural["alone_tokens"].sum()
    for log in (results / "logs" / "search").glob("*/*.log"):
        recalled = re.search(r"([\d,]+) from the journal", log.read_text())[1]
        assert int(recalled.replace(",", "")) > 0


def test_the_ledger_adds_up(results):
    responses = contracts.read(results / "responses.parquet", "responses")
    assert (
        responses["think_natural"] + responses["think_injected"] == responses["think_tokens"]
    ).all()
    cut = responses["condition"].str.startswith("max=")
    assert (responses.loc[cut, "think_tokens"] <= responses.loc[cut, "max_think"]).all()
    assert (responses.loc[responses["stop"] == "budget", "forced_end_tokens"] > 0).all()
    waited = responses[responses["condition"] == "waits=1"]
    assert (waited["waits_done"] == 1).all() and (waited["think_injected"] > 0).all()
    ledger = read_table(results / "tables" / "ledger.csv")
    spent = contracts.read(results / "spent.parquet", "spent")
    searches, ledger = ledger[ledger["condition"].isna()], ledger[ledger["condition"].notna()]
    alone = spent[spent["scorer"].isna()]
    assert searches["new_tokens"].sum() == alone["sampled_new"].sum() > 0
    samples = searches[searches["search"] == "samples"]
    assert (samples["new_tokens"] == 0).all() and (samples["alone_tokens"] > 0).all()
    assert (searches["flops_new"] <= searches["flops_alone"]).all()
    assert ledger["new_tokens"].sum() == responses["new_tokens"].sum()
    assert ledger["new_tokens"].sum() < ledger["alone_tokens"].sum()
    assert (ledger["shared_tokens"] == ledger["alone_tokens"] - ledger["new_tokens"]).all()
    assert (ledger["peak_memory_mib"] > 100).all() and (ledger["seconds"] >= 0).all()


def test_tables_carry_their_n_and_interval(results):
    accuracy = read_table(results / "tables" / "accuracy.csv")
    assert (accuracy["n_items"] == ITEMS).all()
    assert (accuracy["n_responses"] == ITEMS * SAMPLES).all()
    assert (accuracy["lower"] <= accuracy["estimate"]).all()
    assert (accuracy["estimate"] <= accuracy["upper"]).all()
    assert accuracy["model"].unique().tolist() == [
        "calibration-reasoner", "calibration-base", "calibration-sft",
    ]  # fmt: skip
    joined = pd.merge(
        contracts.read(results / "responses.parquet", "responses"),
        contracts.read(results / "grades.parquet", "grades").query("grader == 'choice'"),
        on=["model", "item_id", "sample", "condition"],
    )
    by_hand = (joined["outcome"] == "correct").groupby([joined["model"], joined["condition"]])
    for row in accuracy.itertuples():
        assert row.estimate == pytest.approx(by_hand.mean()[row.model, row.condition])


def test_summary_speaks_of_the_tables(results):
    accuracy = read_table(results / "tables" / "accuracy.csv")
    natural = accuracy[accuracy["condition"] == "natural"].iloc[0]
    summary = (results / "summary.md").read_text()
    assert f"{100 * natural.estimate:.1f}%" in summary
    assert "calibration-sft" in summary


def test_provenance_names_what_a_rerun_would_need(results):
    found = json.loads((results / "provenance.json").read_text())
    packages = found["environments"]["all"]["packages"]
    assert packages["snakemake"] == found["snakemake"] and packages["torch"]
    models = {model["name"]: model for model in found["models"]}
    assert models["calibration-sft"]["parent"] == "calibration-base"
    assert models["calibration-sft"]["fingerprint"] != models["calibration-base"]["fingerprint"]
    assert len(found["config_sha256"]) == 64


def test_batches_and_shards_change_nothing(run, results, tmp_path):
    """The same model in batches of 3 instead of 128, two shards instead of one."""
    study = small_study()
    study["inference"]["batch_size"] = 3
    study["models"][0]["inference"] = {"shards": 2}
    jobs = [f"results/small/inference/calibration-reasoner/{n}" for n in range(2)]
    snakemake(tmp_path, study, *(f"{job}.responses.parquet" for job in jobs))
    for kind in ("chains", "responses"):
        [one] = (results / "inference" / "calibration-reasoner").glob(f"*.{kind}.parquet")
        expected = contracts.read(one, kind)
        parts = [contracts.read(tmp_path / f"{job}.{kind}.parquet", kind) for job in jobs]
        place = {item: n for n, item in enumerate(expected["item_id"].unique())}
        found = pd.concat(parts, ignore_index=True)
        found = found.sort_values("item_id", key=lambda ids: ids.map(place), kind="stable")
        found = found.reset_index(drop=True)
        times = [column for column in expected.columns if column == "seconds"]
        pd.testing.assert_frame_equal(found.drop(columns=times), expected.drop(columns=times))


def test_a_second_run_does_nothing(run):
    assert planned(run, small_study()) == set()


def test_a_colour_redraws_figures_only(run):
    study = small_study()
    study["figures"] = {"palette": ["#112233", "#445566", "#778899"]}
    rerun = planned(run, study)
    assert "draw_budgets" in rerun
    assert all(rule.startswith("draw_") for rule in rerun - PAGES), rerun


def test_a_grader_option_regrades_and_what_follows(run):
    study = small_study()
    study["grading"] = {**study["grading"], "choice": {"threshold": 80.0}}
    rerun = planned(run, study)
    assert {"grade", "measure_accuracy", "draw_budgets", "summarize"} <= rerun
    assert not rerun & {"think", "derive_model", "compare_tokens", "draw_training"}


def test_a_budget_reruns_inference_and_what_follows_but_no_training(run):
    study = small_study()
    study["conditions"]["max_think"] = [0, 16, 24]
    rerun = planned(run, study)
    assert {"think", "grade", "measure_accuracy"} <= rerun
    assert not rerun & {"subset_items", "write_corpus", "derive_model", "compare_tokens"}


PAGES = {"record_provenance", "render_report", "write_report", "study", "all"}
