"""Forms whose meaning comes later: named exactly, with their places."""

from __future__ import annotations

from pathlib import Path

import pytest
from wfverify.dsl import examine, load, load_text, parse_text, unsupported
from wfverify.dsl.errors import Rejected, Severity

HERE = Path(__file__).parent


def forms(text: str) -> list[str]:
    found = unsupported(parse_text(text, "f"))
    assert {d.code for d in found} <= {"E0900"}
    return [d.message.removeprefix("not supported yet: ") for d in found]


def run(body: str) -> str:
    return f"workflow v() {{ run {{ {body} }} }}"


def activity(clause: str) -> str:
    return f"workflow v() {{ activity a {{ {clause} }} run {{ a }} }}"


def member(text: str) -> str:
    return f"workflow v() {{ {text} run {{ skip }} }}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resource r : rate(3 per 1s)", []),
        ("resource r : lock lease 3s", []),
        ("resource r : lock on_busy fail E", []),
        ("resource r : lock on_busy cancel_holder", []),
        ("resource r : lock on_busy wait", []),
        ("resource r[E] : lock", []),
        ("channel c : int capacity 2", []),
        ("channel c[E] : int ttl 3s delivery at_most_once unordered broadcast", []),
        (run("within until (ok) { skip }"), []),
        ("store s: int", []),
        ("shared s: int", []),
        (run("transaction { abort ; require ok }"), []),
        ("system { w arrive every 5s }", []),
        ("system { w[*] }", []),
        ("resource r : rate(3 per 1s)  channel c : int capacity 2  system { w[*] }", []),
        ("system { w[*]  scheduler head_of_line  faults crash w }", []),
        ("system { w faults crash w }", []),
        ("system { scheduler fair }", []),
        ("system { scheduler fifo w[3] w(1) for p in 0..3 }", []),
        ("environment e { kind docker }", []),
        (activity("runs_in e"), []),
        ("metric m = 1 every 5s", []),
        ("detector d on m above 1", []),
        ("controller k on m target 1 pid(1) acts r within 1..2", []),
        (member("property p : x leads_to y within 5s"), []),
        (member("assume eventually x"), []),
        (member("deadline 2h"), []),
        ("equivalent e : v, w", []),
        ("refines e : v, w", []),
        ("upgrade e : v from w", []),
        ("law l forall a : a == a", []),
        ("law l forall a : saga { a } == a", []),
        ("law l forall a : par any { a } == par 1 of { a }", []),
        ("law l forall a : each i in 0..2 seq { if (i == 0) { a } } == a", []),
        ("law l forall a : within 5s { { wait 2s } ; a } == a", []),
        ("law l forall a : retry(2 backoff 1s) { a } == while (x > 1) at_most 2 { a }", []),
        ("resource r : pool(1)  law l forall a : using (r) { a } == a", []),
        ("activity b { undo c() } activity c { } law l forall a : a ; b == b ; a", []),
        ("law l forall a : a ; nowhere == a", []),  # of that another error tells
        ("law l forall a : { x := 1 } == a", ["a law with `:=`"]),
        ("law l forall a : if (now > 3s) { a } == a", ["a law with `now`"]),
        ("law l forall a : switch (x) { case 1 { a } } == a", ["a law with `switch`"]),
        ("law l forall a : atomic { a } == a", ["a law with `atomic`"]),
        ("law l forall a : transaction { a } == a", ["a law with `transaction`"]),
        ("law l forall a : steps { a } == a", ["a law with `steps`"]),
        ("law l forall a : { return 1 } == a", ["a law with `return` of a value"]),
        ("law l forall a : par n of { a } == a", ["a law with `par n of`"]),
        ("law l forall a : while (x) decreases y { a } == a", ["a law with `decreases`"]),
        ("law l forall a : while (x) at_most n { a } == a", ["a law with `at_most` (variable)"]),
        ("law l forall a : { wait t } == a", ["a law with `wait` (variable)"]),
        ("law l forall a : within t { a } == a", ["a law with `within` (variable)"]),
        ("law l forall a : within receive x from c { a } == a", ["a law with `within receive`"]),
        (
            "law l forall a : each i in 0..n { a } == a",
            ["a law with `each` over what is not numbers"],
        ),
        (
            "law l forall a : each i in 0..1 at_most n at once { a } == a",
            ["a law with `at_most` (variable)"],
        ),
        ("law l forall a : each i in 0..1 tolerate 1 as bad { a } == a", ["a law with `tolerate`"]),
        (
            "law l forall a : each i in 0..1 { if (i == n or i == 0) { a } } == a",
            ["a law with a test on `i` and on data"],
        ),
        ("law l forall a : retry(n) { a } == a", ["a law with `retry` (variable)"]),
        ("law l forall a : retry(2 backoff t) { a } == a", ["a law with `backoff` (variable)"]),
        (
            "law l forall a : retry(2 backoff 1s factor 2) { a } == a",
            ["a law with a `backoff` that changes"],
        ),
        (
            "resource r : pool(2)  law l forall a : using (r) { a } == a",
            ["a law with a claim on other than a pool of one unit"],
        ),
        (
            "resource r : lock  law l forall a : using (r shared) { a } == a",
            ["a law with a claim on other than a pool of one unit"],
        ),
        (
            "workflow v { run { skip } }  law l forall a : a ; v == a",
            ["a law with the workflow `v`"],
        ),
        ("activity b(n: int) { } law l forall a : b(1) == a", ["a law with parameters of `b`"]),
        (
            "activity b { undo c() } activity c { timeout 3s } law l forall a : b == a",
            ["a law with `timeout` of `c`"],
        ),
        (
            "activity b { undo { x := 1 } } law l forall a : b == a",
            ["a law with the undo of `b` (a block)"],
        ),
        (activity("at_least_once"), []),
        (activity("idempotent by x"), []),
        (activity("undo none"), []),
        (activity("undo skip"), []),
        (activity("undo b()"), []),
        (activity("undo b() else { skip }"), []),
        (activity("timeout 3s"), []),
        (activity("timeout schedule 3s"), []),
        (activity("heartbeat 3s beats every 1s..2s"), []),
        (run("using (r exclusive as t) { skip }"), []),
        ("check timeouts", []),
        ("check race_free, upgrade", []),
    ],
)
def test_form(text: str, expected: list[str]) -> None:
    found = forms(text)
    # In source order; at one place by name.
    assert sorted(found) == sorted(expected)


