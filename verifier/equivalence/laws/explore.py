"""A lowered side of a law as a labelled transition system.

Labels: the steps of tokens and of activities, the end of the workflow, and the changes of tests;
any other step is internal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, product
from typing import Any

from ....dsl.records import dataclass
from ....semantics.expr import Scalar
from ....semantics.system import Rule, RuleKind, TransitionSystem
from ...engines.search_space import Space, State
from ...engines.search_terms import NOTHING
from ..lts import INTERNAL, Lts, made
from .owing import OF_RUN, Endless, Owing, Runs, Where
from .setting import WORKFLOW, Setting

COMPLETED = "completes"
FAILS = "fails with "
ROUND_BY_ROUND = "what is done again and again, without end, is undone round by round"


class Unsuitable(Exception):
    """The argument for laws does not apply, and why."""


class Shared(Exception):
    """A metavariable may begin while another of it runs: their tests must be told apart."""


class TooLarge(Exception):
    """More states than allowed."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What else happens.

    `beside`: tests change at any time, by what runs beside the term.  Otherwise they change only
    with steps of the metavariables in `writers`; whether a metavariable may be passed changes with
    its own steps in any case.  `contended`: others take the pools of the law and give them back at
    any time.
    """

    beside: bool = True
    writers: frozenset[str] = frozenset()
    contended: bool = True


Values = tuple[Any, ...]
Place = tuple[Values, frozenset[int]]  # with the pools that others use
Order = frozenset[tuple[int, int]]  # of timers that run: the first began no later than the second
Node = tuple[Place, Order, Runs]
# With the timer that it is, or begins anew, and the runs that may be undone after it.
Edge = tuple[str, Place, int | None, Runs]
TIMERS = (RuleKind.INTERRUPT, RuleKind.TIMER, RuleKind.BACKOFF)


def explored(
    system: TransitionSystem,
    setting: Setting,
    changes: Changes,
    limit: int = 60_000,
    observed: str = "",
) -> tuple[Lts, ...]:
    """The same system from each of its initial states: one for all values of the tests.

    `observed`: the variable of the workflow that is seen at its end.
    Raises Unsuitable, TooLarge."""
    return Labelling(system, setting, changes, limit, observed).run()


class Labelling:
    """The steps of one system, and what is seen of them."""

    def __init__(
        self,
        system: TransitionSystem,
        setting: Setting,
        changes: Changes,
        limit: int,
        observed: str,
    ) -> None:
        self.system, self.setting, self.changes, self.limit = system, setting, changes, limit
        self.space = Space(system)
        index = {v.name: self.space.slots[v.index] for v in system.variables}
        self.tests = {index[b]: b for b in setting.variables}
        # Which tests may change with a step of a metavariable.
        self.moved = {
            p: sorted(self.tests)
            if p in changes.writers
            else sorted(index[b] for b in dict.fromkeys((o.first, o.later)) if b)
            for p, o in setting.open.items()
        }
        self.observed = index.get(f"{WORKFLOW}.{observed}")
        self.error = self.space.slots[system.instances[0].error]
        self.pools = {
            self.space.slots[r.used]: r.name for r in system.resources if r.name in setting.pools
        }
        try:
            self.owing = Owing(system, self.space.slots, setting.open)
        except Endless:
            raise Unsuitable(ROUND_BY_ROUND) from None
        self.inside = self._inside(_running)
        self.exposed = self._inside(_exposed)
        self.tokens = [self._token(r) for r in system.rules]
        self.timers = {r.index for r in system.rules if _timed(r)}
        self.running: dict[Values, frozenset[int]] = {}  # timers, by state

    def run(self) -> tuple[Lts, ...]:
        (first,) = self.space.initial()
        begun = [
            self._with(first.values, sorted(self.tests), chosen)
            for chosen in product((False, True), repeat=len(self.tests))
        ]
        none = self.owing.none
        starts: list[Node] = [
            ((values, frozenset()), self._ordered(frozenset(), values, None), none)
            for values in begun
        ]
        number = {node: i for i, node in enumerate(starts)}
        order = list(starts)
        edges: list[tuple[int, str, int]] = []
        for node in order:
            here = number[node]
            place, order_, runs = node
            self._alone(place[0])
            steps = chain(self._beside(place, runs), self._steps(place, order_, runs))
            for label, then, timer, left in steps:
                after = then, self._ordered(order_, then[0], timer), left
                target = number.get(after)
                if target is None:
                    target = number[after] = len(order)
                    order.append(after)
                    if len(order) > self.limit:
                        raise TooLarge(f"more than {self.limit} states")
                edges.append((here, label, target))
        lts = made(len(order), 0, self._striking(edges))
        return tuple(replace(lts, initial=i) for i in range(len(starts)))

    def _striking(self, edges: Sequence[tuple[int, str, int]]) -> list[tuple[int, str, int]]:
        """When a timer began matters only if it may strike."""
        strike = {label.split(",")[0] for _, label, _ in edges}
        idle = {x for x in map(self._limit, self.timers) if f"after {x}" not in strike}
        marks = [f", {x} begins" for x in idle]
        return [(s, _without(label, marks), t) for s, label, t in edges]

    def _with(self, values: Values, slots: Sequence[int], chosen: Sequence[object]) -> Values:
        changed = list(values)
        for slot, value in zip(slots, chosen, strict=True):
            changed[slot] = value
        return tuple(changed)

    def _ordered(self, before: Order, after: Values, anew: int | None) -> Order:
        """Which timers began no later than which."""
        if not self.timers:
            return before
        now = self._timers(after)
        old = {s for s, _ in before} & now - {anew}
        new = now - old
        kept = frozenset((s, t) for s, t in before if s in old and t in old)
        return kept | {(s, t) for s in now for t in new}

    def _first(self, timer: int, order: Order) -> bool:
        """Whether none that is due before it runs."""
        limit = self._seconds(timer)
        return all(t != timer or self._seconds(s) >= limit for s, t in order)

    def _seconds(self, rule: int) -> Scalar:
        delay = self.system.rules[rule].delay
        assert delay is not None and delay.lo.value is not None
        return delay.lo.value

    def _beside(self, place: Place, runs: Runs) -> Iterator[Edge]:
        values, taken = place
        if self.changes.beside:
            for slot, name in self.tests.items():
                state = "false" if values[slot] else "true"
                changed = self._with(values, [slot], [not values[slot]])
                label = f"{name} becomes {state}" + self._begin(values, changed)
                yield label, (changed, taken), None, runs
        if self.changes.contended:
            for slot, name in self.pools.items():
                if slot in taken:
                    given = self._with(values, [slot], [values[slot] - 1])
                    yield f"{name} is given back beside", (given, taken - {slot}), None, runs
                elif values[slot] == 0:
                    yield (
                        f"{name} is taken beside",
                        (self._with(values, [slot], [1]), taken | {slot}),
                        None,
                        runs,
                    )

    def _steps(self, place: Place, order: Order, runs: Runs) -> Iterator[Edge]:
        values, taken = place
        begun: set[str] = set()
        going: set[str] = set()
        for move in self.space.moves(State(values, NOTHING)):
            if move.target.condition:
                raise Unsuitable("values without bounds")
            index = move.rule.index
            if index in self.timers and not self._first(index, order):
                continue
            after = tuple(move.target.values)
            name = self.tokens[move.rule.index]
            label = self._label(move.rule, values, name)
            if move.rule.bundle is not None:
                label += self._cut_off(values, after, move.rule, name)
            said, left = self.owing.said(move.rule, name, runs)
            if self.owing.places:
                try:
                    left = self.owing.after(left, move.rule, values, after, self._running_in(after))
                except Endless:
                    raise Unsuitable(ROUND_BY_ROUND) from None
            if not name:
                yield label + self._begin(values, after, index), (after, taken), index, left
                continue
            label += said
            if not said.startswith(OF_RUN):
                (begun if f"{name}: start " in move.rule.name else going).add(name)
            slots = [] if self.changes.beside else self.moved[name]
            for chosen in product((False, True), repeat=len(slots)):
                seen = "".join(
                    f", {self.tests[i]} {str(v).lower()}"
                    for i, v in zip(slots, chosen, strict=True)
                )
                then = self._with(after, slots, chosen)
                yield label + seen + self._begin(values, then, index), (then, taken), index, left
        for p in begun & going:
            o = self.setting.open[p]
            if o.first and o.first == o.later:
                raise Shared(p)

    def _begin(self, before: Values, after: Values, again: int | None = None) -> str:
        """The timers that begin with a step: so a timer that strikes is known by its beginning.
        (Those of one limit that begin at once strike at once.)  `again`: one that starts anew."""
        if not self.timers:
            return ""
        old, now = self._timers(before), self._timers(after)
        new = (now - old) | ({again} if again is not None and again in now else set())
        limits = sorted(set(map(self._limit, new)))
        if set(limits) & set(map(self._limit, now - new)):
            raise Unsuitable("two timers that cannot be told apart")
        return "".join(f", {t} begins" for t in limits)

    def _timers(self, values: Values) -> frozenset[int]:
        found = self.running.get(values)
        if found is None:
            moves = self.space.moves(State(values, NOTHING))
            found = frozenset(m.rule.index for m in moves if m.rule.index in self.timers)
            self.running[values] = found
        return found

    def _limit(self, rule: int) -> str:
        delay = self.system.rules[rule].delay
        assert delay is not None
        return f"{delay.lo.value} s"

    def _token(self, rule: Rule) -> str:
        for p in self.setting.open:
            if rule.name.startswith(f"{p}: "):
                return p
        return ""

    def plain(self, rule: Rule, values: Values) -> str:
        """What is seen of a step that is none of a token."""
        return self._label(rule, values, "")

    def _label(self, rule: Rule, values: Values, token: str) -> str:
        if token:
            label = rule.name
            if self.changes.contended and self.pools:
                # It may look at what is free.
                used = ", ".join(m for slot, m in self.pools.items() if values[slot])
                label += f" while {used} is in use" if used else ""
            return label
        if rule.kind is RuleKind.END:
            failed = values[self.error]
            ended = FAILS + self.system.errors[failed - 1] if failed else COMPLETED
            return ended if self.observed is None else f"{ended} with {values[self.observed]}"
        # Without the number of the place that calls it, or of the copy of an `each`.
        name = re.sub(r"\[[^\]]*\]|#\d+", "", rule.activity).removeprefix(f"{WORKFLOW}.")
        match rule.kind:
            case RuleKind.START:
                return f"{name} starts"
            case RuleKind.COMPLETE:
                return f"{name} ends"
            case RuleKind.FAIL:
                return f"{name} fails with {rule.error}"
            case _ if rule.index in self.timers:
                return f"after {self._limit(rule.index)}"
            case _:
                return INTERNAL

    def _inside(
        self, labels: Callable[[str], frozenset[str]]
    ) -> dict[str, dict[Where, tuple[int, frozenset[int]]]]:
        """For each metavariable, where it occurs: the slot of the thread's location, and the points
        that have one of these labels."""
        found: dict[str, dict[Where, set[int]]] = {p: {} for p in self.setting.open}
        for thread in self.system.threads:
            for point in thread.points:
                for p in self.setting.open:
                    if point.label in labels(p):
                        found[p].setdefault((thread.location, point.span), set()).add(point.id)
        slots = self.space.slots
        return {
            p: {where: (slots[where[0]], frozenset(ids)) for where, ids in places.items()}
            for p, places in found.items()
        }

    def _alone(self, values: Values) -> None:
        for p, places in self.inside.items():
            if sum(values[slot] in ids for slot, ids in places.values()) > 1:
                raise Unsuitable(f"two of {p} may run at once")

    def _cut_off(self, before: Values, after: Values, rule: Rule, but: str) -> str:
        """Which metavariables a step cuts off where they may leave something behind."""
        # (A metavariable that steps where another one stands, in the same thread, passes that one.)
        own = self.system.threads[rule.thread].location if but else None
        gone = [
            f", {p} is cut off"
            for p, places in self.exposed.items()
            if p != but
            and any(
                before[slot] in ids and after[slot] not in ids
                for (location, _), (slot, ids) in places.items()
                if location != own
            )
        ]
        return "".join(gone)

    def _running_in(self, values: Values) -> frozenset[Where]:
        return frozenset(
            where
            for places in self.inside.values()
            for where, (slot, ids) in places.items()
            if values[slot] in ids
        )


def _without(label: str, marks: Sequence[str]) -> str:
    for mark in marks:
        label = label.replace(mark, "")
    return label


def _timed(rule: Rule) -> bool:
    return rule.kind in TIMERS and rule.delay is not None


def _exposed(p: str) -> frozenset[str]:
    return frozenset((f"in {p}", f"in {p}, with a cleanup"))


def _running(p: str) -> frozenset[str]:
    cleanup = f"cleanup of {p}"
    more = (f"in {p}, shielded", f"in {p}, with a cleanup", f"{p} cleans up", f"end of {p}")
    return frozenset((f"in {p}", *more, cleanup, f"end of {cleanup}"))
