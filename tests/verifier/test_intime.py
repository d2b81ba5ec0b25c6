"""`deadlock_free`, `terminates` and `can_finish` of small random systems against whole seconds."""

from __future__ import annotations

import random
import sys
from itertools import combinations
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from footprint import unsettled
from oracle import reading
from ticking import TICK, Ticking, TooMuch
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.checks import intime, readings
from wfverify.verifier.checks.order import DATA
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.session import Session
from wfverify.verifier.verdict import Proved, Refuted, Verdict

CHECKS = ("deadlock_free", "terminates", "can_finish")


class Maker:
    """Loops beside each other that wait for each other, for locks, and for the clock."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def spec(self) -> str:
        one = "\n".join(self.activity(n) for n in "ab")
        other = "\n".join(self.activity(n) for n in "cd")
        head = "resource l : lock\nshared s: bool = false\nshared x: int 0..1 = 0\n"
        self.names = "ab"
        first = f"workflow w {{ {one}\n run {{ {self.term(2)} }} }}\n"
        self.names = "cd"
        return head + first + f"workflow v {{ {other}\n run {{ {self.term(2)} }} }}\n"

    def activity(self, name: str) -> str:
        pick = self.rng.choice
        takes = pick(["0s", "1s", "2s", "3s", "1s..2s", "0s..1s", "2s..4s"])
        uses = pick(["", "", "", "uses l exclusive"])
        timeout = pick(["", "", "", "timeout 2s"])
        effect = pick(["", "", "s := true", "x := 1 - x", "s := false"])
        do = f"do {{ {effect} }}" if effect else ""
        return f"activity {name} {{ {uses} takes {takes} {timeout} {do} }}"

    def term(self, depth: int) -> str:
        pick = self.rng.choice
        if depth == 0:
            return pick([*self.names, *self.names, "wait 1s", "wait 2s", "wait until (s)",
                         "wait until (x == 1)", "s := true", "x := 1 - x", "skip"])  # fmt: skip
        sub = lambda: self.term(depth - 1)  # noqa: E731
        match pick(["while", "while", "within", "within", "seq", "seq", "par", "choice", "using"]):
            case "while":
                return f"while ({pick(['not s', 'x == 0', 'true'])}) {{ {sub()} }}"
            case "within":
                otherwise = pick(["skip", "s := true", "x := 0"])
                return f"within {pick(['1s', '2s', '3s'])} {{ {sub()} }} else {{ {otherwise} }}"
            case "par":
                return f"{{ {sub()} || {sub()} }}"
            case "choice":
                return f"{{ {{ {sub()} }} + {{ {sub()} }} }}"
            case "using":
                return f"using (l exclusive) {{ {sub()} }}"
            case _:
                return f"{sub()} ; {sub()}"


def verdicts(text: str) -> dict[str, Verdict | None]:
    spec = load_text(text, "s.wf")
    options = Options(only=CHECKS, timeout=20)
    found = verify(spec, lower(spec), options, replay=replay, schedule=schedule)
    return {r.check: r.verdict for r in found}


def problems(text: str) -> list[str]:
    found = verdicts(text)
    try:
        world = Ticking(lower(load_text(text, "s.wf")))
    except TooMuch:
        return []
    out = []
    hopeless = world.hopeless()
    if isinstance(found["can_finish"], Proved) and hopeless:
        out.append(f"can_finish PROVED, but {len(hopeless)} configurations cannot end")
    if isinstance(found["can_finish"], Refuted) and not hopeless:
        out.append("can_finish REFUTED, but each configuration can end")
    if isinstance(found["deadlock_free"], Proved) and world.stuck():
        out.append("deadlock_free PROVED, but a run is stuck")
    ends = not world.endless() and not world.stuck()
    if isinstance(found["terminates"], Proved) and not ends:
        out.append("terminates PROVED, but a run does not end")
    if isinstance(found["terminates"], Refuted) and ends:
        out.append("terminates REFUTED, but each run ends")
    return out


def untaken(text: str) -> list[str]:
    """Rules that are said to be taken at no times, or never to race, and are taken, or do."""
    system = lower(load_text(text, "s.wf"))
    session = Session(system, Options(), replay, schedule)
    never = intime.never(session)
    try:
        moves = Ticking(system).moves
    except TooMuch:
        return []
    taken = {rule for out in moves.values() for rule, _ in out if rule != TICK}
    names = [r.name for r in system.rules]
    out = [f"{names[r]} is taken" for r in taken & (never or set())]
    data = tuple(v.index for v in system.variables if v.kind in DATA)
    plain = [r for r in system.rules if not r.inputs and not r.reads]
    apart = {
        (a.index, b.index)
        for a, b in combinations(plain, 2)
        if a.thread != b.thread and intime.races(session, [(a, b, data)])[0]
    }
    for (state, _), steps in moves.items():
        due = {rule for rule, _ in steps}
        for a, b in apart:
            one, two = system.rules[a], system.rules[b]
            if a in due and b in due and unsettled(system, (one, ()), (two, ()), state):
                out.append(f"{names[a]} and {names[b]} can be taken at once")
    return out


@pytest.mark.parametrize("seed", range(30))
def test_what_comes_at_no_times(seed: int) -> None:
    text = Maker(seed).spec()
    assert untaken(text) == [], text


@pytest.mark.parametrize("seed", range(60))
def test_random_loops(seed: int) -> None:
    text = Maker(seed).spec()
    assert problems(text) == [], text


ATOMS = (
    *("s", "not s", "x == 0", "x == 1", "used(l) == 0", "used(l) == 1", "done(w.a)"),
    *("not done(w.a)", "running(w.b)", "running(v.c)", "times(v.d) == 1", "started(v.d)"),
)


def claims_and_what_they_are(seed: int) -> list[tuple[str, Verdict | None, bool]]:
    """Of conjunctions that hold in no state: the claim, what clocks say, whether it is true."""
    rng = random.Random(seed)
    text = Maker(seed).spec()
    claims = [
        "not (" + " and ".join(rng.sample(ATOMS, rng.choice((2, 3, 3)))) + ")" for _ in "1234"
    ]
    text += "".join(f"invariant i{k} : {c}\n" for k, c in enumerate(claims))
    system = lower(load_text(text, "s.wf"))
    session = Session(system, Options(), replay, schedule)
    try:
        states = {state for state, _ in Ticking(system).moves}
    except TooMuch:
        return []
    out = []
    for k, claim in enumerate(claims):
        goals = [o for o in system.obligations if o.check == "invariant" and o.name == f"i{k}"]
        conds = [reading(g.cond, {}) for g in goals]
        true = all(c(state, (), ()) for c in conds for state in states)
        out.append((claim, readings.decided(session, goals), true))
    return out


@pytest.mark.parametrize("seed", range(40))
def test_claims_about_data_with_clocks(seed: int) -> None:
    for claim, verdict, true in claims_and_what_they_are(seed):
        assert not isinstance(verdict, Proved) or true, claim
        assert not isinstance(verdict, Refuted) or not true, claim


def test_most_claims_about_data_are_decided_with_clocks() -> None:
    found = [v for seed in range(8) for _, v, _ in claims_and_what_they_are(seed)]
    decided = [v for v in found if v is not None]
    assert len(decided) > len(found) * 0.8
    assert {type(v) for v in decided} == {Proved, Refuted}


@pytest.mark.parametrize("sides", ["{ a } + { b }", "{ b } + { a }"])
def test_one_state_at_more_times_is_more(sides: str) -> None:
    """Whichever comes first: what the clocks show after `b` includes what they show after `a`."""
    text = f"""
shared s: bool = false
workflow w {{
  activity a {{ takes 1s }}
  activity b {{ takes 0s..4s }}
  activity c {{ takes 1s }}
  run {{ {{ {sides} }} ; wait 1s ; if (s) {{ c }} }}
}}
workflow v {{ activity d {{ takes 3s do {{ s := true }} }} run {{ d }} }}
"""
    assert untaken(text) == []
    assert problems(text) == []


@pytest.mark.parametrize("takes", ["1s", "3s", "2s", "1s..3s"])
@pytest.mark.parametrize("late", [False, True])
def test_a_clock_decides_whether_an_attempt_times_out(takes: str, late: bool) -> None:
    """A loop that goes on until an attempt is in time, or until one is late."""
    ends, goes_on = ("s := true", "skip") if not late else ("skip", "s := true")
    text = f"""
workflow w {{
  var s: bool = false
  activity a {{ takes {takes} timeout 2s }}
  run {{ while (not s) {{ try {{ a ; {ends} }} catch Timeout {{ {goes_on} }} }} }}
}}
"""
    assert problems(text) == []
