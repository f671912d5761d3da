"""math-verify in a process of its own, one for each process that grades.

There it has a bound on memory, and no way to take the study down: 9^{9^{9^9}} is computed in one
step that no alarm interrupts, and then the process is ended. Run as a module it is that process:
it reads questions from standard input and writes replies to standard output, one JSON object a
line.
"""

import atexit
import json
import os
import re
import subprocess
import sys
from functools import lru_cache, partial
from threading import Timer

from thinkscale.errors import ThinkscaleError

_MEMORY = 4 << 30  # bytes of address space
_running: dict[int, subprocess.Popen] = {}  # by the process that started it: a fork starts its own


def ask(gold: str, answer: str, timeout: float, loose: bool = False) -> str:
    """Whether `answer` equals `gold`, both in LaTeX without delimiters: "right", "wrong", or why
    it cannot be said.

    `loose`: the brackets and the order of a list say nothing. Raises ThinkscaleError if the process
    cannot be started.
    """
    child = _running.get(os.getpid()) or _start()
    alarm = Timer(timeout, child.kill)
    alarm.start()
    try:
        print(json.dumps([gold, answer, loose]), file=child.stdin, flush=True)
        reply = child.stdout.readline()
    except BrokenPipeError:
        reply = ""
    alarm.cancel()
    if reply:
        return json.loads(reply)
    stop()
    return f"comparing it took more than {timeout} s, or more memory than there is"


def stop() -> None:
    """End the process, if this one has started any."""
    child = _running.pop(os.getpid(), None)
    if child is not None:
        child.kill()
        child.communicate()


def _start() -> subprocess.Popen:
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "thinkscale.grading.verifier"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if child.stdout.readline() != "ready\n":
        raise ThinkscaleError("Grader 'math': the package math-verify does not start.")
    _running[os.getpid()] = child
    atexit.register(stop)
    return child


def _answer_questions() -> None:
    import resource

    import sympy
    from latex2sympy2_extended.math_normalization import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse, verify
    from sympy.core.relational import Relational

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    # Whatever the packages print must not pass for a reply.
    replies, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stdout
    # No units: "ab" and "t" are among the package's. No limits of time: one who asks sets it.
    written = NormalizationConfig(malformed_operators=True, nits=True, boxed="none")
    config = [LatexExtractionConfig(boxed_match_priority=-1, normalization_config=written)]
    whole = {"fallback_mode": "no_fallback", "extraction_mode": "first_match"}
    untimed = {"raise_on_error": True, "numeric_precision": 100, "timeout_seconds": None}
    equal = partial(verify, allow_set_relation_comp=True, **untimed)

    @lru_cache(maxsize=4096)
    def read(latex: str):
        """The expression that is the whole text, decimals exact; None if it is none."""
        parts = re.split(r"\band\b|\\(?:land|wedge)\b", latex)
        if len(parts) > 1 and all(re.search(r"[<>≤≥]|\\[lg]e", part) for part in parts):
            return sympy.And(*map(read, parts))
        given = parse(f"\\[{latex}\\]", config, **whole, parsing_timeout=None, raise_on_error=True)
        if not given:
            return None
        exact = {number: sympy.Rational(str(number)) for number in given[0].atoms(sympy.Float)}
        real = {s: sympy.Symbol(s.name, real=True) for s in given[0].free_symbols}
        changed = {old: new for old, new in (exact | real).items() if old != new}
        found = given[0].xreplace(changed) if changed else given[0]
        percent = found.atoms(sympy.UnevaluatedExpr)
        return found.doit() if isinstance(found, sympy.Expr) and not percent else found

    def as_set(found, loose: bool):
        """Inequalities as what solves them, a column as a point; if `loose`, any list as a set."""
        if isinstance(found, sympy.MatrixBase) and found.cols == 1:
            found = sympy.Tuple(*found)
        point = isinstance(found, sympy.Interval) and found.is_open
        if loose and (point or isinstance(found, sympy.Tuple)):
            found = sympy.FiniteSet(*found.args[:2] if point else found)
        parts = found.args if isinstance(found, sympy.FiniteSet) else [found]
        unequal = all(isinstance(part, sympy.And | Relational) for part in parts)
        if not unequal or found.atoms(sympy.Eq) or len(found.free_symbols) != 1:
            return found
        return sympy.Union(*(part.as_set() for part in parts))

    def reply(gold: str, answer: str, loose: bool) -> str:
        pair = [read(gold), read(answer)]
        if None in pair:
            return "no mathematics that parses"
        # At one point a difference is seen much sooner than shown; a percentage has two values.
        if all(isinstance(e, sympy.Expr) and not e.atoms(sympy.UnevaluatedExpr) for e in pair):
            symbols = sorted(set().union(*(e.free_symbols for e in pair)), key=str)
            point = {symbol: 0.7 + n / 7 for n, symbol in enumerate(symbols)}
            values = [e.evalf(15, subs=point) for e in pair]
            if all(value.is_number and value.is_finite for value in values):
                a, b = map(complex, values)
                if abs(a - b) > 1e-6 * max(abs(a), abs(b)):
                    return "wrong"
        if equal(*pair):
            return "right"
        names, sets = [e.free_symbols for e in pair], [as_set(e, loose) for e in pair]
        alike = sets != pair and (names[0] == names[1] or not all(names))
        return "right" if alike and equal(*sets) else "wrong"

    print("ready", file=replies, flush=True)
    for line in sys.stdin:
        try:
            given = reply(*json.loads(line))
        except Exception as error:
            given = f"it could not be compared ({type(error).__name__})"
        print(json.dumps(given), file=replies, flush=True)


if __name__ == "__main__":
    _answer_questions()
