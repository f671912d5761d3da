"""Free response, exact: the answer field equals the reference after normalisation.

The normal form (`text.normalised`) is that of options: Unicode compatibility forms (NFKC)
and case are unified, Markdown and LaTeX dressing, punctuation, an article at the beginning and
surplus whitespace are left out; "." and "," stay between digits, Greek letters become their names.
"""

from dataclasses import replace

from thinkscale.grading.answer import answer_field, wordy
from thinkscale.grading.grader import Facts, Judged, ungradable
from thinkscale.grading.text import normalised


def judge_exact(text: str, facts: Facts) -> Judged:
    """(extraction, outcome); the label is the answer in normal form, so that equal answers vote."""
    field, reference = answer_field(text), normalised(facts.answer_text)
    if field is None:
        return ungradable("the answer is empty")
    form = normalised(field.label)
    # A single line may be as long as the reference that it repeats.
    if not form or (wordy(field, facts.answer_text) and form != reference):
        return ungradable("no answer is stated")
    return replace(field, label=form).judged(form == reference)


def check_exact(facts: Facts) -> None:
    """Raise ThinkscaleError for a reference of which nothing is left in normal form."""
    if not normalised(facts.answer_text):
        raise facts.unfit("exact", "; expected one with a letter, a digit or a sign in it")
