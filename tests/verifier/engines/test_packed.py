"""The packed search against the oracle and against the plain search, with every reduction."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from random import Random

import naive
import pytest
from random_systems import random_system
from symmetric_specs import Symmetric
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.expr import TRUE, Op, and_
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, Rule, TransitionSystem
from wfverify.verifier.checks.blocking import deadlock_free
from wfverify.verifier.engines.common import conjuncts
from wfverify.verifier.engines.packed.layout import Layout
from wfverify.verifier.engines.packed.rules import pack_rules
from wfverify.verifier.engines.packed.run import Outcome, PackedSearch, Reductions
from wfverify.verifier.engines.packed.symmetry import symmetry
from wfverify.verifier.engines.search import Holds, Open, Violated, at_ends, explore
from wfverify.verifier.engines.search_run import Search
from wfverify.verifier.engines.search_space import Space, Unsupported
from wfverify.verifier.engines.search_threads import ended
from wfverify.verifier.engines.slice import slice_for, steps_stutter, whole
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Proved, Refuted

ALL = [Reductions(a, s) for a in (False, True) for s in (False, True)]


def packed(system, goals, reductions: Reductions, cone=None) -> Outcome:
    until = time.monotonic() + 5
    used = cone or whole(system)
    return PackedSearch(system, used, goals, 20_000, until, reductions).run()


def agree(
    system: TransitionSystem,
    graph: naive.Naive,
    goals: list[Obligation],
    out: Outcome,
    exact: bool,
) -> int:
    """How many goals were decided."""
    decided = 0
    for k, goal in enumerate(goals):
        want = graph.broken(goal)
        if k in out.found:
            assert want is not None
            assert naive.replays(system, out.found[k], goal)
            if exact:
                assert len(out.found[k].steps) == want
        elif k not in out.failed and not out.stop:
            assert want is None
        else:
            continue
        decided += 1
    return decided


@pytest.mark.parametrize("seed", range(40))
def test_random_systems(seed: int) -> None:
    system = random_system(seed, wide=False, excluded=seed % 5 == 0)
    try:
        graph = naive.explore(system, 2500)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    goals = list(system.obligations)
    for reductions in ALL:
        try:
            out = packed(system, goals, reductions)
        except Unsupported:
            pytest.skip("symbolic data")
        decided = agree(system, graph, goals, out, reductions == Reductions())
        assert decided == len(goals) or reductions.symmetry
        if reductions == Reductions() and not out.found:
            assert out.states == len(graph.states)
        for goal in goals:
            cone = slice_for(system, [goal])
            if cone.everything or not goal.every_step or steps_stutter(goal):
                agree(system, graph, [goal], packed(system, [goal], reductions, cone), False)


def lowered(seed: int) -> TransitionSystem:
    return lower(load_text(Symmetric(seed).spec(), "w.wf"))


@pytest.mark.parametrize("seed", range(30))
def test_alike_branches(seed: int) -> None:
    system = lowered(seed)
    try:
        graph = naive.explore(system, 6000)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    goals = list(system.obligations)
    for reductions in ALL:
        out = packed(system, goals, reductions)
        assert not out.stop
        agree(system, graph, goals, out, reductions == Reductions())
        kinds = sorted({g.check for g in goals})
        claims = [kinds.index(g.check) for g in goals]
        until = time.monotonic() + 5
        mates = PackedSearch(system, whole(system), goals, 20_000, until, reductions, claims).run()
        agree(system, graph, goals, mates, False)
        found = explore(system, goals, reduce=True).findings
        for goal, finding in zip(goals, found, strict=True):
            want = graph.broken(goal)
            assert isinstance(finding, Holds if want is None else Violated)
            if isinstance(finding, Violated):
                assert len(finding.trace.steps) == want


@pytest.mark.parametrize("seed", range(12))
def test_an_exchange_maps_steps_to_steps(seed: int) -> None:
    system = lowered(seed)
    families = symmetry(Space(system), system.obligations).families
    exchanges = [
        dict([*zip(a, b, strict=True), *zip(b, a, strict=True)])
        for blocks in families
        for a, b in pairwise(blocks)
    ]
    try:
        graph = naive.explore(system, 3000)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    for names in exchanges:

        def exchanged(state: naive.State, names: dict[int, int] = names) -> naive.State:
            return tuple(state[names.get(v, v)] for v in range(len(state)))

        assert {exchanged(s) for s in graph.states} == set(graph.states)
        for state in list(graph.states)[:300]:
            there = {after for _, _, after in naive.steps(system, exchanged(state))}
            assert there == {exchanged(a) for _, _, a in naive.steps(system, state)}


def test_most_specs_of_alike_branches_have_an_exchange() -> None:
    found = [bool(symmetry(Space(s), s.obligations).families) for s in map(lowered, range(60))]
    assert sum(found) > 30


@pytest.mark.parametrize("seed", range(25))
def test_ends(seed: int) -> None:
    system = lowered(seed)
    try:
        graph = naive.explore(system, 6000)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    over = and_(*(ended(system, i) for i in system.instances))
    goal = Obligation("", "", over, "", system.instances[0].span)
    ends = [s for s in graph.states if not graph.successors[s]]
    good = all(naive.value(over, s) for s in ends)
    for most in (1, 20_000):  # the first leaves the plain search no room
        found = at_ends(system, goal, max_states=most)
        assert isinstance(found, (Holds, Open) if good else (Violated, Open))
        assert most == 1 or not isinstance(found, Open)
    for reductions in ALL:
        out = PackedSearch(
            system, whole(system), [goal], 20_000, time.monotonic() + 5, reductions, None, True
        ).run()
        assert bool(out.found or out.failed) is not good
    verdict = deadlock_free(Session(system, Options(), replay, schedule))
    assert isinstance(verdict, Proved if good else Refuted)


def independent(seed: int) -> str:
    """Branches that share nothing, perhaps alike; the invariants compare what they have got to,
    and are not alike."""
    r = Random(seed)
    count = r.choice([2, 3])

    def branch() -> tuple[str, str]:
        steps = [f"X := {r.randrange(3)}" for _ in range(r.randint(1, 3))]
        if r.random() < 0.3:
            steps.insert(r.randrange(len(steps)), "a")
        if r.random() < 0.2:
            steps = [f"while (X == 0) {{ {steps[0]} ; a }}"]
        return f"{{ {' ; '.join(steps)} }}", f"var X: int 0..2 = {r.randrange(3)}"

    made = [branch()] * count if r.random() < 0.5 else [branch() for _ in range(count)]
    branches = [body.replace("X", f"x{i}") for i, (body, _) in enumerate(made)]
    variables = [declared.replace("X", f"x{i}") for i, (_, declared) in enumerate(made)]
    invariants = []
    for k in range(4):
        i, j = r.sample(range(count), 2)
        said = f"not (x{i} == {r.randrange(3)} and x{j} == {r.randrange(3)})"
        kind = "invariant" if r.random() < 0.7 else "always"
        if kind == "always":
            said = f"x{i} == {r.randrange(3)} => next(x{j} != {r.randrange(3)})"
        invariants.append(f"{kind} i{k} : {said}")
    return f"""
