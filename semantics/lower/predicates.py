"""State predicates: `running(a)`, `done(o.a)`, `used(r)`, `instances(w)` and the like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ...dsl import ast
from ...dsl.walk import walk
from ..expr import TRUE, Expr, Op, Sort, add, and_, const, ite, lt, not_, or_, sub, var
from .builder import Builder, knot, tie
from .drafts import InstanceDraft
from .env import Bound, after_step, layered

if TYPE_CHECKING:
    from .channels import Channel

WORDS = ("started", "running", "done", "failed", "times", "held")
PREDICATES = re.compile(rf"\b({'|'.join(WORDS)})\b")


class Predicates:
    """Answers predicates while rules are built; some only when all points are known."""

    def __init__(
        self,
        b: Builder,
        instances: Mapping[str, list[InstanceDraft]],
        channels: Mapping[str, Channel],
    ) -> None:
        self.b = b
        self.instances = instances
        self.channels = channels
        self._running: list[tuple[Expr, InstanceDraft, str, bool]] = []
        self._held: list[tuple[Expr, InstanceDraft, str, bool]] = []

    def predicate(self, e: ast.StatePredicate, bound: Bound | None, after: bool) -> Expr:
        """A state predicate, before the step or `after` it."""
        if e.kind in ("running", "held"):
            draft = self._draft(e, bound)
            k = knot(Op.OR if e.kind == "running" else Op.ADD)
            knots = self._running if e.kind == "running" else self._held
            knots.append((k, draft, e.target, after))
            return k if e.kind == "running" else lt(const(0), k)
        now = self._now(e, bound)
        return after_step(now) if after else now

    def _now(self, e: ast.StatePredicate, bound: Bound | None) -> Expr:
        kind = e.kind
        if kind == "len":
            # (The queues of a broadcast are known when the instances are.  What is read before
            # that is read at the start, when nothing has been sent.)
            channel = self.channels.get(e.target)
            return const(0) if channel is None else channel.length
        if kind in ("used", "free"):
            those = self.b.of_name(e.target)
            parts = [v for r in those for v in (r.used, r.exclusive) if v is not None]
            total = add(*(var(v, Sort.INT) for v in parts))
            if kind == "used":
                return total
            return sub(add(*(r.capacity for r in those)), total)
        if kind == "instances":
            group = self.instances[e.target]
            alive = [ite(and_(d.active, _there(d)), const(1), const(0)) for d in group]
            return add(const(0), *alive)
        return self._draft(e, bound).counters[e.target, kind]

    def _draft(self, e: ast.StatePredicate, bound: Bound | None) -> InstanceDraft:
        if bound is not None and isinstance(bound.draft, InstanceDraft):
            return bound.draft
        # At top level without an instance: the checker has seen that there is one only.
        (only,) = (d for group in self.instances.values() for d in group)
        return only

    def tie(self) -> None:
        """All points are known."""
        for k, draft, activity, after in self._running:
            running = draft.running.get(activity, [])
            tie(k, [after_step(e) for e in running] if after else running)
        for k, draft, resource, after in self._held:
            mine = {v for r in self.b.of_name(resource) for v in (r.used, r.exclusive)}
            parts = [
                ite(t.at(p.id), amount, const(0))
                for t in self.b.threads
                if t.instance == draft.id
                for p in t.points
                for used, amount in p.holds
                if used in mine
            ]
            tie(k, [after_step(e) for e in parts] if after else parts)


def bound(d: InstanceDraft) -> Bound:
    return Bound(d.id, layered(d.env.names, dict(d.env.variables)), d, d.active)


def _there(d: InstanceDraft) -> Expr:
    """It has arrived, and not ended."""
    return and_(TRUE if d.arrives is None else not_(d.root.at(0)), not_(ended(d)))


def ended(d: InstanceDraft) -> Expr:
    return or_(d.root.at(d.completed), d.root.at(d.failed))


def counters(
    b: Builder, name: str, instance: int, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Expr]:
    """What an instance, or a call of a child workflow, keeps to answer predicates."""
    out: dict[tuple[str, str], Expr] = {}
    for activity, predicate in sorted(wanted):
        full = f"{name}.{predicate}({activity})"
        if predicate in ("started", "done", "failed"):
            out[activity, predicate] = b.hidden(full, instance, False)
        elif predicate == "times":
            out[activity, predicate] = b.hidden(full, instance)
    return out


def wants(spec: ast.Spec, *roots: ast.Node) -> Iterator[tuple[str, str]]:
    """Which state predicates of which activities are spoken of (in these parts of the spec)."""
    # (To look for one word after the other is much faster, and rules most texts out.)
    text = spec.source
    if not spec.imported_from and not (any(w in text for w in WORDS) and PREDICATES.search(text)):
        return
    for node in walk(roots or spec):
        if isinstance(node, ast.StatePredicate):
            yield node.target, node.kind
