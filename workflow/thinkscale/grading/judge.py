"""Outcomes from the verdicts of a judge model, which were given before and are only read here."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from thinkscale.data.spelling import bare
from thinkscale.grading.grader import Extraction, Facts, Judged, ungradable

_SHOWN = 200  # characters of the judge's text
_DRESSING = r"""(?:\\(?:boxed|text(?:bf)?)\{|[\s\[\](){}<"'$])*"""


@dataclass(frozen=True)
class JudgeSettings:
    """marker: what a verdict stands behind. verdicts: outcome by verdict."""

    marker: str = "Verdict:"
    verdicts: Mapping[str, str] = field(
        default_factory=lambda: {"PASS": "correct", "FAIL": "incorrect"}
    )


def judge_by_verdict(
    text: str, facts: Facts, settings: JudgeSettings, verdict: Mapping[str, Any] | None
) -> Judged:
    """Return what a judge found; `verdict` is its row of the contract, without the keys.

    Ungradable: there is no verdict, it was cut at its limit, or it is none of those there are. A
    part of what the judge said is in `detail`, all of it in the verdicts.
    """
    if verdict is None:
        return ungradable("there is no verdict on this response")
    if isinstance(verdict["error"], str):
        return ungradable(f"not judged: {verdict['error']}")
    raw = verdict["verdict_text"]
    said = f"{verdict['judge']} said: {_end(raw)}" if raw.strip() else "the judge said nothing"
    if verdict["answer_stop"] == "limit":
        return ungradable(f"the verdict was cut at its limit; {said}")
    word, why = read_verdict(raw, settings.marker, settings.verdicts)
    if word is None:
        return ungradable(f"{why}; {said}")
    return Extraction(word, "verdict", said), settings.verdicts[word]


def read_verdict(text: str, marker: str, words: Iterable[str]) -> tuple[str | None, str]:
    """Return (the verdict or None, why there is none).

    It is what stands behind the last `marker`, on its line or, if that ends there, on the next
    that is not empty. One of `words` must stand there; another of them on the same line makes it
    no verdict, as in "Verdict: PASS or FAIL".
    """
    names = {bare(word).strip(): word for word in words}
    _, found, behind = bare(text).rpartition(bare(marker))
    if not found:
        return None, f"there is no {marker!r} in what the judge said"
    line = next((line for line in behind.splitlines() if line.strip()), "")
    longest = sorted(map(re.escape, names), key=len, reverse=True)
    word = rf"(?<![^\W_])({'|'.join(longest)})(?![^\W_])"
    if not re.match(_DRESSING + word, line):
        return None, f"what stands behind {marker!r} is none of {', '.join(names.values())}"
    first, *others = dict.fromkeys(re.findall(word, line))
    if others:
        return None, f"the judge's last line names {names[first]} and {names[others[0]]}"
    return names[first], ""


def _end(text: str) -> str:
    """The end of a text, where the verdict is, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else "…" + line[-(_SHOWN - 1) :]
