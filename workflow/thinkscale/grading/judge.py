"""Outcomes from the verdicts of a judge model, which were given before and are only read here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from thinkscale.data.spelling import read_verdict
from thinkscale.grading.grader import Facts
from thinkscale.grading.text import Extraction

_SHOWN = 200  # characters of the judge's text


@dataclass(frozen=True)
class JudgeSettings:
    """marker: what a verdict stands behind. verdicts: outcome by verdict."""

    marker: str = "Verdict:"
    verdicts: Mapping[str, str] = field(
        default_factory=lambda: {"PASS": "correct", "FAIL": "incorrect"}
    )


def judge_by_verdict(
    text: str, facts: Facts, settings: JudgeSettings, verdict: Mapping[str, Any] | None
) -> tuple[Extraction, str]:
    """Return what a judge found; `verdict` is its row of the contract, without the keys.

    Ungradable: there is no verdict, it was cut at its limit, or it is none of those there are. A
    part of what the judge said is in `detail`, all of it in the verdicts.
    """
    if verdict is None:
        return Extraction(None, "none", "there is no verdict on this response"), "ungradable"
    if isinstance(verdict["error"], str):
        return Extraction(None, "none", f"not judged: {verdict['error']}"), "ungradable"
    raw = verdict["verdict_text"]
    said = f"{verdict['judge']} said: {_end(raw)}" if raw.strip() else "the judge said nothing"
    if verdict["answer_stop"] == "limit":
        return Extraction(None, "none", f"the verdict was cut at its limit; {said}"), "ungradable"
    word, why = read_verdict(raw, settings.marker, settings.verdicts)
    if word is None:
        return Extraction(None, "none", f"{why}; {said}"), "ungradable"
    return Extraction(word, "verdict", said), settings.verdicts[word]


def _end(text: str) -> str:
    """The end of a text, where the verdict is, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else "…" + line[-(_SHOWN - 1) :]