def test_places() -> None:
    (d,) = unsupported(
        parse_text("system { w[*] }\n\n  law l forall a : atomic { a } == a", "f.wf")
    )
    assert str(d.span) == "f.wf:3:20"
    assert d.fix == "put a name of the law in its place: it stands for any term"


def test_load_refuses_all_of_them_at_once() -> None:
    text = """
workflow v { run { skip } }
law one forall a : atomic { a } == a
law two forall a : transaction { a } == { return 3 }
"""
    with pytest.raises(Rejected) as caught:
        load_text(text, "f.wf")
    found = [d for d in caught.value.diagnostics if d.code == "E0900"]
    assert [d.span.line for d in found] == [3, 4, 4]
    assert all(d.fix for d in found)
    assert unsupported(load_text("workflow v() { run { skip } }", "f")) == ()


def test_every_form_is_built() -> None:
    assert load(str(HERE / "every_form.wf"))


def test_what_never_runs_may_be_the_point_of_a_law() -> None:
    text = "error E permanent workflow v fails E { run { fail E } }"
    _, found = examine(f"{text} law l forall a : fail E ; a == fail E", "f")
    assert [d for d in found if d.code == "W0002"] == []
    _, found = examine(text.replace("fail E }", "fail E ; skip }"), "f")
    assert [d.code for d in found] == ["W0002"]


def refused(text: str) -> list[tuple[str, str]]:
    spec, found = examine(text, "f")
    assert spec is not None
    codes = ("E0900", "E0411")
    return [(f"{d.span.line}:{d.span.col}", d.message) for d in found if d.code in codes]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("workflow v(n: int) { run { each i in 0..n { skip } } }", ["1:28"]),
        ("workflow v(n: int) { run { each i in 0..n seq { skip } } }", []),
        ("workflow v(n: int 0..3) { run { each i in 0..2 * n - 1 { skip } } }", []),
        ("workflow v(n: int 0..3) { run { each i in 0..n { each j in i..n { skip } } } }", []),
        ("workflow v(n: int) { run { assert exists i in 0..min(n, 3): i > n } }", ["1:35"]),
        ("const N = 4  workflow v { run { each i in 1..N / 2 { skip } } }", []),
        ("workflow v(n: int) { run { atomic { each i in 1..n seq { skip } } } }", ["1:37"]),
        (
            "workflow v { activity a(n: int) { do { each i in 1..n seq { skip } } } run { a(1) } }",
            [],
        ),
        ("param n: int  workflow v { run { skip } }  system { v[n] }", ["1:55"]),
        ("param n: int  workflow v { run { skip } }  system { v for p in 1..n }", ["1:64"]),
        ("workflow v { run { each i in 0..nope { skip } } }", []),  # an error of its own
    ],
)
def test_ranges_and_times(text: str, places: list[str]) -> None:
    assert [place for place, _ in refused(text)] == places


def test_beside_a_syntax_error() -> None:
    text = "workflow v {\n  run {\n    wait 1s ;\n    x = 3\n  }\n}\n"
    text += "law l forall a : while (true) decreases 1 { a } == a\nsystem { v[*] }"
    _, found = examine(text, "f")
    errors = [(d.code, d.span.line) for d in found if d.severity is Severity.ERROR]
    assert errors == [("E0112", 4), ("E0900", 7)]
