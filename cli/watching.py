"""`wfverify watch SPEC`: verify, and again after every change of the file."""

from __future__ import annotations

import argparse
import os
import time

from ..report.outcome import Exit
from ..verifier.cache import InMemory
from .terminal import complain, write
from .verifying import guarded

LOOK = 0.3  # seconds between two looks at the file


def run(args: argparse.Namespace) -> int:
    """Until Ctrl-C; the status of the last round.  A file that is not there is waited for."""
    if args.spec == "-":
        complain("watch needs a file: stdin does not change")
        return Exit.USAGE
    args.proofs = InMemory()
    args.format, args.jobs, args.seed, args.certify = "text", None, None, None
    status, seen = Exit.PROVED, ""
    try:
        while True:
            now = _state(args.spec)
            if now == seen:
                time.sleep(LOOK)
                continue
            if seen:
                write(f"\n-- {time.strftime('%H:%M:%S')} {args.spec} has changed\n")
            seen = now
            status = guarded(args, args.spec)
    except KeyboardInterrupt:
        return status


def _state(path: str) -> str:
    try:
        about = os.stat(path)
    except OSError:
        return "not there"
    return f"{about.st_mtime_ns} {about.st_size} {about.st_ino}"
