"""The export to TLA+, read and explored by another hand, against naive exploration."""

from __future__ import annotations

import naive
import pytest
import specgen
from tla import Module
from wfverify.dsl import load_text
from wfverify.semantics.expr import euclid
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.export.finite import Finite, NotFinite
from wfverify.verifier.export.tla import DEFINITIONS, tla
from wfverify.verifier.portfolio import SAFETY


def workflow(body: str, run: str, more: str = "") -> str:
    return f"workflow w {{\n{body}\n  run {{ {run} }}\n}}\n{more}\n"


def compared(text: str) -> tuple[int, int]:
    """How many states, and how many claims are broken."""
    system = lower(load_text(text, "s.wf"))
    goals = [g for g in system.obligations if g.check in SAFETY]
    module = Module(tla(system, goals, whole=True))
    real = naive.explore(system, 300)
    kept = Finite(system, goals).needed
    assert [f"v{v}" for v in kept] == module.names
    found = module.reachable()
    assert found == {tuple(s[v] for v in kept) for s in real.states}, text
    # A deadlock of the module is a state without a step that is no end, and only such a one.
    stuck = {s for s in found if not any(module.successors(s))}
    stuck = {s for s in stuck if not module.says("Over", s) and not module.says("Cut", s)}
    ends = [i.id for i in system.instances]
    dead = {
        tuple(s[v] for v in kept)
        for s, moves in real.successors.items()
        if not moves and s not in real.leaves and not all(real.ended(s, i) for i in ends)
    }
    assert stuck == dead, text
    broken = any(real.broken(g) is not None for g in goals)
    assert all(module.says("Claims", s) for s in found) is not broken, text
    # With one claim, what can matter for it and nothing else.
    for g in sorted(goals, key=lambda g: real.broken(g) is None)[:6]:
        alone = Module(tla(system, [g]))
        holds = all(alone.says("Claims", s) for s in alone.reachable())
        assert holds is (real.broken(g) is None), (g.message, text)
    return len(found), sum(real.broken(g) is not None for g in goals)


def test_random_specs_have_the_same_states_deadlocks_and_claims() -> None:
    states = broken = done = 0
    for seed in range(20):
        text = specgen.contention(seed) if seed % 2 else specgen.from_seed(seed, 2)
        try:
            found = compared(text)
        except (NotFinite, naive.TooBig):
            continue
        done, states, broken = done + 1, states + found[0], broken + found[1]
    assert done >= 6 and states > 100 and broken


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        (workflow("  var x: int -9..9", "{ x := (x - 7) % 5 }", "invariant i : w.x != 3"), True),
        (workflow("  var x: int 0..9", "{ x := 1 } ; assume x != 1 ; { x := 3 }",
                  "always i : next(w.x) < 3"), False),
        (workflow("  var x: int 0..9", "{ x := 1 } ; assume x != 2 ; { x := 3 }",
                  "always i : next(w.x) < 3"), True),
        (workflow("  var x: int 0..3\n  var y: bool", "{ x := 1 } ; { y := true }",
                  "always i : w.x == 1 => next(w.x) == 2"), True),
    ],
)  # fmt: skip
def test_small_claims(text: str, broken: bool) -> None:
    assert bool(compared(text)[1]) is broken


def test_division_is_euclidean() -> None:
    lines = ["---- MODULE m ----", "EXTENDS Integers", "VARIABLES", "  v0", "vars == <<v0>>"]
    lines += [*DEFINITIONS]
    for a in range(-7, 8):
        for b in range(-3, 4):
            quotient, rest = (0, 0) if b == 0 else euclid(a, b)
            text = f"(Div(({a}), ({b})) = ({quotient}) /\\ Rem(({a}), ({b})) = {rest})"
            lines.append(f"c{a + 9}_{b + 9} == {text}")
    lines += ["Init ==", "  /\\ v0 = 0", "Over == TRUE", "Cut == FALSE", "Next =="]
    lines += ["  \\/ (Over \\/ Cut) /\\ UNCHANGED vars", "===="]
    module = Module("\n".join(lines))
    assert all(module.says(c, (0,)) for c in module.defined if c.startswith("c"))


def test_what_is_not_finite_is_refused() -> None:
    system: TransitionSystem = lower(
        load_text(workflow("  var r: real = 0.5", "{ r := r * 2 }", "invariant i : w.r < 9.0"), "s")
    )
    with pytest.raises(NotFinite, match="real"):
        tla(system, system.obligations)


def test_the_name_of_the_module_is_one() -> None:
    system = lower(load_text(workflow("", "skip"), "s.wf"))
    for name, made in (("a-b", "a_b"), ("12", "wf_12"), ("", "wf"), ("ü", "wf__")):
        assert tla(system, [], name=name).startswith(f"---- MODULE {made} ----")
