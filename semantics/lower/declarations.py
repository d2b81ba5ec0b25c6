"""What a spec declares at its top: constants, shared state, resources, channels, errors."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property, partial
from typing import TypeVar

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.constants import in_order
from ...dsl.errors import Span
from ...dsl.types import Enum, Int, Type
from ...dsl.walk import walk
from ..expr import (
    TRUE,
    Expr,
    Op,
    Sort,
    and_,
    const,
    implies,
    le,
    lt,
)
from ..system import (
    AnyNumber,
    Obligation,
    ResourceInfo,
    VarKind,
    Within,
)
from . import channels, control
from .arriving import limited, several
from .builder import Builder
from .context import UNDO_FAILED
from .crashes import Crashing
from .data import Value, default, leaves
from .drafts import InstanceDraft, World
from .env import Bound, Definedness, Env, NotConstant, collecting
from .expressions import as_sort, bounds, measured, ranged, scalar
from .expressions import lower as lower_expr
from .first import initially
from .placement import declared, pools
from .predicates import Predicates, bound
from .rates import refilled
from .refusals import without_bounds
from .sends import Sender, most_sent, senders

T = TypeVar("T")


def _keys(type_: Type | None) -> list[tuple[int, str]]:
    """The keys that there are, and their names."""
    if isinstance(type_, Enum):
        return list(enumerate(type_.values))
    assert isinstance(type_, Int) and type_.lo is not None and type_.hi is not None
    return [(k, str(k)) for k in range(type_.lo, type_.hi + 1)]


class Declarations:
    """One call of `lower`: the builder, and what the expressions need to know."""

    def __init__(
        self,
        spec: ast.Spec,
        few: tuple[int, int] | None,
        running: bool,
        room: int | None,
        crowd: bool = False,
    ) -> None:
        self.spec = spec
        self.room = room
        self.crowd = crowd
        self.few = few
        self.running = running
        self.rates: list[tuple[ResourceInfo, ast.Resource]] = []
        self.first: dict[str, Expr] = {}  # capacities that controllers set
        self.any_number: list[AnyNumber] = []
        self.b = Builder()
        shared = {a.name: a for a in spec.activities}
        self.world = World(
            spec,
            {w.name: ChainMap({a.name: a for a in w.activities}, shared) for w in spec.workflows},
            {w.name: w for w in spec.workflows},
            {r.name: r for r in spec.resources}
            | {n: r for e in spec.environments for n, r in declared(e).items()},
            crashing=frozenset(f.workflow for f in (spec.system.faults if spec.system else ())),
        )
        self.instances: dict[str, list[InstanceDraft]] = {w.name: [] for w in spec.workflows}
        self.initial: list[Expr] = []
        self.count = 0  # of instances
        faults = spec.system.faults if spec.system is not None else ()
        self.faults = {f.workflow: f for f in faults}
        self.crashing: list[Crashing] = []
        self.single: Mapping[str, Bound] = {}  # of workflows with one instance, by workflow
        self.predicates = Predicates(self.b, self.instances, self.world.channels)
        self.env = Env(
            names=ChainMap(),
            variables={},
            string=self.b.string,
            predicate=self.predicates.predicate,
            instances=lambda w: tuple(bound(i) for i in self.instances[w]),
            now=self._now,
            metrics={m.name: (m.value, lambda: self.top) for m in spec.metrics},
        )

    @property
    def top(self) -> Env:
        """What names mean outside of workflows."""
        return replace(self.env, bound=self.single)

    def _constants(self) -> None:
        names: dict[str, Value] = {}
        self.env = replace(self.env, names=ChainMap(names))  # which sees what is added
        for c in in_order(self.spec.constants)[0]:
            names[c.name] = self._fixed(partial(lower_expr, e=c.value))
        for p in self.spec.params:
            assert p.resolved is not None
            value = self.b.data(p.name, p.resolved, VarKind.PARAM, None, None, p.span)
            self._ranges(value)
            names[p.name] = value

    def _ranges(self, value: Value) -> None:
        """A free initial value is of its type."""
        for slot in leaves(value):
            v = self.b.variables[slot.index]
            if isinstance(v.type, Int) and v.lo is not None and v.hi is not None:
                self.initial.append(and_(le(const(v.lo), slot), le(slot, const(v.hi))))
            elif isinstance(v.type, Enum):
                size = len(v.type.values)
                self.initial.append(and_(le(const(0), slot), lt(slot, const(size))))

    def _shared(self) -> None:
        table: dict[str, Value] = {}
        for s in self.spec.shared:
            d = s.decl
            assert d.resolved is not None
            init = self._first(self.env, d.init, d.resolved, d.name, TRUE)
            init = init or default(d.resolved, self.b.string)
            value = self.b.data(d.name, d.resolved, VarKind.SHARED, init, None, d.span)
            if s.durable:
                for slot in leaves(value):
                    v = self.b.variables[slot.index]
                    self.b.variables[slot.index] = replace(v, durable=True)
            table[d.name] = value
        self.env = replace(self.env, variables=table)

    def _resources(self) -> None:
        for r in self.spec.resources:
            if r.lease is not None:
                self.b.leases[r.name] = self._fixed(partial(measured, e=r.lease))
            if r.key is None:
                self._resource(r, r.name)
                continue
            self.b.families[r.name] = tuple(
                (const(k), self._resource(r, f"{r.name}[{label}]"))
                for k, label in _keys(r.key_type)
            )
        for e in self.spec.environments:
            sizes = {
                a.name: const(1) if a.value is None else self._fixed(partial(scalar, e=a.value))
                for a in e.capacities
            }
            pools(self.b, e, sizes)

    def _resource(self, r: ast.Resource, name: str) -> ResourceInfo:
        used = self.b.variable(name, Int(), VarKind.USED, const(0), None, r.span)
        exclusive = None
        capacity: Expr = const(1)
        within: Within | None = None
        if r.kind == "pool":
            assert r.capacity is not None
            capacity = self._fixed(partial(scalar, e=r.capacity))
            within = control.bounds(self.spec, self._fixed, r)
            if within is not None:
                capacity = self._set_by_control(r, capacity, within)
        elif r.kind == "rate":
            most = r.burst if r.burst is not None else r.capacity
            assert most is not None
            capacity = self._fixed(partial(scalar, e=most))
        else:
            exclusive = self.b.variable(
                f"{name} exclusive", Int(), VarKind.USED, const(0), None, r.span
            ).index
        info = ResourceInfo(
            name,
            r.kind,
            capacity,
            not r.advisory,
            used.index,
            exclusive,
            r.span,
            within=within,
        )
        self.b.resources[name] = info
        if r.kind == "rate":
            self.rates.append((info, r))
        return info

    def _refills(self) -> None:
        for info, r in self.rates:
            assert r.per is not None and r.capacity is not None
            per = self._fixed(partial(measured, e=r.per))
            tokens = self._fixed(partial(scalar, e=r.capacity))
            least = and_(lt(const(0), tokens), lt(const(Fraction(0)), per))
            self._defined([Definedness(least, "nothing comes at this rate", r.span)], TRUE)
            refilled(self.b, info, per, tokens)

    def _channels(self, broadcast: bool) -> None:
        """A broadcast has a queue for each instance, so these must be known."""
        drafts = [d for group in self.instances.values() for d in group]
        for c in self.spec.channels:
            if c.broadcast is broadcast:
                with self.world.refusals.collecting():
                    self._channel(c, drafts)
        self.world.refusals.tell()

    def _channel(self, c: ast.Channel, drafts: Sequence[InstanceDraft]) -> None:
        unbounded = by_instances = False
        known: tuple[Sender, ...] = ()
        takers = [d for d in drafts if channels.receives(self.spec, d.workflow, c.name)]
        capacity: Expr | None
        if c.capacity is not None:
            capacity = self._fixed(partial(scalar, e=c.capacity))
            size = bounds(self.env, c.capacity)[1]
        else:
            # As many as will ever be sent: a send never waits.
            sent = self.spec, c, self._known, self._seconds
            most = 0 if c.environment else most_sent(*sent, self.members[1])
            known = tuple(senders(*sent))
            by_instances = any(s.instances is None for s in known)
            unbounded = most is None
            if self.crowd and (unbounded or by_instances):
                size, capacity, unbounded = 0, None, False
            else:
                if most is None:
                    if self.room is None:
                        raise without_bounds("a channel that a loop sends to", c.span)
                    most = self.room
                size = max(1, most)
                capacity = const(size)
        ttl = self._fixed(partial(measured, e=c.ttl)) if c.ttl is not None else None
        self.world.channels[c.name] = channels.declared(
            self.b, c, capacity, size, takers, ttl, unbounded, by_instances, known
        )

    @cached_property
    def members(self) -> tuple[int, int]:
        """The least and the largest number of instances that stand for any number of them."""
        if self.few is not None:
            return self.few
        given = (c for c in self.spec.channels if c.capacity is not None and not c.broadcast)
        sizes = [self._known(c.capacity) for c in given if c.capacity is not None]
        return 1, several(
            self.b.resources.values(), (s for s in sizes if s is not None), limited(self.spec)
        )

    def _known(self, e: ast.Expression) -> int | None:
        try:
            low, high = bounds(self.env, e)
        except NotConstant:
            return None
        return low if low == high else None

    def _seconds(self, e: ast.Expression) -> Fraction | None:
        """A time that is the same wherever it is read."""
        named = {n.name for n in walk(e) if isinstance(n, ast.Name)}
        if not named <= self._never_hidden:
            return None
        value = as_sort(self.env, e, Sort.REAL)
        return Fraction(value.value) if value.op is Op.CONST and value.value is not None else None

    @cached_property
    def _never_hidden(self) -> frozenset[str]:
        """Constants whose names mean nothing else anywhere."""
        spec = self.spec
        inside = {
            n.name
            for n in walk((spec.workflows, spec.activities))
            if isinstance(n, ast.Param | ast.VarDecl)
        }
        bound = {n.var for n in walk(spec.workflows) if isinstance(n, ast.Each | ast.Receive)}
        return frozenset(c.name for c in spec.constants) - inside - bound

    def _set_by_control(self, r: ast.Resource, first: Expr, within: Within) -> Expr:
        """In a run it begins as declared; for proofs it is any value within the bounds."""
        self.first[r.name] = first
        name = f"capacity of {r.name}"
        if self.running:
            return self.b.variable(name, Int(), VarKind.SHARED, first, None, r.span)
        kind = Int(within.first, within.last)
        capacity = self.b.variable(name, kind, VarKind.PARAM, None, None, r.span)
        self._within(capacity, within)
        return capacity

    def _within(self, capacity: Expr, within: Within) -> None:
        self._ranges(capacity)
        self.initial += [le(within.lo, capacity), le(capacity, within.hi)]

    def _errors(self) -> None:
        for e in self.spec.errors:
            self.b.error(e.name)
        for name in ("Timeout", "TooMany", "Interrupted", "LeaseExpired", "Aborted", UNDO_FAILED):
            self.b.error(name)

    def _first(
        self, env: Env, e: ast.Expression | None, type_: Type, name: str, active: Expr
    ) -> Value | None:
        """The first value of a variable: it is defined, and in its range."""
        if e is None:
            return None
        with collecting(env) as (inner, found):
            value = lower_expr(inner, e)
        self._defined([*found, *ranged(type_, name, value, e.span)], active)
        return value

    def _defined(self, found: Sequence[Definedness], active: Expr) -> Expr:
        """What is read at the start is defined, in terms of what never changes."""
        conds = [initially(self.b, d.cond) for d in found]
        for d, c in zip(found, conds, strict=True):
            cond = implies(active, c)
            if cond is not TRUE:
                message = f"at the start: {d.message}"
                self.b.obligations.append(Obligation(d.check, "", cond, message, d.span))
        return and_(*conds)

    def _fixed(self, read: Callable[[Env], T]) -> T:
        """Something of constants and parameters."""
        with collecting(self.env) as (env, found):
            value = read(env)
        self._defined(found, TRUE)
        return value

    def _now(self, span: Span) -> Expr:
        return self.b.now()
