"""What conditions are called in the columns of tables, and which of them make sense."""

from collections.abc import Mapping

DRAWN = "(drawn)"
NOTHING = "(nothing)"
# What stands for a continuation in conditions and tables where its own text would not do.
RESERVED = (DRAWN, NOTHING)


def contradiction(cell: Mapping[str, int | None]) -> str | None:
    """What is wrong with a combination, as "found ...; expected ..."; None where nothing is."""
    maximum, minimum, waits = (cell.get(key) for key in ("max_think", "min_think", "waits"))
    given = ", ".join(key for key in ("max_think", "min_think", "waits") if cell.get(key))
    if minimum is not None and waits is not None:
        return (
            "found `min_think` with `waits`, which contradict each other (one says how long, the "
            "other how often thinking goes on); expected `max_think` with one of them"
        )
    if maximum is None or (minimum is None and waits is None):
        return (
            f"found {given or 'nothing'}; expected `max_think` with `waits` or with `min_think` "
            "(a limit by itself belongs in the list of its name)"
        )
    if minimum is not None and minimum > maximum:
        return f"found `min_think` {minimum}; expected at most `max_think`, {maximum}"
    return None
