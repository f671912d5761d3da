"""math-verify in a process of its own, one for each process that grades.

Run as a module it is that process: it reads questions from standard input and writes replies to
standard output, one JSON object a line.
"""

import atexit
import json
import os
import select
import subprocess
import sys
from functools import lru_cache

from thinkscale.errors import ThinkscaleError

_MEMORY = 4 << 30  # bytes of address space
_START = 120  # seconds to import sympy on a busy machine
_GRACE = 2  # seconds beyond the package's own timeouts
_running: dict[int, subprocess.Popen] = {}  # by the process that started it: a fork starts its own


def ask(gold: str, answer: str, timeout: int) -> dict[str, str]:
    """Whether `answer` equals `gold`: {"verdict": ..., "label": the answer as read}.

    verdict: right, wrong, gold (which does not parse), unparsed (the answer does not), timeout, or
    the name of what went wrong. Raises ThinkscaleError if the process cannot be started.
    """
    child = _running.get(os.getpid()) or _start()
    question = json.dumps({"gold": gold, "answer": answer, "timeout": timeout}) + "\n"
    try:
        child.stdin.write(question.encode())
        child.stdin.flush()
        # Two texts are parsed and one pair compared.
        line = _line(child, 3 * timeout + _GRACE)
    except BrokenPipeError:
        line = b""
    if line:
        return json.loads(line)
    ended = child.poll()
    stop()
    return {"verdict": "timeout" if ended is None else "the verifier ran out of memory"}


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
    from math_verify import parse, verify
    from math_verify.errors import TimeoutException

    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))

    @lru_cache(maxsize=4096)
    def read(text: str, timeout: int) -> tuple:
        return tuple(parse(text, parsing_timeout=timeout, raise_on_error=True))

    def reply(gold: str, answer: str, timeout: int) -> dict[str, str]:
        try:
            references = [part for part in read(gold, timeout) if not isinstance(part, str)]
        except Exception:
            references = []
        if not references:
            return {"verdict": "gold"}
        read_as = parse(answer, parsing_timeout=timeout, raise_on_error=True)
        parsed = [part for part in read_as if not isinstance(part, str)]
        if not parsed:
            return {"verdict": "unparsed"}
        right = verify(references, parsed, timeout_seconds=timeout, raise_on_error=True)
        label = next((part for part in read_as if isinstance(part, str)), answer)
        return {"verdict": "right" if right else "wrong", "label": label}

    print("ready", file=replies, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    for line in sys.stdin:
        try:
            given = reply(**json.loads(line))
        except TimeoutException:
            given = {"verdict": "timeout"}
        except MemoryError:
            given = {"verdict": "the verifier ran out of memory"}
        except Exception as error:
            given = {"verdict": type(error).__name__}
        print(json.dumps(given), file=replies, flush=True)


if __name__ == "__main__":
    _answer_questions()