workflow w {{
  {" ".join(variables)}
  activity a {{ takes 1s }}
  run {{ {" || ".join(branches)} }}
  {" ".join(invariants)}
}}
// One that goes round for ever must not put the others off for ever.
workflow v {{ activity b {{ takes 1s }} run {{ while (true) {{ b }} }} }}
system {{ {r.choice(["w", "v w", "w v"])} }}
"""


def taken_apart(system: TransitionSystem) -> TransitionSystem:
    """A rule for each alternative of a guard: so each stands at one place, in loops as well."""
    rules: list[Rule] = []
    for r in system.rules:
        parts = conjuncts(r.guard)
        at = next((k for k, part in enumerate(parts) if part.op is Op.OR), None)
        for one in parts[at].args if at is not None else (TRUE,):
            others = [part for k, part in enumerate(parts) if k != at]
            rules.append(replace(r, index=len(rules), guard=and_(one, *others)))
    goals = tuple(o for o in system.obligations if o.rule is None)
    return replace(system, rules=tuple(rules), obligations=goals)


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_what_goals_look_at_is_seen_in_any_order(first: int) -> None:
    for seed in range(first, first + 25):
        system = taken_apart(lower(load_text(independent(seed), "w.wf")))
        graph = naive.explore(system, 6000)
        for goal in [o for o in system.obligations if o.name.startswith("i")]:
            for reductions in ALL:
                agree(system, graph, [goal], packed(system, [goal], reductions), False)
            search = Search(
                system, whole(system), [goal], 20_000, time.monotonic() + 5, False, True
            )
            search.run()
            out = Outcome(search.found, search.failed, search.stop)
            assert agree(system, graph, [goal], out, False) == 1


def leaving(seed: int) -> str:
    """Numbers that leave their ranges, to both sides, between others that must stay as they are."""
    r = Random(seed)

    def step() -> str:
        v, w = r.sample(["x", "y", "z"], 2)
        k = r.randint(-4, 4)
        return r.choice([f"{v} := {v} + ({k})", f"{v} := {w} - {v}", f"{v} := 2 * {w} + ({k})"])

    branches = ["; ".join(step() for _ in range(r.randint(1, 3))) for _ in range(r.choice([1, 2]))]
    said = [
        f"invariant i{k} : {r.choice('xyz')} {r.choice(['<=', '!='])} {r.randint(-4, 6)}"
        for k in range(4)
    ]
    return f"""
