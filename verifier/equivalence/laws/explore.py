"""A lowered side of a law as a labelled transition system.

Labels: the steps of tokens and of activities, the end of the workflow, and the changes of tests;
any other step is internal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any

from ....dsl.errors import Span
from ....semantics.system import Rule, RuleKind, TransitionSystem
from ...engines.search_space import Space, State
from ...engines.search_terms import NOTHING
from ..lts import INTERNAL, Lts, made
from .setting import WORKFLOW, Setting

COMPLETED = "completes"
FAILS = "fails with "


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
Node = tuple[Values, frozenset[int]]  # with the pools that others use
Edge = tuple[str, Node]
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
    return _Explorer(system, setting, changes, limit, observed).run()


class _Explorer:
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
        self.inside = self._inside()
        self.tokens = [self._token(r) for r in system.rules]
        self.timers = {r.index for r in system.rules if _timed(r)}
        self.running: dict[Values, frozenset[int]] = {}  # timers, by state

    def run(self) -> tuple[Lts, ...]:
        (first,) = self.space.initial()
        starts: list[Node] = [
            (self._with(first.values, sorted(self.tests), chosen), frozenset())
            for chosen in product((False, True), repeat=len(self.tests))
        ]
        number = {node: i for i, node in enumerate(starts)}
        order = list(starts)
        edges: list[tuple[int, str, int]] = []
        for node in order:
            here = number[node]
            self._alone(node[0])
            for label, after in chain(self._beside(node), self._steps(node)):
                target = number.get(after)
                if target is None:
                    target = number[after] = len(order)
                    order.append(after)
                    if len(order) > self.limit:
                        raise TooLarge(f"more than {self.limit} states")
                edges.append((here, label, target))
        lts = made(len(order), 0, edges)
        return tuple(replace(lts, initial=i) for i in range(len(starts)))

    def _with(self, values: Values, slots: Sequence[int], chosen: Sequence[object]) -> Values:
        changed = list(values)
        for slot, value in zip(slots, chosen, strict=True):
            changed[slot] = value
        return tuple(changed)

    def _beside(self, node: Node) -> Iterator[Edge]:
        values, taken = node
        if self.changes.beside:
            for slot, name in self.tests.items():
                state = "false" if values[slot] else "true"
                changed = self._with(values, [slot], [not values[slot]])
                yield f"{name} becomes {state}", (changed, taken)
        if self.changes.contended:
            for slot, name in self.pools.items():
                if slot in taken:
                    given = self._with(values, [slot], [values[slot] - 1])
                    yield f"{name} is given back beside", (given, taken - {slot})
                elif values[slot] == 0:
                    yield (
                        f"{name} is taken beside",
                        (self._with(values, [slot], [1]), taken | {slot}),
                    )

    def _steps(self, node: Node) -> Iterator[Edge]:
        values, taken = node
        begun: set[str] = set()
        going: set[str] = set()
        for move in self.space.moves(State(values, NOTHING)):
            if move.target.condition:
                raise Unsuitable("values without bounds")
            after = tuple(move.target.values)
            name = self.tokens[move.rule.index]
            label = self._label(move.rule, values, name)
            if self.timers:
                label += self._started(move.rule, values, after)
            if not name:
                yield label, (after, taken)
                continue
            (begun if f"{name}: start " in move.rule.name else going).add(name)
            slots = [] if self.changes.beside else self.moved[name]
            for chosen in product((False, True), repeat=len(slots)):
                seen = "".join(
                    f", {self.tests[i]} {str(v).lower()}"
                    for i, v in zip(slots, chosen, strict=True)
                )
                yield label + seen, (self._with(after, slots, chosen), taken)
        for p in begun & going:
            o = self.setting.open[p]
            if o.first and o.first == o.later:
                raise Shared(p)

    def _started(self, rule: Rule, values: Values, after: Values) -> str:
        """The timers that begin with a step: so a timer that strikes is known by its beginning."""
        new = self._timers(after) - self._timers(values)
        if rule.index in self.timers and rule.index in self._timers(after):
            new |= {rule.index}
        return "".join(f", {t} begins" for t in sorted(map(self._limit, new)))

    def _timers(self, values: Values) -> frozenset[int]:
        found = self.running.get(values)
        if found is None:
            moves = self.space.moves(State(values, NOTHING))
            found = frozenset(m.rule.index for m in moves if m.rule.index in self.timers)
            if len(set(map(self._limit, found))) < len(found):
                raise Unsuitable("two timers that cannot be told apart")
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

    def _inside(self) -> list[tuple[str, list[tuple[int, frozenset[int]]]]]:
        """For each metavariable, the points of each of its occurrences at which it is running."""
        found: dict[str, dict[tuple[int, Span], set[int]]] = {p: {} for p in self.setting.open}
        for thread in self.system.threads:
            for point in thread.points:
                for p in self.setting.open:
                    if point.label in _running(p):
                        found[p].setdefault((thread.location, point.span), set()).add(point.id)
        slots = self.space.slots
        return [
            (p, [(slots[location], frozenset(ids)) for (location, _), ids in places.items()])
            for p, places in found.items()
        ]

    def _alone(self, values: Values) -> None:
        for p, places in self.inside:
            if sum(values[slot] in ids for slot, ids in places) > 1:
                raise Unsuitable(f"two of {p} may run at once")


def _timed(rule: Rule) -> bool:
    return rule.kind in TIMERS and rule.delay is not None


def _running(p: str) -> frozenset[str]:
    cleanup = f"cleanup of {p}"
    more = (f"in {p}, shielded", f"in {p}, with a cleanup", f"{p} cleans up", f"end of {p}")
    return frozenset((f"in {p}", *more, cleanup, f"end of {cleanup}"))
