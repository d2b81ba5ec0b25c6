"""A small system in which only some threads of a large one move.

Its runs are runs of the large one in which nobody else does anything.  Variables that nobody
writes then are constants; rules that this disables are gone; everything is numbered anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar
from ...semantics.system import Obligation, Point, Rule, Thread, TransitionSystem
from ...semantics.trace import Step, Trace
from ...semantics.values import initial_state
from ...semantics.walks import rebuild, substitute, variables


@dataclass(frozen=True, slots=True)
class Restricted:
    """`threads`, `rules` and `variables` give the numbers in `whole`."""

    whole: TransitionSystem
    system: TransitionSystem
    threads: tuple[int, ...]
    rules: tuple[int, ...]
    variables: tuple[int, ...]

    def widen(self, trace: Trace) -> Trace:
        """The same run in the whole system."""
        chosen = {
            v: trace.initial[i]
            for i, v in enumerate(self.variables)
            if self.whole.variables[v].init is None
        }
        for v in self.whole.variables:
            if v.init is None and v.index not in chosen:
                chosen[v.index] = _some(v.lo, v.sort.value)
        steps = tuple(Step(self.rules[s.rule], s.inputs, s.time) for s in trace.steps)
        return Trace(initial_state(self.whole, chosen), steps, trace.loop_at)


def _some(lo: int | None, sort: str) -> Scalar:
    return False if sort == "bool" else lo or 0


def restrict(
    system: TransitionSystem, moving: Collection[int], goals: Sequence[Obligation] = ()
) -> Restricted:
    """Only the threads in `moving` (closed under parents) take steps.

    `goals` are claims about states; they become the obligations of the small system.
    """
    rules = [r for r in system.rules if r.thread in moving]
    constant = {
        v.index: v.init for v in system.variables if v.init is not None and v.init.op is Op.CONST
    }
    fixed: dict[int, Expr] = {}
    memo: dict[int, Expr] = {}

    def settle(e: Expr) -> Expr:
        return substitute(e, lambda x: fixed.get(x.index, x) if x.op is Op.VAR else x, memo)

    # A rule that would have to be taken itself before it can be is never taken (as a join is, that
    # resets threads which never come to their end), so what it writes stays as it is.
    kept: list[tuple[Rule, Expr]] = []
    while True:
        written = {v for r, _ in kept for v, _ in r.updates}
        fixed = {v: init for v, init in constant.items() if v not in written}
        memo = {}
        guards = [(r, _folded(settle(r.guard))) for r in rules]
        more = [(r, guard) for r, guard in guards if guard is not FALSE]
        if len(more) == len(kept):
            break
        kept = more
    kept = more
    mentioned = variables([system.initial])
    for r, guard in kept:
        mentioned |= variables([guard, settle(r.relation), settle(r.turn)])
        mentioned |= {v for v, _ in r.updates} | variables([settle(e) for _, e in r.updates])
        if r.delay is not None:
            mentioned |= variables([r.delay.lo, *([r.delay.hi] if r.delay.hi else [])])
    mentioned |= variables([settle(g.cond) for g in goals])
    threads = sorted(moving)
    mentioned |= {system.threads[t].location for t in threads}
    stack = list(mentioned)
    while stack:
        init = system.variables[stack.pop()].init
        for used in variables([init]) if init is not None else ():
            if used not in mentioned:
                mentioned.add(used)
                stack.append(used)
    order = sorted(mentioned)
    number = {v: i for i, v in enumerate(order)}
    thread_number = {t: i for i, t in enumerate(threads)}
    involved = [i for i in system.instances if i.root in thread_number]
    instance_number = {i.id: n for n, i in enumerate(involved)}
    renamed: dict[int, Expr] = {}

    def rename(e: Expr) -> Expr:
        settled = settle(e)
        return substitute(
            settled,
            lambda x: Expr(Op.VAR, (), x.sort, number[x.index]) if x.op is Op.VAR else x,
            renamed,
        )

    new_rules = tuple(
        replace(
            r,
            index=i,
            thread=thread_number[r.thread],
            instance=instance_number[r.instance],
            guard=rename(guard),
            turn=rename(r.turn),
            relation=rename(r.relation),
            own=tuple((number[v], rename(e)) for v, e in r.updates),
            bundle=None,
            own_events=(),
            delay=None,
            gains=(),
            holds=(),
        )
        for i, (r, guard) in enumerate(kept)
    )
    small = replace(
        system,
        variables=tuple(
            replace(
                system.variables[v],
                index=number[v],
                init=None if (init := system.variables[v].init) is None else rename(init),
            )
            for v in order
        ),
        initial=rename(system.initial),
        excluded=rename(system.excluded),
        rules=new_rules,
        threads=tuple(
            _thread(system.threads[t], thread_number, number, instance_number) for t in threads
        ),
        instances=tuple(
            replace(
                i,
                id=instance_number[i.id],
                root=thread_number[i.root],
                error=number.get(i.error, 0),
                active=TRUE,
                observed=(),
            )
            for i in involved
        ),
        resources=(),
        obligations=tuple(replace(g, cond=rename(g.cond)) for g in goals),
        loops=(),
        places=(),
        sagas=(),
        choices=(),
        initial_events=(),
    )
    return Restricted(system, small, tuple(threads), tuple(r.index for r, _ in kept), tuple(order))


def _folded(e: Expr) -> Expr:
    """Junctions are simplified again: a knot that was tied late may be constant now."""
    memo: dict[int, Expr] = {}
    stack = [(e, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in memo:
            continue
        if not node.args:
            memo[id(node)] = node
        elif ready:
            memo[id(node)] = rebuild(node, [memo[id(a)] for a in node.args])
        else:
            stack.append((node, True))
            stack.extend((a, False) for a in node.args)
    return memo[id(e)]


def _thread(
    t: Thread, threads: dict[int, int], number: dict[int, int], instances: dict[int, int]
) -> Thread:
    points = tuple(Point(p.id, p.kind, p.label, p.span) for p in t.points)
    parent = None if t.parent is None else threads[t.parent]
    return replace(
        t,
        id=threads[t.id],
        instance=instances[t.instance],
        location=number[t.location],
        parent=parent,
        points=points,
        after=tuple(threads[a] for a in t.after if a in threads),
    )
