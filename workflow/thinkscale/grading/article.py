"""The substring rule of the first study, kept only to compare it with the default grader.

An answer passes if the key's letter occurs anywhere in it, so that "A" passes in any text with a
capital A, such as one that begins with "Answer". It never leaves a response ungraded.
"""

from thinkscale.grading.extraction import Extraction


def article(text: str, key: str) -> tuple[Extraction, str]:
    """(extraction, outcome): correct if `key` is a substring of `text`, case-sensitive."""
    if key in text:
        return Extraction(key, "substring", f"the text contains {key!r}"), "correct"
    return Extraction(None, "substring", f"the text does not contain {key!r}"), "incorrect"
