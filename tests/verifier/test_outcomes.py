"""`timing_independent` and `deterministic` on specs made for one condition each."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from random import Random

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import Scheduling, schedule
from wfverify.semantics.expr import FALSE, Expr, Op, Scalar, Sort, const, eq, not_, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Rule
from wfverify.semantics.values import evaluate, initial_state
from wfverify.semantics.walks import variables
from wfverify.verifier.checks import independence
from wfverify.verifier.engines.common import conjuncts
from wfverify.verifier.engines.partings import choices_of, contradiction
from wfverify.verifier.engines.tracked import Tracked
from wfverify.verifier.engines.zones import between, later, nothing, rearranged
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.session import Session
from wfverify.verifier.verdict import Proved, Refuted, Unknown, Verdict

TI, D = "timing_independent", "deterministic"
PARTS = (Refuted, Refuted)
ALIKE = (Proved, Proved)


def verdicts(text: str) -> tuple[Verdict, Verdict]:
    spec = load_text(text, "s.wf")
    system = lower(spec)
    options = Options(only=(TI, D), timeout=20)
    results = verify(spec, system, options, replay=replay, schedule=schedule)
    found = {r.check: r.verdict for r in results}
    for verdict in found.values():
        if isinstance(verdict, Refuted):
            assert verdict.second is not None
            for trace in (verdict.trace, verdict.second):
                assert Scheduling(system).misplaced(trace) is None
    first, second = found[TI], found[D]
    assert first is not None and second is not None
    return first, second


def workflow(body: str, more: str = "", fails: str = "") -> str:
    return f"""
