"""What bookkeeping says of control and of claims holds in every state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from lowered import run
from naive import TooBig, explore
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.expr import Scalar, and_
from wfverify.semantics.lower import lower
from wfverify.semantics.system import PointKind, TransitionSystem
from wfverify.semantics.values import evaluate
from wfverify.verifier.engines.common import conjuncts
from wfverify.verifier.engines.linking import QUIET, _Checking
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved

STEPS = ("a", "u", "f", "free", "x := 1 - x", "fail E", "skip")
AROUND = (
    "within 5s {{ {} }} else {{ skip }}",
    "saga {{ {} }}",
    "try {{ {} }} catch E {{ u }}",
    "try {{ {} }} finally {{ a }}",
    "nocancel {{ {} }}",
    "using (k exclusive) {{ {} }}",
    "if (x == 0) {{ {} }}",
    "par any {{ {{ {} }} || u }}",
)


def term(r: Random, size: int) -> str:
    if size <= 1:
        return r.choice(STEPS)
    if r.random() < 0.65:
        return r.choice(AROUND).format(term(r, size - 1))
    left = r.randint(1, size - 1)
    return f"{{ {term(r, left)} }} {r.choice((';', ';', '||'))} {{ {term(r, size - left)} }}"


def spec(seed: int) -> str:
    r = Random(seed)
    return f"""
error E permanent
resource p : pool(2)
resource k : lock
workflow w fails E, Timeout {{
  var x: int 0..1 = 0
  activity a {{ uses p 1 undo back() }}
  activity u {{ uses p 2 undo skip }}
  activity f {{ uses k shared fails E undo skip }}
  activity free {{ }}
  activity back {{ uses p 1 }}
  run {{ {term(r, 5)} }}
}}
system {{ w{"[2]" if r.random() < 0.3 else ""} }}
"""


def wrong(system: TransitionSystem, checking: _Checking, state: Sequence[Scalar]) -> str:
    """What is said of all states and fails in this one."""
    found = checking.out
    if not found.quiet:
        return ""
    for t in system.threads:
        at = t.points[int(state[t.location])]
        if t.parent is not None and at.kind not in QUIET:
            if int(state[system.threads[t.parent].location]) not in checking.above_it[t.id]:
                return f"{t.name} runs on"
    for used, linked in found.linked.items():
        held = sum(
            int(evaluate(amount, state) or 0)
            for t in system.threads
            for u, amount in t.points[int(state[t.location])].holds
            if u == used
        )
        if linked and state[used] != held:
            return f"{system.variables[used].name} is {state[used]}, {held} held"
    roots = [t for t in system.threads if t.parent is None]
    ends = (PointKind.END, PointKind.FAILED)
    over = all(t.points[int(state[t.location])].kind in ends for t in roots)
    return (
        "something is held at the end"
        if over and any(state[used] for used, linked in found.linked.items() if linked)
        else ""
    )


def lingering(seed: int) -> int:
    """Compares with all states; how many branches may run on where their parent is not at the
    fork."""
    try:
        graph = run(spec(seed), 2_500)
    except OverflowError:
        return 0  # too many states
    checking = _Checking(graph.system)
    checking.run()
    for state in graph.steps:
        assert not wrong(graph.system, checking, state), spec(seed)
    return checking.out.quiet and sum(len(more) > 1 for more in checking.above_it.values())


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_it_holds_in_every_state(first: int) -> None:
    assert sum(lingering(seed) for seed in range(first, first + 40)) > 0


def damaged(system: TransitionSystem, r: Random) -> TransitionSystem:
    """A rule forgets to move a thread, to give back a claim, or to look at where a thread is."""
    rules = list(system.rules)
    cancelling = [x for x in rules if x.bundle is not None]
    rule = r.choice(cancelling if cancelling and r.random() < 0.4 else rules)
    if r.random() < 0.5:
        parts = list(conjuncts(rule.guard))
        parts.pop(r.randrange(len(parts)))
        rules[rule.index] = replace(rule, guard=and_(*parts))
    else:
        updates = list(rule.updates)
        updates.pop(r.randrange(len(updates)))
        rules[rule.index] = replace(rule, own=tuple(updates), bundle=None)
    return replace(system, rules=tuple(rules))


def test_nothing_false_is_said_of_damaged_systems() -> None:
    said = 0
    for seed in range(150):
        r = Random(seed)
        system = damaged(lower(load_text(spec(seed), "w.wf")), r)
        checking = _Checking(system)
        said += checking.run().quiet
        try:
            states = explore(system, 2_500).states if checking.out.quiet else ()
        except TooBig:
            continue
        for state in states:
            assert not wrong(system, checking, state), spec(seed)
    assert said > 10


def test_a_claim_that_a_lease_may_end_is_given_back() -> None:
    """What a thread holds depends on whether the lease is over: terms, not bookkeeping."""
    text = """
resource deploy : lock lease 10m
resource runners : pool(3)
error Bad permanent
workflow ship fails Bad, LeaseExpired {
  activity build { takes 1m..3m uses runners 1 }
  activity push { takes 10s..20s fails Bad undo unpush() }
  activity unpush { takes 5s..5s uses runners 1 }
  run { build() ; using (deploy exclusive) { saga { push() ; build() } } }
}
system { ship[6] }
"""
    spec = load_text(text, "w.wf")
    options = Options(only=("borrows",), timeout=20, engines=("structure", "induction"))
    found = verify(spec, lower(spec), options, replay=replay, schedule=schedule)
    assert [type(r.verdict) for r in found] == [Proved]
