"""What analyses of readouts share: the responses that were read, and what was read rightly.

A readout is the distribution over an item's option labels that a model held behind the answer
prompt. Its probabilities are among the labels, except for the mass on all labels together.
"""

from collections.abc import Iterator

import pandas as pd

from thinkscale.data.contracts import READOUT
from thinkscale.stats.core import frame

GRADER = "outcome_readout"
LABEL = "readout_label"
KEY, CONFIDENCE, ENTROPY, BRIER, MASS = READOUT
READS = [*frame.NEEDED, LABEL, *READOUT, "outcome_"]
COUNTS = ["n_items", "n_responses", "errors", "unread", "n_excluded"]


def cells(graded: pd.DataFrame) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Yield every model and condition with its responses that were read, as `frame.cells` does.

    The row counts these responses, and in `unread` those that were answered of which the key's
    probability is not known. Models of which nothing was read are left out.
    """
    frame.require(graded, [LABEL, *READOUT], "graded responses")
    # One model after another: what is prepared of millions of responses is as large as they are.
    for _, own in frame.by_model(graded):
        prepared = frame.prepare(own)
        # A sum of probabilities may leave their bounds by a rounding error.
        shares = [KEY, CONFIDENCE, MASS]
        prepared[shares] = prepared[shares].astype(float).clip(0, 1)
        if prepared[KEY].isna().all():
            continue
        for row, group in frame.cells(prepared):
            read = frame.where(group, group[KEY].notna())
            sizes = {"n_items": read["item_id"].nunique(), "n_responses": len(read)}
            yield {**row, **sizes, "unread": int(group["fits"].sum()) - len(read)}, read


def note(row: dict) -> str:
    """How `method` says what the row leaves out; nothing if all was read."""
    unread = f"; {row['unread']} responses without a readout left out" if row["unread"] else ""
    return frame.unfit_note(row["errors"], "left out") + unread


def right(read: pd.DataFrame) -> pd.Series:
    """Whether the most likely label is the key.

    As the grader `readout` has it, for whom a tie and too small a mass on labels are not right; in
    a study without this grader, whether no label is more likely than the key, or than several keys
    of an item together, and there is no tie.
    """
    if GRADER in read:
        return read[GRADER].eq("correct")
    # Both numbers come from one distribution; the slack is for how a sum was rounded.
    return read[LABEL].notna() & (read[KEY] >= (1 - 1e-9) * read[CONFIDENCE])


def decided(read: pd.DataFrame) -> pd.DataFrame:
    """The responses whose readout is an answer: no tie, and a mass that the grader accepts."""
    answered = read[LABEL].notna()
    if GRADER in read:
        answered &= read[GRADER].ne("ungradable")
    return frame.where(read, answered)


def sampled(read: pd.DataFrame) -> tuple[str, pd.Series] | None:
    """The study's first grader of sampled answers, and whether it found each correct."""
    graders = (name for name in read if name.startswith("outcome_") and name != GRADER)
    first = next(graders, None)
    return first and (first.removeprefix("outcome_"), read[first].eq("correct"))
