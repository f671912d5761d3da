"""Free response, exact: the answer field equals the reference after normalisation.

The normal form (`extraction.normalised`) is that of options: Unicode compatibility forms (NFKC)
and case are unified, Markdown and LaTeX dressing, punctuation, an article at the beginning and
surplus whitespace are left out; "." and "," stay between digits, Greek letters become their names.
"""

from thinkscale.errors import ThinkscaleError
from thinkscale.grading.free import answer_field, too_long
from thinkscale.grading.grader import Facts
from thinkscale.grading.text import Extraction, normalised


def judge_exact(text: str, facts: Facts, settings: None = None) -> tuple[Extraction, str]:
    """(extraction, outcome); the label is the answer in normal form, so that equal answers vote."""
    field = answer_field(text)
    if field is None:
        return Extraction(None, "none", "the answer is empty"), "ungradable"
    form = normalised(field.text)
    # A single line may be as long as the reference that it repeats.
    if not form or (too_long(field, facts.answer_text) and form != normalised(facts.answer_text)):
        return Extraction(None, "none", "no answer is stated"), "ungradable"
    extraction = Extraction(form, field.how, f"{field.how}: {field.text[:100]!r}", field.open)
    return extraction, "correct" if form == normalised(facts.answer_text) else "incorrect"


def check_exact(facts: Facts, settings: None = None) -> None:
    """Raise ThinkscaleError for a reference of which nothing is left in normal form."""
    if not normalised(facts.answer_text):
        raise ThinkscaleError(
            f"Grader 'exact': item {facts.item_id!r} has the answer {facts.answer_text!r}; "
            "expected one with a letter, a digit or a sign in it."
        )
