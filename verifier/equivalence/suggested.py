"""Differences that terms or chance suggest, where not all states can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from ...dsl import ast
from ...semantics.lower import lower
from ...semantics.lower.differing import alone_runs, without_bodies
from ...semantics.observing import View, in_both
from ...semantics.system import TransitionSystem
from .behaviour import Exploring
from .findings import OUTCOME, Asked, Comparison, Fails, Finding, Open
from .lazily import Lazily
from .replaying import LEAST, replayed
from .runs import OutOfReach
from .terms import specs as terms
from .walking import walked

MOST_SUGGESTED = 40  # runs


def observed(specs: tuple[ast.Spec, ast.Spec], asked: Asked) -> tuple[str, ...]:
    if asked.observed is not None:
        return asked.observed
    return in_both(*(lower(without_bodies(s)) for s in specs))


def by_terms(
    specs: tuple[ast.Spec, ast.Spec],
    looked: terms.Looked,
    asked: Asked,
    levels: Sequence[str],
    inclusion: bool,
) -> Comparison | None:
    """Runs of one only that terms suggest, as far as the systems have them; None: no such run."""
    suggested = islice(looked.suggested(), MOST_SUGGESTED)
    running = [alone_runs(s) for s in specs]
    if asked.hide or running[0] is None or running[1] is None:
        return None
    sides = tuple(Lazily(s, w.name) for s, w in zip(specs, running, strict=True) if w is not None)
    names = observed(specs, asked)
    views = tuple(View(names, asked.watched) for _ in sides)
    found = replayed(
        (sides[0], sides[1]),
        (views[0], views[1]),
        suggested,
        asked.size.seconds,
        inclusion,
        OUTCOME in levels,
        # (Of terms so large a run by chance comes to no end.)
        LEAST if looked.operators <= terms.LARGE else 0,
    )
    if found.apart is None and found.different is None:
        return None
    why = Open("the run that tells them apart has no end, or one that both have")
    out: dict[str, Finding] = {
        n: Fails(found.apart) if found.apart and n != OUTCOME else why for n in levels
    }
    if OUTCOME in levels and found.different is not None:
        out[OUTCOME] = Fails(different=found.different)
    return Comparison(out, names)


def by_chance(
    systems: tuple[TransitionSystem, TransitionSystem],
    asked: Asked,
    levels: Sequence[str],
    inclusion: bool,
) -> Comparison | None:
    """What runs by chance tell apart; None: nothing."""
    if asked.hide or any(s.any_number for s in systems):
        return None
    names = asked.observed if asked.observed is not None else in_both(*systems)
    one, other = (View(names, asked.watched, renamed) for renamed in asked.rename)
    sides = [Exploring(s, v) for s, v in zip(systems, (one, other), strict=True)]
    free = sides[0].free() | sides[1].free()
    try:
        found = walked(systems, (one, other), free, asked.size.seconds / 2, inclusion)
    except OutOfReach:
        return None
    if found is None:
        return None
    why = Open("the run that tells them apart has no end, or one that both have")
    known: dict[str, Finding] = {n: Fails(found) if n != OUTCOME else why for n in levels}
    return Comparison(known, names) if known.keys() - {OUTCOME} else None
