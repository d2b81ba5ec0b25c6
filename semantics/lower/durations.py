"""How long each instance of a spec takes, from its start to its end."""

from __future__ import annotations

from collections.abc import Collection

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ..expr import FALSE, Expr, Op, const
from ..formula import formula
from ..system import VarKind
from ..walks import substitute, variables
from .context import RETURN, Ctx
from .lasting import read, unread
from .lasting_facts import Beats, Cut, Open, Reading
from .measure import Measure
from .times import DONE, NOTHING, Arithmetic, Lasts
from .world import contexts


@dataclass(frozen=True, slots=True)
class Duration:
    """`completes` and `fails` are the times of its ends, by error (None: it never does);
    `ends` of both.  A `hi` of None means that no longest time is known: `open` says where,
    `restless` are places where a wait may start anew, `contended` resources that are waited for.

    Expressions are Real-sorted, in seconds, over variables of the system that never change; a
    longest time is one of all runs.  `spared` are blocks with a limit that never strikes.
    """

    instance: int
    name: str
    workflow: str
    span: Span
    active: Expr
    completes: Lasts | None
    fails: dict[str, Lasts]
    ends: Lasts
    open: tuple[Open, ...]
    restless: tuple[Span, ...]
    contended: dict[str, Span]
    cuts: tuple[Cut, ...]
    beats: tuple[Beats, ...]
    calls: dict[str, Lasts]
    spared: tuple[Span, ...]
    arithmetic: Arithmetic

    def of(self, workflow: str) -> Lasts | None:
        """Of the instance itself, or of its calls of a child workflow."""
        return self.ends if workflow == self.workflow else self.calls.get(workflow)

    def words(self, e: Expr) -> str:
        return formula(self.arithmetic.variables, e)

    def endless(self) -> str:
        """Why there is no longest time."""
        if self.restless and not self.open:
            return (
                f"a wait may start anew again and again, because others change the test before it "
                f"(line {self.restless[0].line})"
            )
        if self.open:
            return f"{self.open[0].why} (line {self.open[0].span.line})"
        if self.contended:
            return f"claims of {', '.join(self.contended)} may have to wait"
        return "nothing bounds it"


def durations(
    spec: ast.Spec,
    free: Collection[str] = (),
    measure: Measure | None = None,
    room: int | None = None,
) -> tuple[Duration, ...]:
    """Of every instance; `free` names resources whose claims never have to wait.

    Linear in the size of the spec, without its rules.  With a `measure`, of how much of it that
    counts; raises `Unmeasured`.
    """
    return tuple(_duration(ctx, frozenset(free), measure) for ctx in contexts(spec, room))


def _duration(ctx: Ctx, free: frozenset[str], measure: Measure | None) -> Duration:
    arithmetic = Arithmetic(ctx.b.variables)
    r = Reading(arithmetic, free, measure=measure)
    w = ctx.inst.workflow
    body = read(r, ctx, w.body) if w.name not in ctx.world.crashing else unread(r, w.span)
    system = ctx.world.spec.system
    if system is not None and system.faults:
        r.restless.append(system.span)  # what is lost begins anew
    ways = dict(body.ways)
    if r.restless:
        ways = {e: Lasts(x.lo, None, x.may, False) for e, x in ways.items()}
    ways = {e: _given(ctx, x) for e, x in ways.items()}
    completes = arithmetic.either(ways.pop(DONE, None), ways.pop(RETURN, None))
    ends = arithmetic.any_of([*ways.values(), *([completes] if completes else [])])
    calls = {name: arithmetic.any_of(found) or NOTHING for name, found in r.calls.items()}
    if r.restless:
        calls = {n: Lasts(x.lo, None, x.may, False) for n, x in calls.items()}
    return Duration(
        ctx.inst.id,
        ctx.inst.name,
        w.name,
        w.span,
        ctx.inst.active,
        completes,
        ways,
        ends or Lasts(const(0), const(0), FALSE),
        tuple(r.open),
        tuple(r.restless),
        r.contended,
        tuple(
            Cut(c.retry, _replaced(ctx, c.limit), c.span, c.body and _replaced(ctx, c.body))
            for c in r.cuts
        ),
        tuple(replace(b, late=_replaced(ctx, b.late)) for b in r.beats),
        {name: _given(ctx, x) for name, x in calls.items()},
        () if r.restless else tuple(s for s, late in r.strikes.items() if late is FALSE),
        arithmetic,
    )


def _given(ctx: Ctx, x: Lasts) -> Lasts:
    hi = None if x.hi is None else _replaced(ctx, x.hi)
    return Lasts(_replaced(ctx, x.lo), hi, _replaced(ctx, x.may), x.exact)


def _replaced(ctx: Ctx, e: Expr) -> Expr:
    """With the values of arguments that the system gives."""
    known = {
        v.index: v.init
        for i in variables([e])
        if (v := ctx.b.variables[i]).kind is VarKind.ARG and v.init is not None
    }
    if not known:
        return e
    return _replaced(ctx, substitute(e, lambda x: known.get(x.index, x) if x.op is Op.VAR else x))
