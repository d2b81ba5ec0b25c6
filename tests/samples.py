"""A small system made by hand, with results of every kind, for tests of what is shown."""

from __future__ import annotations

from fractions import Fraction

from wfverify.dsl.errors import NOWHERE, Diagnostic, Severity, Span
from wfverify.dsl.types import Enum, Int
from wfverify.semantics.expr import TRUE, Sort, add, and_, const, eq, inp, le, var
from wfverify.semantics.system import (
    Delay,
    Input,
    Instance,
    Obligation,
    Point,
    PointKind,
    ResourceInfo,
    Rule,
    RuleKind,
    Thread,
    TransitionSystem,
    Variable,
    VarKind,
)
from wfverify.semantics.trace import Step, Trace
from wfverify.verifier.verdict import Proved, Refuted, Result, Unknown

SOURCE = """\
resource api : pool(1) advisory
workflow trip(n: int) {
  var paid: int = 0
  activity hotel  { uses api 1 }
  activity flight { uses api 1  do { paid := paid + n } }
  run { hotel || flight }
  invariant unpaid : paid == 0
}
"""
FILE = "trip.wf"
STATUS = Enum("Status", ("draft", "booked"))


def at(line: int, col: int, end: int) -> Span:
    return Span(FILE, line, col, line, end)


def _variable(index: int, name: str, kind: VarKind, **more: object) -> Variable:
    init = None if kind is VarKind.ARG else const(0)
    fields: dict[str, object] = {"type": Int(), "init": init, "instance": 0, "sort": Sort.INT}
    return Variable(index=index, name=name, kind=kind, **{**fields, **more})  # type: ignore[arg-type]


def _thread(id_: int, name: str, location: int, parent: int | None) -> Thread:
    points = (
        Point(0, PointKind.ENTRY, "entry", NOWHERE),
        Point(1, PointKind.RUN, "running", NOWHERE, activity=name),
        Point(2, PointKind.END, "end", NOWHERE),
    )
    return Thread(id_, name, 0, location, parent, points)


def make_system() -> TransitionSystem:
    """`hotel || flight`, each `uses api 1` of 1."""
    n, paid, used = (var(i, Sort.INT) for i in range(3))
    here = {1: var(4, Sort.INT), 2: var(5, Sort.INT)}
    one = const(1)

    def rule(index: int, thread: int, activity: str, kind: RuleKind, **more: object) -> Rule:
        start = kind is RuleKind.START
        location = 3 + thread
        amount = one if start else const(-1)
        own = ((location, const(1 if start else 2)), (2, add(used, amount)))
        own += more.pop("also", ())  # type: ignore[operator]
        return Rule(
            index=index,
            name=f"{activity} {kind.value}",
            kind=kind,
            thread=thread,
            instance=0,
            guard=and_(TRUE, eq(here[thread], const(0 if start else 1))),
            own=own,
            span=at(6, 9, 14),
            activity=activity,
            delay=Delay(const(Fraction(0)), None),
            **more,  # type: ignore[arg-type]
        )

    rules = (
        rule(0, 1, "trip[0].hotel", RuleKind.START),
        rule(1, 1, "trip[0].hotel", RuleKind.COMPLETE, also=((3, const(1)),)),
        rule(2, 2, "trip[0].flight", RuleKind.START),
        rule(
            3,
            2,
            "trip[0].flight",
            RuleKind.COMPLETE,
            also=((1, add(paid, inp(0, Sort.INT))),),
            inputs=(Input("price", Sort.INT, Int()),),
        ),
        rule(4, 1, "trip[0].hotel", RuleKind.FAIL, error="Declined"),
    )
    return TransitionSystem(
        name="trip",
        variables=(
            _variable(0, "trip[0].n", VarKind.ARG),
            _variable(1, "trip[0].paid", VarKind.DATA),
            _variable(2, "api", VarKind.USED, instance=None),
            _variable(3, "trip[0].status", VarKind.DATA, type=STATUS),
            _variable(4, "at hotel", VarKind.LOCATION),
            _variable(5, "at flight", VarKind.LOCATION),
            _variable(6, "at trip[0]", VarKind.LOCATION),
        ),
        initial=le(const(0), n),
        rules=rules,
        threads=(
            _thread(0, "trip[0]", 6, None),
            _thread(1, "trip[0].hotel", 4, 0),
            _thread(2, "trip[0].flight", 5, 0),
        ),
        instances=(Instance(0, "trip[0]", "trip", 0, 2, 2, 3, at(2, 1, 9)),),
        resources=(ResourceInfo("api", "pool", one, False, 2, None, at(1, 1, 13)),),
        obligations=(
            Obligation("resources", "api", le(used, one), "too many", at(1, 10, 13)),
            Obligation("invariant", "unpaid", eq(paid, const(0)), "broken", at(7, 3, 21)),
        ),
        errors=("Declined",),
    )


INITIAL = (2, 0, 0, 0, 0, 0, 0)
BOTH = Trace(INITIAL, (Step(0), Step(2, (), Fraction(3, 2))))
PAID = Trace(INITIAL, (Step(0), Step(2), Step(3, (5,))))
OTHER = Trace(INITIAL, (Step(0), Step(2), Step(1)))
LASSO = Trace(INITIAL, (Step(0), Step(4), Step(0)), 1)

OVERUSE = Result(
    "resources",
    "api",
    Refuted("search", "2 units of api are in use, there is 1", BOTH, at(4, 24, 29), "peak 2 of 1"),
    at(1, 10, 13),
    seconds=0.012,
)
BROKEN = Result(
    "invariant", "unpaid", Refuted("bmc", "paid is not 0", PAID, at(5, 43, 47)), at(7, 13, 19)
)
PARTED = Result(
    "deterministic",
    "",
    Refuted("search", "the result depends on who is first", PAID, at(6, 9, 24), second=OTHER),
    at(2, 1, 9),
    fix="order them",
)
ENDLESS = Result(
    "terminates", "", Refuted("search", "it goes on for ever", LASSO, at(6, 9, 14)), at(2, 1, 9)
)
FINE = Result("borrows", "", Proved("structure", "no lock is borrowed.", "0 locks"), at(2, 1, 9))
OPEN = Result("can_finish", "", Unknown("search", "the time was up", "40 steps"), at(2, 1, 9))
SKIPPED = Result("messages", "", None, at(2, 1, 9), skipped="no channels [yet]")
REFUSED = Diagnostic(
    "E0201", at(6, 9, 14), "nothing is called `hotl`", "did you mean `hotel`?", Severity.ERROR
)
