"""`w[*]`: what is proved of any number of instances is true of 1, 2, 3, ..; by naive exploration.

A longer campaign: WFVERIFY_CROWDS=0..2000 pytest tests/verifier/test_anynumber.py -k seeds; of
what comes at last, WFVERIFY_ENDLESS=0..2000, in one queue WFVERIFY_QUEUES=0..2000.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import comparisons
import pytest
from comparisons import verified
from wfverify.dsl import load_text
from wfverify.proofs.check import Answer, Checker, claim_of
from wfverify.semantics.evidence import Facts, Inductive, Part
from wfverify.semantics.expr import const
from wfverify.semantics.lower import lower
from wfverify.verifier.engines.crowd import Unsupported, crowd
from wfverify.verifier.verdict import Proved, Refuted, Unknown

SEEDS = range(*map(int, os.environ.get("WFVERIFY_CROWDS", "0..14").split("..")))
ENDLESS = range(*map(int, os.environ.get("WFVERIFY_ENDLESS", "3..9").split("..")))

QUEUES = range(*map(int, os.environ.get("WFVERIFY_QUEUES", "0..5").split("..")))


def test_what_is_proved_for_seeds_is_true() -> None:
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in SEEDS:
        try:
            found = comparisons.crowds(seed)
        except comparisons.LeftOut:
            continue
        counts += found.counts
        wrong += [f"seed {seed}: {p}\n{found.text}" for p in found.problems]
    assert wrong == []
    assert counts["invariant PROVED"] and counts["invariant REFUTED"]
    assert counts["deadlock_free PROVED"]


WORKER = """
resource slot : pool(2)
shared n: int = 0
workflow w {
  var mine: int = 0
  activity work { uses slot 1  takes 1s..2s  do { n += 1 ; mine := 1 } }
  run { work }
}
system { w[*] }
"""


@pytest.mark.parametrize(
    "claim",
    [
        "invariant few : instances(w) <= 3",
        "invariant few : (count o in w: o.mine == 1) <= 3",
        "invariant few : (count o in w: true) == 2",
        "invariant few : n <= 3",
        "invariant few : 10 / (7 - (count o in w: true)) >= 0",
        "ensures n <= 3",
        "ensures (sum o in w: o.mine) <= 3",
        "always few : n <= 3 => next(n <= 3)",
        "property few : never n == 5",
    ],
)
def test_what_a_few_instances_say_is_not_proved(claim: str) -> None:
    results = verified(WORKER + claim)
    said = [r for r in results if r.name in ("few", "system") or r.check == "arithmetic"]
    assert said
    assert not all(isinstance(r.verdict, Proved) for r in said)


@pytest.mark.parametrize(
    "guard", ["instances(w) <= 3", "(exists o in w: o.mine == 1)", "(count o in w: true) <= 3"]
)
def test_steps_that_count_instances_leave_it_open(guard: str) -> None:
    text = WORKER.replace("run { work }", f"run {{ if ({guard}) {{ work }} }}")
    results = verified(text + "invariant i : n <= 3")
    proved = {r.check for r in results if isinstance(r.verdict, Proved)}
    assert not proved & {"deadlock_free", "terminates", "invariant", "race_free", "deterministic"}


def test_a_dead_place_may_come_alive_with_more_instances() -> None:
    for many, kind in ((6, Proved), (600, Unknown)):  # so many are not tried
        text = WORKER.replace("run { work }", f"run {{ work ; if (n > {many}) {{ work }} }}")
        (found,) = (r for r in verified(text, 20) if r.check == "no_dead_code")
        assert isinstance(found.verdict, kind), (many, found.verdict)


def test_certificates_of_any_number_are_never_valid_by_a_few() -> None:
    spec = load_text(WORKER + "invariant up : n >= 0", "w.wf")
    system = lower(spec)
    checker = Checker(system)
    (goal,) = (o for o in system.obligations if o.name == "up")
    claim = claim_of(system, "invariant", "up", "error", "PROVED")
    part = Part(Inductive(Facts((goal.cond,))), (0,))
    assert checker.judged(claim, [part]).answer is Answer.HOLEY
    fixed = lower(load_text((WORKER + "invariant up : n >= 0").replace("[*]", "[3]"), "w.wf"))
    assert Checker(fixed).judged(claim, [part]).answer is Answer.VALID


def test_rules_that_differ_are_no_crowd() -> None:
    spec = load_text(WORKER, "w.wf")
    system = lower(spec, (2, 2))
    (group,) = system.any_number
    mine = [r for r in system.rules if r.instance == group.members[1]]
    (shared,) = (v for v in system.variables if v.name == "n")
    odd = replace(mine[0], own=(*mine[0].own, (shared.index, const(1))))
    rules = tuple(odd if r is mine[0] else r for r in system.rules)
    assert crowd(system).lost == frozenset()
    with pytest.raises(Unsupported):
        crowd(replace(system, rules=rules))


def test_what_comes_at_last_for_seeds_is_true() -> None:
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in ENDLESS:
        try:
            found = comparisons.endless(seed, 8)
        except comparisons.LeftOut:
            continue
        counts += found.counts
        wrong += [f"seed {seed}: {p}\n{found.text}" for p in found.problems]
    assert wrong == []
    # (That properties are proved is shown below; here a busy machine may have no time for it.)
    assert counts["property REFUTED"] + counts["terminates REFUTED"]
    assert counts["deadlock_free PROVED"]


STARVED = """
resource p : pool(8)
workflow w {
  var got: bool = false
  activity x { uses p 1  takes 1s..2s }
  run { while (true) { x ; got := true } }
  property gets : eventually got
}
system { w[*] }
"""


def test_nine_may_keep_one_from_a_pool_of_eight() -> None:
    """Who takes it again and again is not seen by the one who waits; few are never short of it."""
    for text, proved in ((STARVED, False), (STARVED.replace("w[*]", "w[*]  scheduler fair"), True)):
        found = {r.name or r.check: isinstance(r.verdict, Proved) for r in verified(text, 20)}
        assert found["starvation_free"] is found["gets"] is proved


def test_what_comes_at_last_in_one_queue_is_true() -> None:
    """Under `scheduler head_of_line`, where claims stand in one queue, by priority."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in QUEUES:
        try:
            found = comparisons.endless(seed, 12, queue=True)
        except comparisons.LeftOut:
            continue
        counts += found.counts
        wrong += [f"seed {seed}: {p}\n{found.text}" for p in found.problems]
    assert wrong == []
    assert counts["property REFUTED"] + counts["terminates REFUTED"]


