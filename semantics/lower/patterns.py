"""Run patterns: what holds before, after and at last, by ghosts that watch the rules.

`never p after q`, `p precedes q`: p or q *comes to hold* in a step after which it holds and
before which it did not.  `q leads_to p`, `eventually p`: a ghost remembers that p is owed.
(Dwyer, Avrunin, Corbett 1999: absence, precedence, response, existence.)
"""

from __future__ import annotations

from collections.abc import Sequence

from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ...dsl.types import Bool
from ..expr import FALSE, Expr, Op, and_, implies, not_, or_
from ..system import EventKind, Liveness, Obligation, Rule, TimeLimit, VarKind
from ..walks import substitute, variables
from .builder import Builder
from .env import after_step


@dataclass(frozen=True, slots=True)
class Pattern:
    """`kind` is never_after, precedes, leads_to or eventually; `active`: there is such an
    instance; `words` say what is claimed."""

    kind: str
    name: str
    p: Expr
    q: Expr | None
    active: Expr
    instance: int | None
    words: str
    span: Span
    within: Expr | None = None  # of leads_to: seconds


@dataclass(frozen=True, slots=True)
class Watched:
    rules: tuple[Rule, ...]
    obligations: tuple[Obligation, ...]
    liveness: tuple[Liveness, ...]
    limits: tuple[TimeLimit, ...]


def watched(b: Builder, rules: Sequence[Rule], patterns: Sequence[Pattern], over: Expr) -> Watched:
    """The rules with the ghosts of the patterns; `over`: every instance has ended."""
    if not patterns:
        return Watched(tuple(rules), (), (), ())
    ghosts = _Ghosts(b, rules)
    obligations: list[Obligation] = []
    liveness: list[Liveness] = []
    limits: list[TimeLimit] = []
    for x in patterns:
        match x.kind:
            case "never_after":
                assert x.q is not None
                seen = or_(ghosts.seen(x, x.q), x.q)
                comes = and_(not_(x.p), after_step(x.p))
                holds = not_(and_(x.active, seen, comes))
                obligations.append(
                    Obligation(
                        "property", x.name, holds, x.words, x.span, every_step=True, unless=x.q
                    )
                )
            case "precedes":
                assert x.q is not None
                holds = or_(not_(x.active), not_(x.q), ghosts.seen(x, x.p), x.p)
                obligations.append(
                    Obligation("property", x.name, holds, x.words, x.span, unless=x.q)
                )
            case _:
                owed = ghosts.owed(x)
                if x.within is not None:
                    limits.append(
                        TimeLimit("property", x.name, owed, x.within, x.words, x.span, unless=x.q)
                    )
                    continue
                end = implies(over, not_(owed))
                goal = Obligation("property", x.name, end, x.words, x.span, unless=x.q)
                liveness.append(Liveness(x.name, owed, goal))
    return Watched(ghosts.rules(), tuple(obligations), tuple(liveness), tuple(limits))


class _Ghosts:
    def __init__(self, b: Builder, rules: Sequence[Rule]) -> None:
        self.b = b
        self._rules = list(rules)
        self._updates = [dict(r.updates) for r in rules]
        self._writing: dict[int, list[int]] = {}
        for r, updates in zip(rules, self._updates, strict=True):
            for v in updates:
                self._writing.setdefault(v, []).append(r.index)
        self._more: dict[int, list[tuple[int, Expr]]] = {}

    def _variable(self, x: Pattern, what: str, init: Expr) -> Expr:
        name = f"{x.name}: {what}"
        return self.b.variable(name, Bool(), VarKind.GHOST, init, x.instance, x.span)

    def _touching(self, *conditions: Expr) -> list[int]:
        found = (self._writing.get(v, ()) for v in variables(conditions))
        return sorted({i for indices in found for i in indices})

    def seen(self, x: Pattern, e: Expr) -> Expr:
        """`e` has held in an earlier state (as far as it may have changed since)."""
        ghost = self._variable(x, "seen", FALSE)
        for i in self._touching(e):
            self._more.setdefault(i, []).append((ghost.index, or_(ghost, e)))
        return ghost

    def owed(self, x: Pattern) -> Expr:
        """Something is due that has not come yet."""
        due = FALSE if x.q is None else and_(x.active, x.q)
        first = and_(x.active, not_(x.p)) if x.q is None else and_(due, not_(x.p))
        ghost = self._variable(x, "owed", first)
        for i in self._touching(due, x.p):
            updates = self._updates[i]

            def after(e: Expr, updates: dict[int, Expr] = updates) -> Expr:
                return substitute(e, lambda n: updates.get(n.index, n) if n.op is Op.VAR else n)

            still = and_(or_(ghost, after(due)), not_(after(x.p)))
            self._more.setdefault(i, []).append((ghost.index, still))
        return ghost

    def rules(self) -> tuple[Rule, ...]:
        return tuple(
            _observing(r, self._more[r.index]) if r.index in self._more else r for r in self._rules
        )


_OTHERS = (
    EventKind.TASK_SCHEDULED,
    EventKind.RESOURCE_ALLOCATED,
    EventKind.RESOURCE_RELEASED,
)


def _observing(r: Rule, updates: Sequence[tuple[int, Expr]]) -> Rule:
    """The rule with more updates, which its main event tells."""
    main = next(k for k, e in enumerate(r.own_events) if e.kind not in _OTHERS)
    event = r.own_events[main]
    event = replace(event, changes=(*event.changes, *updates))
    events = (*r.own_events[:main], event, *r.own_events[main + 1 :])
    return replace(r, own=(*r.own, *updates), own_events=events)
