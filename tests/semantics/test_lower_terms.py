"""What each operator does: the set of outcomes of small terms, over all runs."""

from __future__ import annotations

import pytest
from lowered import body, run
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower

S = "activity s { do { x := x + 1 } undo { x := x - 1 } } activity f { fails E } "
LOG = "activity k(v: int) { do { x := x * 10 + v } undo { x := x - v ; y := y * 10 + v } } " + (
    "activity f { fails E }"
)
POOL = "resource r : pool(3)"
ENUM = "type R = {a: int, b: bool} enum En { p1, p2, p3 }\n"


def outcomes(term: str, *names: str, more: str = "", head: str = "") -> set[tuple[str, ...]]:
    return run(body(term, more, head)).outcomes(*names)


def done(*rows: str) -> set[tuple[str, ...]]:
    """Completed, with these values (one character each)."""
    return {("completed", *row) for row in rows}


PARALLEL = [
    ("a ; b || c", "xyz", done("111")),
    (
        "par any { p || q }",
        "xy",
        done("10", "01", "11") | {("E", "0", "0"), ("F", "0", "0")},
    ),
    (
        "par wait_all { p || q }",
        "xy",
        done("11") | {("E", "0", "0"), ("E", "0", "1"), ("F", "0", "0"), ("F", "1", "0")},
    ),
    ("par 2 of { a || b || c }", "xyz", done("110", "101", "011", "111")),
    ("par any { skip || p }", "x", done("0", "1")),
    ("par wait_all { skip || skip }", "x", done("0")),
    ("each i in 1..3 at_most 2 at once { a }", "x", done("3")),
    (
        "each i in 1..3 tolerate 1 as n { p }",
        "xn",
        done("30", "21") | {("E", "0", "1"), ("E", "1", "1")},
    ),
    ("each i in 1..2 tolerate 1 as n { skip }", "n", done("0")),
    ("each i in 1..0 { a }", "x", done("0")),
    ("n := 7 ; each i in 1..2 tolerate 1 as n { if (n == 0) { a } }", "xn", done("20")),
    ("within 5s { p } else { b }", "xy", done("10", "01") | {("E", "0", "0")}),
    ("within 5s { nocancel { a || b } } else { c }", "xyz", done("110", "001", "111")),
    ("within until (running(a)) { a } else { b }", "xy", done("10", "01")),
    ("within 5s { skip } else { a }", "x", done("0")),
    (
        "try { par wait_all { (fail E || nocancel { b }) || c } } catch * { a }",
        "xyz",
        done("101", "111"),
    ),
    ("(nocancel { a || b } ; c) || fail E", "xyz", {("E", *r) for r in ("000", "110", "111")}),
    ("steps { k1 { a } }", "x", done("1")),
    ("steps { k1 { skip } k2 { skip } after k1 }", "x", done("0")),
    (
        "steps { k1 { p } k2 { b } after k1  k3 { c } after k1 join always }",
        "xyz",
        done("111") | {("E", "0", "0", "1")},
    ),
]


@pytest.mark.parametrize(("term", "names", "expected"), PARALLEL, ids=[t for t, _, _ in PARALLEL])
def test_parallel(term: str, names: str, expected: set[tuple[str, ...]]) -> None:
    assert outcomes(term, *names) == expected


LOOPS = [
    ("while (x < 3) { a }", "x", done("3")),
    ("while (false) { a }", "x", done("0")),
    ("n := 2 ; each i in 1..n seq { if (i == 1) { a } else { b } }", "xy", done("11")),
    ("n := 2 ; each i in 1..n seq { k(i) }", "x", done("12")),
    ("n := 3 ; each i in 1..n seq { a ; n := 1 }", "xn", done("31")),
    ("each e in s { x += 1 ; s := {} }", "x", done("2")),
    ("each e in s seq { x += 1 ; s := {} }", "x", done("2")),
    ("each e in 0..m { x += 1 ; m := 0 }", "x", done("3")),
    ("each e in ar seq { x += e ; ar[2] := 7 }", "x", done("6")),
    ("each i in 1..0 seq { a }", "x", done("0")),
    ("{ while (x < 2) at_most 1 { a } }", "x", {("TooMany", "1")}),
    (
        "retry(2 on E) { par wait_all { p || b } }",
        "xy",
        done("11", "12", "13") | {("E", "0", "3")},
    ),
    ("retry(1 on E) { par wait_all { if (x == 0) { x := 1 ; fail E } || skip } }", "x", done("1")),
    ("retry(2) { skip }", "x", done("0")),
]


