"""A GPU for each job where several run on one machine and no scheduler gives them out."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


@contextmanager
def own_gpus(wanted: int, *, devices: Path = Path("/dev")) -> Iterator[None]:
    """Let this process see so many GPUs that no other job of this user holds, until the block ends.

    wanted: what the job asks for. Where there are not more GPUs than that, not enough that nobody
    holds, or a scheduler chose already, what is visible stays as it is. To be called before torch
    looks for GPUs. A GPU is held by a lock on a file, which goes with the process, however it ends.
    """
    with ExitStack() as held:
        if wanted and "SLURM_JOB_ID" not in os.environ:
            names = _visible(devices)
            taken = []
            for name in names if len(names) > wanted else ():
                if len(taken) < wanted and _take(name, held):
                    taken.append(name)
            if len(taken) == wanted:
                os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
        yield


def _visible(devices: Path) -> list[str]:
    """Names of the GPUs that may be used, as CUDA_VISIBLE_DEVICES has them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    return [str(number) for number in range(len(list(devices.glob("nvidia[0-9]*"))))]


def _take(name: str, held: ExitStack) -> bool:
    lock = Path(tempfile.gettempdir(), f"thinkscale-{os.getuid()}-gpu-{name}.lock")
    file = open(lock, "w")  # noqa: SIM115 -- held as long as the stack is
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.enter_context(file)
        return True
    file.close()
    return False
