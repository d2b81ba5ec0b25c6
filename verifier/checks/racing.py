"""What is said of two steps whose order matters."""

from __future__ import annotations

from collections.abc import Sequence

from ...semantics.expr import Scalar
from ...semantics.system import WAITING, Rule, TransitionSystem
from ...semantics.values import enabled, fire, relation_holds, show
from .order import DATA, matters

State = Sequence[Scalar]


def told(
    system: TransitionSystem, a: Rule, b: Rule, touching: Sequence[int], state: State
) -> tuple[str, tuple[str, ...]]:
    """The message and the notes: both steps can be taken in this state."""
    at_once, first_runs, _ = matters(system, a, b, touching, state)
    names = " and ".join(dict.fromkeys(system.variables[v].name for v in touching[:2]))
    if not at_once:
        runs, other = (a, b) if first_runs else (b, a)
        return (
            f"{_named(other, runs)} may be taken while `{runs.activity or runs.name}` runs, which "
            f"depends on {names} (`reads`, or a time), and they share no lock",
            (),
        )
    one, two = _named(a, b), _named(b, a)
    message = (
        f"{one} and {two} may come at one instant, their order matters for {names},"
        " and they share no lock"
    )
    return message, tuple(_difference(system, a, b, touching, tuple(state)))


def _named(rule: Rule, other: Rule) -> str:
    """With its line, where the name alone does not say which."""
    alike = rule.name == other.name
    return f"`{rule.name}`" + (f" (line {rule.span.line})" if alike else "")


def _difference(
    system: TransitionSystem, a: Rule, b: Rule, touching: Sequence[int], state: tuple[Scalar, ...]
) -> list[str]:
    """What each order leads to."""
    where = [f"step one: {a.name} ({a.span})", f"step two: {b.name} ({b.span})"]
    if a.inputs or b.inputs:
        if all(any(v == w for v, _ in r.updates) for r in (a, b) for w in touching):
            return [*where, "whichever comes last decides what is left"]
        return where
    ends: list[tuple[Scalar, ...]] = []
    for first, then in ((a, b), (b, a)):
        middle = fire(first, state)
        if not (enabled(then, middle) and relation_holds(then, middle, ())):
            lost = "has to wait" if then.kind in WAITING else "is no longer possible"
            changed = _values(system, state, middle)
            return [
                *where,
                f"when {_named(first, then)} is first{f' ({changed})' if changed else ''}, "
                f"{_named(then, first)} {lost}",
            ]
        ends.append(fire(then, middle))
    for first, mine, other in ((a, ends[0], ends[1]), (b, ends[1], ends[0])):
        left = _values(system, other, mine)
        second = b if first is a else a
        if left:
            where.append(f"when {_named(first, second)} is first, then {left} after both")
    return where


def _values(system: TransitionSystem, before: State, after: State) -> str:
    """The data that differ, as they are after."""
    shown = [
        f"{v.name} = {show(v, after[v.index], system.strings)}"
        for v in system.variables
        if v.kind in DATA and before[v.index] != after[v.index]
    ]
    return ", ".join(shown[:3])
