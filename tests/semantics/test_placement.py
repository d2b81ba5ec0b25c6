"""An environment is its pools, and an open placement a choice: as written by hand."""

from __future__ import annotations

import random

import naive
import pytest
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower

SEEDS = range(25)


def by_word(seed: int) -> tuple[str, str]:
    """A spec with environments, and the same with pools and choices."""
    r = random.Random(seed)
    names = ["left", "right"][: r.randint(1, 2)]
    sizes = {n: (r.randint(1, 3), r.randint(1, 3)) for n in names}
    head, plain = [], []
    for n, (cores, memory) in sizes.items():
        head.append(f"environment {n} {{ capacity cores {cores}  limits memory {memory} }}")
        plain.append(f"resource {n}_cores : pool({cores})")
    acts, hand, calls, sides = [], [], [], []
    for k in range(r.randint(1, 3)):
        where = r.sample(names, r.randint(1, len(names)))
        fit = [n for n in where if sizes[n][1] >= 2] if r.random() < 0.5 else where
        memory = ", memory 2" if fit != where else ""
        cores = min(sizes[n][0] for n in where)
        fails = r.choice(["", "fails A", "fails A  retry 1 on A"])
        rest = f"takes 1s..2s {fails}"
        acts.append(
            f"  activity a{k} {{ runs_in {', '.join(where)} (cores {cores}{memory}) {rest} }}"
        )
        for n in where:
            hand.append(f"  activity a{k}_{n} {{ uses {n}_cores {cores} {rest} }}")
        calls.append(f"a{k}")
        allowed = fit or where
        one = " + ".join(f"a{k}_{n}" for n in allowed)
        sides.append(f"({one})" if len(allowed) > 1 else one)
    how = r.choice([" || ", " ; "])
    tail = "  run {{ try {{ {} }} catch A {{ skip }} }}\n}}\n"
    top = "error A transient\n"
    return (
        top
        + "\n".join(head)
        + "\nworkflow w {\n"
        + "\n".join(acts)
        + "\n"
        + tail.format(how.join(calls)),
        top
        + "\n".join(plain)
        + "\nworkflow w {\n"
        + "\n".join(hand)
        + "\n"
        + tail.format(how.join(sides)),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_as_by_hand(seed: int) -> None:
    placed, hand = (naive.explore(lower(load_text(t, "w.wf"))) for t in by_word(seed))

    def shape(g: naive.Naive) -> tuple[int, list[int]]:
        return len(g.states), sorted(len(moves) for moves in g.successors.values())

    assert shape(placed) == shape(hand), by_word(seed)


def test_without_demands_it_takes_one_of_each() -> None:
    text = """
    environment e { capacity gpus 2  capacity disks 1  limits memory 1 }
    workflow w { activity a { runs_in e  takes 1s }  run { a || a } }
    """
    system = lower(load_text(text, "w.wf"))
    most = {r.name: max(s[r.used] for s in naive.explore(system).states) for r in system.resources}
    assert most == {"e.gpus": 1, "e.disks": 1}
