"""Nobody waits for what only those who wait hold: against all states of small systems.

A longer campaign: WFVERIFY_NETS=0..3000 pytest tests/verifier/engines/test_siphons.py
"""

from __future__ import annotations

import os
import random

import naive
import pytest
from comparisons import stuck
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.verifier.engines.linking import check
from wfverify.verifier.engines.siphons import never_short
from wfverify.verifier.engines.structure import Structure

SEEDS = range(*map(int, os.environ.get("WFVERIFY_NETS", "0..40").split("..")))


class Maker:
    """Claims inside of claims, in any order, of pools and locks, by branches and in rounds."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.sizes = {name: self.random.randint(1, 3) for name in "pq"}

    def term(self, depth: int) -> str:
        pick = self.random.choice
        if depth == 0:
            return pick(["x", "x", "y"])
        inner = self.term(depth - 1)
        name = pick("pq")
        claim = pick(
            [f"{name} 1", f"{name} {self.random.randint(1, self.sizes[name])}", "p 1, q 1"]
            + [f"{lock} {how}" for lock in "kl" for how in ("exclusive", "shared")]
        )
        match self.random.randrange(6):
            case 0:
                return f"{{ {inner} || {self.term(depth - 1)} }}"
            case 1:
                return f"{inner} ; {self.term(depth - 1)}"
            case 2:
                return f"{{ {inner} + {self.term(depth - 1)} }}"
        return f"using ({claim}) {{ {inner} }}"

    def spec(self, number: str = "") -> str:
        out = [f"resource {name} : pool({size})" for name, size in self.sizes.items()]
        out += ["resource k : lock", "resource l : lock"]
        gate = self.random.randrange(3)  # how many may be inside at once; 0: as many as like
        out += [f"resource g : pool({gate})"] * bool(gate)
        groups = []
        for name in ("u", "v", "w")[: self.random.randint(1, 3)]:
            body = self.term(2 + self.random.randrange(2))
            if gate:
                body = f"using (g 1) {{ {body} }}"
            if self.random.randrange(4) == 0:
                body = f"while (true) {{ {body} }}"
            uses = self.random.choice(["", "uses q 1", "uses l exclusive"])
            out.append(
                f"workflow {name} {{ activity x {{ takes 1s }} "
                f"activity y {{ {uses} takes 1s }} run {{ {body} }} }}"
            )
            groups.append(name + (number or self.random.choice(["", "", "[2]"])))
        return "\n".join([*out, "system { " + " ".join(groups) + " }"])


def reduces(text: str, sizes: tuple[int, int] | None = None) -> bool | None:
    """Whether nobody is ever stuck; None where there are too many states."""
    try:
        graph = naive.explore(lower(load_text(text, "w.wf"), sizes), 700)
    except naive.TooBig:
        return None
    # (A thread that is over without a last step of its own does not move either.)
    return not any(stuck(graph, s) for s in graph.states)


def test_what_is_proved_of_random_nets_is_true() -> None:
    proved = refuted = cyclic = 0
    for seed in SEEDS:
        text = Maker(seed).spec()
        system = lower(load_text(text, "w.wf"))
        structure = Structure(system)
        said = never_short(structure, check(system), 5)
        known = reduces(text)
        if known is None:
            continue
        assert not (said and not known), f"seed {seed}\n{text}"
        proved += said
        refuted += not known
        cyclic += said and structure.hold_and_wait(structure.contended()) is not None
    assert proved > 5
    assert refuted > 5
    assert cyclic  # the order of claims does not show it


def test_what_is_proved_of_any_number_is_true_of_some() -> None:
    proved = 0
    for seed in list(SEEDS)[::4]:
        text = Maker(seed).spec("[*]")
        system = lower(load_text(text, "w.wf"))
        groups = system.any_number
        firsts = [g.members[0] for g in groups]
        others = [i for g in groups for i in g.members[1:]]
        if never_short(Structure(system), check(system), 5, firsts, others):
            proved += 1
            for n in (1, 2, 3):
                known = reduces(text, (n, n))
                assert known is not False, f"seed {seed}, {n}\n{text}"
                if known is None:
                    break
    assert proved


TABLE = """
resource f0 : lock
resource f1 : lock
resource f2 : lock
resource room : pool(ROOM)
workflow p0 { activity eat { takes 1s } run { using (room 1) { using (f0 exclusive) { using (f1 exclusive) { eat } } } } }
workflow p1 { activity eat { takes 1s } run { using (room 1) { using (f1 exclusive) { using (f2 exclusive) { eat } } } } }
workflow p2 { activity eat { takes 1s } run { using (room 1) { using (f2 exclusive) { using (f0 exclusive) { eat } } } } }
system { p0 p1 p2 }
"""  # noqa: E501


@pytest.mark.parametrize(("room", "free"), [(2, True), (3, False)])
def test_a_room_with_one_place_less_than_forks(room: int, free: bool) -> None:
    system = lower(load_text(TABLE.replace("ROOM", str(room)), "w.wf"))
    structure = Structure(system)
    assert structure.hold_and_wait(structure.contended()) is not None
    assert never_short(structure, check(system), 5) == free
