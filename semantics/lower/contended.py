"""A longest time for what has to wait for each other's claims: see `measure`.

Where one thing runs alone, one part of it after the other, what it waits for is in the same part;
and branches that share no resource do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from math import ceil

from ...dsl import ast
from ...dsl.records import dataclass
from ...dsl.walk import walk
from ..expr import TRUE, Op, Sort
from ..network import Task
from .activity import activity_of
from .context import Ctx
from .lasting import fixed, read
from .lasting_calls import called
from .lasting_facts import Reading
from .measure import Amounts, Measure, Unmeasured
from .placement import anywhere
from .times import DONE, ZERO, Arithmetic, number
from .world import contexts

ONE = Fraction(1)
Part = tuple[Ctx, ast.Term]


def longest(spec: ast.Spec, free: Collection[str], room: int | None = None) -> dict[int, Fraction]:
    """For each instance of which it is known: seconds after which it is over at the latest, for all
    parameters.  `free` names resources whose claims never wait; claims of the others must not
    deadlock."""
    if _other(spec):
        return {}
    bodies = [(ctx, ctx.inst.workflow.body) for ctx in contexts(spec, room)]
    out: dict[int, Fraction] = {}
    for ctx, body in bodies:
        bounds = _Bounds(frozenset(free))
        found = bounds.together(bodies, [(ctx, body)])
        if len(bodies) == 1:
            found = _less(found, bounds.alone(ctx, body))
        if found is not None:
            # (Nobody reads thirds of a second.)
            out[ctx.inst.id] = Fraction(ceil(found * 1000), 1000)
    return out


def _other(spec: ast.Spec) -> bool:
    """Are there more than workflows that begin at once, so many as are named, and are granted
    claims that fit?"""
    system = spec.system
    if system is None:
        return False
    if system.scheduler == "head_of_line":
        return True  # units may be free for which somebody waits
    return bool(system.faults) or any(d.arrive or d.any_number for d in system.instances)


@dataclass(frozen=True, slots=True)
class _Bounds:
    free: frozenset[str]

    def alone(self, ctx: Ctx, t: ast.Term) -> Fraction | None:
        """Of a term that nothing runs beside."""
        whole = self.together([(ctx, t)], [(ctx, t)])
        match t:
            case ast.Seq(parts=parts):
                return _less(whole, _sum(self.alone(ctx, p) for p in parts))
            case ast.If(then=then, orelse=orelse):
                sides = [then] if orelse is None else [then, orelse]
                return _less(whole, _most(self.alone(ctx, s) for s in sides))
            case ast.Choice(parts=parts):
                return _less(whole, _most(self.alone(ctx, p) for p in parts))
            case ast.Par(parts=parts, policy="all"):
                groups = self.groups(ctx, parts)
                if len(groups) > 1 or len(groups[0]) == 1:
                    return _less(whole, _most(self.beside(ctx, g) for g in groups))
        return whole

    def beside(self, ctx: Ctx, parts: Sequence[ast.Term]) -> Fraction | None:
        if len(parts) == 1:
            return self.alone(ctx, parts[0])
        several = [(ctx, p) for p in parts]
        return self.together(several, several)

    def groups(self, ctx: Ctx, parts: Sequence[ast.Term]) -> list[list[ast.Term]]:
        """Branches that may wait for each other, together."""
        out: list[tuple[set[str], list[ast.Term]]] = []
        for p in parts:
            mine, members = self.asked(ctx, p), [p]
            rest = []
            for names, group in out:
                if names & mine:
                    mine, members = mine | names, [*group, *members]
                else:
                    rest.append((names, group))
            out = [*rest, (mine, members)]
        return [group for _, group in out]

    def asked(self, ctx: Ctx, t: ast.Node) -> set[str]:
        """Resources for which something in it may have to wait."""
        out: set[str] = set()
        for node in walk(t):
            if isinstance(node, ast.Claim):
                out.add(node.resource)
            elif isinstance(node, ast.Call) and node.name in ctx.world.workflows:
                inner, w = called(ctx, node)
                out |= self.asked(inner, w.body)
            elif isinstance(node, ast.Call):
                a = activity_of(ctx, node.name)
                out |= {c.resource for c in anywhere(ctx, a)}
                if a.undo is not None and a.undo.body is not None:
                    out |= self.asked(ctx, a.undo.body)
        return out - self.free

    def together(self, all_: Sequence[Part], mine: Sequence[Part]) -> Fraction | None:
        """Until `mine` are over, which are some of all that run side by side."""
        work = Measure(lambda _: ONE, ONE, work=True, blocks=True)
        total = _sum(self.read(ctx, t, work) for ctx, t in all_)
        return _less(total, self.chains(all_, mine))

    def chains(self, all_: Sequence[Part], mine: Sequence[Part]) -> Fraction | None:
        asked: dict[str, int] = {}

        def ask(amounts: Amounts) -> Fraction:
            for name, units in amounts.items():
                asked[name] = max(asked.get(name, 0), units)
            return ONE

        for ctx, t in all_:
            if self.read(ctx, t, Measure(ask, ONE, work=False)) is None:
                return None
        spare: dict[str, int] = {}
        waiting = Fraction(0)
        for name, units in asked.items():
            r = all_[0][0].b.resources[name]
            capacity = r.capacity.value if r.capacity.op is Op.CONST else None
            if r.exclusive is not None:
                capacity, units = 1, 1
            if not isinstance(capacity, int) or capacity < units:
                return None
            spare[name] = capacity - units + 1

            def held(amounts: Amounts, name: str = name) -> Fraction:
                return Fraction(amounts.get(name, 0))

            busy = Measure(held, Fraction(0), work=True)
            found = _sum(self.read(ctx, t, busy) for ctx, t in all_)
            if found is None:
                return None
            waiting += found / spare[name]

        def own(amounts: Amounts) -> Fraction:
            return max(Fraction(0), ONE - sum(Fraction(n, spare[r]) for r, n in amounts.items()))

        longest = _most(self.read(ctx, t, Measure(own, ONE, work=False)) for ctx, t in mine)
        return None if longest is None else longest + waiting

    def read(self, ctx: Ctx, t: ast.Term, measure: Measure) -> Fraction | None:
        r = Reading(Arithmetic(ctx.b.variables), self.free, measure=measure)
        try:
            most = r.arithmetic.ended(read(r, ctx, t)).hi
        except Unmeasured:
            return None
        if most is None or r.restless:
            return None
        return r.arithmetic.extent(most)[1]


def _less(a: Fraction | None, b: Fraction | None) -> Fraction | None:
    return b if a is None else a if b is None else min(a, b)


def _sum(parts: Iterable[Fraction | None]) -> Fraction | None:
    known = list(parts)
    return None if None in known else sum((x for x in known if x is not None), Fraction(0))


def _most(parts: Iterable[Fraction | None]) -> Fraction | None:
    known = list(parts)
    return None if None in known else max((x for x in known if x is not None), default=Fraction(0))


def network(spec: ast.Spec, free: Collection[str], room: int | None = None) -> list[Task] | None:
    """The activities of all instances, each of which runs once, whatever happens; None where it is
    more than that: something fails, is chosen, comes again, or depends on a parameter."""
    if _other(spec):
        return None
    tasks: list[Task] = []
    try:
        for ctx in contexts(spec, room):
            if ctx.inst.active is not TRUE:
                return None  # (Without what it would do the others may take longer: Graham 1969.)
            _Network(ctx, frozenset(free), tasks).add(ctx.inst.workflow.body, ())
    except Unmeasured:
        return None
    return tasks


@dataclass(frozen=True, slots=True)
class _Network:
    ctx: Ctx
    free: frozenset[str]
    tasks: list[Task]

    def add(self, t: ast.Term, before: tuple[int, ...]) -> tuple[int, ...]:
        """The ends that what comes after it has to wait for."""
        match t:
            case ast.Skip() | ast.Assign() | ast.Atomic() | ast.Assert():
                return before
            case ast.Seq(parts=parts):
                for p in parts:
                    before = self.add(p, before)
                return before
            case ast.Par(parts=parts, policy="all"):
                ends = [self.add(p, before) for p in parts]
                return tuple(dict.fromkeys(e for some in ends for e in some))
            case ast.Call(name=name) if name not in self.ctx.world.workflows:
                return self.activity(t, before)
        raise Unmeasured

    def activity(self, t: ast.Call, before: tuple[int, ...]) -> tuple[int, ...]:
        a = activity_of(self.ctx, t.name)
        if any(self.ctx.world.resources[c.resource].lease is not None for c in a.uses):
            raise Unmeasured  # units that it has lost are free before it ends
        amounts: dict[str, int] = {}

        def note(found: Amounts) -> Fraction:
            amounts.update(found)
            return ONE

        measure = Measure(note, ONE, work=False)
        r = Reading(Arithmetic(self.ctx.b.variables), self.free, measure=measure)
        lasts = read(r, self.ctx, t)
        done = lasts.ways.get(DONE)
        takes = a.takes.lo if a.takes is not None else None
        least = fixed(self.ctx, takes, Sort.REAL) if takes is not None else ZERO
        if (
            least is None
            or set(lasts.ways) != {DONE}
            or done is None
            or done.hi is None
            or r.restless
        ):
            raise Unmeasured
        if done.hi.op is not Op.CONST or least.op is not Op.CONST:
            raise Unmeasured
        asks = tuple(sorted(amounts.items()))
        self.tasks.append(Task(t.name, number(least), number(done.hi), asks, before))
        return (len(self.tasks) - 1,)
