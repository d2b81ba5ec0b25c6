"""Properties that hold for a trivial reason: proved, with a warning that says which.

`p => q` whose `p` is never true, `ensures` of what never completes, `assert` where no run comes.
What cannot be decided soon is not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...dsl import ast
from ...dsl.errors import Span
from ...dsl.format_expr import expr
from ...dsl.records import dataclass
from ...dsl.walk import walk
from ...semantics.expr import FALSE, Expr, Op, not_, or_
from ...semantics.system import Obligation, TransitionSystem
from ...semantics.walks import variables
from ..engines.common import conjuncts
from ..session import Session
from ..verdict import Proved, Verdict
from .obligations import Claim
from .reach import Reach, Reached

SECONDS = 2.0
VARY = (
    ast.RefKind.VAR,
    ast.RefKind.ARG,
    ast.RefKind.SHARED,
    ast.RefKind.STORE,
    ast.RefKind.PARAM,
    ast.RefKind.RESULT,
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """If none of the questions is ever reached, the claim (one of `places`) holds for `why`."""

    questions: tuple[Obligation, ...]
    why: str


def warned(
    session: Session, spec: ast.Spec, groups: Sequence[Claim], verdicts: Mapping[int, Verdict]
) -> dict[int, Verdict]:
    """The verdicts of claims that are proved for a trivial reason, with the warning."""
    properties = {p.span: p for p in _properties(spec)}
    reach = Reach(session, min(SECONDS, session.share(0.1)))
    out: dict[int, Verdict] = {}
    doubts: list[tuple[int, list[Doubt]]] = []
    for k, claim in enumerate(groups):
        if isinstance(verdicts[k], Proved):
            doubts += [(k, line) for line in _doubts(session.system, claim, properties)]
    flat = [q for _, line in doubts for d in line for q in d.questions]
    answers = iter(reach.ask(flat))
    for k, line in doubts:
        # Of one line the first reason that is true says it all.
        found = [(d, [next(answers) for _ in d.questions]) for d in line]
        why = next((d.why for d, a in found if all(x is Reached.NEVER for x in a)), "")
        verdict = out.get(k, verdicts[k])
        if why and isinstance(verdict, Proved) and why not in verdict.warning:
            text = f"{verdict.warning}; {why}" if verdict.warning else why
            out[k] = replace(verdict, warning=text)
    return out


def _properties(spec: ast.Spec) -> Iterator[ast.Property]:
    yield from spec.properties
    for w in spec.workflows:
        yield from w.properties


def _doubts(
    system: TransitionSystem, claim: Claim, properties: Mapping[Span, ast.Property]
) -> Iterator[list[Doubt]]:
    """For each place that the claim comes from: reasons why it may hold trivially.  Instances,
    calls and rounds have copies of it; all of them have to."""
    if claim.check == "property":
        yield from _patterns(claim, properties)
    if claim.check not in ("invariant", "always", "ensures", "assert"):
        return
    places: dict[Span, list[Obligation]] = {}
    for goal in claim.goals:
        places.setdefault(goal.span, []).append(goal)
    for span, goals in places.items():
        line: list[Doubt] = []
        steps = [g for g in goals if g.rule is not None]
        if claim.check in ("ensures", "assert") and len(steps) == len(goals):
            why = (
                f"no run comes to the assert at {span.line}:{span.col}"
                if claim.check == "assert"
                else f"{claim.name} never completes"
            )
            line.append(Doubt(tuple(replace(g, cond=FALSE) for g in goals), why))
        stated = properties.get(span)
        if claim.check == "ensures" and not steps:
            # (Of `ensures false` nothing but "not every instance has ended" is left.)
            over = tuple(
                replace(g, cond=_first(g.cond, 1) if g.cond.op is Op.OR else g.cond) for g in goals
            )
            line.append(Doubt(over, "there is no run in which every instance ends"))
        if isinstance(stated, ast.Invariant | ast.Always | ast.Ensures):
            line += _implication(system, claim, goals, stated)
        if line:
            yield line


def _patterns(claim: Claim, properties: Mapping[Span, ast.Property]) -> Iterator[list[Doubt]]:
    """What is to be before or after something that never is."""
    for span in dict.fromkeys(g.span for g in claim.goals):
        stated = properties.get(span)
        goals = [g for g in claim.goals if g.span == span]
        if isinstance(stated, ast.Pattern) and stated.q is not None:
            never = tuple(
                replace(g, cond=not_(g.unless), every_step=False)
                for g in goals
                if g.unless is not None
            )
            yield [Doubt(never, f"`{_short(stated.q)}` is true in no state that is reached")]


def _short(e: ast.Expression) -> str:
    text = expr(e)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _implication(
    system: TransitionSystem,
    claim: Claim,
    goals: Sequence[Obligation],
    stated: ast.Invariant | ast.Always | ast.Ensures,
) -> Iterator[Doubt]:
    """`p => q`, perhaps under `forall`, whose `p` is never true."""
    body = stated.cond
    while isinstance(body, ast.Quantifier) and body.kind == "forall":
        body = body.body
    if not isinstance(body, ast.Binary) or body.op != "=>" or not _varies(body.left):
        return
    questions: list[Obligation] = []
    for goal in goals:
        for part in conjuncts(goal.cond):
            before = 0
            if claim.check == "ensures" and goal.rule is None:
                before = 1  # every instance has ended
            elif part.op is Op.OR and _is_away(system, part.args[0]):
                before = 1  # there is such an instance
            cond = _first(part, before + 1)
            if cond is FALSE:
                return  # not of that form any more
            at_once = goal.every_step and not variables([cond], Op.POST)
            questions.append(replace(goal, cond=cond, every_step=goal.every_step and not at_once))
    text = _short(body.left)
    where = "at the end of no run" if claim.check == "ensures" else "in no state that is reached"
    if questions:
        yield Doubt(tuple(questions), f"`{text}` is true {where}")


def _first(cond: Expr, count: int) -> Expr:
    """The first parts of a disjunction; that they always hold is a trivial reason."""
    if cond.op is not Op.OR or len(cond.args) <= count:
        return FALSE
    return or_(*cond.args[:count])


def _is_away(system: TransitionSystem, part: Expr) -> bool:
    return part.op is Op.NOT and any(i.active is part.args[0] for i in system.instances)


def _varies(e: ast.Expression) -> bool:
    """It is no constant, which would have been folded away."""
    return any(
        isinstance(n, ast.StatePredicate | ast.Now) or (isinstance(n, ast.Name) and n.ref in VARY)
        for n in walk(e)
    )
