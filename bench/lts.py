"""Labelled transition systems: how long it takes to compare and to minimise them.

    python bench/lts.py [TRANSITIONS] [--only grid,random,..]

Prints CPU seconds of pure Python (no extra is used) for systems with about so many transitions:
interleavings of independent branches, random graphs, chains; under both bisimulations,
and for traces and failures of smaller ones.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from array import array
from collections.abc import Callable

from wfverify.verifier.equivalence.lts import Lts
from wfverify.verifier.equivalence.minimise import minimise
from wfverify.verifier.equivalence.spectrum import Alike, Under, equivalent


def grid(edges: int, silent: float) -> Lts:
    """Five branches side by side, of so many steps each; a part of the steps is internal."""
    rng, branches, length = random.Random(1), 5, 2
    while branches * (length - 1) * length ** (branches - 1) < edges:
        length += 1
    steps = [
        [0 if rng.random() < silent else 1 + 3 * b + rng.randrange(3) for _ in range(length - 1)]
        for b in range(branches)
    ]
    source, label, target = array("i"), array("i"), array("i")
    for s in range(length**branches):
        rest, size = s, 1
        for b in range(branches):
            rest, at = divmod(rest, length)
            if at < length - 1:
                source.append(s)
                label.append(steps[b][at])
                target.append(s + size)
            size *= length
    names = ("tau", *(f"b{b}.{k}" for b in range(branches) for k in range(3)))
    return Lts(length**branches, 0, names, source, label, target)


def graph(edges: int, states: int, labels: int, silent: float) -> Lts:
    rng = random.Random(2)
    source = array("i", (rng.randrange(states) for _ in range(edges)))
    label = array(
        "i", (0 if rng.random() < silent else 1 + rng.randrange(labels) for _ in range(edges))
    )
    target = array("i", (rng.randrange(states) for _ in range(edges)))
    return Lts(states, 0, ("tau", *(f"a{k}" for k in range(labels))), source, label, target)


def chain(edges: int) -> Lts:
    """Each state has another distance to the end: as many rounds as states."""
    steps = range(edges)
    return Lts(
        edges + 1,
        0,
        ("tau", "a"),
        array("i", steps),
        array("i", [1]) * edges,
        array("i", (s + 1 for s in steps)),
    )


SHAPES: dict[str, Callable[[int], Lts]] = {
    "interleaving": lambda m: grid(m, 0.4),
    "random, dense": lambda m: graph(m, m * 3 // 10, 5, 0.3),
    "random, sparse": lambda m: graph(m, m // 2, 3, 0.5),
    "chain": chain,
}


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("transitions", nargs="?", type=int, default=1_000_000)
    args.add_argument("--only", default="", help="shapes, with commas")
    given = args.parse_args()
    gc.set_threshold(200_000, 100, 100)  # as the command line has it
    print(f"{'shape':<16}{'states':>9}{'edges':>9}  {'under':<13}{'CPU s':>7}  result")
    for name, make in SHAPES.items():
        if given.only and not any(o in name for o in given.only.split(",")):
            continue
        lts = make(given.transitions)
        for under in (Under.BRANCHING, Under.STRONG):
            since = time.process_time()
            small = minimise(lts, under)
            seconds = time.process_time() - since
            print(
                f"{name:<16}{lts.states:>9}{lts.transitions:>9}  {under.value:<13}{seconds:>7.1f}"
                f"  {small.states} states",
                flush=True,
            )
    lts = grid(given.transitions // 20, 0.4)
    small = minimise(lts, Under.BRANCHING)
    for under in (Under.TRACE, Under.FAILURES):
        since = time.process_time()
        answer = equivalent(lts, small, under)
        seconds = time.process_time() - since
        found = f"{len(answer.pairs)} pairs" if isinstance(answer, Alike) else "WRONG"
        print(
            f"{'interleaving':<16}{lts.states:>9}{lts.transitions:>9}  {under.value:<13}"
            f"{seconds:>7.1f}  equivalent to its quotient, {found}",
            flush=True,
        )


if __name__ == "__main__":
    main()
