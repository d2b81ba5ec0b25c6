"""Deadlocks built from their circle: there where exhaustive search finds one, and no longer."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from naive import explore
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import PointKind, TransitionSystem
from wfverify.verifier.checks.blocking import deadlock_free
from wfverify.verifier.checks.graph import full_graph
from wfverify.verifier.checks.stuck import blocked_for_ever
from wfverify.verifier.checks.waiters import waiting_in
from wfverify.verifier.engines.cycles import shortest_cycle
from wfverify.verifier.engines.restrict import restrict
from wfverify.verifier.engines.structure import Structure
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Proved, Refuted


def locks(seed: int) -> str:
    rng = random.Random(seed)
    names = "abcd"[: rng.randint(2, 4)]
    branches = []
    for _ in range(rng.randint(2, 4)):
        taken = rng.sample(names, rng.randint(1, min(3, len(names))))
        text = "eat"
        for name in reversed(taken):
            text = f"using ({name} exclusive) {{ {text} }}"
        branches.append(rng.choice([text, f"{{ {text} ; eat }}", f"{{ eat ; {text} }}"]))
    head = "".join(f"resource {n} : lock\n" for n in names)
    run = " || ".join(branches)
    return f"{head}workflow w {{ activity eat {{ takes 0s..9s }} run {{ {run} }} }}"


def shortest(system: TransitionSystem) -> int | None:
    """Steps to the first state in which a thread that has begun can never move again."""
    found = explore(system, 20_000)
    depth = found.states
    ahead = {s: {t for _, _, t in found.successors[s]} for s in depth}
    over = (PointKind.ENTRY, PointKind.END, PointKind.FAILED)
    best: int | None = None
    for thread in system.threads:
        at = thread.location
        fine = {s for s in ahead if thread.points[s[at]].kind in over}
        fine |= {s for s in ahead if any(t[at] != s[at] for t in ahead[s])}
        grown = True
        while grown:
            more = {s for s in ahead if s not in fine and ahead[s] & fine}
            grown = bool(more)
            fine |= more
        for s in ahead.keys() - fine:
            best = depth[s] if best is None else min(best, depth[s])
    return best


def pools(seed: int) -> str:
    rng = random.Random(seed)
    size = {n: rng.randint(1, 3) for n in "ab"}
    branches = []
    for _ in range(rng.randint(2, 3)):
        text = "eat"
        for name in rng.sample("ab", 2):
            text = f"using ({name} {rng.randint(1, size[name])}) {{ {text} }}"
        branches.append(text)
    head = "".join(f"resource {n} : pool({k})\n" for n, k in size.items())
    run = " || ".join(branches)
    return f"{head}workflow w {{ activity eat {{ takes 0s..9s }} run {{ {run} }} }}"


def first_circle(system: TransitionSystem) -> int | None:
    """Steps to the first state in which some wait for each other only."""
    structure = Structure(system)
    return min(
        (
            depth
            for s, depth in explore(system, 20_000).states.items()
            if blocked_for_ever(structure, s, waiting_in(system, s))
        ),
        default=None,
    )


@pytest.mark.parametrize("make", [locks, pools])
@pytest.mark.parametrize("seed", range(40))
def test_none_is_shorter(seed: int, make: Callable[[int], str]) -> None:
    system = lower(load_text(make(seed), "w.wf"))
    expected = first_circle(system)
    for at_hand in (False, True):  # all states
        session = Session(system, Options(), replay, schedule)
        if at_hand:
            full_graph(session)
        verdict = deadlock_free(session)
        if expected is None:
            assert isinstance(verdict, Proved)
            continue
        assert isinstance(verdict, Refuted)
        more = len(verdict.trace.steps) - expected
        assert more == 0 if at_hand else 0 <= more <= 2


@pytest.mark.parametrize("seed", range(40))
def test_as_short_as_any(seed: int) -> None:
    system = lower(load_text(locks(seed), "w.wf"))
    verdict = deadlock_free(Session(system, Options(), replay, schedule))
    expected = shortest(system)
    if expected is None:
        assert isinstance(verdict, Proved)
    else:
        # A thread is doomed some steps before all of its circle wait.
        assert isinstance(verdict, Refuted)
        assert expected <= len(verdict.trace.steps) <= expected + len(system.threads)


def test_philosophers_by_the_hundred() -> None:
    n = 100
    head = "".join(f"resource f{k} : lock\n" for k in range(n))
    forks = [f"using (f{k} exclusive)" for k in range(n)]
    each = " || ".join(
        f"while (true) {{ {forks[k]} {{ {forks[(k + 1) % n]} {{ eat }} }} }}" for k in range(n)
    )
    text = f"{head}workflow table {{ activity eat {{ takes 1s }} run {{ {each} }} }}"
    session = Session(lower(load_text(text, "w.wf")), Options(), replay, schedule)
    verdict = deadlock_free(session)
    assert isinstance(verdict, Refuted)
    assert len(verdict.trace.steps) == n


@pytest.mark.parametrize("seed", range(30))
def test_no_cycle_is_shorter(seed: int) -> None:
    rng = random.Random(seed)
    n = 8
    ring = list(range(n))
    edges = {k: {(k + 1) % n} for k in ring}
    for _ in range(rng.randint(0, 6)):
        edges[rng.randrange(n)].add(rng.randrange(n))
    found = shortest_cycle(edges, ring)
    assert all(b in edges[a] for a, b in pairwise([*found, found[0]]))
    reach = {k: set(edges[k]) for k in ring}
    length = 1
    while not any(k in reach[k] for k in ring):
        reach = {k: {t for m in reach[k] for t in edges[m]} for k in ring}
        length += 1
    assert len(found) == length


def test_a_thread_by_itself_is_small_beside_a_join_that_resets_all() -> None:
    """(At 10,000 branches its states did not fit in a number that can be written out.)"""
    text = "resource a : pool(1)\nresource b : pool(1)\nworkflow w { activity x { }\n run {"
    text += " each i in 1..200 { using (a 1) { using (b 1) { x } } }"
    text += " || each i in 1..200 { using (b 1) { using (a 1) { x } } } } }"
    system = lower(load_text(text, "w.wf"))
    thread = next(r.thread for r in system.rules if r.name.startswith("using"))
    moving, at = set(), thread
    while at is not None:
        moving.add(at)
        at = system.threads[at].parent
    few = restrict(system, moving).system
    assert len(few.variables) < 12
    assert not any(r.name == "join" for r in few.rules)
