"""What a verdict on an imported spec rests on: the importer's abstractions.

Most abstractions add runs: what is proved holds all the same, and a run that is shown may be one
of those that were added.  One that `bounds` leaves runs out: what is proved holds of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..dsl import ast
from ..dsl.errors import Span
from ..semantics.system import TransitionSystem, VarKind
from ..semantics.walks import variables
from .verdict import Proved, Refuted, Result, Verdict

# A refutation by these says that something is *never* possible, beside the run that leads there.
NEVER = frozenset({"deadlock_free", "can_finish", "no_dead_code"})
# Rule by rule, of any state: no set of runs is spoken of.
OF_RULES = frozenset({"atomicity", "contracts"})
DATA = (VarKind.DATA, VarKind.SHARED, VarKind.CHANNEL, VarKind.ARG, VarKind.PARAM)


def rests_on(spec: ast.Spec, system: TransitionSystem, result: Result) -> Verdict | None:
    """The result's verdict with the abstractions and assumptions that it rests on."""
    check, verdict = result.check, result.verdict
    if not spec.abstractions or check in OF_RULES:
        return verdict
    bounds = tuple(_words(a) for a in spec.abstractions if a.bounds)
    match verdict:
        case Proved():
            more = tuple(t for t in bounds if t not in verdict.assumptions)
            return replace(verdict, assumptions=(*verdict.assumptions, *more))
        case Refuted():
            goals = [
                o.cond for o in system.obligations if (o.check, o.name) == (check, result.name)
            ]
            claimed = variables(goals)
            used = tuple(dict.fromkeys(_used(spec, system, verdict, claimed)))
            if check in NEVER:
                used += tuple(t for t in bounds if t not in used)
            return replace(verdict, abstract=(*verdict.abstract, *used))
        case _:
            return verdict


def _words(a: ast.Abstraction) -> str:
    return f"{a.what}: {a.instead}"


def _used(
    spec: ast.Spec, system: TransitionSystem, verdict: Refuted, claimed: set[int]
) -> Iterator[str]:
    """Abstractions at a place of the run, or of data that the claim or a step of it tests."""
    places: set[Span] = {verdict.span}
    tested = set(claimed)
    for trace in (verdict.trace, verdict.second):
        for step in trace.steps if trace is not None else ():
            rule = system.rules[step.rule]
            places |= {rule.span, rule.test_span or rule.span}
            tested |= variables([rule.guard, rule.relation])
    data = {system.variables[v].span for v in tested if system.variables[v].kind in DATA}
    for a in spec.abstractions:
        if a.span in data or any(_inside(a.span, p) for p in places):
            yield _words(a)


def _inside(inner: Span, outer: Span) -> bool:
    return inner.file == outer.file and (
        (outer.line, outer.col) <= (inner.line, inner.col)
        and (inner.end_line, inner.end_col) <= (outer.end_line, outer.end_col)
    )
