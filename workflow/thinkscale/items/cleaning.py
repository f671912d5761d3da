"""From a raw item to one that is studied: text repaired, options and key checked, with a record.

Repairs of text work on one string each and are listed in `STEPS`, in the order in which they run.
`clean` applies them to an item and decides whether it stays; what needs the whole bank is in
duplicates.py.
"""

import re
from collections.abc import Callable, Sequence

import ftfy

from thinkscale.config.cleaning import Cleaning
from thinkscale.items.cells import shown
from thinkscale.items.item import Cleaned, Note, Options, Origin, RawItem
from thinkscale.items.options import expected_keys, find_key, find_keys, named_by_text

# Only what went wrong in decoding. ftfy's other repairs (straight quotes, ligatures, HTML entities,
# full-width letters) change text that nobody broke.
_MOJIBAKE = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
)

_INVISIBLE = re.compile("[\u200b\u2060\ufeff]")
_LINE_BREAK = re.compile("\r\n?|[\u2028\u2029\x0b\x0c\x85]")
_SPACE = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_SPACES_WITHIN = re.compile(r"(?<=\S) {2,}")  # indentation at a line's start is left
_SPACES_AT_END = re.compile(r" +(?=\n|$)")
_BLANK_LINES = re.compile(r"\n{3,}")


def repair_mojibake(text: str) -> str:
    """Undo wrong decoding (UTF-8 read as Windows-1252 and the like), and nothing else."""
    return text if text.isascii() else ftfy.fix_text(text, _MOJIBAKE)