@pytest.mark.parametrize(("term", "names", "expected"), LOOPS, ids=[t for t, _, _ in LOOPS])
def test_loops(term: str, names: str, expected: set[tuple[str, ...]]) -> None:
    more = LOG + " var s: set of En = {p1, p2} var m: int 0..2 = 2 var ar: int[3] = [1, 2, 3]"
    found = outcomes(term, *names, more=more, head=ENUM)
    assert found == ({("completed", "12")} if "k(i)" in term else expected)


SAGAS = [
    ("saga { s ; fail E }", "x", {("E", "0")}),
    ("saga { s || fail E }", "x", {("E", "0")}),
    ("saga { skip } ; saga { saga { skip } }", "x", done("0")),
    # One that control has passed is not undone, also if nothing was done since.
    ("(saga { s || b } ; c) || fail E", "xyz", {("E", *r) for r in ("000", "010", "110", "111")}),
    # To return is not to fail.
    ("(saga { s ; (skip || return) } ; c) || b", "xyz", done("100", "110")),
    ("try { saga { retry(1 on E) { s ; f } } } catch E { skip }", "x", done("0", "1", "2")),
]


@pytest.mark.parametrize(("term", "names", "expected"), SAGAS, ids=[t for t, _, _ in SAGAS])
def test_sagas(term: str, names: str, expected: set[tuple[str, ...]]) -> None:
    assert outcomes(term, *names, more=S) == expected


def test_the_log_of_a_retry_is_undone_latest_first() -> None:
    term = "try { saga { retry(2 on E) { n += 1 ; k(n) ; f } } } catch E { skip }"
    found = outcomes(term, "x", "y", more=LOG)
    assert found == {
        ("completed", *r) for r in (("1", "0"), ("12", "0"), ("123", "0"), ("117", "321"))
    }


def test_the_log_of_a_graph_is_undone_against_its_edges() -> None:
    graph = "a1 { k(1) } b1 { k(2) } after a1  c1 { k(3) } after a1  d1 { fail E } after b1, c1"
    found = outcomes(f"try {{ saga {{ steps {{ {graph} }} }} }} catch E {{ skip }}", "y", more=LOG)
    assert found == {("completed", "231"), ("completed", "321")}


def test_an_undo_that_fails_ends_the_workflow_from_wherever_it_is() -> None:
    more = "activity bad { fails E } activity t { do { x := x + 1 } undo bad() }"
    found = outcomes("(saga { t ; (skip || fail E) } || b) || c", "x", more=more)
    assert found == {("E", "1"), ("UndoFailed", "1")}


def test_each_workflow_has_its_own_activities() -> None:
    g = run(
        """workflow v() -> int { var y: int = 0 activity a { do { y := 2 } } run { a ; return y } }
        workflow w() { var x: int = 0 var y: int = 0
          activity a { do { x := 1 } } run { a ; y <- v() } }
        system { w }"""
    )
    assert g.outcomes("x", "y") == {("completed", "1", "2")}


def test_an_undo_of_a_child_workflow_sees_the_child() -> None:
    g = run(
        """error E permanent
        shared t: int = 0
        workflow v(k: int) fails E {
          activity a(j: int) { do { t := t * 10 + j + k } undo { t := t * 10 + j } }
          run { a(1) ; a(2) } }
        workflow w() fails E { var n: int = 3
          run { saga { v(n) ; n := 7 ; fail E } } }
        system { w }"""
    )
    assert g.outcomes("t") == {("E", "4521")}


