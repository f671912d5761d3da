"""Methods and references follow the configuration and the provenance."""

import json
from pathlib import Path

import pandas as pd
import pytest

from studies import study
from thinkscale.config import parse_study
from thinkscale.report.crate import write_crate
from thinkscale.report.methods import (
    PACKAGES,
    STATISTICS,
    bibliography,
    cited,
    methods,
    spelled_out,
)
from thinkscale.report.methods import _entries as entries

BASE = Path(__file__).parents[3] / "resources/calibration/base"
PROVENANCE = {
    "study": "s",
    "thinkscale": "9.9",
    "snakemake": "9.1",
    "environments": {"all": {"python": "3.11.1", "packages": {"torch": "2.13.0"}}},
}
FACTS = {"items": pd.DataFrame({"measure": ["studied", "in_file"], "n": [200, 1000]})}


def written(*tables, rows=1, **changes):
    model = {"name": "one", "path": str(BASE)}
    changes = {"models.0": model, "corpora.0.source": "calibration"} | changes
    if "corpora.0" in changes:
        del changes["corpora.0.source"]
    resolved = parse_study(study(**changes), "my.yaml").model_dump(mode="json")
    found = dict.fromkeys(tables, pd.DataFrame({"n": range(rows)}))
    return methods(resolved, PROVENANCE, FACTS | found)


def test_sentences_follow_the_configuration():
    text = written(
        **{
            "models.0": {"name": "one", "hub": "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"},
            "models.0.revision": "0" * 40,
            "inference.samples": 4,
            "conditions": {"max_think": [0, 512, 2048], "waits": [1], "continuations": ["Hm"]},
        }
    )
    assert "DeepSeek-R1-Distill-Qwen-1.5B`" in text and "[@deepseek2025r1]" in text
    assert "`one` fine-tuned on `traces`, LoRA [@hu2021lora], 300 steps" in text
    assert "200 items of `calibration`" in text
    assert "thought about 4 times (temperature 1, top-p 0.95, answers of at most" in text
    assert "cut at 0, 512 or 2,048 tokens at most" in text and "go on: `Hm`" in text
    assert "thinkscale 9.9, with snakemake 9.1 [@molder2021sustainable], torch 2.13.0 [" in text
    assert "Strategies" not in text and "trl" not in text
    greedy = written(**{"inference.temperature": 0})
    assert "thought about once (greedily, " in greedy and "deepseek" not in greedy


def test_engines_are_named_where_one_is_not_the_embedded_one():
    assert "Engines" not in written()
    server = {"url": "http://127.0.0.1:1", "software": "ollama"}
    own = {"engine": "completions", "server": server}
    text = written(**{"models.0": {"name": "one", "path": str(BASE), "inference": own}})
    assert "**Engines.** Run were `one` by an Ollama server; `two` by transformers. " in text
    assert "With `one` text was exchanged and not tokens: where one text" in text
    again = f"are not exact, but made again over the texts by the tokenizer `{BASE}`"
    assert f"**Tokens.** Token counts of `one` {again}. What was counted again has" in text
    server = {"url": "http://127.0.0.1:1", "software": "vllm"}
    text = written(**{"inference.engine": "completions", "inference.server": server})
    assert "Run were `one` and `two` by a vLLM server [@kwon2023vllm]. " in text
    assert "a seed for each request" in text and "exact_tokens" not in text

    # A derived model has the tokenizer of the one that it comes from.
    server = {"url": "http://127.0.0.1:1", "software": "ollama"}
    text = written(**{"models.1.inference": {"engine": "completions", "server": server}})
    assert f"Token counts of `two` {again}." in text


def test_of_recorded_responses_it_is_said_who_made_and_who_counted_them(tmp_path):
    log = tmp_path / "a.log"
    log.touch()

    def recorded(source, **settings):
        return {"source": source, "logs": [{"path": str(log)}], **settings}

    counter = {"path": str(BASE)}
    text = written(
        **{
            "models.0": {"name": "one", "responses": recorded("inspect")},
            "models.1": {
                **{"name": "two", "inference": {"thinking": {"start": "<t>", "end": ["</t>"]}}},
                "responses": recorded("lm_eval", tokenizer=counter),
            },
            "corpora": [],
        }
    )
    assert f"those of `one` from inspect_ai [@ukaisi2024inspect] (`{log}`), tokens as they" in text
    harness = f"lm-evaluation-harness [@gao2024harness] (`{log}`)"
    assert f"`two` from {harness}. How they were sampled" in text
    again = f"are not exact, but made again over the texts by the tokenizer `{BASE}`"
    assert f"Token counts of `two` {again}; those of `one` are as the logs have them." in text
    # Nothing is known of how they were sampled, and nothing was forked.
    assert "**Thinking.**" not in text and "temperature" not in text and "forked" not in text
    assert "`one` (recorded elsewhere)" in text and "torch" not in text