def tidy_whitespace(text: str) -> str:
    """One kind of space and line break, no runs within a line, at most one blank line together."""
    text = _INVISIBLE.sub("", text)
    text = _SPACE.sub(" ", _LINE_BREAK.sub("\n", text))
    text = _SPACES_AT_END.sub("", _SPACES_WITHIN.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", text).strip()


STEPS: dict[str, Callable[[str], str]] = {
    "mojibake": repair_mojibake,
    "whitespace": tidy_whitespace,
}


def clean_text(text: str, cleaning: Cleaning) -> tuple[str, list[tuple[str, str, str]]]:
    """The cleaned text, and (action, before, after) for each step that changed it."""
    changes = []
    for action, step in STEPS.items():
        if getattr(cleaning, action):
            after = step(text)
            if after != text:
                changes.append((action, text, after))
            text = after
    return text, changes


def fold(text: str) -> str:
    """Text as it is compared: case and spacing do not count."""
    return " ".join(text.casefold().split())


MISSING_KEY = "no key"
UNKNOWN_KEY = "key not among the options"
EQUAL_OPTIONS = "equal options"


def clean(raw: RawItem, cleaning: Cleaning, origin: Origin) -> Cleaned:
    """Repair an item's text and check what it must have.

    Raises ThinkscaleError naming file, row and column where the item is faulty and `cleaning` does
    not leave such items out.
    """
    notes: list[Note] = list(raw.notes)

    def note(where: str, action: str, before: str | None = None, after: str | None = None) -> None:
        notes.append(Note(raw.item_id, raw.row, where, action, before, after))

    def cleaned(where: str, text: str) -> str:
        result, changes = clean_text(text, cleaning)
        for change in changes:
            note(where, *change)
        return result

    def left_out(reason: str, where: str, found: str | None = None) -> Cleaned:
        note(where, f"item dropped: {reason}", found)
        return Cleaned(raw, stem, options, None, answer, tuple(notes), reason)

    stem = cleaned("stem", raw.stem)
    if not stem:
        raise origin.problem(raw, "is empty; expected the item's stem", "stem")
    present = []
    for label, text in raw.options:
        result = cleaned(f"option {label}", text)
        if result:
            present.append((label, result))
        elif cleaning.empty_options == "error":
            raise origin.problem(raw, f"has option {label} without text; expected one", "options")
        else:
            note(f"option {label}", "dropped, empty", text)
    options = tuple(present)
    if origin.has_options and len(options) < 2:
        raise origin.problem(raw, f"gives {len(options)} options; expected at least 2", "options")
    answer = cleaned("answer_text", raw.answer_text) or None if raw.answer_text else None

    key, keys = None, ()
    if options:
        said, _ = clean_text(raw.key or "", cleaning)
        if not said:
            if cleaning.missing_key == "error":
                raise origin.problem(raw, f"is empty; {_expected(origin, options)}", "key")
            return left_out(MISSING_KEY, "key")
        keys = find_keys(said, options, origin.key_counts_from)
        if not keys:
            if cleaning.unknown_key == "error":
                raise origin.problem(raw, _unknown(origin, raw.key, said, options), "key")
            return left_out(UNKNOWN_KEY, "key", raw.key)
        key, right = ",".join(keys), dict(options)[keys[0]]
        if len(keys) > 1:
            pass  # what they say together is no one answer
        elif answer is None:
            answer = right
        elif answer.casefold() != right.casefold():
            note("answer_text", f"kept, differs from option {key}", answer, right)
    elif answer is None and origin.has_answers:
        if cleaning.missing_key == "error":
            raise origin.problem(raw, "is empty; expected the answer", "answer_text", "key")
        return left_out(MISSING_KEY, "answer_text")

    for label, earlier, text in _equal(options):
        which = f"equal to option {earlier}" + (
            ", one is the key" if {label, earlier}.intersection(keys) else ""
        )
        if cleaning.duplicate_options == "error":
            raise origin.problem(
                raw,
                f"has option {label} {which} ({shown(text)}); expected options that differ",
                "options",
            )
        if cleaning.duplicate_options == "drop_item":
            return left_out(EQUAL_OPTIONS, f"option {label}", text)
        note(f"option {label}", f"kept, {which}", text, text)
    noted = {said.field for said in raw.notes}
    for name, value in (("difficulty", raw.difficulty), ("response_time", raw.response_time)):
        if value is None and name in origin.columns and name not in noted:
            note(name, "missing")
    return Cleaned(raw, stem, options, key, answer, tuple(notes))


def _equal(options: Options) -> list[tuple[str, str, str]]:
    """(label, label of the first that says the same, text) of options that repeat another."""
    first: dict[str, str] = {}
    found = ((label, first.setdefault(fold(text), label), text) for label, text in options)
    return [each for each in found if each[0] != each[1]]


def surely_clean(raw: RawItem, texts: Sequence[bytes], origin: Origin) -> bool:
    """Whether `clean` would neither drop the item nor raise, as far as can be told without repairs.

    texts: the skeletons of the stem and of the options. Cheap, so that a large bank is checked
    without repairing the text of every item: texts with different skeletons stay different.
    """
    stem, *options = texts
    if not stem:
        return False
    if not options:
        answered = not origin.has_answers or bool(skeleton(raw.answer_text or ""))
        return answered and not origin.has_options
    if len(options) < 2 or not all(options) or len(set(options)) < len(options) or raw.key is None:
        return False
    if origin.key_counts_from is not None:
        return find_key(raw.key, raw.options, origin.key_counts_from) is not None
    return any(label == raw.key and label.isalnum() and label.isascii() for label, _ in raw.options)


# What cleaning may touch: spaces, control characters, and "?", which stands in mojibake for a byte
# that was lost on the way.
_TOUCHED = bytes(set(range(33)) - {0x1F} | {0x3F, 0x7F})


def skeleton(text: str) -> bytes:
    """What cleaning cannot change in a text: its ASCII characters, in lower case, unspaced."""
    return text.encode("ascii", "ignore").lower().translate(None, _TOUCHED + b"\x1f")


def skeletons(raw: RawItem) -> list[bytes]:
    """The skeletons of an item's stem and of its options."""
    # All at once, which takes a third of the time of one by one.
    joined = "\x1f".join([raw.stem, *[text for _, text in raw.options]])
    found = joined.encode("ascii", "ignore").lower().translate(None, _TOUCHED).split(b"\x1f")
    if len(found) == 1 + len(raw.options):
        return found
    return [skeleton(raw.stem), *(skeleton(text) for _, text in raw.options)]


def _expected(origin: Origin, options: Options) -> str:
    return f"expected one of {expected_keys(options, origin.key_counts_from)}"


def _unknown(origin: Origin, raw_key: str, said: str, options: Options) -> str:
    several = named_by_text(said, options)
    if len(several) > 1 and origin.key_counts_from is None:
        return f"has the key {shown(raw_key)}, the text of options {' and '.join(several)}"
    return (
        f"has the key {shown(raw_key)}, which is not among the options; "
        f"{_expected(origin, options)}"
    )
