"""Control as a graph: `steps` (acyclic, with join rules) and `Flow` (imported machines)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...dsl import ast
from ...dsl.changed import replace
from ..expr import FALSE, TRUE, Expr, add, and_, const, eq, ite, le, not_, or_
from ..system import Loop, Place, PointKind, RuleKind
from .context import Ctx, raise_error, real_error, step
from .drafts import Frame, Landing, Log, Out
from .expressions import counted
from .parallel import FAILED, Branch, opened
from .place import At, union
from .undolog import unsure


def steps(ctx: Ctx, t: ast.Steps, at: At, k: int) -> Out:
    """Every node is a branch that waits for its predecessors (docs/decisions/0001, 5).

    A node that is not to run is skipped by a step of its own; a failed node lets the others go
    on, and the first error leaves the graph when every node has ended.
    """
    from .terms import term

    first = ctx.b.hidden(f"{ctx.inst.name} first error in steps{ctx.tag}", ctx.inst.id)
    raised: list[str] = []
    number = {n.name: i for i, n in enumerate(t.nodes)}
    status: dict[int, tuple[Expr, Expr, Expr]] = {}  # succeeded, failed, skipped

    def frame(inner: Ctx, _: Branch, failed: int) -> Frame:
        def land(error: str) -> Sequence[Landing]:
            raised.append(error)
            code = const(ctx.b.error(error))
            return [Landing(TRUE, failed, ((first.index, ite(eq(first, const(0)), code, first)),))]

        return Frame(inner.thread, ctx.frame, real_error, land)

    def body(i: int, n: ast.StepNode) -> Callable[[Ctx, At, int], Out]:
        def lower_node(c: Ctx, a: At, end: int) -> Out:
            before = [status[number[name]] for name in n.after]
            ready, runs = _join(ctx, n, before, a)
            if n.when is not None:
                runs = and_(runs, ctx.test(n.when, At(and_(a.cond, ready))))
            skipped = c.point(PointKind.END, f"{n.name} is skipped", n.span)
            here = a if not n.after and n.when is None else replace(a, points=None)
            here = replace(here, cond=and_(here.cond, ready))
            if runs is not TRUE:
                step(
                    c,
                    here.under(not_(runs)),
                    RuleKind.STEP,
                    f"skip {n.name}",
                    n.span,
                    skipped,
                )
            start = len(ctx.b.rules)
            out = term(c, n.body, here.under(runs), end)
            if out.exit is not None:
                # The end of a node must last: what comes after it looks back at it.
                step(c, out.exit, RuleKind.STEP, f"end of {n.name}", n.span, end)
            ctx.world.places.append(Place(f"step {n.name}", range(start, len(ctx.b.rules)), n.span))
            assert c.frame is not None
            failed = and_(c.thread.at(FAILED), ctx.b.ended(c.frame.forks))
            status[i] = (c.thread.at(end), failed, c.thread.at(skipped))
            _depends(ctx, n, start, c, before)
            return replace(out, exit=None)

        return lower_node

    order = topological(t.nodes)
    branches = [Branch(body(i, t.nodes[i]), t.nodes[i].name, t.nodes[i].span) for i in order]
    entry = ((first.index, ite(at.cond, const(0), first)),)
    o = opened(ctx, branches, at, t.span, "steps", frame, entry)
    ended = [or_(*status[i]) for i in order]
    over = and_(o.active, *ended)
    for error in dict.fromkeys(raised):
        raise_error(
            ctx,
            At(over, o.leaving),
            error,
            RuleKind.RAISE,
            f"{error} goes on",
            t.span,
            guard=eq(first, const(ctx.b.error(error))),
            updates={first.index: const(0)},
        )
    thread = {t.nodes[i].name: o.children[p].thread for p, i in enumerate(order)}
    for n in t.nodes:
        if n.join in ("all", "always", "on_failure"):
            thread[n.name].after = tuple(thread[a].id for a in n.after)
    over = and_(over, eq(At(over, o.leaving).reading(first), const(0)))
    place = {t.nodes[i].name: p for p, i in enumerate(order)}
    before = tuple(tuple(place[a] for a in t.nodes[i].after) for i in order)
    return Out(
        At(over, (*o.leaving, (first.index, const(0)))), replace(unsure(o.log), after=before)
    )


def _join(
    ctx: Ctx, n: ast.StepNode, before: list[tuple[Expr, Expr, Expr]], at: At
) -> tuple[Expr, Expr]:
    """(the node is decided, it is to run) for its join rule."""
    if not before:
        return TRUE, TRUE
    over = and_(*(or_(*s) for s in before))
    succeeded = [s[0] for s in before]
    # Lost for good or not, a node whose join is not met is skipped when all are over: so what
    # waits for it waits for them too, and `Thread.after` may be followed through it.
    if n.join == "all":
        return over, and_(*succeeded)
    if n.join == "always":
        return over, TRUE
    if n.join == "on_failure":
        return over, or_(*(s[1] for s in before))
    needed = const(1)
    if n.join == "n":
        assert n.n is not None
        number = n.n
        needed = ctx.read(At(at.cond), lambda env: counted(env, number, 1, len(before)))
    count = add(const(0), *(ite(s, const(1), const(0)) for s in succeeded))
    enough = le(needed, count)
    return or_(enough, over), enough


def _depends(
    ctx: Ctx, n: ast.StepNode, start: int, c: Ctx, before: list[tuple[Expr, Expr, Expr]]
) -> None:
    """Obligation `dependencies`: the first step of the node comes after what it waits for."""
    if not before:
        return
    over = and_(*(or_(*s) for s in before))
    done = and_(*(s[0] for s in before))
    if n.join == "all":
        need = done
    elif n.join in ("any", "n"):
        need = or_(*(s[0] for s in before))
    else:
        need = over
    entering = c.thread.at(0)
    for rule in ctx.b.rules[start:]:
        ctx.must(
            "dependencies",
            or_(not_(entering), need),
            f"{n.name} starts before what it depends on has completed",
            n.span,
            rule,
            name=n.name,
            before=True,
        )


def topological(nodes: Sequence[ast.StepNode]) -> list[int]:
    """An order in which every node comes after its predecessors (the checker found no cycle)."""
    number = {n.name: i for i, n in enumerate(nodes)}
    done: set[int] = set()
    out: list[int] = []
    pending = list(range(len(nodes)))
    while pending:
        rest = []
        for i in pending:
            if all(number[a] in done for a in nodes[i].after):
                done.add(i)
                out.append(i)
            else:
                rest.append(i)
        if len(rest) == len(pending):
            raise AssertionError("a cycle in steps")
        pending = rest
    return out


def flow(ctx: Ctx, t: ast.Flow, at: At, k: int) -> Out:
    """A machine: one point before and one after each state; every transition is a step."""
    from .terms import term

    before = {s.name: ctx.point(PointKind.READY, s.name, s.span) for s in t.states}
    logs = []
    exits: list[At | None] = []
    first_rule = len(ctx.b.rules)
    reached = {t.start}
    for state in t.states:
        here = ctx.at(before[state.name])
        if state.name == t.start:
            joined = union(at, here)
            assert joined is not None
            here = joined
        after = ctx.point(PointKind.READY, f"after {state.name}", state.span)
        landings = [
            ctx.point(PointKind.UNWIND, f"caught in {state.name}", c.span) for c in state.catches
        ]
        hit: set[int] = set()

        def which(error: str, state: ast.FlowState = state) -> int | None:
            if real_error(error):
                for i, c in enumerate(state.catches):
                    if not c.errors or error in c.errors:
                        return i
            return None

        def land(
            error: str,
            which: Callable[[str], int | None] = which,
            landings: list[int] = landings,
            hit: set[int] = hit,
        ) -> Sequence[Landing]:
            i = which(error)
            assert i is not None
            hit.add(i)
            return [Landing(TRUE, landings[i])]

        def takes(error: str, which: Callable[[str], int | None] = which) -> bool:
            return which(error) is not None

        frame = Frame(ctx.thread, ctx.frame, takes, land)
        start = len(ctx.b.rules)
        out = term(replace(ctx, frame=frame, again=True), state.body, here, after)
        logs.append(out.log)
        ended = ctx.b.ended(frame.forks)
        for i in sorted(hit):
            caught = ctx.at(landings[i])
            target = state.catches[i].target
            reached.add(target)
            step(
                ctx,
                replace(caught, cond=and_(caught.cond, ended)),
                RuleKind.STEP,
                f"{state.name} -> {target}",
                state.catches[i].span,
                before[target],
            )
        leaving = union(ctx.at(after), out.exit)
        assert leaving is not None
        rest: Expr = TRUE
        for edge in state.edges:
            cond = rest
            if edge.cond is not None:
                test = ctx.test(edge.cond, leaving)
                cond = and_(rest, test)
                rest = and_(rest, not_(test))
            elif edge.raises:
                break
            else:
                rest = FALSE
            if edge.raises:
                _raised(ctx, leaving, edge, cond)
            elif edge.target is None:
                exits.append(replace(leaving.under(cond), points=None))
            else:
                reached.add(edge.target)
                step(
                    ctx,
                    leaving,
                    RuleKind.STEP,
                    f"{state.name} -> {edge.target}",
                    edge.span,
                    before[edge.target],
                    guard=cond,
                )
        if rest is not FALSE and state.edges:
            ctx.must(
                "exhaustive",
                or_(not_(leaving.cond), not_(rest)),
                f"no rule of {state.name} covers the value",
                state.span,
                name=state.name,
            )
            if state.edges[-1].raises:
                _raised(ctx, leaving, state.edges[-1], rest)
        if len(ctx.b.rules) > start:
            ctx.world.places.append(
                Place(f"state {state.name}", range(start, len(ctx.b.rules)), state.span)
            )
    exit_ = union(*exits)
    last = len(ctx.b.rules)
    if _cyclic(t):
        ctx.world.loops.append(
            Loop(
                t.span,
                ctx.thread.id,
                TRUE,
                TRUE,
                tuple(range(first_rule, last)),
                (),
                graph=True,
            )
        )
    return Out(
        exit_,
        Log(tuple(logs)),
    )


def _raised(ctx: Ctx, at: At, edge: ast.FlowEdge, guard: Expr) -> None:
    """The machine itself fails: no state catches it, a frame around the flow may."""
    name = f"fail {edge.raises}"
    raise_error(ctx, at, edge.raises, RuleKind.RAISE, name, edge.span, guard=guard)


def _cyclic(t: ast.Flow) -> bool:
    targets = {
        s.name: [e.target for e in s.edges if e.target] + [c.target for c in s.catches]
        for s in t.states
    }
    state: dict[str, int] = {}
    for root in targets:
        stack = [(root, iter(targets[root]))] if root not in state else []
        state.setdefault(root, 1)
        while stack:
            node, rest = stack[-1]
            for nxt in rest:
                if state.get(nxt) == 1:
                    return True
                if nxt not in state and nxt in targets:
                    state[nxt] = 1
                    stack.append((nxt, iter(targets[nxt])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return False
