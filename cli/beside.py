"""Something large that is read in a process beside ours, while we read something else."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def beside(work: Callable[[], bytes]) -> Iterator[Callable[[], bytes | None]]:
    """Begins the work; what is given waits for what came of it, None where that came to nothing.

    The process is gone behind this, also where nobody has waited for it.
    """
    answers, theirs = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    with warnings.catch_warnings():
        # (Python warns of threads; the one that waits for Ctrl-C holds nothing.)
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            os.close(answers)
            done = work()
            with open(theirs, "wb") as out:
                out.write(done)
            os._exit(0)
        os._exit(1)
    os.close(theirs)
    ended: list[Any] = []

    def answer() -> bytes | None:
        with open(answers, "rb", closefd=False) as said:
            data = said.read()
        ended.append(os.waitpid(pid, 0)[1])
        return data if ended[0] == 0 else None

    try:
        yield answer
    finally:
        os.close(answers)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
