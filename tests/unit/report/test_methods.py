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
PROVENANCE = {"study": "s", "thinkscale": "9.9", "packages": {"torch": "2.13.0", "trl": None}}
FACTS = {"items": pd.DataFrame({"measure": ["studied", "in_file"], "n": [200, 1000]})}


def written(*tables, **changes):
    model = {"name": "one", "path": str(BASE)}
    changes = {"models.0": model, "corpora.0.source": "calibration"} | changes
    resolved = parse_study(study(**changes), "my.yaml").model_dump(mode="json")
    return methods(resolved, PROVENANCE, FACTS | {name: pd.DataFrame() for name in tables})


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
    assert "cut at most at 0, 512 or 2,048 tokens" in text and "go on: `Hm`" in text
    assert "thinkscale 9.9, with torch 2.13.0 [@paszke2019pytorch]." in text
    assert "Strategies" not in text and "trl" not in text
    greedy = written(**{"inference.temperature": 0})
    assert "thought about once (greedily, " in greedy and "deepseek" not in greedy


def test_engines_are_named_where_one_is_not_the_embedded_one():
    assert "Engines" not in written()
    server = {"url": "http://127.0.0.1:1", "software": "ollama"}
    own = {"engine": "completions", "server": server}
    text = written(**{"models.0": {"name": "one", "path": str(BASE), "inference": own}})
    assert "**Engines.** Run were `one` by an Ollama server; `two` by transformers. " in text
    assert "With `one` text was exchanged and not tokens (`exact_tokens` is false)" in text
    server = {"url": "http://127.0.0.1:1", "software": "vllm"}
    text = written(**{"inference.engine": "completions", "inference.server": server})
    assert "Run were `one` and `two` by a vLLM server [@kwon2023vllm]. " in text
    assert "a seed for each request" in text and "exact_tokens" not in text


def test_only_statistics_that_were_used_are_described():
    assert "McNemar" not in written("accuracy") and "cons@k" not in written("accuracy")
    assert "[@mcnemar1947note]" in written("accuracy", "mcnemar")


def test_only_what_is_cited_is_printed_and_all_of_it_is_known():
    text = written("reliability")
    keys = {entry.split("{")[1].split(",")[0] for entry in bibliography(text).split("\n@")}
    assert keys == cited(text) and {"shrout1979intraclass", "muennighoff2025s1"} <= keys
    for text in [*STATISTICS.values(), *(f"[@{key}]" for key in PACKAGES.values())]:
        assert cited(text) and cited(text) <= set(entries())


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