def test_a_corpus_that_a_model_wrote_is_told_with_what_was_kept():
    generate = {"model": "one", "waits": 1, "keep": "shortest", "reasoning": "last_pass"}
    text = written(**{"corpora.0": {"name": "traces", "generate": generate}})
    assert (
        "fine-tuned on `traces` (traces of `one`, made to go on once, 4 an item, the "
        "shortest ones kept, their last passes), LoRA" in text
    )


def test_a_reinforced_model_is_told_with_its_rewards():
    grpo = {"reward_weights": [1.0, 0.5], "num_generations": 4}
    derive = {"parent": "one", "recipe": "grpo", "method": "full", "grpo": grpo}
    text = written(**{"models.1": {"name": "two", "derive": derive}})
    assert (
        "`one` reinforced by GRPO [@deepseek2025r1], all weights, 300 steps of 4 prompts by 4 "
        "completions, loss `dr_grpo`, rewards accuracy (1), format (0.5), learning rate 0.0001"
    ) in text


def test_strategies_are_told_with_the_scorers_that_they_go_by():
    scorers = [
        {"name": "stated", "kind": "calibration", "d_prime": 1.5},
        {"name": "judge", "kind": "judge", "model": {"name": "two"}},
        {"name": "unused", "kind": "likelihood"},
    ]
    by = [
        {"approach": "majority", "n": [4]},
        {"approach": "best_of_n", "n": [4], "scorer": "stated"},
        {"approach": "weighted_best_of_n", "n": [4], "scorer": "judge"},
    ]
    text = written(**{"scorers": scorers, "strategies": by})
    assert (
        "`best_of_n`, `weighted_best_of_n` [@snell2024scaling]; candidates were judged by " in text
    )
    assert "a d′ of 1.5) and `judge` (a language model that is asked, `two`)." in text
    assert "unused" not in text
    text = written(**{"strategies": by[:1]})
    assert "Selection and search: `majority` [@snell2024scaling].\n" in text


def test_how_much_was_drawn_stands_behind_the_statistics():
    text = written("accuracy", **{"analyses.n_boot": 1500, "analyses.confidence": 0.9})
    assert "intervals are at 90%, bootstraps draw 1,500 times and permutations 5,000 times." in text
    assert "bootstraps draw" not in written()


def test_only_statistics_that_were_used_are_described():
    assert "McNemar" not in written("accuracy") and "cons@k" not in written("accuracy")
    assert "[@mcnemar1947note]" in written("accuracy", "mcnemar")
    assert "McNemar" not in written("mcnemar", rows=0)


def test_only_what_is_cited_is_printed_and_all_of_it_is_known():
    text = written("reliability")
    keys = {entry.split("{")[1].split(",")[0] for entry in bibliography(text).split("\n@")}
    assert keys == cited(text) and {"shrout1979intraclass", "muennighoff2025s1"} <= keys
    for text in [*STATISTICS.values(), *(f"[@{key}]" for key in PACKAGES.values())]:
        assert cited(text) <= set(entries())


def test_citations_are_spelled_out():
    text = spelled_out("a [@mcnemar1947note], b [@shrout1979intraclass; @wolf2020transformers].")
    assert text == "a (McNemar, 1947), b (Shrout and Fleiss, 1979; Wolf et al., 2020)."
    assert spelled_out("[@deepseek2025r1]") == "(DeepSeek-AI, 2025)"


@pytest.mark.parametrize("key", sorted(entries()))
def test_entries_are_whole(key):
    entry = entries()[key]
    assert entry.count("{") == entry.count("}")
    assert {"author = ", "title = ", "year = "} <= {line.split("{")[0].strip() + " "
        if "=" in line else "" for line in entry.splitlines()}  # fmt: skip


def test_the_crate_describes_what_is_there(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "report.html").write_text("x")
    write_crate(tmp_path / "ro-crate-metadata.json", PROVENANCE)
    graph = json.loads((tmp_path / "ro-crate-metadata.json").read_text())["@graph"]
    known = {entry["@id"]: entry for entry in graph}
    assert {"./", "report.html", "tables/"} <= set(known) and "summary.md" not in known
    assert known["#thinkscale"]["softwareVersion"] == "9.9"
    assert {part["@id"] for part in known["#study"]["result"]} == {"report.html", "tables/"}
