"""Sentences of an answer text, and where it concludes."""

import re
from functools import lru_cache

_END = re.compile(r"[.!?\n](?:(?<=\n)\n*|[\"')\]]*\s+(?=[^\sa-z]))")
# A full stop after these ends no sentence.
_ABBREVIATION = re.compile(r"(?:\be\.g|\bi\.e|\bvs|\bDr)$")
_CONCLUSIVE = re.compile(
    r"\b(?:so|thus|therefore|hence|consequently|answer|conclu\w+|diagnosis|most likely|best"
    r"|correct|choose|consistent with|indicat\w+|suggest\w+|points? to|must be)\b",
    re.IGNORECASE,
)
_THEREFORE = re.compile(
    r"[,;.]?\s*(?:\b(?:so|thus|therefore|hence|consequently|in conclusion)\b|因此|所以|=>|⇒|→)",
    re.IGNORECASE,
)
_NOT_BUT = re.compile(r"\bnot\b[^.;]*?\bbut\b", re.IGNORECASE)
# What comes after these says something of another option.
_ASIDE = re.compile(
    r",?\s+(?:who|which|whereas|unlike|rather than|instead of|as opposed to|before|followed by)\s",
    re.IGNORECASE,
)
_REVISION = re.compile(
    r"\b(?:wait|actually|hmm|on second thought|correction|scratch that|no, |let me re\w+"
    r"|i was wrong|i made (?:a mistake|an error)|changed? my mind)",
    re.IGNORECASE,
)
# One of these occurs wherever the pattern matches.
_REVISION_SIGNS = ("wait", "actual", "hmm", "thought", "correction", "scratch", "no, ", "let me re")
_REVISION_SIGNS += ("i was wrong", "mistake", "an error", "my mind")


@lru_cache(maxsize=16)  # several rules ask for those of one text
def sentences(text: str) -> tuple[str, ...]:
    """The sentences and lines of a text, blank ones left out."""
    parts, begin = [], 0
    for end in _END.finditer(text):
        first = end.start()
        if text[first] == "." and _ABBREVIATION.search(text[max(0, first - 4) : first]):
            continue
        parts.append(text[begin : end.end()].strip())
        begin = end.end()
    parts.append(text[begin:].strip())
    return tuple(part for part in parts if part)


def is_cut(text: str) -> bool:
    """Whether prose ends in the middle of a sentence that is not its first."""
    last_line = text.rstrip().rpartition("\n")[2]
    parts = sentences(last_line)
    return len(parts) > 1 and parts[-1][-1] not in ".!?)\"']:*" and len(parts[-1].split()) > 3


def conclusions(text: str) -> list[str]:
    """Parts of a text that state its outcome, the last sentence first, then ever narrower."""
    parts = sentences(text)
    found = []
    last = parts[-1] if parts else ""
    if "\n" in text.strip() or _CONCLUSIVE.search(last):
        found.append(last)
    if rather := _NOT_BUT.search(last):
        found.append(last[rather.end() :])
    after = _THEREFORE.split(text)
    if len(after) > 1:
        found.append(after[-1])
    if len(parts) == 1 or found:
        found.append(_ASIDE.split(last, maxsplit=1)[0])
    return found


def after_revision(text: str) -> str | None:
    """What follows the last place where the text takes something back; None if it does not."""
    lower = text.lower()
    if not any(sign in lower for sign in _REVISION_SIGNS):
        return None
    marks = list(_REVISION.finditer(text))
    return text[marks[-1].end() :] if marks else None
