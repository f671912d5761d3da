"""math-verify in a process of its own, one for each process that grades.

There it has the main thread that its timeouts need, a bound on memory, and no way to take the study
down: 9^{9^{9^9}} is computed in one step that no alarm interrupts, and then the process is ended.
Run as a module it is that process: it reads questions from standard input and writes replies to
standard output, one JSON object a line.
"""

import atexit
import cmath
import json
import math
import os
import re
import select
import subprocess
import sys
from functools import lru_cache
from zlib import crc32

from thinkscale.errors import ThinkscaleError

_MEMORY = 4 << 30  # bytes of address space
_START = 120  # seconds to import sympy on a busy machine
_GRACE = 2  # seconds beyond the alarm, which arithmetic on huge numbers does not hear
_LATE = "reading or comparing it took more than {} s"
_FULL = "the verifier ran out of memory"
_CASES = re.compile(r"\s*\\begin\{(?:cases|aligned)\}(.*)\\end\{(?:cases|aligned)\}\s*", re.DOTALL)
_BOTH = re.compile(r"\band\b|\\(?:land|wedge)\b")
_INEQUALITY = re.compile(r"[<>]|\\(?:[lg]eq?|neq?)(?![A-Za-z])")
_running: dict[int, subprocess.Popen] = {}  # by the process that started it: a fork starts its own


def ask(gold: str, answer: str, timeout: int, loose: bool = False) -> str:
    """Whether `answer` equals `gold`, both in LaTeX without delimiters: "right", "wrong", or why
    it cannot be said.

    `loose`: the brackets and the order of a list say nothing. Raises ThinkscaleError if the process
    cannot be started.
    """
    child = _running.get(os.getpid()) or _start()
    try:
        child.stdin.write(json.dumps([gold, answer, timeout, loose]).encode() + b"\n")
        child.stdin.flush()
        line = _line(child, timeout + _GRACE)
    except BrokenPipeError:
        line = b""
    if line:
        return json.loads(line)
    ended = child.poll()
    stop()
    return _LATE.format(timeout) if ended is None else _FULL


def stop() -> None:
    """End the process, if this one has started any."""
    child = _running.pop(os.getpid(), None)
    if child is not None:
        child.kill()
        child.communicate()


def _start() -> subprocess.Popen:
    child = subprocess.Popen(
        [sys.executable, "-m", "thinkscale.grading.verifier"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if _line(child, _START) != b"ready\n":
        child.kill()
        why = child.communicate()[1].decode(errors="replace").strip().rpartition("\n")[2]
        raise ThinkscaleError(f"Grader 'math': the package math-verify does not start ({why}).")
    _running[os.getpid()] = child
    atexit.register(stop)
    return child


def _line(child: subprocess.Popen, seconds: float) -> bytes:
    """A line that the process writes within that time; nothing if it does not, or has ended."""
    ready, _, _ = select.select([child.stdout], [], [], seconds)
    return child.stdout.readline() if ready else b""


def _answer_questions() -> None:
    import logging
    import resource

    # Whatever the packages print must not pass for a reply.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import sympy
    from latex2sympy2_extended.math_normalization import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse, verify
    from math_verify.errors import TimeoutException
    from math_verify.utils import timeout as limited
    from sympy.core.relational import Relational

    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    # No units: "ab" and "t" are among the package's. No limits of time: one alarm is for all.
    written = NormalizationConfig(malformed_operators=True, nits=True, boxed="none")
    config = [LatexExtractionConfig(boxed_match_priority=-1, normalization_config=written)]
    whole = {"fallback_mode": "no_fallback", "extraction_mode": "first_match"}
    exactly = {"numeric_precision": 100, "allow_set_relation_comp": True}

    def parsed(latex: str):
        """The expression that is the whole text, decimals exact; None if it is none."""
        given = parse(f"\\[{latex}\\]", config, **whole, parsing_timeout=None, raise_on_error=True)
        if not given:
            return None
        exact = {number: sympy.Rational(str(number)) for number in given[0].atoms(sympy.Float)}
        real = {s: sympy.Symbol(s.name, real=True) for s in given[0].free_symbols}
        changed = {old: new for old, new in {**exact, **real}.items() if old != new}
        found = given[0].xreplace(changed) if changed else given[0]
        percent = found.atoms(sympy.UnevaluatedExpr)
        return found.doit() if isinstance(found, sympy.Expr) and not percent else found

    @lru_cache(maxsize=4096)
    def read(latex: str):
        """As `parsed`; cases are a set of pairs, or a list of equations."""
        if (cases := _CASES.fullmatch(latex)) and "&" in cases[1]:
            pairs = [[parsed(cell) for cell in row.split("&")] for row in cases[1].split(r"\\")]
            readable = all(None not in pair for pair in pairs)
            return sympy.FiniteSet(*map(tuple, pairs)) if readable else None
        both = _BOTH.split(latex)
        if len(both) > 1 and all(map(_INEQUALITY.search, both)):
            return sympy.And(*map(parsed, both))
        return parsed(cases[1].replace(r"\\", ", ") if cases else latex)

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

    @lru_cache(maxsize=4096)
    def value(latex: str) -> complex | None:
        """What an expression comes to where its symbols are certain numbers; None of others."""
        found = read(latex)
        if isinstance(found, sympy.Eq) and found.lhs.is_Symbol:
            found = found.rhs
        if not isinstance(found, sympy.Expr) or found.atoms(sympy.UnevaluatedExpr):
            return None  # a percentage equals two numbers
        symbols = {s: (crc32(s.name.encode()) % 1009 + 400) / 700 for s in found.free_symbols}
        number = found.evalf(15, subs=symbols)
        at = complex(number) if number.is_number else math.inf
        return at if cmath.isfinite(at) else None

    def reply(gold: str, answer: str, loose: bool) -> str:
        texts = [read(gold), read(answer)]
        if None in texts:
            return "no mathematics that parses"
        values = [value(gold), value(answer)]
        # Most answers differ clearly, which is seen a hundred times sooner than shown.
        if None not in values and abs(values[0] - values[1]) > 1e-6 * max(map(abs, values)):
            return "wrong"
        how = {**exactly, "timeout_seconds": None, "raise_on_error": True}
        if verify(*texts, **how):
            return "right"
        names, sets = [t.free_symbols for t in texts], [as_set(t, loose) for t in texts]
        alike = sets != texts and (names[0] == names[1] or not all(names))
        return "right" if alike and verify(*sets, **how) else "wrong"

    print("ready", file=replies, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    for line in sys.stdin:
        gold, answer, seconds, loose = json.loads(line)
        try:
            given = limited(seconds)(reply)(gold, answer, loose)
        except TimeoutException:
            given = _LATE.format(seconds)
        except MemoryError:
            given = _FULL
        except Exception as error:
            given = f"it could not be compared ({type(error).__name__})"
        print(json.dumps(given), file=replies, flush=True)


if __name__ == "__main__":
    _answer_questions()
