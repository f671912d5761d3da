"""Open tasks through Snakemake: structure and a judge, on items with no key and no difficulty.

The shipped study of policy briefs, with its models replaced: one of random weights, and two that
always write the same, so that what the graders must say is known.
"""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, LlamaConfig

import tiny
from test_study import snakemake
from thinkscale.data import contracts
from thinkscale.data.tables import read_table

pytestmark = pytest.mark.dear

REPOSITORY = Path(__file__).parents[2]
ITEMS = 3
CONDITIONS = ["natural", "max=0", "max=6", "waits=1"]
FIGURES = ["tokens_vs_difficulty", "one_chain"]
# What is different where items have no key and no difficulty, and what it is made from.
TARGETS = [
    f"results/policy-briefs/{name}"
    for name in (
        "tables/accuracy.csv",
        "tables/outcome_difficulty.csv",
        *(f"figures/{name}.png" for name in FIGURES),
        "provenance.json",
    )
]


def save_parrot(directory: Path, text: str) -> Path:
    """A model that writes one text and stops, whatever it is asked: each token leads to the next.

    No character may be there twice. It begins behind a newline and behind `>`.
    """
    words = tiny.tokenizer()
    size = len(words)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=size,
        intermediate_size=2,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=8192,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        tie_word_embeddings=False,
    )
    model = AutoModelForCausalLM.from_config(config).float()
    ids = words(text).input_ids
    assert len(set(ids)) == len(ids)
    [newline], [mark] = words("\n").input_ids, words(">").input_ids
    steps = [(newline, ids[0]), (mark, ids[0]), *pairwise([*ids, words.eos_token_id])]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.model.norm.weight.fill_(1.0)
        model.model.embed_tokens.weight.copy_(torch.eye(size))
        # The engine's check of an architecture needs logits that differ, whatever the token.
        model.lm_head.weight.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
        for here, following in steps:
            model.lm_head.weight[following, here] = 10.0
    model.save_pretrained(directory)
    words.save_pretrained(directory)
    return directory


def small_study(models: Path) -> dict:
    study = yaml.safe_load((REPOSITORY / "config/studies/policy-briefs.yaml").read_text())
    study["items"].update(source=str(REPOSITORY / study["items"]["source"]), n=ITEMS)
    study["models"] = [
        {"name": name, "path": str(models / name)} for name in ("wanderer", "titler")
    ]
    # A small context: random weights think until it ends.
    study["inference"].update(
        dtype="float32", device="cpu", threads=1, samples=2, context=1600, max_answer_tokens=24
    )
    study["conditions"] = {"max_think": [0, 6], "waits": [1]}
    judge = study["grading"]["judge"]
    judge["model"] = {"name": "approver", "path": str(models / "approver")}
    judge["model"]["inference"] = {"context": 8192, "shards": 2}
    judge.update(verdicts={"OK": "correct", "NO": "incorrect"}, max_think=4)
    study["analyses"] = {"n_boot": 100, "n_permutations": 100}
    return study


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, dict]:
    directory = tmp_path_factory.mktemp("open")
    models = directory / "models"
    tiny.save(models / "wanderer", "qwen2", window=4096)
    save_parrot(models / "titler", "Title: Now")
    save_parrot(models / "approver", "Verdict: OK")
    study = small_study(models)
    snakemake(directory, study, *TARGETS)
    return directory, study


@pytest.fixture(scope="module")
def results(run) -> Path:
    return run[0] / "results" / "policy-briefs"


def graded(results: Path, grader: str):
    grades = contracts.read(results / "grades.parquet", "grades")
    return grades[grades["grader"] == grader]


def test_structure_says_what_is_missing(results):
    found = graded(results, "structure")
    assert len(found) == 2 * ITEMS * 2 * len(CONDITIONS)
    titler = found[found["model"] == "titler"]
    assert set(titler["outcome"]) == {"incorrect"}
    assert set(titler["extracted"]) == {"1 of 3 sections"}
    assert set(titler["detail"]) == {
        "the answer has 2 words, expected at least 150; section 'Executive summary' is missing; "
        "section 'Key policy implications' is missing"
    }
    wanderer = found[found["model"] == "wanderer"]
    responses = contracts.read(results / "responses.parquet", "responses")
    cut = responses.query("model == 'wanderer'")["answer_stop"] == "limit"
    assert (wanderer["outcome"].to_numpy()[cut.to_numpy()] == "ungradable").all()
    assert wanderer.loc[cut.to_numpy(), "detail"].str.contains("cut at its token limit").all()


