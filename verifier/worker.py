"""A process beside ours that does tasks: what goes wrong in it stays in it.

It is forked, so it has all that is known by then, functions included; tasks and what is found go
through pipes.  Z3 may be forked while it does nothing: it ends its threads before a fork
(`scoped_timer::finalize`, z3 pull request 4833) and starts others when it needs them.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import pickle
import resource
import select
import signal
import struct
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from mmap import mmap

from ..dsl.records import dataclass
from .limit import Late
from .session import InternalError
from .tasks import OVER, Checks, Found, Task
from .verdict import Verdict
from .wire import Wire

HEAD = struct.Struct("!Q")  # the length of a message
MORE = 1 << 16
NO_MEMORY = "the memory was used up"


@dataclass(frozen=True, slots=True)
class Failed:
    """What it says when it cannot go on; `error` is our bug."""

    why: str
    error: Exception | None = None


class Worker:
    """One such process, seen from ours.  `others` are those that it must let go of."""

    def __init__(self, checks: Checks, wire: Wire, others: Sequence[Worker], memory: int) -> None:
        self.wire = wire
        self.task: Task | None = None
        self.since = 0.0
        self._until = mmap(-1, 8)
        self._clock = memoryview(self._until).cast("d")
        self._in = bytearray()
        self._out = bytearray()
        theirs, self._ask = os.pipe()
        self.answers, mine = os.pipe()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        with warnings.catch_warnings():
            # (Python warns of threads; the one that waits for Ctrl-C holds nothing.)
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                self.pid = os.fork()
            except OSError:
                for fd in (theirs, mine, *self.ours):
                    os.close(fd)
                raise
        if self.pid == 0:
            with suppress(BaseException):
                for fd in (self._ask, self.answers, *(f for w in others for f in w.ours)):
                    os.close(fd)
                _Inside(checks, wire, theirs, mine, self._clock, memory).run()
            os._exit(1)
        os.close(theirs)
        os.close(mine)
        os.set_blocking(self._ask, False)
        os.set_blocking(self.answers, False)

    @property
    def ours(self) -> tuple[int, int]:
        return self._ask, self.answers

    @property
    def until(self) -> float:
        """Until when its task may take."""
        return self._clock[0]

    @until.setter
    def until(self, end: float) -> None:
        self._clock[0] = end

    @property
    def unsent(self) -> bool:
        return bool(self._out)

    def begin(self, task: Task, whole: Mapping[str, Verdict], now: float, until: float) -> None:
        self.task, self.since, self.until = task, now, until
        body = self.wire.encode((task, dict(whole)))
        self._out += HEAD.pack(len(body)) + body
        self.send()

    def send(self) -> None:
        """As much as the process takes."""
        with suppress(BlockingIOError, BrokenPipeError):
            while self._out:
                del self._out[: os.write(self._ask, self._out)]

    def heard(self) -> Iterator[Found | Failed | None]:
        """What it has said since; None at last if it is no more."""
        over = False
        while True:
            try:
                data = os.read(self.answers, MORE)
            except BlockingIOError:
                break
            if not data:
                over = True
                break
            self._in += data
        while len(self._in) >= HEAD.size:
            (length,) = HEAD.unpack_from(self._in)
            if len(self._in) < HEAD.size + length:
                break
            body = bytes(self._in[HEAD.size : HEAD.size + length])
            del self._in[: HEAD.size + length]
            yield self.wire.decode(body)
        if over:
            yield None

    def ended(self) -> str:
        """Takes down what is left of one that is no more; says why, in words."""
        for fd in self.ours:
            os.close(fd)
        status = os.waitpid(self.pid, 0)[1]
        if not os.WIFSIGNALED(status):
            return f"the process that checked it ended by itself (status {os.WEXITSTATUS(status)})"
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL:
            return "the process that checked it was killed (signal 9): perhaps for lack of memory"
        return f"the solver crashed (signal {number})"

    def kill(self) -> None:
        """Ends it at once."""
        os.kill(self.pid, signal.SIGKILL)


class _Inside:
    """The process itself: does what it is asked, until nobody asks any more."""

    def __init__(
        self,
        checks: Checks,
        wire: Wire,
        asks: int,
        answers: int,
        clock: memoryview[float],
        memory: int,
    ) -> None:
        self.checks = checks
        self.wire = wire
        self.asks = asks
        self.answers = answers
        self.clock = clock
        self.memory = memory
        self.no_memory = self._packed(Failed(NO_MEMORY))  # made while there is some

    def run(self) -> None:
        self._settle()
        while (length := self._read(HEAD.size)) is not None:
            body = self._read(HEAD.unpack(length)[0])
            if body is None:
                break
            task, whole = self.wire.decode(body)
            failed = self._failed(task, whole)
            if failed:
                self._write(failed)
                break

    def _failed(self, task: Task, whole: Mapping[str, Verdict]) -> bytes:
        """Does the task and tells what was found; what is to be said if that was not possible."""
        try:
            self._tell(self.checks.perform(task, whole, self._tell, lambda: self.clock[0]))
        except MemoryError:
            return self.no_memory
        except Late:
            return self._packed(Failed(OVER))
        except Exception as error:
            if type(error).__name__ == "Z3Exception" and "memory" in str(error):
                return self.no_memory
            return self._packed(Failed("", _portable(error)))
        return b""

    def _settle(self) -> None:
        # Ctrl-C is for the process that began: it ends this one.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        sys.unraisablehook = lambda _: None
        if not os.environ.get("WFVERIFY_DEBUG"):
            faulthandler.disable()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for fd in (1, 2):
                os.dup2(nowhere, fd)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        gc.freeze()  # what is shared with the other process stays shared
        threading.Thread(target=self._follow, daemon=True).start()
        if self.memory:
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (self.memory << 20, most))

    def _follow(self) -> None:
        """Nobody is left to answer to: the end."""
        poll = select.poll()
        poll.register(self.asks, 0)
        poll.poll()
        os._exit(1)

    def _tell(self, found: Found) -> None:
        self._write(self._packed(found))

    def _packed(self, said: Found | Failed) -> bytes:
        body = self.wire.encode(said)
        return HEAD.pack(len(body)) + body

    def _write(self, message: bytes) -> None:
        left = memoryview(message)
        while left:
            left = left[os.write(self.answers, left) :]

    def _read(self, count: int) -> bytes | None:
        out = b""
        while len(out) < count:
            more = os.read(self.asks, count - len(out))
            if not more:
                return None
            out += more
        return out


def _portable(error: Exception) -> Exception:
    """As it is, if it can be sent; with the place where it was raised."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        text = f"{type(error).__name__}: {error}"
        return InternalError(text)
    return error
