"""Ctrl-C while the solver works.

Z3 takes SIGINT for itself while it solves: its question ends as unknown, and the interrupt is
lost.  So SIGINT is blocked, and a thread waits for it, stops the solver (if there is one: it is
not imported for this), and raises KeyboardInterrupt in the main thread; again and again until it
arrives, since one that is raised in a destructor is lost too.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN = 0.3  # seconds
_WATCHED = {signal.SIGINT, signal.SIGUSR1}  # the second one ends the thread

_stopped = threading.Event()


@contextmanager
def stopping_solver() -> Iterator[None]:
    """Within it, Ctrl-C ends a running question and raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    done, heard, told = threading.Event(), threading.Event(), threading.Event()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    hook = sys.unraisablehook
    sys.unraisablehook = _quiet
    thread = threading.Thread(target=_watch, args=(done, heard, told), daemon=True)
    thread.start()
    try:
        yield
    except Exception:
        # What the solver says of a question that was stopped may come first.
        if _stopped.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        done.set()
        if thread.is_alive() and thread.ident is not None:
            signal.pthread_kill(thread.ident, signal.SIGUSR1)
        thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        # Else what was half made is still to be taken down.
        if not _stopped.is_set() and sys.unraisablehook is _quiet:
            sys.unraisablehook = hook
    if heard.is_set() and not told.is_set():
        raise KeyboardInterrupt  # it came when all was done


def _watch(done: threading.Event, heard: threading.Event, told: threading.Event) -> None:
    if signal.sigwait(_WATCHED) != signal.SIGINT:
        return
    _stopped.set()
    heard.set()
    while not done.is_set():
        told.set()
        solver = sys.modules.get("z3")
        if solver is not None:
            solver.main_ctx().interrupt()
        _thread.interrupt_main()
        done.wait(AGAIN)


def _quiet(found: sys.UnraisableHookArgs) -> None:
    """Objects of Z3 that an interrupt left half made complain when they are taken down."""
    if not _stopped.is_set() and not issubclass(found.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(found)