error E transient
error F transient
resource l : lock
workflow w {fails} {{
  var x: int = 0
  var y: int = 0
  var go: bool = false
  activity a {{ takes 1s..2s  do {{ x := 1 }} }}
  activity b {{ takes 1s..2s  do {{ x := 2 }} }}
  activity c {{ takes 1s..2s }}
  activity d {{ takes 1s..2s }}
  activity e {{ takes 1s..2s  fails E }}
  activity f {{ takes 1s..2s  fails F }}
  activity slow {{ takes 5s..9s  do {{ x := 3 }} }}
  {more}
  run {{ {body} }}
}}"""


CASES = {
    "no data": ("{ c || d }", "", "", ALIKE),
    "write race": ("{ a || b }", "", "", PARTS),
    "the same value": ("{ a || a }", "", "", ALIKE),
    "a lock does not order": (
        "{ k || m }",
        "activity k { uses l exclusive  takes 1s  do { x := 1 } }"
        "activity m { uses l exclusive  takes 1s  do { x := 2 } }",
        "",
        PARTS,
    ),
    "read race": ("{ a || { c ; y := x } }", "", "", PARTS),
    "too far apart to race": ("{ a || slow }", "", "", ALIKE),
    "additions commute": ("{ x += 1 || x += 2 }", "", "", ALIKE),
    "an addition and its reader": ("{ x += 1 || y := x }", "", "", PARTS),
    "one error": ("try { e || c } catch E { y := 1 }", "", "", ALIKE),
    "two errors": ("{ e || f }", "", "fails E, F", PARTS),
    "two errors caught in different threads": (
        "try { { try { e || f } catch E { skip } } || c } catch F { y := 1 }",
        "",
        "",
        PARTS,
    ),
    "cancelled before or after its effect": ("try { e || a } catch E { skip }", "", "", PARTS),
    "cancelled for sure before its effect": ("try { e || slow } catch E { skip }", "", "", ALIKE),
    "started again after it was cut off": (
        "retry(1 on E) { e || { c ; f } }",
        "",
        "fails E, F",
        (Refuted, Refuted),
    ),
    "interrupt that comes never": ("within 9s { c } else { y := 1 }", "", "", ALIKE),
    "interrupt that comes always": ("within 1s { slow } else { y := 1 }", "", "", ALIKE),
    "interrupt in a tie": ("within 2s { c } else { y := 1 }", "", "", PARTS),
    "a time-out decides, the environment picks": (
        "try { t } catch Timeout { y := 1 }",
        "activity t { takes 1s..9s  timeout 5s }",
        "",
        (Refuted, Proved),
    ),
    "the environment picks a side": ("{ a + b }", "", "", ALIKE),
    "a side that does nothing": ("{ a + skip } ; c", "", "", ALIKE),
    "failing is not a side": ("{ { fail E + c } || x := 3 }", "", "fails E", PARTS),
    "others decide which side can move": (
        "{ { k + b } || m }",
        "activity k { uses l exclusive  takes 1s  do { x := 1 } }"
        "activity m { uses l exclusive  takes 1s }",
        "",
        PARTS,
    ),
    "others decide whether the empty side can pass": (
        "{ { { b + skip } ; wait until (go) } || go := true }",
        "",
        "",
        PARTS,
    ),
    "looks at a resource": (
        "{ using (l exclusive) { c } || { d ; if (held(l)) { y := 1 } } }",
        "",
        "",
        PARTS,
    ),
    "claims and looks": (
        "{ k || if (held(l)) { y := 1 } else { k } }",
        "activity k { uses l shared  takes 1s }",
        "",
        PARTS,
    ),
    "the first of two": ("par any { a || b }", "", "", PARTS),
    "stuck whatever happens": ("wait until (go) ; a", "", "", ALIKE),
    "a signal": ("{ { wait until (go) ; a } || { c ; go := true } }", "", "", ALIKE),
}


@pytest.mark.parametrize("name", CASES)
def test_verdicts(name: str) -> None:
    body, more, fails, expected = CASES[name]
    found = verdicts(workflow(body, more, fails))
    for verdict, kind in zip(found, expected, strict=True):
        assert isinstance(verdict, kind), found


@pytest.mark.parametrize(("join", "ordered"), [("all", True), ("always", True), ("any", False)])
def test_what_orders_a_later_node(join: str, ordered: bool) -> None:
    # A lost `join all` is decided when both have ended, so `m` comes after `q`; `any` is not.
    text = workflow(
        "try { steps { p { e }  q { slow }  "
        f"n {{ c }} after p, q join {join}"
        "  m { y := x } after n join always } }"
        " catch E { skip }"
    )
    spec = load_text(text, "s.wf")
    session = Session(lower(spec), Options(), replay, schedule)
    assert (independence.obstacle(session, Proved("", "")) == "") is ordered


def test_the_two_runs_share_their_beginning() -> None:
    _, found = verdicts(workflow("c ; d ; { a || b }"))
    assert isinstance(found, Refuted) and found.second is not None
    ones, twos = found.trace.steps, found.second.steps
    differ = [x.rule != y.rule for x, y in zip(ones, twos, strict=True)]
    assert not any(differ[:6]) and sum(differ) == 2
    assert "w.x is" in found.message


@pytest.mark.parametrize("system", ["", "system { w scheduler fifo }"])
def test_the_sides_of_a_choice_are_answered_alike_each_time(system: str) -> None:
    """`i` and `j` part for a long while, so all runs are looked at; those that differ at the end
    took different sides in the second round."""
    long = "; ".join(f"m := {k}" for k in range(1, 10))
    body = (
        "{ while (n < 2) { { { g } + { h } } ; n += 1 } } ; { i || j } ; "
        f"if (y == 1) {{ {long} }} else {{ m := 9 }} ; y := 0"
    )
    more = """
  var m: int = 0
  var n: int = 0
  activity g { takes 1s do { x := x + 1 } }
  activity h { takes 1s do { x := x + 10 } }
  activity i { takes 1s..2s do { y := 1 } }
  activity j { takes 1s..2s do { y := 2 } }"""
    for verdict in verdicts(workflow(body, more) + system):
        assert not isinstance(verdict, Refuted)


@pytest.mark.parametrize(("sides", "alike"), [("gg", True), ("hh", True), ("gh", None)])
def test_which_sides_a_run_was_answered(sides: str, alike: bool | None) -> None:
    more = "activity g { takes 1s }\n  activity h { takes 1s }"
    system = lower(
        load_text(workflow("while (x < 2) { { { g } + { h } } ; x += 1 }", more), "s.wf")
    )
    simulate = simulator(system)
    found = []
    for seed in range(20):
        trace = simulate(seed, 0.0, {})
        assert trace is not None
        names = [system.rules[s.rule].name for s in trace.steps]
        if [n[-1] for n in names if n.startswith("start")] == list(sides):
            found.append(choices_of(Tracked(system), trace, replay(system, trace).states))
    assert found
    assert all((f is not None) is bool(alike) for f in found)


def test_one_set_of_durations() -> None:
    _, found = verdicts(workflow("{ { c ; y := 1 } || { d ; y := 2 } }"))
    assert isinstance(found, Refuted) and found.second is not None
    ends = [[s.time for s in t.steps if s.time > 0][:2] for t in (found.trace, found.second)]
    assert ends[0][0] == ends[0][1] == ends[1][0] == ends[1][1]


def test_unbounded_data_in_transit() -> None:
    more = "activity g -> int { takes 1s }"
    alike, _ = verdicts(workflow("{ x <- g() || y <- g() } ; within 9s { c } else { skip }", more))
    assert isinstance(alike, Proved)
    _, parts = verdicts(workflow("{ x <- g() || x <- g() }", more))
    assert isinstance(parts, Refuted)


def test_control_by_unbounded_data_is_left_open() -> None:
    more = "activity g -> int { takes 1s }"
    body = "x <- g() ; y <- g() ; if (x > y) {{ within 2s {{ c }} else {{ {} }} }}"
    assert isinstance(verdicts(workflow(body.format("skip"), more))[0], Unknown)
    # What it is compared with is a constant: one value stands for all that are above.
    body = body.replace("x > y", "x > 7")
    assert isinstance(verdicts(workflow(body.format("skip"), more))[0], Proved)
    assert isinstance(verdicts(workflow(body.format("y := 1"), more))[0], Refuted)


def test_zones() -> None:
    zone = rearranged(nothing(), [None])
    passed = later(zone, [Fraction(5)])
    assert passed is not None and passed[1][0] == 5
    assert between(passed, 1, 6, 9) is None
    late = between(passed, 1, 4, 9)
    assert late is not None
    two = rearranged(late, [1, None])  # a second clock starts between 4 and 5
    assert two[1][2] == 5 and two[2][1] == -4
    assert between(later(two, [7, 9]), 2, 4, 9) is None


def test_opened_loses_nothing() -> None:
    def leaf(n: int) -> Expr:
        return eq(var(n, Sort.INT), const(1))

    parts = [leaf(0)]
    for n in range(1, 60):
        parts.append(
            Expr(Op.OR, (leaf(n), Expr(Op.OR, (parts[-1], leaf(n + 100)), Sort.BOOL)), Sort.BOOL)
        )
    found = conjuncts(not_(parts[-1]))
    assert variables(found) == variables([parts[-1]])
    assert conjuncts(FALSE) == [FALSE]


def test_an_answer_bound_to_shared_data_is_no_proof() -> None:
    """Who comes first is answered 0: no environment gives one answer that fits both orders, and
    what holds of no environment is no reason to say that the order does not matter."""
    found = verdicts("""
