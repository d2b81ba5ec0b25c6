"""`timing_independent` and `deterministic`: does the result depend on who is faster?

The result of a run: which instances completed, which failed and with which error, which never
end, and the observed data.  Tried in this order:

1. the structure (`independence`): for any size and any data;
   then parts of the system by themselves, which only wait for each other (`parts`);
2. pairs of steps of a small system (`engines.confluence`), untimed, then with clocks;
3. from two steps that do not commute, two runs that part there (`engines.partings`); for
   `deterministic` with one set of durations for both (`engines.jointly`);
4. all complete runs of a small system, compared: answers `timing_independent` for good;
5. two runs of a part by itself, with the others beside it; random environments (`samples`): on
   what is too large for the rest; this finds two runs and proves nothing.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import islice

from ...dsl.records import dataclass
from ...semantics.system import Rule
from ..engines.confluence import Confluence, Finding, Fork
from ..engines.environments import bound_elsewhere
from ..engines.partings import (
    End,
    Ends,
    Record,
    Runs,
    endless_waits,
)
from ..engines.tracked import Tracked, Unsupported
from ..engines.wandering import Wanderer
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import parts
from .independence import obstacle, read_clock
from .intime import in_time
from .placed import anywhere
from .refusals import never_refused
from .samples import as_in_part, as_scheduled, at_random, by_order
from .scheduled import decided
from .settled import settled
from .two_runs import Judge

MOST_RULES = 1500  # of a system whose graph is built
MOST_STATES = 20_000
MOST_RUNS = 20_000
MOST_STARTS = 4  # first states to walk from
SECONDS = 2.0
MOST_SECONDS = 5.0  # for walks

ORDER = (
    "no two steps that one environment leaves open lead to different results, whichever comes first"
)

STRUCTURE = (
    "steps of different branches share no data in either order, nothing is cancelled from beside "
    "where it can be seen, no choice depends on the clock or on a contended claim: so steps "
    "commute and every schedule ends with the same result"
)
UNREFUSED = "refusals of claims that never have to wait left aside, "
NEVER = "time-outs and interrupts that no clock reaches left aside, "


def timing_independent(session: Session, deadlock: Verdict) -> Verdict:
    known = settled(session, deadlock)
    if known is not None:
        return known
    why = obstacle(session, deadlock)
    if not why and session.may("structure"):
        return Proved(
            "structure",
            STRUCTURE,
        )
    if read_clock(session.system):
        return Unknown("structure", why)
    found = _alike(session, deadlock, False) or _Small(session, why, durations=True).verdict()
    if isinstance(found, Unknown):
        # Two runs with the same durations refute it as well.
        fixed = session.results["deterministic"] = _deterministic(session, deadlock)
        return fixed if isinstance(fixed, Refuted) else found
    return found


def deterministic(session: Session, deadlock: Verdict, independent: Verdict) -> Verdict:
    if isinstance(independent, Proved) and session.may("structure"):
        return Proved(
            "structure", "the result does not even depend on durations (`timing_independent`)"
        )
    known = session.results.get("deterministic")
    return known if known is not None else _deterministic(session, deadlock)


def _deterministic(session: Session, deadlock: Verdict) -> Verdict:
    system = session.system
    known = settled(session, deadlock)
    if known is not None:
        return known
    why = obstacle(session, deadlock, timeouts=True)
    if not why and session.may("structure"):
        return Proved(
            "structure",
            "the durations decide what comes first, and steps at one instant that they leave open "
            "share nothing that matters: they commute, so every schedule ends with the same result"
            if system.ties
            else "without the time-outs of activities, which the durations decide, no step depends "
            "on another branch: steps commute, so every schedule ends with the same result",
        )
    if read_clock(system):
        return Unknown("structure", why)
    found = decided(session) or _alike(session, deadlock, True)
    return found or _Small(session, why, durations=False).verdict()


def _alike(session: Session, deadlock: Verdict, timeouts: bool) -> Proved | None:
    """Without placements; by parts; then, also by the structure, without refusals that never come,
    and without time-outs and interrupts that never come."""
    if not session.may("search"):
        return None
    found = anywhere(session, deadlock, timeouts)
    found = found or parts.alike(session, deadlock, timeouts)
    if found is not None:
        return found
    granted = never_refused(session)
    if granted is not session:
        found = _without(granted, deadlock, timeouts, UNREFUSED)
    lean = in_time(session) if found is None else session
    if lean is not session:
        found = _without(never_refused(lean), deadlock, timeouts, NEVER)
    return found


def _without(lean: Session, deadlock: Verdict, timeouts: bool, what: str) -> Proved | None:
    if not obstacle(lean, deadlock, timeouts):
        return Proved("search", what + STRUCTURE)
    found = parts.alike(lean, deadlock, timeouts)
    return None if found is None else replace(found, how=what + found.how)


@dataclass
class _Small:
    """Decides a system whose states can be enumerated.  `durations`: they may differ."""

    session: Session
    why: str
    durations: bool

    def verdict(self) -> Verdict:
        reason = ""
        system = self.session.system
        small = len(system.rules) <= MOST_RULES and self.session.left() > 0
        if small and self.session.may("search"):
            try:
                by_parts = self._from_parts()
                if by_parts is not None:
                    return by_parts
                answer = self._search(Tracked(system))
            except Unsupported as unsupported:
                reason = str(unsupported)
            else:
                if not isinstance(answer, Unknown):
                    return answer
                reason = answer.why
        elif not small:
            return Unknown("structure", self.why)
        # Which side of `+` a random environment names is not compared afterwards.
        found = None
        if not system.choices:
            for search in (as_scheduled,) if system.in_order else (by_order, at_random):
                found = search(self.session, self.why, self.durations)
                if isinstance(found, Refuted):
                    break
        if isinstance(found, Refuted):
            return found
        tail = f"; {reason}" if reason else ""
        return Unknown("search", f"{self.why}{tail}; no two runs that end differently were found")

    def _seconds(self) -> float:
        return min(SECONDS, self.session.share(0.05))

    def _search(self, tracked: Tracked) -> Verdict:
        if self.durations:
            untimed = Confluence(tracked, False).run(self._seconds(), MOST_STATES, 1)
            if untimed.independent(False):
                return Proved("search", ORDER, f"{untimed.states} states")
        graph = Confluence(tracked, True)
        found = graph.run(self._seconds(), MOST_STATES, ends=self.durations)
        if self.durations and found.independent(True):
            how = f"{ORDER}, at any instant at which both can be taken, time-outs included"
            return Proved("search", how, f"{found.states} states")
        if not self.durations and found.deterministic():
            how = f"{ORDER}, at any instant at which both can be taken"
            return Proved("search", how, f"{found.states} states")
        return (
            self._from_forks(tracked, graph, found)
            or self._all_runs(tracked, graph)
            or self._wandering(tracked, graph)
            or Unknown("search", found.reason or "runs that part were not found")
        )

    def _from_parts(self) -> Verdict | None:
        """Two runs of a part by itself, and the others beside it."""
        system = self.session.system
        free = parts.granted(system)
        split = parts.parts(free) if free is not None and not system.choices else []
        if len(split) * len(system.rules) > parts.MOST_WORK:
            return None
        until = time.monotonic() + 2 * self._seconds()
        for part in split if len(split) > 1 else ():
            if time.monotonic() > until:
                break
            assert free is not None
            alone = parts.put_off(parts.only(free, part), self.session.structure.contended())
            session = self.session.of(alone)
            small = _Small(session, self.why, self.durations)
            try:
                found = small._search(Tracked(alone))
            except Unsupported:
                continue
            if isinstance(found, Refuted):
                both = as_in_part(
                    self.session, session, found, self.why, self.durations, self._seconds()
                )
                if isinstance(both, Refuted):
                    return both
        return None

    # --- two runs ---------------------------------------------------------------------------

    def _from_forks(self, tracked: Tracked, graph: Confluence, found: Finding) -> Verdict | None:
        """Two runs that share their steps up to two that do not commute."""
        until = time.monotonic() + self._seconds()
        for fork in sorted(found.forks, key=lambda f: len(f.path)):
            if time.monotonic() > until:
                break
            if fork.ends and not self.durations:
                continue  # not of one environment: durations decide
            verdict = self._from_fork(tracked, graph, fork, until)
            if verdict is not None:
                return verdict
        return None

    def _from_fork(
        self, tracked: Tracked, graph: Confluence, fork: Fork, until: float
    ) -> Verdict | None:
        runs = Runs(graph, exact=False, timeouts=not self.durations)
        begun = runs.along(graph.begin(fork.start), fork.path)
        if begun is None:
            return None
        node, record = begun
        sides: list[list[End]] = []
        for move in (fork.first, fork.second):
            after = next((n for m, n in graph.steps(node) if m == move), None)
            noted = runs.take(node, record, move)
            if after is None or noted is None:
                return None
            ends = runs.ends(after, noted, until, 3000, 60).ends
            sides.append([End((*fork.path, move, *e.moves), e.state, e.answers) for e in ends])
        note = self._parting(fork.first.rule, fork.second.rule)
        judge = Judge(self.session, tracked, fork.start, self.durations)
        pairs = ((x, y) for x in sides[0] for y in sides[1])
        return judge.first(pairs, self.why, note)

    def _parting(self, a: Rule, b: Rule) -> str:
        first, second = f"`{a.name}` ({a.span})", f"`{b.name}` ({b.span})"
        if first == second:
            threads = self.session.system.threads
            first, second = (
                f"{n} of {threads[r.thread].name}" for n, r in ((first, a), (second, b))
            )
        return f"they part where {first} or {second} may come first"

    def _wandering(self, tracked: Tracked, graph: Confluence) -> Verdict | None:
        """Walks through a graph that is too large, which part at steps that do not commute."""
        starts = list(islice(tracked.initial(), MOST_STARTS))
        seconds = min(MOST_SECONDS, self.session.share(0.2)) / max(1, len(starts))
        for number, state in enumerate(starts):
            until = time.monotonic() + seconds
            seed = self.session.options.seed + number
            wanderer = Wanderer(graph, state, seed, until, ends=self.durations)
            judge = Judge(self.session, tracked, state, self.durations)
            for one, two, a, b in wanderer.pairs():
                verdict = judge.first(iter([(one, two)]), self.why, self._parting(a.rule, b.rule))
                if verdict is not None:
                    return verdict
        return None

    def _all_runs(self, tracked: Tracked, graph: Confluence) -> Verdict | None:
        """Every complete run of every environment; with its own durations."""
        until = time.monotonic() + self._seconds()
        system = self.session.system
        complete = not endless_waits(system) and not bound_elsewhere(system)
        unsure = False
        for state in tracked.initial():
            runs = Runs(graph, exact=self.durations, timeouts=not self.durations)
            ends: Ends = runs.ends(graph.begin(state), Record(), until, MOST_RUNS, 2000)
            complete &= ends.complete
            judge = Judge(self.session, tracked, state, self.durations)
            few = ends.ends[:400]
            pairs = ((x, y) for i, x in enumerate(few) for y in few[:i])
            verdict = judge.first(pairs, self.why, "")
            if verdict is not None:
                return verdict
            complete &= len(few) == len(ends.ends)
            unsure |= judge.unsure
        if complete and not unsure and self.durations and not tracked.transit:
            return Proved("search", "all complete runs of one environment end alike")
        return None


__all__ = ["deterministic", "timing_independent"]
