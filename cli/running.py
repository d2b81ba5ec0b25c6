"""`wfverify run` and `wfverify replay`."""

from __future__ import annotations

import argparse


def run(args: argparse.Namespace) -> int:
    """Runs a spec once or many times."""
    raise NotImplementedError


def replay(args: argparse.Namespace) -> int:
    """Runs a recorded log again."""
    raise NotImplementedError
