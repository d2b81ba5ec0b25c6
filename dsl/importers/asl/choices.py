"""A Choice: what it looks at, its rules as edges, and what happens when none applies."""

from __future__ import annotations

from collections.abc import Callable

from ... import ast
from ...errors import Span
from .conditions import Opaque, Test, opaque_of, tests_of
from .context import Import, in_order
from .data import Place, Scope, followed
from .failures import NO_CHOICE, RUNTIME
from .machine import Rule, State
from .paths import Path
from .slots import any_of, typed_tags
from .writes import anything

# (label, how it is left, target, place) -> name of the state to go to
Via = Callable[[str, Rule | None, str, Span], str]


def choice(
    ctx: Import, state: State, scope: Scope, via: Via
) -> tuple[ast.Term, tuple[ast.FlowEdge, ...]]:
    """The body (new values for what is not followed) and the edges."""
    conds = [followed(rule.cond, ctx.document, scope, state) for rule in state.rules]
    opaque = {o.text: o for cond in conds for o in opaque_of(cond)}
    whole = bool(opaque) and all(isinstance(cond, Opaque) for cond in conds)
    body = list[ast.Term]()
    picks = dict[str, ast.Expression]()
    tests = list[ast.Expression]()
    if whole:  # one choice among the rules says it all
        target, values = _pick(ctx, state, scope)
        body.append(_any_number(target, values, state.span))
        for i in range(len(conds)):
            test: ast.Expression = ast.Binary(
                "==", target, ast.IntLit(i, span=state.span), span=state.span
            )
            tests.append(test)
    else:
        for text, part in opaque.items():
            flag = _variable(ctx, scope, f"{state.name}_condition", "bool", part.span)
            picks[text] = flag
            sides = tuple(
                ast.Assign(flag, ast.BoolLit(value, span=part.span), span=part.span)
                for value in (True, False)
            )
            body.append(ast.Choice(sides, span=part.span))
        body.extend(_context_values(ctx, state, scope))
        tests = [ctx.slots.condition(cond, scope, state, picks) for cond in conds]
    for part in opaque.values():
        ctx.note(f"the condition {part.text}", "true or false at every visit", part.span)
    edges = list[ast.FlowEdge]()
    for i, (rule, test) in enumerate(zip(state.rules, tests, strict=True)):
        target_state = via(f"rule {i + 1}", rule, rule.next, rule.span)
        edges.append(ast.FlowEdge(target_state, test, span=rule.span))
    if state.default is not None:
        place = state.node.key_span("Default")
        edges.append(ast.FlowEdge(via("default", None, state.default, place), span=place))
    else:
        edges.extend(_no_default(ctx, state, scope))
    return in_order(body, state.span), tuple(edges)


def _pick(ctx: Import, state: State, scope: Scope) -> tuple[ast.Expression, int]:
    """The variable that says which rule applies, and how many values it has."""
    count = len(state.rules) + 1
    return _variable(ctx, scope, f"rule_of_{state.name}", "int", state.span, count), count


def _variable(
    ctx: Import, scope: Scope, name: str, type_name: str, span: Span, count: int = 0
) -> ast.Expression:
    """A variable of a scope, one per item inside a Map."""
    fresh = ctx.names.fresh(name)
    type_: ast.TypeExpr = ast.TypeName(type_name, span=span)
    if count:
        zero, last = ast.IntLit(0, span=span), ast.IntLit(count - 1, span=span)
        type_ = ast.RangeType(zero, last, span=span)
    found: ast.Expression = ast.Name(fresh, span=span)
    for index in ctx.slots.indices(scope):
        type_ = ast.ArrayType(type_, ast.IntLit(2, span=span), span=span)
        found = ast.Index(found, ast.Name(index, span=span), span=span)
    ctx.variables.append(ast.VarDecl(fresh, type_, span=span))
    return found


def _any_number(target: ast.Expression, count: int, span: Span) -> ast.Term:
    return ast.Choice(
        tuple(ast.Assign(target, ast.IntLit(i, span=span), span=span) for i in range(count)),
        span=span,
    )


def _tests(state: State) -> list[Test]:
    return [test for rule in state.rules for test in tests_of(rule.cond)]


def _tested(ctx: Import, state: State, scope: Scope) -> dict[Place, list[Test]]:
    """The followed places that the rules look at, with the tests of each."""
    found = dict[Place, list[Test]]()
    for test in _tests(state):
        for path in (test.path, test.operand):
            if isinstance(path, Path):
                place = ctx.document.tested(scope, state, path)
                if ctx.slots.slot(place) is not None:
                    found.setdefault(place, []).append(test)
    return found


def _context_values(ctx: Import, state: State, scope: Scope) -> list[ast.Term]:
    """The context object may change between visits."""
    parts = list[ast.Term]()
    for place in _tested(ctx, state, scope):
        slot = ctx.slots.slot(place)
        if place[1].root == "$$" and slot is not None:
            parts.extend(anything(ctx, slot, state.span))
    return parts


def _no_default(ctx: Import, state: State, scope: Scope) -> list[ast.FlowEdge]:
    """Without a default: where no rule applies, the machine fails.

    Only values of the kinds that the rules compare are a matter of check `exhaustive`; one of
    another kind, or a missing one, ends the machine with an error of its own.
    """
    untyped = list[ast.Expression]()
    for place, tests in _tested(ctx, state, scope).items():
        outside = ctx.slots.untyped(place, typed_tags(tests), state.span)
        if outside is not None:
            untyped.append(outside)
    edges = list[ast.FlowEdge]()
    if untyped:
        test = any_of(untyped, state.span)
        edges.append(ast.FlowEdge(None, test, raises=ctx.error(RUNTIME), span=state.span))
        ctx.declared.setdefault(RUNTIME, state.span)
        ctx.note(
            f"{state.name} has no Default",
            "a missing value, or one of another kind than compared, ends the machine with Runtime",
            state.span,
        )
    ctx.declared.setdefault(NO_CHOICE, state.span)
    edges.append(ast.FlowEdge(None, raises=ctx.error(NO_CHOICE), span=state.span))
    return edges
