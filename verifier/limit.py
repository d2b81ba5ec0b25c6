"""Cuts work that does not look at the clock: what runs longer than it may is left."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

AGAIN = 0.5  # seconds; an exception that is raised in a destructor is lost


_before: Callable[[sys.UnraisableHookArgs], object] = sys.unraisablehook


class Late(BaseException):
    """Raised in the main thread when the time is over; no `except Exception` may stop it."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit


class Limit:
    """`with Limit(seconds) as limit: ..` leaves its body when the time is over; then `late`.

    Limits nest; each ends its own body.  Python notices it between two of its own steps, so a
    question that the solver is busy with is finished first.  Outside the main thread (where no
    signals arrive) it does nothing.
    """

    _open: list[Limit] = []  # noqa: RUF012 (of the process, as its one timer)

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + max(0.0, seconds)
        self.late = False
        self._armed = False

    def __enter__(self) -> Limit:
        if threading.current_thread() is threading.main_thread():
            self._armed = True
            Limit._open.append(self)
            if len(Limit._open) == 1:
                self._before = signal.signal(signal.SIGALRM, _ring)
            _set()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> bool:
        if self._armed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            Limit._open.remove(self)
            if Limit._open:
                _set()
            else:
                signal.signal(signal.SIGALRM, self._before)
        self.late = isinstance(error, Late) and error.limit is self
        return self.late


def _set() -> None:
    first = min(limit.end for limit in Limit._open)
    wait = max(0.001, first - time.monotonic())
    signal.setitimer(signal.ITIMER_REAL, wait, AGAIN)


def _ring(_signal: int, _frame: FrameType | None) -> None:
    """Of several that are over, the outermost has to end."""
    now = time.monotonic()
    for limit in Limit._open:
        if limit.end <= now:
            _hush()
            raise Late(limit)


def _hush() -> None:
    """Objects that were left half made complain when they are taken down, later too."""
    global _before
    if sys.unraisablehook is not _quiet:
        _before = sys.unraisablehook
        sys.unraisablehook = _quiet


def _quiet(found: sys.UnraisableHookArgs) -> None:
    half_made = issubclass(found.exc_type, Late | AttributeError)
    if not half_made:
        _before(found)