resource r : pool(1)
shared t: int 0..3 = 0
workflow w {
  var x: int = 0
  activity g() -> int 0..5 { uses r 1  takes 1s..2s  do { t := t + 1 }  ensures result == old(t) }
  run { x <- g() }
}
system { w[2] }
""")
    assert not any(isinstance(v, Proved) for v in found)


def test_answers_that_exclude_each_other() -> None:
    """Of durations: there must be one that is what both runs have seen of it."""
    seen = [(how, Fraction(n)) for how in "=>" for n in range(3)]
    durations = [Fraction(n, 2) for n in range(8)]
    for a, b in product(seen, repeat=2):
        possible = any(
            all(d == n if how == "=" else d >= n for how, n in (a, b)) for d in durations
        )
        question = ("time", "a")
        found = contradiction({question: a}, {question: b, "other": 1})
        assert (found is None) == possible, (a, b)
        assert found in (None, question)


TRANSIT = [
    "x <- get()",
    "y <- get()",
    "y := x + 1",
    "x += 1",
    "x := x + y",
    "z := 2",
    "z := y",
    "put",
]


@pytest.mark.parametrize("seed", range(30))
def test_steps_that_do_not_commute_on_data_in_transit_clash(seed: int) -> None:
    r = Random(seed)
    branches = ["; ".join(r.choice(TRANSIT) for _ in range(2)) for _ in range(2)]
    system = lower(
        load_text(
            f"""
workflow w {{
  var x: int = 0
  var y: int = 0
  var z: int = 0
  activity get -> int {{ }}
  activity put {{ do {{ z := z + x }} }}
  run {{ {" || ".join(f"{{ {b} }}" for b in branches)} }}
}}
system {{ w }}
""",
            "s.wf",
        )
    )
    tracked = Tracked(system)

    def after(rule: Rule, state: list[Scalar], answer: int) -> list[Scalar]:
        new = list(state)
        for v, e in rule.updates:
            if v in tracked.transit:
                new[v] = evaluate(e, state, (answer,) * len(rule.inputs))
        return new

    for a, b in combinations(system.rules, 2):
        assert tracked.clash(a, b) == tracked.clash(b, a), (a.name, b.name)
        if a.thread == b.thread or tracked.clash(a, b):
            continue
        for _ in range(5):
            state: list[Scalar] = list(initial_state(system))
            for v in tracked.transit:
                state[v] = r.randint(-5, 5)
            one, two = r.randint(6, 9), r.randint(10, 19)
            assert after(b, after(a, state, one), two) == after(a, after(b, state, two), one)