RIVALS = """
resource p : pool(2)
workflow w {
  var got: bool = false
  activity one { uses p 1  takes 1s..2s }
  run { while (true) { one } }
}
workflow v {
  var got: bool = false
  activity both { uses p AMOUNT  takes 1s..2s }
  run { both ; { got := true } }
  property comes : eventually got
}
system { w[*]  v  scheduler KIND }
"""


@pytest.mark.parametrize(
    ("amount", "kind", "comes"),
    [
        ("1", "fair", True),
        ("2", "fair", False),  # those that take one overlap
        ("1", "any", False),
    ],
)
def test_claims_are_granted_in_turn_where_there_is_enough(
    amount: str, kind: str, comes: bool
) -> None:
    results = verified(RIVALS.replace("AMOUNT", amount).replace("KIND", kind), 10)
    (found,) = (r for r in results if r.name == "comes")
    assert isinstance(found.verdict, Proved) == comes


@pytest.mark.parametrize(
    ("before", "after", "comes"),
    [
        ("", "", True),
        # The others may go round without time passing.
        ("{ flip := not flip } ;", "", False),
        # What is never let go of.
        ("", "using (k exclusive) { while (true) { think } }", False),
    ],
)
def test_others_that_go_on_for_ever(before: str, after: str, comes: bool) -> None:
    round_ = f"while (true) {{ {before or 'think'} {'skip' if before else ''} }}"
    text = f"""
resource k : lock
shared flip: bool = false
workflow w {{
  activity think {{ takes 1s..2s }}
  run {{ {after or round_} }}
}}
workflow v {{
  var got: bool = false
  activity act {{ uses k exclusive  takes 1s..2s }}
  run {{ act ; {{ got := true }} }}
  property comes : eventually got
}}
system {{ w[*]  v  scheduler fair }}
"""
    (found,) = (r for r in verified(text, 10) if r.name == "comes")
    assert isinstance(found.verdict, Proved) == comes


@pytest.mark.parametrize(
    ("pool", "test", "verdict"),
    [
        (2, "n == 0", Proved),  # with three of them one is refused
        (7, "n == 0", Proved),  # with eight, of which there are runs
        (70, "n == 0", Unknown),  # with so many that none are made
        (2, "n > 3", Refuted),  # nobody's n ever is
    ],
)
def test_what_nobody_of_any_number_comes_to(pool: int, test: str, verdict: type) -> None:
    text = f"""
error Busy transient
resource r : pool({pool}) on_busy fail Busy
workflow w {{
  var n: int = 0
  activity a {{ uses r 1  takes 1s..2s }}
  activity b {{ takes 1s..2s }}
  run {{ if ({test}) {{ b }} ; try {{ a }} catch Busy {{ skip }} }}
}}
system {{ w[*] }}
"""
    (found,) = (r for r in verified(text, 20) if r.check == "no_dead_code")
    assert isinstance(found.verdict, verdict)
