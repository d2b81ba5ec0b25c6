"""The options of `rewrite`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

TEXT = (
    "Propose another body of a workflow that does the same: shorter, in canonical form (the same\n"
    "for all terms that the laws make equal), or with independent calls at once. It is compared\n"
    "with the workflow as it is, and shown only if they are equivalent, with the laws used.\n"
    "Status: 0 a proposal that was checked, or nothing to change; 1 what was proposed is not\n"
    "equivalent (nothing is shown); 3 that is not known.",
    "examples:\n"
    "  wfverify rewrite trip.wf --goal parallel\n"
    "  wfverify rewrite trip.wf --goal short --workflow trip --under bisimulation\n",
)
UNDER = ("bisimulation", "branching", "failures", "trace", "outcome")


def fill(out: argparse.ArgumentParser, seconds: Callable[[str], float]) -> argparse.ArgumentParser:
    out.add_argument("spec", metavar="SPEC", help="a .wf file, or - for stdin")
    goals = ("short", "canonical", "parallel")
    out.add_argument("--goal", choices=goals, default="short", metavar="G", help="default: short")
    out.add_argument("--workflow", metavar="W", help="default: the only one")
    out.add_argument(
        "--under",
        choices=UNDER,
        metavar="E",
        help="the equivalence that is kept; default: outcome for parallel, else branching",
    )
    out.add_argument("--timeout", type=seconds, metavar="S", help="default 30")
    return out
