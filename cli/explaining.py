"""`wfverify explain`."""

from __future__ import annotations

import argparse

from ..report import explain
from ..report.outcome import Exit
from .terminal import complain, write


def run(args: argparse.Namespace) -> int:
    """Prints one explanation, or all names."""
    if args.name is None:
        write(explain.overview())
        return Exit.PROVED
    found = explain.find(args.name)
    if found is None:
        near = explain.suggest(args.name)
        hint = f"did you mean `{near}`?" if near else "`wfverify explain` lists them"
        complain(f"there is no check `{args.name}`; {hint}")
        return Exit.USAGE
    write(explain.describe(args.name, found))
    return Exit.PROVED
