"""A state machine as a workflow: every state one `FlowState`, every Task one activity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ... import ast
from ...errors import Diagnostic, Span
from .choices import choice
from .context import LONGEST, Import, in_order
from .data import Document, Liveness, Place, Scope, scopes_of
from .failures import READER, TIMEOUT, TOLERATED, WRITER, Errors, catcher_of, raised_by_fail
from .machine import Catcher, Machine, Rule, State
from .naming import Names
from .slots import Slots
from .tasks import MINUTE, about, retry_specs, task, wait, wrapped
from .writes import after_call, change


def flow(ctx: Import, scope: Scope) -> ast.Term:
    """The machine of a scope, with its own time limit."""
    machine = scope.machine
    states, reachable = list[ast.FlowState](), machine.reachable()
    for state in machine.states.values():
        if state.name in reachable:  # of the others a finding tells
            states.extend(_state(ctx, state, scope))
    term: ast.Term = ast.Flow(machine.start, tuple(states), span=machine.span)
    if machine.timeout is not None:
        limit = ctx.amount(machine.timeout, "timeout", "the machine")
        term = ast.Within(term, duration=limit, span=machine.timeout.span)
        if scope.parent is None:
            ctx.declared[TIMEOUT] = machine.timeout.span
    return term


def _state(ctx: Import, state: State, scope: Scope) -> list[ast.FlowState]:
    extra = list[ast.FlowState]()

    def via(label: str, how: Rule | Catcher | None, target: str, span: Span) -> str:
        """`target`, through a state of its own where leaving this way changes data."""
        body = change(ctx, ctx.changes(scope, state, how, target), scope, span)
        if not body:
            return target
        name = f"{state.name} ({label})"
        edge = ast.FlowEdge(target, span=span)
        extra.append(ast.FlowState(name, in_order(body, span), (edge,), span=span))
        return name

    if state.kind == "Choice":
        body, edges = choice(ctx, state, scope, via)
    else:
        body, edges = _work(ctx, state, scope), _edges(state)
    possible = ctx.errors.leaving(state, ctx.document.scopes, scope)
    catches = list[ast.FlowCatch]()
    for i, catcher in enumerate(state.catches):
        taken = [name for name in possible if catcher_of(state, name) == i]
        if taken:
            target = via(f"caught {i + 1}", catcher, catcher.next, catcher.span)
            catches.append(ast.FlowCatch(ctx.errors_of(taken), target, span=catcher.span))
    return [ast.FlowState(state.name, body, edges, tuple(catches), span=state.span), *extra]


def _edges(state: State) -> tuple[ast.FlowEdge, ...]:
    if state.kind == "Fail":
        return ()
    place = state.node.key_span("Next") if state.node.has("Next") else state.span
    return (ast.FlowEdge(state.next, span=place),)


def _work(ctx: Import, state: State, scope: Scope) -> ast.Term:
    """What a state does, and what it writes when it has done it."""
    span = state.span
    changes = ctx.changes(scope, state, None, state.next)
    match state.kind:
        case "Task":
            return after_call(
                ctx, lambda w, r, b: task(ctx, state, scope, w, r, b), changes, scope, span
            )
        case "Fail":
            return ast.Fail(_failing(ctx, state), span=span)
        case "Wait":
            first: list[ast.Term] = [wait(ctx, state)]
        case "Parallel":
            first = [_retried(ctx, _parallel(ctx, state, scope), state, scope)]
        case "Map":
            first = [_retried(ctx, _map(ctx, state, scope), state, scope)]
        case _:
            first = []
    return in_order(first + change(ctx, changes, scope, span, bool(first)), span)


def _failing(ctx: Import, state: State) -> str:
    name = state.node.text("Error") or "Failed"
    if name.lstrip().startswith("{%") or "${" in name:
        ctx.note(f"the error of {state.name}", "one name, Failed", state.span)
        name = "Failed"
    ctx.declared.setdefault(name, state.span)
    return ctx.error(name)


def _retried(ctx: Import, term: ast.Term, state: State, scope: Scope) -> ast.Term:
    possible = ctx.errors.inside(state, ctx.document.scopes, scope)
    return wrapped(term, retry_specs(ctx, state, possible))


def _branch(ctx: Import, inner: Scope, scope: Scope, span: Span) -> ast.Term:
    """An inner machine, its document set from the one around."""
    live = ctx.live.start(inner)
    changes = [
        (p, ctx.document.entering(p))
        for p in ctx.document.places
        if p in live and p[0] == inner.index
    ]
    return in_order([*change(ctx, changes, scope, span), flow(ctx, inner)], span)


def _parallel(ctx: Import, state: State, scope: Scope) -> ast.Term:
    parts = [_branch(ctx, inner, scope, state.span) for inner in ctx.inner(state, scope)]
    return parts[0] if len(parts) == 1 else ast.Par(tuple(parts), span=state.span)


def _map(ctx: Import, state: State, scope: Scope) -> ast.Term:
    """No items, or two: at once, or one after the other."""
    span, node = state.span, state.node
    inner = ctx.inner(state, scope)[0]
    body = _branch(ctx, inner, scope, span)
    tolerate = _tolerated(ctx, state)
    single = node.number("MaxConcurrency") == 1
    zero, one = ast.IntLit(0, span=span), ast.IntLit(1, span=span)
    term: ast.Term = ast.Each(
        ctx.slots.item_names[inner.index],
        ast.Range(zero, one, span=span),
        body,
        sequential=single and tolerate is None,
        at_once=one if single and tolerate is not None else None,
        tolerate=tolerate,
        span=span,
    )
    ctx.note(
        f"the items of {state.name}",
        "no item or two items, the same at every visit: what needs one or three is not covered",
        span,
        bounds=True,
    )
    some = ast.Unary("not", ctx.param(f"no_items_{state.name}", "bool", span), span=span)
    term = ast.If(some, term, span=span)
    if not isinstance(tolerate, ast.IntLit) and TOLERATED in ctx.errors.inside(
        state, ctx.document.scopes, scope
    ):
        failing = ast.Fail(ctx.error(TOLERATED), span=span)
        term = ast.Try(term, (ast.Handler((), failing, span=span),), span=span)
    before = _helper(ctx, state, "ItemReader", READER)
    after = _helper(ctx, state, "ResultWriter", WRITER)
    return in_order([*before, term, *after], span)


def _helper(ctx: Import, state: State, key: str, error: str) -> list[ast.Term]:
    """Reading the items and writing the results of a distributed Map may fail as well."""
    if not state.node.has(key):
        return []
    span = state.node.key_span(key)
    name = ctx.names.known_as(f"{state.name} {key}")
    fails = (ast.FailClause(ctx.error(error), span=span),)
    takes = about(LONGEST * 0, LONGEST, MINUTE, span)
    doc = f"{state.name}: {key}"
    ctx.activities.append(ast.Activity(name, takes=takes, fails=fails, doc=doc, span=span))
    return [ast.Call(name, span=span)]


def _tolerated(ctx: Import, state: State) -> ast.Expression | None:
    node = state.node
    for key in ("ToleratedFailureCount", "ToleratedFailurePercentage"):
        for name in (key, key + "Path"):
            if not node.has(name):
                continue
            value, span = node.number(name), node.key_span(name)
            if value is not None and value <= 0:
                return None
            if value is not None and value >= 100 and key.endswith("Percentage"):
                return ast.IntLit(2, span=span)
            # two items stand for any number: how many of them may fail is not known
            count = ctx.param(f"tolerated_{state.name}", "int", span)
            ctx.require(count, ">=", ast.IntLit(0, span=span))
            ctx.require(count, "<=", ast.IntLit(2, span=span))
            ctx.note(f"{name} of {state.name}", "none, one or both of two items", span)
            return count
    return None


def _prepared(machine: Machine) -> Import:
    """The followed data with their variables, before any state is visited."""
    names = Names()
    scopes = scopes_of(machine)
    document = Document(scopes)
    document.collect()
    live = Liveness(document)
    live.run()
    items = {
        s.index: names.fresh(f"item_{s.owner.name}")
        for s in scopes
        if s.repeated and s.owner is not None
    }
    slots = Slots(document, names, items)
    first = live.start(scopes[0])
    everywhere = set[tuple[int, object]]().union(*live.before.values())
    for place in document.places:
        if place in everywhere:
            slots.declare(place, place in first, _seen_at(document, place))
    return Import(names, document, live, slots, Errors(frozenset(raised_by_fail(machine))))


def _seen_at(document: Document, place: Place) -> Span:
    """Where a test looks at a place, or at one that it is copied to."""
    if place in document.where:
        return document.where[place]
    group = document.find(place)
    alike = (at for p, at in document.where.items() if document.find(p) == group)
    return next(alike, document.scopes[place[0]].machine.span)


def build(machine: Machine, file: str, source: str, warnings: Sequence[Diagnostic]) -> ast.Spec:
    """The whole file as an unchecked tree."""
    ctx = _prepared(machine)
    span = machine.span
    body = flow(ctx, ctx.document.scopes[0])
    declared = ctx.errors_of(ctx.declared)
    stem = PurePath(file).name.removesuffix(".json").removesuffix(".json").removesuffix(".asl")
    workflow = ast.Workflow(
        ctx.names.known_as(stem),
        tuple(ctx.slots.params),
        body,
        fails=declared,
        variables=(*ctx.slots.variables, *ctx.variables),
        activities=tuple(ctx.activities),
        properties=tuple(ctx.requires),
        doc=machine.node.text("Comment") or "",
        span=span,
    )
    for place, slot in ctx.slots.found.items():
        if slot is not None:
            seen_at = _seen_at(ctx.document, place)
            ctx.note(f"the data at {place[1]}", "tasks and inputs give it any value", seen_at)
    parallel = any(s.parent is not None for s in ctx.document.scopes)
    ctx.note(
        "paths that lead nowhere (States.Runtime) and data that are too large",
        "left out: such a run ends at once, nothing catches it",
        span,
        bounds=parallel,  # with branches it decides who is cancelled
    )
    errors = tuple(
        ast.ErrorDecl(name, "transient", doc=given, span=ctx.declared.get(given, span))
        for given, name in ctx.error_names.items()
    )
    enums = tuple(ctx.slots.enums.values())
    return ast.Spec(
        file=file,
        source=source,
        enums=enums,
        errors=errors,
        workflows=(workflow,),
        items=(*enums, *errors, workflow),
        abstractions=tuple(ctx.notes.values()),
        warnings=tuple(warnings),
        imported_from="asl",
        span=span,
    )


__all__ = ["build"]
