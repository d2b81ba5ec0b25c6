"""Activities: contract, effect, times, undo."""

from __future__ import annotations

from fractions import Fraction

from . import ast
from .ast import RefKind
from .changed import replace
from .check_calls import Context
from .check_claims import Resolved
from .check_control import placement
from .check_terms import TermChecker
from .constants import evaluate
from .names import Scope, Symbol
from .types import BOOL, Int


def check_activity(
    a: ast.Activity, terms: TermChecker, types: Resolved, scope: Scope
) -> ast.Activity:
    """`scope` holds what is around the activity: of its workflow, or of the file."""
    x, report = terms.x, terms.report
    names: dict[str, Symbol] = {}
    params = []
    for p in a.params:
        kind = types.resolved(p)
        if p.name in names:
            report.error("E0202", p.span, f"the argument `{p.name}` stands twice")
        names[p.name] = Symbol(RefKind.ACTIVITY_ARG, kind, p.span)
        params.append(replace(p, resolved=kind))
    inner = terms.tokens(a.uses, scope.child(names))
    result = types.returned(a)
    contract = inner
    if a.returns is not None:
        contract = inner.child({"result": Symbol(RefKind.RESULT, result, a.span)})
    simple = Context(in_workflow=False, simple="do", in_transaction=False)
    if terms.caller and a.name == terms.caller:
        report.error("E0202", report.word(a.span, a.name), f"`{a.name}` is its own workflow's name")
    for clause in (*a.reads, *a.writes):
        _variable(clause, a, terms, scope)
    for failure in a.fails:
        terms.known_error(failure.error, failure.span)
    with x.words("old"):
        ensures = tuple(x.expr(e, contract, BOOL) for e in a.ensures)
        undone = terms.maybe(a.undone_when, contract, BOOL)
    return replace(
        a,
        params=tuple(params),
        resolved=result,
        uses=terms.claims(a.uses, scope.child(names)),
        takes=_takes(a.takes, terms, inner),
        runs_in=placement(a.runs_in, terms, inner) if a.runs_in is not None else None,
        needs=tuple(x.expr(e, inner, BOOL) for e in a.needs),
        do=terms.term(a.do, inner, simple) if a.do is not None else None,
        ensures=ensures,
        fails=tuple(
            replace(f, probability=terms.number(f.probability, inner, 0, 1)) for f in a.fails
        ),
        retry=terms.retry(a.retry, inner) if a.retry is not None else None,
        timeout=terms.maybe_time(a.timeout, inner),
        timeout_schedule=terms.maybe_time(a.timeout_schedule, inner),
        heartbeat=terms.maybe_time(a.heartbeat, inner),
        beats=_takes(a.beats, terms, inner),
        undo=_undo(a.undo, terms, contract),
        undone_when=undone,
        idempotent_by=x.visit(a.idempotent_by, inner) if a.idempotent_by is not None else None,
        priority=terms.maybe(a.priority, inner, Int()),
    )


def _variable(name: str, a: ast.Activity, terms: TermChecker, scope: Scope) -> None:
    symbol = scope.find(name)
    scope.read.add(name)
    terms.symbols.used.add(name)
    if symbol is None:
        terms.report.unknown("E0201", a.span, "variable", name, scope.all())
    elif name in a.writes and symbol.ref not in (RefKind.VAR, RefKind.SHARED, RefKind.STORE):
        where = terms.report.word(a.span, name)
        terms.report.error("E0404", where, f"the {symbol.ref.value} `{name}` cannot be written")


def _takes(takes: ast.Takes | None, terms: TermChecker, scope: Scope) -> ast.Takes | None:
    if takes is None:
        return None
    lo, hi = terms.maybe_time(takes.lo, scope), terms.maybe_time(takes.hi, scope)
    low = evaluate(lo, terms.symbols.constants) if lo is not None else None
    high = evaluate(hi, terms.symbols.constants) if hi is not None else None
    if isinstance(low, Fraction) and isinstance(high, Fraction) and low > high:
        terms.report.error(
            "E0307", takes.span, "the shortest time is longer than the longest", "`takes 1s..5s`"
        )
    if takes.dist == "uniform" and lo is not None and hi is not None:
        args: tuple[ast.Expression, ...] = (lo, hi)
    else:
        args = tuple(terms.span_of_time(a, scope) for a in takes.args)
    return replace(takes, lo=lo, hi=hi, args=args)


def _undo(undo: ast.Undo | None, terms: TermChecker, scope: Scope) -> ast.Undo | None:
    if undo is None or undo.body is None:
        return undo
    if undo.kind == "block":
        context = Context(in_workflow=False, simple="undo")
        return replace(undo, body=terms.term(undo.body, scope, context))
    body = undo.body
    if isinstance(body, ast.Call) and terms.x.activity(body.name) is None:
        if body.name in terms.symbols.workflows:
            terms.report.error("E0406", body.span, "an undo is a block or an activity")
    context = Context(in_workflow=False)
    return replace(
        undo,
        body=terms.term(body, scope, context),
        orelse=terms.term(undo.orelse, scope, context) if undo.orelse is not None else None,
    )
