"""Where output goes: width, colour, characters, and the progress line."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from typing import TextIO

from ..report.text import Style

PIPED_WIDTH = 100
QUIET_SECONDS = 1.0  # no progress line before that


def complain(message: str) -> None:
    """One complaint on stderr."""
    with contextlib.suppress(OSError):  # nobody is listening
        print(f"wfverify: {message}", file=sys.stderr, flush=True)


def style(verbose: bool = False, quiet: bool = False) -> Style:
    """What stdout can show: no colour in a pipe or with NO_COLOR, ASCII where it must be."""
    tty = sys.stdout.isatty()
    color = tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns  # COLUMNS counts, in a pipe too
    return Style(
        width=max(40, width),
        color=color,
        ascii_only=not _shows(sys.stdout, "●┃…"),
        verbose=verbose,
        quiet=quiet,
    )


def _shows(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def write(text: str) -> None:
    """To stdout, with `?` for what its encoding has not."""
    if not _shows(sys.stdout, text):
        encoding = sys.stdout.encoding or "ascii"
        text = text.encode(encoding, "replace").decode(encoding)
    sys.stdout.write(text)
    sys.stdout.flush()


def say(text: str, interrupted: bool = False) -> None:
    """To stdout; or, after Ctrl-C, to stderr if what read stdout is no longer there: Ctrl-C ends
    all of a pipe."""
    try:
        write(text)
    except BrokenPipeError:
        if not interrupted:
            raise
        nobody_reads()
        with contextlib.suppress(OSError):
            sys.stderr.write(text)


def nobody_reads() -> None:
    """The reader of stdout has gone (`| head`): what is still written goes nowhere."""
    # Python flushes stdout once more at its end; that must not fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Progress:
    """One line on stderr that is written over; only on a terminal, and only after a second."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._since = time.monotonic()
        self._shown = False

    def __call__(self, what: str) -> None:
        """Shows what is being done."""
        seconds = time.monotonic() - self._since
        if seconds < QUIET_SECONDS or not self._stream.isatty():
            return
        width = shutil.get_terminal_size((80, 24)).columns - 1
        line = f"{seconds:4.0f} s  {what}"[:width]
        self._stream.write(f"\r{line:<{width}}")
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Takes the line away."""
        if self._shown:
            width = shutil.get_terminal_size((80, 24)).columns - 1
            self._stream.write(f"\r{'':<{width}}\r")
            self._stream.flush()
            self._shown = False