workflow w {{
  var x: int 0..3 = {r.randrange(4)}
  var y: int 0..2 = {r.randrange(3)}
  var z: int -1..1 = {r.randint(-1, 1)}
  run {{ {" || ".join(f"{{ {b} }}" for b in branches)} }}
  {" ".join(said)}
}}
system {{ w }}
"""


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_numbers_that_do_not_fit(first: int) -> None:
    for seed in range(first, first + 30):
        system = lower(load_text(leaving(seed), "w.wf"))
        graph = naive.explore(system, 6000)
        goals = list(system.obligations)
        for reductions in (ALL[0], ALL[-1]):
            out = packed(system, goals, reductions)
            assert agree(system, graph, goals, out, reductions == ALL[0]) == len(goals)
            if reductions == ALL[0] and not out.found:
                assert out.states == len(graph.states)


def test_rules_that_may_fire_anywhere_are_not_those_of_a_place() -> None:
    """Blocks come first in a state, so that a location lies at its beginning."""
    text = """
    shared s: int 0..3 = 0
    workflow w { activity a { takes 0s..1s } run { { a ; a } || { a ; a } } }
    invariant i : s < 2
    """
    system = lower(load_text(text, "w.wf"))
    goals = [o for o in system.obligations if o.name == "i"]
    assert any(
        g.location is None
        for g in pack_rules(Space(system), Layout(system, range(len(system.variables))), [])
    )
    for reductions in ALL:
        out = packed(system, goals, reductions)
        assert not out.found
        assert not out.stop


def test_mirror_images_of_a_broken_goal() -> None:
    """When one of two is broken and left alone, the other is no longer looked for in all states."""
    text = """
    resource p : pool(2)
    enum E { p0, q0, r0 }
    error B permanent
    workflow w fails B {
      var n0: int 0..2 = 0
      var n1: int 0..2 = 0
      var e0: E = q0
      activity a0 { needs n0 == 2  do { n1 := 0 }
        undo { if ((e0 == p0 and n0 == 0)) { n0 := 1 } else { n1 += 1 } } }
      activity a1 { uses p 1  needs (e0 == p0)  writes n1  ensures n1 >= old(n1)  undo a0 }
      run { try { saga { within until (n1 != 0) { each i1 in 0..1 { a1 } } ;
        { { { { e0 := r0 } || a1 } ; a1 } + { wait until (e0 == q0) } } } } catch * { a0 } }
      invariant j0 : started(a1) => done(a1)
    }
    """
    system = lower(load_text(text, "w.wf"))
    goals = list(system.obligations)
    plain = packed(system, goals, Reductions())
    moved = symmetry(Space(system), goals).moved
    assert moved & plain.found.keys()
    for reductions in ALL:
        out = packed(system, goals, reductions)
        assert plain.found.keys() == out.found.keys() | (out.failed.keys() & plain.found.keys())
    found = explore(system, goals, reduce=True, max_states=200).findings
    for k, finding in enumerate(found):
        assert not isinstance(finding, Holds) or k not in plain.found
