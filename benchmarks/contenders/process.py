"""Start a contender in a process of its own and tell it to run."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Contender:
    """A loaded contender; `startup` is the seconds from its start to being ready to run."""

    name: str
    startup: float
    process: subprocess.Popen
    log: Path

    def run(self, threads: int) -> dict[str, Any]:
        """One run; `seconds` of the result hold what was timed inside the process."""
        self.process.stdin.write(json.dumps({"threads": threads}) + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended early:\n{self.log.read_text()[-4000:]}")
        return line


@contextmanager
def contender(name: str, python: Path | str, work: Mapping[str, Any]) -> Iterator[Contender]:
    """Run `contenders.NAME` by the given Python until the context ends."""
    with tempfile.TemporaryDirectory() as directory:
        task, log = Path(directory, "work.json"), Path(directory, "log")
        task.write_text(json.dumps(work))
        began = time.perf_counter()
        with open(log, "w") as errors:
            process = subprocess.Popen(
                [str(python), "-m", "contenders.worker", name, str(task)],
                cwd=HERE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            found = Contender(name, 0.0, process, log)
            found._line()
            yield Contender(name, time.perf_counter() - began, process, log)
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()
