"""Cuts work that does not look at the clock: what runs longer than it may is left."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

AGAIN = 0.5  # seconds; an exception that is raised in a destructor is lost


class Late(BaseException):
    """Raised in the main thread when the time is over; no `except Exception` may stop it."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit


class Limit:
    """`with Limit(seconds) as limit: ..` leaves its body when the time is over; then `late`.

    Limits nest; each ends its own body.  Python notices it between two of its own steps, so a
    question that the solver is busy with is finished first.  Outside the main thread (where no
    signals arrive) it does nothing.  Instead of the seconds a function may tell the end, which
    may move to later times.
    """

    def __init__(self, seconds: float | Callable[[], float]) -> None:
        if callable(seconds):
            self._end = seconds
        else:
            end = time.monotonic() + max(0.0, seconds)
            self._end = lambda: end
        self.late = False
        self.outer: Limit | None = None
        self._armed = False
        self._rung = False

    def __enter__(self) -> Limit:
        if threading.current_thread() is threading.main_thread():
            self._armed = True
            self._before = signal.signal(signal.SIGALRM, self.ring)
            # The handler of the limit around this one tells which that is.
            around = getattr(self._before, "__self__", None)
            self.outer = around if isinstance(around, Limit) else None
            self.arm()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> bool:
        if self._armed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)
            if self.outer is not None:
                self.outer.arm()
        self.late = (isinstance(error, Late) and error.limit is self) or (
            # What rings while the arguments of a call to the solver are converted comes out as
            # an error of theirs.
            self._rung and isinstance(error, ctypes.ArgumentError)
        )
        return self.late

    @property
    def end(self) -> float:
        """By the clock that never goes back."""
        return self._end()

    def all(self) -> list[Limit]:
        """This one and those around it, the outermost first."""
        return [*(self.outer.all() if self.outer is not None else ()), self]

    def arm(self) -> None:
        first = min(limit.end for limit in self.all())
        wait = max(0.001, first - time.monotonic())
        signal.setitimer(signal.ITIMER_REAL, wait, AGAIN)

    def ring(self, _signal: int, _frame: FrameType | None) -> None:
        """Of several that are over, the outermost has to end."""
        now = time.monotonic()
        for limit in self.all():
            if limit.end <= now:
                if not isinstance(sys.unraisablehook, _Quiet):
                    sys.unraisablehook = _Quiet(sys.unraisablehook)
                limit._rung = True
                raise Late(limit)
        self.arm()  # the end has moved


class _Quiet:
    """Objects that a cut left half made complain when they are taken down, later too."""

    def __init__(self, before: Callable[[sys.UnraisableHookArgs], object]) -> None:
        self.before = before

    def __call__(self, found: sys.UnraisableHookArgs) -> None:
        if not issubclass(found.exc_type, Late | AttributeError):
            self.before(found)
