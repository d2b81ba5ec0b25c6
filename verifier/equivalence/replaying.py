"""A difference that terms suggest, replayed on the systems: only what is found there counts."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from ...dsl.records import dataclass
from ...semantics.observing import ENDS, View
from ...semantics.system import RuleKind
from .behaviour import Exploring, begin
from .following import Follower, Script, script
from .lazily import Lazily
from .leading import Leader, Run, Taken, observer
from .outcome import Different, Environment
from .runs import OutOfReach
from .spectrum import Apart
from .terms.specs import Suggested

TRIES = 5  # runs along one word
SEEDS = 8  # environments behind it
LEAST = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Found:
    apart: Apart | None = None
    different: Different | None = None


def replayed(
    sides: tuple[Lazily, Lazily],
    views: tuple[View, View],
    suggested: Iterable[Suggested],
    seconds: float,
    inclusion: bool = False,
    outcomes: bool = True,
    least: float = LEAST,
) -> Found:
    """What was found of a run of one only, and (with `outcomes`) of an outcome of one only; each
    suggestion counts only as far as the systems do what it says.  With `inclusion`: of the first
    one only.  The run is as short as there is one, if the systems have what is suggested before it
    (`Suggested.least`).  For an outcome as long is looked as for the run, `least` seconds anyway.
    """
    begun = time.monotonic()
    until = begun + seconds
    apart: Apart | None = None
    different: Different | None = None
    length = 0  # of the run of one only
    for s in suggested:
        shorter = apart is None or s.least < length
        if not shorter and (different is not None or not outcomes):
            break
        for side, parts in zip(sides, s.parts, strict=True):
            side.show(parts)
        both = [Follower(side, view, until) for side, view in zip(sides, views, strict=True)]
        leader = Leader(sides[s.side], views[s.side], until)
        try:
            for run in leader.lazily.opening(partial(leader.some, s.word, s.over, TRIES)):
                found = None
                if shorter and not (inclusion and s.side):
                    found = _apart(both, views, run, s.side)
                if found is not None and (apart is None or len(found.run) < len(apart.run)):
                    if apart is None:
                        # Runs need not come to ends: for outcomes as long again, no longer.
                        now = time.monotonic()
                        until = min(until, now + max(least, now - begun))
                        both = [replace(one, until=until) for one in both]
                    apart, length = found, len(found.run) - bool(_arguments(both, views, run))
                for seed in range(SEEDS if outcomes and different is None else 0):
                    ends = _ends(both, views, run, s.side, seed, inclusion)
                    if ends is not None:
                        different = ends.different
                        if apart is None and ends.apart is not None:
                            apart = ends.apart
                            length = len(apart.run) - bool(_arguments(both, views, run))
                        break
        except OutOfReach:
            pass
        if time.monotonic() > until:
            break
    return Found(apart, different)


def _apart(both: list[Follower], views: tuple[View, View], run: Run, side: int) -> Apart | None:
    other = both[1 - side]
    done = other.lazily.opening(partial(other.follows, run))
    if done is None:
        return None
    told = _arguments(both, views, run)
    begun = (begin(told),) if told else ()
    return Apart(run=(*begun, *run.seen()[: done + 1]), left=not side)


def _ends(
    both: list[Follower],
    views: tuple[View, View],
    run: Run,
    side: int,
    seed: int,
    inclusion: bool,
) -> Found | None:
    """Both run to their ends under one environment, that of the run as far as it goes."""
    given = script(run, observer(both[side].lazily.system, views[side]), seed)
    found: list[dict[str, tuple[Taken, ...]]] = [{}, {}]
    for k in (side, 1 - side):
        found[k] = both[k].lazily.opening(partial(both[k].outcomes, run, given))
    for k in (0,) if inclusion else (side, 1 - side):
        for outcome in sorted(found[k].keys() - found[1 - k].keys()):
            longer = replace(run, steps=found[k][outcome])
            ends = [tuple(replace(run, steps=x).seen()) for x in found[1 - k].values()]
            different = Different(
                Environment(_arguments(both, views, run), _told(both[k], views[k], given)),
                not k,
                outcome,
                tuple(longer.seen()),
                min(ends, key=len, default=()),
            )
            return Found(_apart(both, views, longer, k), different)
    return None


def _arguments(
    both: list[Follower], views: tuple[View, View], run: Run
) -> tuple[tuple[str, str], ...]:
    """Those that matter for one of the two."""
    free: frozenset[str] = frozenset()
    for one, view in zip(both, views, strict=True):
        free |= Exploring(one.lazily.system, view).free()
    return tuple((name, text) for name, text in run.arguments if name in free)


def _told(one: Follower, view: View, given: Script) -> tuple[tuple[tuple[str, int], str], ...]:
    """What was answered where there are several answers."""
    system = one.lazily.system
    seen = observer(system, view)
    ways: dict[str, set[tuple[RuleKind, str]]] = {}
    several: set[str] = set()
    for rule in system.rules:
        if rule.activity and rule.kind in ENDS:
            name = seen.name(rule)
            ways.setdefault(name, set()).add((rule.kind, rule.error))
            if rule.inputs or len(ways[name]) > 1:
                several.add(name)
    return tuple((key, g.answer) for key, g in given.known.items() if g.name in several)
