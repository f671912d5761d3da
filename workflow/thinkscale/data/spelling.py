"""Forms in which two spellings of a heading, or of a verdict, are one.

The configuration refuses what could not be told apart by them; graders read answers in them.
"""

import unicodedata

_MARKS = str.maketrans("", "", "*_`~#")


def heading_name(text: str) -> str:
    """A heading without case, punctuation and marks: two with the same name are the same."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def bare(text: str) -> str:
    """Text without case and marks, in which two spellings of one word are equal."""
    return unicodedata.normalize("NFKC", text).translate(_MARKS).casefold()
