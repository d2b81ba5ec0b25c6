"""Assumptions that leave no run: `requires` that no arguments satisfy, `assume` that no run passes.

What is assumed in vain would prove anything: both are errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...dsl import ast
from ...dsl.errors import NOWHERE, Span
from ...dsl.format_expr import expr
from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Sort, and_, not_, var
from ...semantics.system import Obligation, RuleKind, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.walks import substitute, variables
from ..engines.common import conjuncts, in_domain
from ..session import Session, breaks_obligation
from ..verdict import Refuted, Result, Unknown
from .reach import Reach, Reached

NOTHING_ELSE = "so there is no run, and nothing else was checked"
MEND = "correct one of the conditions, or the range of the argument."
PASSED = "correct the assumption, or the steps before it; to stop runs on purpose there is `fail`."
SECONDS = 2.0


def no_arguments(session: Session, spec: ast.Spec) -> Result | None:
    """The system has no initial state; or it is not known whether it has one."""
    system = session.system
    if system.initial is TRUE or not _stated(spec, None):
        return None
    from ...semantics.symbolic import is_satisfiable, is_valid

    parts = [_at_start(system, p) for p in conjuncts(system.initial)]
    read = variables(parts)
    parts += [in_domain(v, var(v.index, v.sort)) for v in system.variables if v.index in read]
    whole = and_(*parts)
    if is_satisfiable(whole):
        return None
    if not is_valid(not_(whole)):
        simulate = session.simulator()
        if simulate is not None and simulate(0, 0.0, {}, ()) is not None:
            return None
        message = "whether any arguments satisfy `requires` is not known: perhaps there is no run"
        where = _stated(spec, None)
        return Result("contracts", "", Unknown("smt", message), where[0].span if where else NOWHERE)
    of = [(_of(system, p), p) for p in parts]
    name, stated = "", _stated(spec, None)
    message = f"no arguments satisfy all `requires` together: {NOTHING_ELSE}"
    if is_valid(not_(and_(*(p for ids, p in of if ids <= {None})))):
        stated = _stated(spec, "")
        message = f"no parameters satisfy `requires`: {NOTHING_ELSE}"
    else:
        for i in system.instances:
            if is_valid(not_(and_(*(p for ids, p in of if ids <= {i.id, None})))):
                name, stated = i.workflow, _stated(spec, i.workflow)
                message = f"no arguments satisfy the `requires` of {name}: {NOTHING_ELSE}"
                break
    span = stated[0].span if stated else NOWHERE
    notes = tuple(f"`requires {expr(r.cond)}` at {r.span}" for r in stated) if stated[1:] else ()
    verdict = Refuted("smt", message, Trace(()), span, "contradiction", notes=notes)
    return Result("contracts", name, verdict, span, fix=MEND)


def _at_start(system: TransitionSystem, e: Expr) -> Expr:
    """In terms of what is free at the start."""

    def leaf(x: Expr) -> Expr:
        init = system.variables[x.index].init if x.op is Op.VAR else None
        return x if init is None else _at_start(system, init)

    return substitute(e, leaf)


def _of(system: TransitionSystem, e: Expr) -> set[int | None]:
    return {system.variables[v].instance for v in variables([e])}


def _stated(spec: ast.Spec, workflow: str | None) -> list[ast.Requires]:
    """The `requires` of a workflow ("": of none, None: of all), then those of the whole file."""
    own = [p for w in spec.workflows if workflow in (None, w.name) for p in w.properties]
    return [p for p in (*own, *spec.properties) if isinstance(p, ast.Requires)]


# --- assume ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Copy:
    """An `assume` of the spec, in one instance, call or round: the step past it, and the one that
    is taken where it is false."""

    passes: int
    fails: int


def never_passed(session: Session) -> Iterator[Result]:
    """Each `assume` that some run comes to and none gets past."""
    system = session.system
    if system.excluded is FALSE:
        return
    reach = Reach(session, min(SECONDS, session.share(0.1)))
    for span, copies in _assumes(system).items():
        if not copies or reach.left() <= 0:
            continue
        past = [_step(c.passes, span) for c in copies]
        if any(a is not Reached.NEVER for a in reach.ask(past)):
            continue
        result = _comes_to(session, reach, span, copies)
        if result is not None:
            yield result


def _comes_to(session: Session, reach: Reach, span: Span, copies: Sequence[_Copy]) -> Result | None:
    system = session.system
    message = "no run gets past this assumption: what comes after it holds trivially"
    for copy in copies:
        cond = not_(system.rules[copy.fails].guard)
        goal = Obligation("contracts", "assume", cond, message, span)
        _, trace = reach.search(goal)
        if trace is None:
            continue
        verdict = session.confirm("search", message, trace, span, breaks_obligation(system, goal))
        if isinstance(verdict, Refuted):
            return Result("contracts", "assume", verdict, span, fix=PASSED)
    return None


def _step(rule: int, span: Span) -> Obligation:
    return Obligation("contracts", "assume", FALSE, "", span, rule=rule)


def _assumes(system: TransitionSystem) -> dict[Span, list[_Copy]]:
    """By place in the spec.  A copy whose steps are not found makes its place unknown: none."""
    parts = system.excluded.args if system.excluded.op is Op.OR else (system.excluded,)
    ghosts = {p.index for p in parts if p.op is Op.VAR and p.sort is Sort.BOOL}
    fails = [r for r in system.rules if any(v in ghosts and e is TRUE for v, e in r.updates)]
    out: dict[Span, list[_Copy]] = {}
    lost: set[Span] = set()
    for f in fails:
        # The step past it is made just before the one that fails.
        p = system.rules[f.index - 1] if f.index else f
        if (p.span, p.thread, p.kind) == (f.span, f.thread, RuleKind.STEP) and p is not f:
            out.setdefault(f.span, []).append(_Copy(p.index, f.index))
        else:
            lost.add(f.span)
    return {span: copies for span, copies in out.items() if span not in lost}
