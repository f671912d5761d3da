"""Which option a key means."""

from collections.abc import Sequence

Options = Sequence[tuple[str, str]]  # (label, text)


def find_key(key: str, options: Options, counts_from: int | None = None) -> str | None:
    """The label that `key` means, or None if it means no option, or more than one.

    A key is an option's label, bare or in brackets or with a full stop, in any case where that is
    clear; or an option's whole text; or, with `counts_from` 0 or 1, a number counted from there.
    Both sides are cleaned text.
    """
    labels = [label for label, _ in options]
    if counts_from is not None:
        place = int(key) - counts_from if key.isdecimal() else -1
        return labels[place] if 0 <= place < len(labels) else None
    bare = key.strip(" ().:[]")
    same = [label for label in labels if label == bare]
    same = same or [label for label in labels if label.casefold() == bare.casefold()]
    same = same or [label for label, text in options if text.casefold() == key.casefold()]
    return same[0] if len(same) == 1 else None


def expected_keys(options: Options, counts_from: int | None = None) -> str:
    """What a key might have been, for messages."""
    if counts_from is not None:
        return ", ".join(str(place + counts_from) for place in range(len(options)))
    return ", ".join(label for label, _ in options)


def named_by_text(key: str, options: Options) -> list[str]:
    """The labels of the options whose whole text `key` is."""
    return [label for label, text in options if text.casefold() == key.casefold()]
