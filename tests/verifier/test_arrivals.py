"""How many of those that arrive are under way at once, against four of them in whole seconds."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from oracle import reading
from ticking import Ticking, TooMuch
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.checks.arrivals import Arrivals, arrivals
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.session import Session
from wfverify.verifier.verdict import Proved, Refuted

# A longer campaign: WFVERIFY_SEEDS=0..1000 pytest tests/verifier/test_arrivals.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..40").split("..")))
CAME = 4


class Maker:
    """A job that comes every so often, with claims that wait or are refused."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def spec(self) -> str:
        pick = self.rng.choice
        every = pick([2, 3, 4])
        self.claims = [
            "l exclusive" if pick([0, 1]) else "l shared",
            f"p {pick([1, 1, 2])}",
        ]
        busy = [pick(["", " on_busy fail B"]) for _ in "lp"]
        other = pick(["", "", " v"])
        return f"""
error B transient
resource l : lock{busy[0]}
resource p : pool({pick([2, 3])}){busy[1]}
shared refused: int 0..9 = 0
workflow w fails Timeout {{
  activity a {{ {self.uses()} takes {self.takes()} {pick(["", "", "timeout 1s"])} }}
  activity b {{ {self.uses()} takes {self.takes()} }}
  run {{ try {{ {self.term(1)} }} catch B {{ refused += 1 }} }}
}}
workflow v {{ activity c {{ uses {pick(self.claims)} takes 1s..2s }}
  run {{ try {{ c }} catch B {{ skip }} }} }}
system {{ w arrive every {every}s{other} }}
invariant nobody : refused == 0
invariant few : used(p) <= {pick([1, 2, 2])}
"""

    def uses(self) -> str:
        return f"uses {self.rng.choice(self.claims)} " if self.rng.random() < 0.4 else ""

    def takes(self) -> str:
        return self.rng.choice(["1s", "1s..2s", "2s", "0s..1s", "1s..3s"])

    def term(self, depth: int) -> str:
        if depth == 0:
            return self.rng.choice(["a", "b", "wait 1s", "skip", "{ a || b }"])
        sub = self.term(depth - 1)
        match self.rng.choice(["using", "using", "within", "seq", "plain", "nocancel"]):
            case "using":
                return f"using ({self.rng.choice(self.claims)}) {{ {sub} }}"
            case "within":
                inner = self.rng.choice([sub, f"nocancel {{ {sub} }}"])
                return f"within 1s {{ {inner} }} else {{ skip }}"
            case "nocancel":
                return f"nocancel {{ {sub} }}"
            case "seq":
                return f"{sub} ; {self.term(depth - 1)}"
        return sub


def found(text: str) -> tuple[Arrivals, TransitionSystem]:
    spec = load_text(text, "s.wf")
    session = Session(lower(spec), Options(), replay, schedule)
    return arrivals(session, spec), lower(spec, (CAME, CAME))


def under_way(system: TransitionSystem, state: tuple[object, ...]) -> int:
    members = system.any_number[0].members
    here = [system.instances[m] for m in members]
    at = [(i, state[system.threads[i.root].location]) for i in here]
    return sum(x not in (0, i.completed, i.failed) for i, x in at)


@pytest.mark.parametrize("seed", SEEDS)
def test_under_way_at_once(seed: int) -> None:
    text = Maker(seed).spec()
    known, system = found(text)
    try:
        world = Ticking(system, 30_000, 20)
    except TooMuch:
        return
    if known.rooms:
        assert max(under_way(system, s) for s, _ in world.moves) <= known.rooms["w"], text
    options = Options(only=("invariant",), timeout=20)
    spec = load_text(text, "s.wf")
    for r in verify(spec, lower(spec), options, replay=replay, schedule=schedule):
        goals = [o for o in system.obligations if (o.check, o.name) == (r.check, r.name)]
        conds = [reading(g.cond, {}) for g in goals]
        true = all(c(s, (), ()) for c in conds for s, _ in world.moves)
        assert not isinstance(r.verdict, Proved) or true, (r.name, text)
        assert not isinstance(r.verdict, Refuted) or not true, (r.name, text)


def job(takes: str, every: str, resource: str, claim: str, more: str = "") -> Arrivals:
    text = f"""
resource r : {resource}
workflow w {{ activity a {{ uses {claim} takes {takes} }} run {{ a }} }}
{more}
"""
    system = f"w arrive every {every}" + (" v" if "workflow v" in more else "")
    return found(text + f"system {{ {system} }}\n")[0]


def test_who_waits_for_nobody_is_over_before_the_next_comes() -> None:
    assert job("1s..5s", "6s", "lock", "r exclusive") == Arrivals({"w": 1}, ("r",))
    assert job("1s..6s", "6s", "lock", "r exclusive") == Arrivals()  # at the very moment
    assert job("1s..6s", "6s", "pool(2)", "r 1") == Arrivals({"w": 2}, ("r",))
    assert job("1s..11s", "6s", "pool(2)", "r 1") == Arrivals({"w": 2}, ("r",))
    assert job("1s..12s", "6s", "pool(2)", "r 1") == Arrivals()
    assert job("1s..", "6s", "pool(2)", "r 1") == Arrivals()


def test_who_has_to_wait_for_others_is_not() -> None:
    other = "workflow v { activity b { uses r exclusive takes 1h } run { b } }"
    assert job("1s..5s", "6s", "lock", "r exclusive", other) == Arrivals()
