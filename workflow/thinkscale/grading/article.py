"""The substring rule of the first study, kept only to compare it with the default grader.

An answer passes if the key's letter occurs anywhere in it, so that "A" passes in any text with a
capital A, such as one that begins with "Answer". It never leaves a response ungraded.
"""

from thinkscale.grading.grader import Extraction, Facts, Judged


def judge_article(text: str, facts: Facts) -> Judged:
    """(extraction, outcome): correct if the key is a substring of `text`, case-sensitive."""
    if facts.key in text:
        return Extraction(facts.key, "substring", f"the text contains {facts.key!r}"), "correct"
    return Extraction(None, "substring", f"the text does not contain {facts.key!r}"), "incorrect"
