"""The options of `equiv`, `lts`, `migrate` and `minimise`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

UNDER = ("bisimulation", "branching", "failures", "trace", "outcome")
TEXTS: Mapping[str, tuple[str, str]] = {
    "equiv": (
        "Say under which equivalence two specs do the same (bisimulation, branching, failures,\n"
        "trace, outcome; finest first), and show why not under the next finer one: a run, a\n"
        "refusal, or what one can do and the other cannot. Two .aut files are compared likewise.\n"
        "Status: 0 equivalent under the one asked for (outcome; of .aut files branching), 1 not,\n"
        "3 not known.",
        "examples:\n"
        "  wfverify equiv old.wf new.wf\n"
        "  wfverify equiv old.wf new.wf --under trace --observing paid,status\n"
        "  wfverify equiv old.wf new.wf --workflow trip --rename pay=charge --hide audit\n"
        "  wfverify equiv old.wf new.wf --certify kept && wfverify recheck kept\n"
        "  wfverify equiv a.aut b.aut --under failures\n",
    ),
    "lts": (
        "Write the reachable states of a finite spec and its observable steps in the Aldebaran\n"
        "format. Time is left out.",
        "examples:\n  wfverify lts trip.wf -o trip.aut\n  wfverify lts trip.wf --hide audit\n",
    ),
    "migrate": (
        "Say where runs of an old version that are in flight can go on under a new one: their log\n"
        "so far must be the log of a run of the new one. Lists the places where they can, and for\n"
        "each other place the shortest log with which they cannot.\n"
        "Status: 0 everywhere, 1 not everywhere, 3 not known.",
        "examples:\n"
        "  wfverify migrate v1.wf v2.wf\n"
        "  wfverify migrate v1.wf v2.wf --rename pay=charge --hide audit\n",
    ),
    "minimise": (
        "Write the smallest labelled transition system that is equivalent.",
        "examples:\n"
        "  wfverify minimise trip.aut --under branching -o small.aut\n"
        "  wfverify minimise trip.wf --under trace\n",
    ),
}


def fill(
    out: argparse.ArgumentParser,
    command: str,
    seconds: Callable[[str], float],
    count: Callable[[str], int],
) -> argparse.ArgumentParser:
    """Adds the options of one of the four."""
    two = command in ("equiv", "migrate")
    if two:
        kinds = "a .wf file, a foreign file" + (", or a .aut file" if command == "equiv" else "")
        out.add_argument("left", metavar="OLD", help=kinds)
        out.add_argument("right", metavar="NEW", help="of the same kind")
    else:
        kinds = "a .wf or a foreign file" if command == "lts" else "a .wf or a .aut file"
        out.add_argument("spec", metavar="FILE", help=f"{kinds}, or - for stdin (a spec)")
        out.add_argument("-o", dest="output", metavar="FILE", help="default: stdout")
    if command in ("equiv", "minimise"):
        default = "outcome; of .aut files branching" if command == "equiv" else "branching"
        choices = UNDER if command == "equiv" else UNDER[:-1]
        out.add_argument("--under", choices=choices, metavar="E", help=f"default: {default}")
    out.add_argument(
        "--workflow",
        metavar="W",
        help="one instance of this workflow by itself (OLD,NEW where the names differ);\n"
        "default: the system that the spec declares",
    )
    if command == "migrate":
        watched = "each change of these variables is seen too, and must be the same"
    else:
        watched = (
            "each change of these variables is seen, and their last values are the outcome;\n"
            "default: the last values of all variables that both have"
        )
    out.add_argument("--observing", type=_names, metavar="X,Y", help=watched)
    out.add_argument(
        "--rename",
        action="extend",
        default=[],
        type=_pairs,
        metavar="A=B",
        help="call the activity or channel A of OLD B (A=B,C=D, or once for each)",
    )
    out.add_argument(
        "--hide", type=_names, default=(), metavar="A,B", help="activities, channels not seen"
    )
    if two:
        out.add_argument("--format", choices=("text", "json"), default="text")
    if command == "equiv":
        out.add_argument("--refines", action="store_true", help="NEW does only what OLD does")
        out.add_argument("-v", "--verbose", action="store_true", help="all that does not hold")
        out.add_argument(
            "--certify",
            metavar="DIR",
            help="write what shows the answers, for `recheck` and `replay`; of specs",
        )
    out.add_argument("--timeout", type=seconds, metavar="S", help="for each of its parts")
    out.add_argument("--max-states", type=count, metavar="N", help="of each; default 200000")
    return out


def _names(text: str) -> tuple[str, ...]:
    return tuple(n.strip() for n in text.split(",") if n.strip())


def _pairs(text: str) -> list[tuple[str, str]]:
    out = []
    for pair in _names(text) or ("",):
        left, mark, right = (part.strip() for part in pair.partition("="))
        if not (mark and left and right) or "=" in right:
            raise argparse.ArgumentTypeError(f"{pair!r}: write it as OLD=NEW")
        out.append((left, right))
    return out
