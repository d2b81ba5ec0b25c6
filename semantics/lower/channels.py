"""Channels as data: queues of slots with a length, which every instance sees.

A channel is one queue, or one for each key; of a broadcast, one (for each key) for every instance
that receives from it.  The oldest message is in slot 0, and slots beyond the length hold the
default of their type, so that states that differ in nothing else are one.  Decision record:
docs/decisions/0012-messages.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from ...dsl import ast
from ...dsl.records import dataclass
from ...dsl.types import Bool, Enum, Int, Type
from ...dsl.walk import walk
from ..expr import FALSE, TRUE, Expr, Sort, add, and_, const, eq, ite, le, lt, not_, or_, to_real
from ..system import ChannelInfo, VarKind
from .builder import Builder, RuleDraft
from .data import Rec, Value, choose, default, leaves
from .drafts import InstanceDraft
from .predicates import ended
from .sends import Sender

MESSAGE, ASKER = "message", "asker"


@dataclass(frozen=True, slots=True)
class Queue:
    """`slots` are records of the message and, of a request, of who asks (0: nobody any more).

    `gone`: nobody will receive from it; what is sent goes past it."""

    length: Expr
    slots: tuple[Value, ...]
    nothing: Value
    gone: Expr = FALSE

    def room(self, capacity: Expr | None) -> Expr:
        """Whether there is room for one more; without a capacity there always is."""
        return TRUE if capacity is None else or_(self.gone, lt(self.length, capacity))

    def holds(self, i: int) -> Expr:
        return lt(const(i), self.length)

    def put(self, item: Value, here: Expr, twice: Expr) -> Iterator[tuple[int, Expr]]:
        """Updates that add the item at the end, once or twice, where `here`."""
        new = list(leaves(item))
        for i, slot in enumerate(self.slots):
            mine = eq(self.length, const(i))
            if i:
                mine = or_(mine, and_(twice, eq(self.length, const(i - 1))))
            for old, value in zip(leaves(slot), new, strict=True):
                value = to_real(value) if old.sort is Sort.REAL else value
                yield old.index, ite(and_(here, mine), value, old)
        more = ite(twice, const(2), const(1))
        yield self.length.index, ite(here, add(self.length, more), self.length)

    def next(self, fits: Sequence[Expr] | None) -> list[Expr]:
        """By slot, whether its message comes next (the first of these counts): of those that fit,
        or of all."""
        return [TRUE] if fits is None else list(fits)

    def without(self, taken: Sequence[Expr], here: Expr) -> Iterator[tuple[int, Expr]]:
        """Updates that close the gap of the message that is taken out, where `here`."""
        for i, slot in enumerate(self.slots):
            after = self.slots[i + 1] if i + 1 < len(self.slots) else self.nothing
            passed = or_(*taken[: i + 1])  # it was in this slot or before
            for old, value in zip(leaves(slot), leaves(after), strict=True):
                yield old.index, ite(and_(here, passed), value, old)
        yield self.length.index, ite(here, add(self.length, const(-1)), self.length)


@dataclass(frozen=True, slots=True)
class Cells(Queue):
    """Of messages that grow old: each stays in its slot, so that it has a clock of its own, and
    `turns` says in which order they came (0: the slot is empty)."""

    turns: tuple[Expr, ...] = ()

    def holds(self, i: int) -> Expr:
        return lt(const(0), self.turns[i])

    def put(self, item: Value, here: Expr, twice: Expr) -> Iterator[tuple[int, Expr]]:
        new = list(leaves(item))
        free: Expr = const(0)  # empty slots before this one
        for slot, turn in zip(self.slots, self.turns, strict=True):
            empty = eq(turn, const(0))
            first, second = and_(empty, eq(free, const(0))), and_(empty, eq(free, const(1)))
            mine = or_(first, and_(second, twice))
            for old, value in zip(leaves(slot), new, strict=True):
                value = to_real(value) if old.sort is Sort.REAL else value
                yield old.index, ite(and_(here, mine), value, old)
            turn_ = add(self.length, ite(first, const(1), const(2)))
            yield turn.index, ite(and_(here, mine), turn_, turn)
            free = add(free, ite(empty, const(1), const(0)))
        yield (
            self.length.index,
            ite(here, add(self.length, ite(twice, const(2), const(1))), self.length),
        )

    def next(self, fits: Sequence[Expr] | None) -> list[Expr]:
        if fits is None:
            return [eq(t, const(1)) for t in self.turns]
        pairs = list(zip(fits, self.turns, strict=True))
        return [
            and_(f, *(not_(and_(g, lt(u, t))) for g, u in pairs if u is not t)) for f, t in pairs
        ]

    def without(self, taken: Sequence[Expr], here: Expr) -> Iterator[tuple[int, Expr]]:
        its = add(
            const(0),
            *(ite(t, turn, const(0)) for t, turn in zip(taken, self.turns, strict=True)),
        )
        for slot, turn, mine in zip(self.slots, self.turns, taken, strict=True):
            for old, value in zip(leaves(slot), leaves(self.nothing), strict=True):
                yield old.index, ite(and_(here, mine), value, old)
            closer = ite(lt(its, turn), add(turn, const(-1)), turn)
            yield turn.index, ite(here, ite(mine, const(0), closer), turn)
        yield self.length.index, ite(here, add(self.length, const(-1)), self.length)


@dataclass(frozen=True, slots=True)
class Counted(Queue):
    """Only the number of messages: what one says is any value of the type.  `taken`: how many have
    been taken out, so that what is sent can be told from what others have received."""

    taken: Expr = const(0)

    def put(self, item: Value, here: Expr, twice: Expr) -> Iterator[tuple[int, Expr]]:
        more = ite(twice, const(2), const(1))
        yield self.length.index, ite(here, add(self.length, more), self.length)

    def without(self, taken: Sequence[Expr], here: Expr) -> Iterator[tuple[int, Expr]]:
        yield self.length.index, ite(here, add(self.length, const(-1)), self.length)
        yield self.taken.index, ite(here, add(self.taken, const(1)), self.taken)


@dataclass(eq=False, slots=True)
class Site:
    """A place that asks: its number in requests, where its thread waits, and its answer."""

    number: Expr
    waits: Expr
    there: Expr
    value: Value
    rule: RuleDraft


@dataclass(eq=False, slots=True)
class Reply:
    """A rule that answers the request whose asker is in `asker` with `value`."""

    rule: RuleDraft
    asker: Expr
    value: Value


@dataclass(eq=False, slots=True)
class Channel:
    """`queues` by key (0 where there are none) and by the instance that receives (None where all
    do).  Sites, replies and who has a request in hand are known when all is lowered."""

    decl: ast.Channel
    type: Type
    capacity: Expr | None  # None: only the number of messages is kept, whatever it is
    keys: int
    queues: dict[tuple[int, int | None], Queue]
    ttl: Expr | None = None
    sites: list[Site] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    in_hand: list[Expr] = field(default_factory=list)  # variables that hold an asker
    unbounded: bool = False
    by_instances: bool = False  # there is room for what the instances send that are there
    full: list[Expr] = field(default_factory=list)  # of an unbounded one: a send has no room
    senders: Sequence[Sender] = ()  # where it has no capacity

    @property
    def name(self) -> str:
        return self.decl.name

    @property
    def first_key(self) -> int:
        """Of keys that are numbers the least one."""
        key = self.decl.resolved_key
        return key.lo if isinstance(key, Int) and key.lo is not None else 0

    def by_key(self, key: Expr | None) -> list[tuple[Expr, int]]:
        """The keys, and when it is each."""
        if key is None:
            return [(TRUE, 0)]
        if key.sort is Sort.BOOL:
            return [(eq(key, const(bool(k))), k) for k in range(self.keys)]
        return [(eq(key, const(k + self.first_key)), k) for k in range(self.keys)]

    def of_key(self, k: int) -> list[Queue]:
        return [q for (key, _), q in self.queues.items() if key == k]

    def mine(self, k: int, instance: int) -> Queue:
        """The queue from which an instance receives."""
        return self.queues[k, instance if self.decl.broadcast else None]

    @property
    def length(self) -> Expr:
        """How many messages are on their way; of a broadcast, to whom has yet to receive most."""
        total: Expr = const(0)
        for k in range(self.keys):
            most: Expr = const(0)
            for q in self.of_key(k):
                most = q.length if most.op.value == "const" else _larger(most, q.length)
            total = add(total, most)
        return total

    def info(self, spec: ast.Spec) -> ChannelInfo:
        lengths = tuple(q.length.index for q in self.queues.values())
        return ChannelInfo(
            self.name,
            lengths,
            self.decl.span,
            self._tested(spec),
            self.capacity,
            or_(*self.full) if self.unbounded else None,
            self._slots(),
            tuple(
                tuple(turn.index for turn in q.turns)
                for q in self.queues.values()
                if isinstance(q, Cells)
            ),
            self.decl.order != "unordered" and not self._chosen(spec),
            self._chosen(spec),
            self.by_instances,
            self.decl.answer is not None,
            tuple(x.index for x in self.in_hand),
            tuple(q.taken.index for q in self.queues.values() if isinstance(q, Counted)),
        )

    def _slots(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        if self.capacity is None:
            return ()
        queues = self.queues.values()
        return tuple(tuple(tuple(x.index for x in leaves(s)) for s in q.slots) for q in queues)

    def _chosen(self, spec: ast.Spec) -> bool:
        """Whether somebody receives what fits."""
        return any(
            isinstance(n, ast.Receive) and n.channel == self.name and n.where is not None
            for n in walk(tuple(w.body for w in spec.workflows))
        )

    def _tested(self, spec: ast.Spec) -> bool:
        parts = tuple((w.body, w.activities) for w in spec.workflows)
        return any(
            isinstance(n, ast.StatePredicate) and n.kind == "len" and n.target == self.name
            for n in walk((parts, spec.activities))
        )


def _larger(a: Expr, b: Expr) -> Expr:
    return ite(le(a, b), b, a)


def declared(
    b: Builder,
    c: ast.Channel,
    capacity: Expr | None,
    size: int,
    receivers: Sequence[InstanceDraft],
    ttl: Expr | None,
    unbounded: bool = False,
    by_instances: bool = False,
    senders: Sequence[Sender] = (),
) -> Channel:
    """The variables of a channel.  `receivers`: the instances of workflows that receive from it."""
    assert c.resolved is not None
    labels = _labels(c.resolved_key)
    queues: dict[tuple[int, int | None], Queue] = {}
    if not c.environment:
        whose: list[InstanceDraft | None] = [*receivers] if c.broadcast else [None]
        for k, label in enumerate(labels):
            for d in whose:
                name = f"{c.name}{label}" + (f" to {d.name}" if d is not None else "")
                gone = or_(not_(d.active), ended(d)) if d is not None else FALSE
                whose_ = d.id if d is not None else None
                queues[k, whose_] = _queue(b, c, name, size, gone, whose_)
    return Channel(
        c,
        c.resolved,
        capacity,
        len(labels),
        queues,
        ttl,
        unbounded=unbounded,
        by_instances=by_instances,
        senders=senders,
    )


def _labels(key: Type | None) -> list[str]:
    match key:
        case Enum(values=values):
            return [f"[{v}]" for v in values]
        case Int(lo=int() as lo, hi=int() as hi):
            return [f"[{k}]" for k in range(lo, hi + 1)]
        case Bool():
            return ["[false]", "[true]"]
    return [""]


def _queue(
    b: Builder, c: ast.Channel, name: str, size: int, gone: Expr, instance: int | None
) -> Queue:
    assert c.resolved is not None
    kind, zero = VarKind.CHANNEL, default(c.resolved, b.string)
    length = b.variable(f"len({name})", Int(), kind, const(0), instance, c.span)
    slots = []
    for i in range(size):
        value = b.data(f"{name}[{i}]", c.resolved, kind, zero, instance, c.span)
        slots.append(_item(c, value, lambda i=i: _asker(b, c, f"{name}[{i}] {ASKER}")))
    nothing = _item(c, zero, lambda: const(0))
    if size == 0:
        taken = b.variable(f"taken({name})", Int(), kind, const(0), instance, c.span)
        return Counted(length, (), nothing, gone, taken)
    if c.ttl is None:
        return Queue(length, tuple(slots), nothing, gone)
    turns = [
        b.variable(f"{name}[{i}] turn", Int(), kind, const(0), instance, c.span)
        for i in range(size)
    ]
    return Cells(length, tuple(slots), nothing, gone, tuple(turns))


def _asker(b: Builder, c: ast.Channel, name: str) -> Expr:
    return b.variable(name, Int(), VarKind.HIDDEN, const(0), None, c.span)


def _item(c: ast.Channel, value: Value, asker: object) -> Rec:
    fields: list[tuple[str, Value]] = [(MESSAGE, value)]
    if c.answer is not None:
        assert callable(asker)
        fields.append((ASKER, asker()))
    return Rec(tuple(fields))


def item(c: Channel, value: Value, asker: Expr | None) -> Rec:
    """What is put into a slot."""
    return _item(c.decl, value, lambda: asker)


def receives(spec: ast.Spec, w: ast.Workflow, channel: str) -> bool:
    """Whether a workflow, or one that it calls, receives from a channel."""
    workflows: Mapping[str, ast.Workflow] = {x.name: x for x in spec.workflows}
    seen: set[str] = set()
    todo = [w]
    while todo:
        at = todo.pop()
        if at.name in seen:
            continue
        seen.add(at.name)
        for node in walk(at.body):
            if isinstance(node, ast.Receive) and node.channel == channel:
                return True
            if isinstance(node, ast.Call) and node.name in workflows:
                todo.append(workflows[node.name])
    return False


def picked(items: Sequence[tuple[Expr, Value]], otherwise: Value) -> Value:
    """The item whose condition holds."""
    out = otherwise
    for cond, value in reversed(items):
        out = choose(cond, value, out)
    return out
