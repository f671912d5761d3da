"""Outcomes that a log brought along: what whoever ran the model made of the response."""

from collections.abc import Mapping
from typing import Any

from thinkscale.grading.grader import Extraction, Facts, Grader, Judged, ungradable

SOURCES = ("lm_eval", "inspect", "table")


def recorded_grader(name: str) -> Grader | None:
    """The grader that a name as `lm_eval:exact_match` stands for: source and score of a log."""
    source, _, score = name.partition(":")
    if source not in SOURCES or not score:
        return None
    return Grader(judge_recorded, reads_prompt=False, reads=name)


def judge_recorded(text: str, facts: Facts, recorded: Mapping[str, Any] | None) -> Judged:
    """Return what the log says; `recorded` is the response's row of the log's own `grades`."""
    if recorded is None:
        return ungradable("no log holds this response with such a score")
    label = recorded["extracted"] if isinstance(recorded["extracted"], str) else None
    return Extraction(label, "recorded", recorded["detail"]), recorded["outcome"]
