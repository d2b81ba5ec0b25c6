"""Equivalences of small labelled transition systems, literally by their definitions.

A system is (number of states, initial state, set of (source, label, target)); the label `tau` is
internal.  Shares no code with `verifier/equivalence`: relations are greatest fixpoints over all
pairs of states, runs come from sets of states, one after the other.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, combinations
from random import Random

TAU = "tau"
Edge = tuple[int, str, int]
System = tuple[int, int, frozenset[Edge]]


def random_system(random: Random, states: int, labels: int, edges: int, tau: float) -> System:
    names = [chr(ord("a") + k) for k in range(labels)]
    found = {
        (
            random.randrange(states),
            TAU if random.random() < tau else random.choice(names),
            random.randrange(states),
        )
        for _ in range(edges)
    }
    return states, 0, frozenset(found)


def disjoint(left: System, right: System) -> tuple[System, int]:
    shift = left[0]
    edges = left[2] | {(s + shift, a, t + shift) for s, a, t in right[2]}
    return (left[0] + right[0], left[1], frozenset(edges)), right[1] + shift


@lru_cache(maxsize=8)
def _table(system: System) -> list[list[tuple[str, int]]]:
    table: list[list[tuple[str, int]]] = [[] for _ in range(system[0])]
    for s, a, t in system[2]:
        table[s].append((a, t))
    return table


def steps(system: System, state: int) -> list[tuple[str, int]]:
    return _table(system)[state]


def silently(system: System, state: int) -> set[int]:
    """What is reached by any number of internal steps."""
    seen, todo = {state}, [state]
    while todo:
        for a, t in steps(system, todo.pop()):
            if a == TAU and t not in seen:
                seen.add(t)
                todo.append(t)
    return seen


def strong(system: System) -> set[tuple[int, int]]:
    everything = range(system[0])
    related = {(p, q) for p in everything for q in everything}
    while True:
        kept = {
            (p, q)
            for p, q in related
            if all(
                any(b == a and (t, u) in related for b, u in steps(system, q))
                for a, t in steps(system, p)
            )
            and all(
                any(b == a and (u, t) in related for b, u in steps(system, p))
                for a, t in steps(system, q)
            )
        }
        if kept == related:
            return related
        related = kept


def branching(system: System) -> set[tuple[int, int]]:
    """Branching bisimilarity with explicit divergence (van Glabbeek, Luttik, Trcka 2009):
    an infinite internal run of states that are all related to q has its like in q."""
    everything = range(system[0])
    silent = [silently(system, s) for s in everything]
    related = {(p, q) for p in everything for q in everything}
    while True:
        kept = {
            (p, q)
            for p, q in related
            if _answers(system, silent, related, p, q)
            and _answers(system, silent, {(b, a) for a, b in related}, q, p)
        }
        if kept == related:
            return related
        related = kept


def _answers(
    system: System, silent: list[set[int]], related: set[tuple[int, int]], p: int, q: int
) -> bool:
    for a, t in steps(system, p):
        if a == TAU and (t, q) in related:
            continue
        if not any(
            (p, r) in related and b == a and (t, u) in related
            for r in silent[q]
            for b, u in steps(system, r)
        ):
            return False
    # An infinite internal run from p through states related to q: then q has an internal step,
    # after any number of such, to a state related to one of those of the run.
    inside = {s for s in range(system[0]) if (s, q) in related}
    endless = _endless(system, inside)
    if p in endless:
        run = {s for s in silent[p] if s in endless}
        after = {u for r in silent[q] for b, u in steps(system, r) if b == TAU}
        return any((s, u) in related for s in run for u in after)
    return True


def _endless(system: System, inside: set[int]) -> set[int]:
    """The states with an infinite internal run that stays inside."""
    while True:
        kept = {s for s in inside if any(a == TAU and t in inside for a, t in steps(system, s))}
        if kept == inside:
            return inside
        inside = kept


def rooted(system: System, p: int, q: int) -> bool:
    related = branching(system)
    if (p, q) not in related:
        return False
    return all(
        any(b == a and (t, u) in related for b, u in steps(system, y))
        for x, y in ((p, q), (q, p))
        for a, t in steps(system, x)
    )


def labels(system: System) -> list[str]:
    return sorted({a for _, a, _ in system[2]} - {TAU})


def closed(system: System, states: set[int]) -> frozenset[int]:
    return frozenset(chain.from_iterable(silently(system, s) for s in states))


def after(system: System, states: frozenset[int], label: str) -> frozenset[int]:
    return closed(system, {t for s in states for a, t in steps(system, s) if a == label})


def after_run(system: System, state: int, run: tuple[str, ...]) -> frozenset[int]:
    states = closed(system, {state})
    for label in run:
        states = after(system, states, label)
    return states


def refusals(system: System, states: frozenset[int], among: list[str]) -> set[frozenset[str]]:
    """All sets of labels that one of the states which cannot move internally refuses."""
    subsets = [frozenset(c) for n in range(len(among) + 1) for c in combinations(among, n)]
    out = set()
    for s in states:
        offered = {a for a, _ in steps(system, s)}
        if TAU not in offered:
            out |= {x for x in subsets if not x & offered}
    return out


def by_runs(
    system: System, p: int, q: int, failures: bool, inclusion: bool = False
) -> tuple[str, ...] | None:
    """The shortest run after which the two differ; None: they never do."""
    among = labels(system)
    start = (closed(system, {p}), closed(system, {q}))
    seen = {start}
    level: list[tuple[frozenset[int], frozenset[int], tuple[str, ...]]] = [(*start, ())]
    while level:
        following = []
        for x, y, run in level:
            if (x and not y) or (y and not x and not inclusion):
                return run
            if failures:
                mine, yours = refusals(system, x, among), refusals(system, y, among)
                if (mine - yours) or (not inclusion and mine != yours):
                    return run
            for a in among:
                pair = (after(system, x, a), after(system, y, a))
                if pair not in seen:
                    seen.add(pair)
                    following.append((*pair, (*run, a)))
        level = following
    return None
