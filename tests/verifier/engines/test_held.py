"""What is in use is what is held, step by step; and runs with crashes that go on for ever."""

from __future__ import annotations

from dataclasses import replace

import comparisons
import naive
import pytest
from wfverify.dsl import load_text
from wfverify.semantics.expr import add, const
from wfverify.semantics.lower import lower
from wfverify.semantics.system import RuleKind, VarKind
from wfverify.verifier.engines.crowd import crowd
from wfverify.verifier.engines.crowd_endless import Endless
from wfverify.verifier.engines.crowd_graph import Graphs
from wfverify.verifier.engines.held import with_steps
from wfverify.verifier.engines.linking import check

GOES_ON = """
resource k : lock
workflow w {
  activity x { uses k exclusive  takes 1s..2s }
  run { while (true) { x } }
}
workflow v {
  var got: bool = false
  activity y { uses k exclusive  takes 1s }
  run { y ; { got := true } }
  property served : eventually got
}
system { w[*]  v  scheduler KIND  faults crash w at_most 1 HOW }
"""


def text(kind: str, how: str) -> str:
    return GOES_ON.replace("KIND", kind).replace("HOW", how)


@pytest.mark.parametrize("how", ["never", "back within 2s"])
def test_a_crash_gives_back_what_is_held(how: str) -> None:
    system = lower(load_text(text("any", how), "w.wf"), (2, 2))
    used = [v.index for v in system.variables if v.kind is VarKind.USED]
    plain = check(system)
    assert not all(plain.linked[u] for u in used)
    assert all(with_steps(system, plain).linked[u] for u in used)


def test_a_step_that_keeps_a_unit_is_found() -> None:
    system = lower(load_text(text("any", "never"), "w.wf"), (2, 2))
    (exclusive,) = (r.exclusive for r in system.resources)
    assert exclusive is not None
    for kind in (RuleKind.CRASH, RuleKind.COMPLETE, RuleKind.START):
        k, rule = next((k, r) for k, r in enumerate(system.rules) if r.kind is kind)
        odd = tuple((v, add(e, const(1)) if v == exclusive else e) for v, e in rule.own)
        assert odd != rule.own
        rules = (*system.rules[:k], replace(rule, own=odd), *system.rules[k + 1 :])
        made = replace(system, rules=rules)
        assert not with_steps(made, check(made)).linked[exclusive]


@pytest.mark.parametrize("how", ["never", "back within 2s"])
@pytest.mark.parametrize("kind", ["fair", "any"])
def test_who_waits_beside_crashes(kind: str, how: str) -> None:
    """Under `fair` the lock comes at last; under `any` others may take it again and again."""
    spec = load_text(text(kind, how), "w.wf")
    free = lower(spec, (2, 2))
    graphs = Graphs(free, crowd(free), 30, False)
    runs = Endless(graphs, with_steps(free, check(free)), 30, False)
    (goal,) = free.liveness
    (one,) = (i.id for i in free.instances if i.workflow == "v")
    assert runs.passes(goal.owed, one) is (kind == "fair")
    for n in (1, 2):
        graph = naive.explore(lower(spec, (n, n)))
        assert ("served" in comparisons.lasting_wrong(graph)) is (kind == "any")


ENDS = """
shared s: int 0..1 = 0
workflow w {
  activity x { takes 1s }
  run { s := 1 ; LOOP }
}
property back : s == 1 leads_to s == 0
system { w[*]  faults crash w at_most 1 never }
"""


@pytest.mark.parametrize("loop", ["while (true) { x }", "x"])
def test_no_crash_need_come(loop: str) -> None:
    spec = load_text(ENDS.replace("LOOP", loop), "w.wf")
    free = lower(spec, (2, 2))
    runs = Endless(Graphs(free, crowd(free), 30, False), with_steps(free, check(free)), 30, False)
    (goal,) = free.liveness
    both = runs.passes(goal.owed, None) and runs.over(goal.owed, None)
    assert not both
    assert "back" in comparisons.lasting_wrong(naive.explore(lower(spec, (1, 1))))
