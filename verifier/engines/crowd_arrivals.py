"""Of those of a crowd that arrive: nobody does where as many as there may be are under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Sort, add, and_, const, eq, ite, le, or_, var
from ...semantics.system import AnyNumber, EventKind, Rule, RuleKind, TransitionSystem
from .crowd_control import Group


@dataclass(frozen=True, slots=True)
class Limited:
    """`rooms`: by workflow, the most that have come and are not over; `counters`: by group, how
    many of the crowd are at which place."""

    system: TransitionSystem
    rooms: Mapping[str, int]
    groups: Sequence[Group]
    counters: Sequence[Sequence[Expr]]

    def facts(self) -> Iterator[Expr]:
        """What is so in every state, because of the rules."""
        return (le(self._under_way(g), const(n)) for g, n in self._limits())

    def said(self) -> str:
        rooms = ", ".join(f"{n} of {g.workflow}" for g, n in self._limits())
        return f" (never more than {rooms} under way at once)" if rooms else ""

    def rule(self, r: Rule, made: Rule) -> Rule:
        """What was made of a rule; if somebody arrives by it, there has to be room."""
        comes = any(e.kind is EventKind.WORKFLOW_STARTED for e in r.own_events)
        if not comes or r.kind is not RuleKind.TIMER:
            return made
        for group, n in self._limits():
            if r.instance in group.members:
                room = le(self._under_way(group), const(n - 1))
                return replace(made, guard=and_(made.guard, room), bundle=None)
        return made

    def _limits(self) -> Iterator[tuple[AnyNumber, int]]:
        for g in self.system.any_number:
            if g.workflow in self.rooms:
                yield g, self.rooms[g.workflow]

    def _under_way(self, group: AnyNumber) -> Expr:
        one, other = (self.system.instances[i] for i in group.members)
        root = self.system.threads[one.root].location
        away = [eq(var(root, Sort.INT), const(x)) for x in (0, one.completed, one.failed)]
        parts: list[Expr] = [ite(or_(*away), const(0), const(1))]
        for g, counters in zip(self.groups, self.counters, strict=True):
            if g.instance == other.id and g.root is not None:
                out, at = (0, other.completed, other.failed), g.root
                parts += [n for p, n in zip(g.places, counters, strict=True) if p[at] not in out]
        return add(*parts)
