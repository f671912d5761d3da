"""Serve one contender in a process of its own: load, then run whenever told to.

    python -m contenders.worker CONTENDER WORK.json

A line {"threads": n} on standard input asks for one run; a line with its result comes back.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path


def main() -> None:
    # Libraries print what they like; answers go where only answers go.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, work = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    import torch

    run = import_module(f"contenders.{name}").prepare(work)
    answers.write("ready\n")
    for line in sys.stdin:
        torch.set_num_threads(json.loads(line)["threads"])
        began, began_cpu = time.perf_counter(), time.process_time()
        result = run()
        took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - began_cpu}
        answers.write(json.dumps({**took, **result}) + "\n")


if __name__ == "__main__":
    main()
