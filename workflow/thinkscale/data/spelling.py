"""Reading what a judge said."""

import unicodedata
from collections.abc import Iterable

_MARKS = str.maketrans("", "", "*_`~#")
_DRESSING = " \t[](){}<\"'$"
_LATEX = ("\\boxed{", "\\textbf{", "\\text{")


def bare(text: str) -> str:
    """Text without case and marks, in which two spellings of one word are equal."""
    return unicodedata.normalize("NFKC", text).translate(_MARKS).casefold()


def read_verdict(text: str, marker: str, words: Iterable[str]) -> tuple[str | None, str]:
    """Return (the verdict or None, why there is none).

    It is what stands behind the last `marker`, on its line or, if that ends there, on the next
    that is not empty. One of `words` must stand there; another of them on the same line makes it
    no verdict, as in "Verdict: PASS or FAIL".
    """
    names = {bare(word).strip(): word for word in words}
    read = bare(text)
    _, found, behind = read.rpartition(bare(marker))
    if not found:
        return None, f"there is no {marker!r} in what the judge said"
    line = next((line for line in behind.splitlines() if line.strip()), "")
    for latex in _LATEX:
        line = line.replace(latex, "")
    line = line.lstrip(_DRESSING)
    said = [name for name in names if _begins(line, name)]
    if not said:
        return None, f"what stands behind {marker!r} is none of {', '.join(names.values())}"
    name = max(said, key=len)
    rest = f" {line[len(name) :]} "
    if others := [names[other] for other in names if other != name and _holds(rest, other)]:
        return None, f"the judge's last line names {names[name]} and {others[0]}"
    return names[name], ""


def _begins(line: str, name: str) -> bool:
    return line.startswith(name) and not line[len(name) : len(name) + 1].isalnum()


def _holds(line: str, name: str) -> bool:
    at = line.find(name)
    while at >= 0:
        if not line[at - 1].isalnum() and not line[at + len(name)].isalnum():
            return True
        at = line.find(name, at + 1)
    return False