# --- claims ------------------------------------------------------------------------------------


def test_a_claim_keeps_its_amount() -> None:
    """`lowered` compares what is used with what is held, in every state."""
    more = "activity u(k: int) { uses r k do { x := x + k } } activity v { uses r n do { n := 1 } }"
    assert outcomes("n := 2 ; using (r n) { n := 1 ; a }", "x", more=more, head=POOL) == done("1")
    assert outcomes("n := 2 ; u(n) ; v || u(1)", "n", more=more, head=POOL) == done("1")
    assert outcomes("n := 2 ; each i in 1..n seq { u(i) }", "x", more=more, head=POOL) == done("3")


def test_the_claims_around_a_protected_part_are_kept() -> None:
    head = "resource r : pool(1)"
    more = "activity u { uses r 1 do { y := 1 } }"
    term = (
        "try { using (r 1) { fail E || nocancel { a ; z := 1 } } } catch E { u ; x := x + z * 5 }"
    )
    found = outcomes(term, "x", "y", more=more, head=head)
    assert found == done("01", "61")


# --- expressions -------------------------------------------------------------------------------


EXPRESSIONS = [
    ("q := {b: true, a: 3} ; x := q.a", "x", "3"),
    ("x := (0 - 7) / 2 + 10 ; y := (0 - 7) % 2 ; z := 7 / (0 - 2) + 10", "xyz", "617"),
    ("ar[n] := 2 ; ar[ar[0] - 1] := 7 ; x := ar[0] ; y := ar[1]", "xy", "27"),
    ("m[n][x].a := 3 ; y := m[0][0].a ; z := m[1][0].a", "yz", "30"),
    ("o := some(3) ; if (o == some(3)) { x := value(o) } ; o := none ; if (o == none) { y := 1 }",
     "xy", "31"),
    ("s := {p1, p3} ; x := size(s) ; s := s - {p1} ; y := count e in s: true", "xy", "21"),
    ("g := 2 ; g += 1 ; if (g > 2.5) { x := 1 }", "x", "1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("term", "names", "values"), EXPRESSIONS, ids=[t for t, _, _ in EXPRESSIONS]
)
def test_expressions(term: str, names: str, values: str) -> None:
    more = (
        "var q: R = {a: 1, b: false} var ar: int[2] = [0, 0] var o: option int = none "
        "var m: R[2][2] = [[{a: 0, b: false}, {a: 0, b: false}], "
        "[{a: 0, b: false}, {a: 0, b: false}]] var s: set of En = {} var g: real = 1"
    )
    assert outcomes(term, *names, more=more, head=ENUM) == done(values)


OBLIGATIONS = [
    ("if (x == 0) { y := 1 / x }", "arithmetic", ["division by zero"]),
    ("if (x > 0 and 1 / x > 0) { a } ; if (x == 0 or 1 / x > 0) { b }", "arithmetic", []),
    ("n := 2 ; each i in 1..n seq { ar[i - 1] := 1 }", "arithmetic", []),
    ("n := 3 ; each i in 1..n seq { ar[i - 1] := 1 }", "arithmetic", ["index out of range"]),
    ("u(x) ; x := 5 ; u(x)", "arithmetic", ["k may leave 0..3"]),
    ("x := 3 ; u(x) ; x := 5", "arithmetic", []),
    ("small <- g()", "arithmetic", ["w.small may leave 0..1"]),
    ("each i in 1..3 tolerate 2 as small { p }", "arithmetic", ["w.small may leave 0..1"]),
    ("each i in 1..3 tolerate 1 as small { p }", "arithmetic", []),
    ("n := 2 ; needy(n)", "contracts", []),
    ("n := 1 ; needy(n)", "contracts", ["needy is started though its `needs` fails"]),
    ("switch (col) { case p1 { a } case p2, p3 { b } }", "exhaustive", []),
    ("switch (col) { case p2 { b } }", "exhaustive", ["no case of this switch covers the value"]),
    ("a ; b", "always", ["this step breaks stays in w"]),
    ("both", "ensures", []),
    ("wrong", "ensures", ["`do` of wrong does not establish this"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("term", "check", "messages"), OBLIGATIONS, ids=[t for t, _, _ in OBLIGATIONS]
)
def test_obligations(term: str, check: str, messages: list[str]) -> None:
    more = (
        "activity u(k: int 0..3) { } activity g -> int 0..2 { ensures result >= 1 } "
        "activity needy(k: int) { needs k == 2 } var small: int 0..1 = 0 var col: En = p1 "
        "var ar: int[2] = [0, 0] "
        "activity both { writes small do { x := x + 1 } ensures small == old(x) } "
        "activity wrong { do { x := x + 1 } ensures x > 1 } "
        "always stays : running(a) => next(running(a))"
    )
    g = run(body(term, more, ENUM))
    assert sorted(set(g.broken_goals(check))) == messages


def test_what_undone_means_is_asked_of_what_was_done() -> None:
    more = (
        "activity s { do { x := x + 1 } undo { y := y + 1 } undone when y == old(y) + 1 } "
        "activity f { fails E undo skip }"
    )
    assert run(body("saga { f ; s ; f }", more)).broken_goals("compensated") == []
    wrong = more.replace("y := y + 1", "y := y + 2")
    assert run(body("saga { f ; s ; f }", wrong)).broken_goals("compensated") == [
        "`undone when` of w.s fails after the undo"
    ]


def test_a_bound_result_is_no_write_of_the_activity() -> None:
    g = run(body("saga { n <- s() ; f }", "activity s -> int 1..1 { undo skip } " + S[-24:]))
    [goal] = [o for o in g.system.obligations if o.check == "compensated" and "w.n" in o.message]
    assert goal.warning


def test_first_values_are_checked() -> None:
    source = """param N: int 0..3
    workflow w(k: int 0..2) { var x: int 0..1 = k  var y: int = 1 / N  run { skip } }
    system { w(N) }"""
    found = run(source).broken_goals("arithmetic")
    assert found == [
        "at the start: k may leave 0..2",
        "at the start: x may leave 0..1",
        "at the start: division by zero",
    ]


def test_instances_that_a_parameter_leaves_out_do_not_count() -> None:
    source = """param N: int 1..2
    workflow w { var x: int = 0 activity a { do { x := 1 } } run { a } invariant ok : x <= 1 }
    ensures forall o in w: o.x == 1
    system { w[N] }"""
    assert run(source).broken_goals("ensures") == []


def test_what_the_system_gives_must_meet_requires() -> None:
    source = """workflow w(k: int 0..3, j: int 0..3) { requires k <= 2 and j <= 1  run { skip } }
    system { w(k: 3) }"""
    g = run(source)
    assert len(g.broken_goals("requires")) == 1


def test_an_assumption_is_a_step() -> None:
    assert outcomes("(assume x > 0 ; b) || a", "x", "y") == done("11")
    assert outcomes("(assume x > 0 ; b) + a", "x", "y") == done("10")


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ("w(1)", ["w"]),
        ("w[1](1)", ["w[0]"]),
        ("w(1) w(2)", ["w[0]", "w[1]"]),
        ("w[2](1) w[2](2) w(3)", ["w[0]", "w[1]", "w[2]", "w[3]", "w[4]"]),
    ],
)
def test_instances_are_numbered_on_over_all_entries(entries: str, names: list[str]) -> None:
    text = f"workflow w(k: int) {{ activity a {{ takes 1s }} run {{ a }} }}\nsystem {{ {entries} }}"
    assert [i.name for i in lower(load_text(text, "w.wf")).instances] == names
