"""Engines that a study names, before anything runs."""

import re

import pytest

from studies import study
from thinkscale.config import parse_study
from thinkscale.engines import registry
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.preflight import check_engines


@pytest.mark.parametrize("key", ["inference.engine", "models.0.inference.engine"])
def test_an_engine_that_is_not_there_is_named_with_its_key(folder, monkeypatch, key):
    monkeypatch.setattr(registry, "ENGINES", {"transformers": ""})
    values = parse_study(study(**{key: "vllm"}), "study.yaml")
    shown = key.replace("models.0", "models[0]")
    with pytest.raises(ThinkscaleError, match=re.escape(f"`{shown}`: found 'vllm', which is not")):
        check_engines(values, "study.yaml")


def test_engines_that_are_there_pass(folder):
    check_engines(parse_study(study(), "study.yaml"), "study.yaml")
