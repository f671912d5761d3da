"""A pattern of the user's own that is looked for in what models wrote.

It is matched by RE2, which never backtracks: no text can make it take for ever.
"""

import re2

from thinkscale.errors import ThinkscaleError

_RULE = "a pattern in the syntax of RE2 (so no look-around and no backreference) with one group"


def with_one_group(pattern: str):
    """The pattern compiled. Raises ThinkscaleError that says what was expected, and why."""
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0]
        raise ThinkscaleError(
            f"{_RULE}: {why.decode() if isinstance(why, bytes) else why}"
        ) from error
    if compiled.groups != 1:
        raise ThinkscaleError(f"{_RULE}: it has {compiled.groups} (others are written `(?:…)`)")
    return compiled
