"""Where a formula holds, by its definition."""

from __future__ import annotations

from naive_lts import TAU, System, _endless, steps
from wfverify.verifier.equivalence.formula import All, Can, Forever, Formula, Not, Until


def where(system: System, formula: Formula, known: dict[int, set[int]] | None = None) -> set[int]:
    """The states of which it holds.  The formula must live meanwhile."""
    known = {} if known is None else known
    if id(formula) not in known:
        known[id(formula)] = _where(system, formula, known)
    return known[id(formula)]


def _where(system: System, formula: Formula, known: dict[int, set[int]]) -> set[int]:
    everything = set(range(system[0]))
    match formula:
        case Not(of):
            return everything - where(system, of, known)
        case All(parts):
            return everything.intersection(*(where(system, p, known) for p in parts))
        case Can(label, then):
            goal = where(system, then, known)
            return {
                s for s in everything if any(a == label and t in goal for a, t in steps(system, s))
            }
        case Until(through, label, then):
            on, goal = where(system, through, known), where(system, then, known)
            found = {
                s
                for s in on
                if any(a == label and t in goal for a, t in steps(system, s))
                or (label == TAU and s in goal)
            }
            return _backwards(system, on, found)
        case Forever(through):
            on = where(system, through, known)
            return _backwards(system, on, _endless(system, on))


def _backwards(system: System, on: set[int], found: set[int]) -> set[int]:
    while True:
        more = {s for s in on if any(a == TAU and t in found for a, t in steps(system, s))} | found
        if more == found:
            return found
        found = more


def depth(formula: Formula) -> int:
    match formula:
        case Not(of):
            return depth(of)
        case All(parts):
            return max((depth(p) for p in parts), default=0)
        case Can(_, then):
            return 1 + depth(then)
        case Until(through, _, then):
            return 1 + max(depth(through), depth(then))
        case Forever(through):
            return 1 + depth(through)
