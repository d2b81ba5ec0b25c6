"""Terms survive the way between processes: those of the system as themselves."""

from __future__ import annotations

from fractions import Fraction

import pytest
from wfverify.dsl import load_text
from wfverify.semantics.evidence import Facts, Inductive, Part
from wfverify.semantics.expr import EMPTY, FALSE, TRUE, Expr, Op, Sort, and_, const, le, not_, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.verdict import Proved
from wfverify.verifier.wire import Wire

SPEC = """\
resource r : pool(2)
workflow w {
  var x: int = 0
  activity a { uses r 1  takes 1s..2s  do { x := x + 1 } }
  run { a || { a ; a } }
  invariant small : x <= 3
}
system { w[2] }
"""


@pytest.fixture
def system() -> TransitionSystem:
    return lower(load_text(SPEC, "w.wf"))


def test_terms_of_the_system_stay_themselves(system: TransitionSystem) -> None:
    here, there = Wire(system), Wire(system)
    guards = [r.guard for r in system.rules]
    goals = [o.cond for o in system.obligations]
    sent = [*guards, *goals, *(g.args[0] for g in guards if g.args), TRUE, FALSE, EMPTY]
    got = there.decode(here.encode(sent))
    assert all(a is b for a, b in zip(sent, got, strict=True))


def test_new_terms_keep_what_they_share(system: TransitionSystem) -> None:
    wire = Wire(system)
    part = le(var(0, Sort.INT), const(7))
    whole = and_(not_(part), system.rules[0].guard, Expr(Op.OR, (part, TRUE), Sort.BOOL))
    a, b, number = wire.decode(wire.encode((whole, part, const(Fraction(1, 3)))))
    assert repr(a) == repr(whole)
    assert a.args[0].args[0] is b
    assert a.args[-1].args == (b, TRUE)
    assert number.value == Fraction(1, 3)
    assert number.sort is Sort.REAL


def test_terms_may_be_deep(system: TransitionSystem) -> None:
    term = le(var(0, Sort.INT), const(7))
    for _ in range(50_000):
        term = Expr(Op.NOT, (term,), Sort.BOOL)
    wire = Wire(system)
    got, depth = wire.decode(wire.encode(term)), 0
    while got.op is Op.NOT:
        got, depth = got.args[0], depth + 1
    assert depth == 50_000


def test_a_verdict_comes_with_its_evidence(system: TransitionSystem) -> None:
    goal = system.obligations[0].cond
    verdict = Proved("chc", "why", evidence=(Part(Inductive(Facts((goal, TRUE))), range(2)),))
    wire = Wire(system)
    got = wire.decode(wire.encode(verdict))
    assert got == verdict  # terms are compared by identity