def test_verdicts_are_kept_whole(results):
    verdicts = contracts.read(results / "verdicts.parquet", "verdicts")
    responses = contracts.read(results / "responses.parquet", "responses")
    keys = ["model", "item_id", "sample", "condition"]
    assert set(verdicts[keys].itertuples(index=False)) == set(
        responses[keys].itertuples(index=False)
    )
    assert set(verdicts["judge"]) == {"approver"}
    assert set(verdicts["condition"]) == set(CONDITIONS)
    told = verdicts[verdicts["model"] == "titler"]
    assert set(told["verdict_text"]) == {"Verdict: OK"}
    assert set(told["thinking"]) == {"Verd"} and set(told["stop"]) == {"budget"}
    for prompt in told["prompt"]:
        assert "<judged_answer>\nTitle: Now\n</judged_answer>" in prompt
        assert "You judge answers." in prompt and "`Verdict: OK` or `Verdict: NO`" in prompt
        assert "Write a policy brief on this paper" in prompt  # the task, as it was asked
    assert told["prompt"].nunique() == ITEMS
    found = graded(results, "judge").query("model == 'titler'")
    assert set(found["outcome"]) == {"correct"} and set(found["extracted"]) == {"OK"}
    assert set(found["detail"]) == {"approver said: Verdict: OK"}


def test_the_same_answer_to_the_same_item_is_judged_once(results):
    usage = [json.loads(p.read_text()) for p in sorted((results / "judge").glob("*.usage.json"))]
    asked = contracts.read(results / "verdicts.parquet", "verdicts")
    assert len(usage) == 2 and all(u["warning"] is None for u in usage)
    assert sum(u["rows"] for u in usage) == asked["prompt"].nunique() < len(asked)


def test_what_has_no_difficulty_is_not_estimated(results):
    for name in ("registration", "outcome_difficulty"):
        table = read_table(results / "tables" / f"{name}.csv")
        assert table["estimate"].isna().all() and len(table)
        assert table["method"].str.contains("not estimated").all()
    accuracy = read_table(results / "tables" / "accuracy.csv")
    assert (accuracy["estimate"] == 0).all() and (accuracy["n_items"] == ITEMS).all()
    for name in FIGURES:
        assert (results / "figures" / f"{name}.png").stat().st_size > 1000


def test_the_judge_is_in_the_provenance(results):
    found = json.loads((results / "provenance.json").read_text())
    assert [model["name"] for model in found["models"]] == ["wanderer", "titler", "approver"]


def planned(run) -> set[str]:
    plan = snakemake(*run, "--dry-run", *TARGETS)
    return set(re.findall(r"^ *(?:local)?rule (\w+):$", plan, flags=re.MULTILINE))


def test_a_second_run_asks_nothing(run, results):
    assert planned(run) == set()


def test_what_a_verdict_means_only_regrades(run):
    directory, study = run
    turned = {"OK": "incorrect", "NO": "correct"}
    judge = {**study["grading"]["judge"], "verdicts": turned}
    rules = planned((directory, {**study, "grading": {**study["grading"], "judge": judge}}))
    assert "grade" in rules and not rules & {"judge", "think"}


def test_a_judge_asked_again_answers_from_its_journal(run, results):
    directory, study = run
    before = contracts.read(results / "verdicts.parquet", "verdicts")
    snakemake(
        directory, study, "--forcerun", "judge", "--", "results/policy-briefs/verdicts.parquet"
    )
    usage = [json.loads(p.read_text()) for p in sorted((results / "judge").glob("*.usage.json"))]
    assert sum(u["sampled_tokens"] for u in usage) == 0 < sum(u["recalled_tokens"] for u in usage)
    assert contracts.read(results / "verdicts.parquet", "verdicts").equals(before)
