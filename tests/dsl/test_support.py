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
        ("law l forall a : saga { a } == a", ["a law with `saga`"]),
        ("law l forall a : { x := 1 } == a", ["a law with `:=`"]),
        ("law l forall a : if (now > 3s) { a } == a", ["a law with `now`"]),
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
    (d,) = unsupported(parse_text("system { w[*] }\n\n  law l forall a : saga { a } == a", "f.wf"))
    assert str(d.span) == "f.wf:3:20"


def test_load_refuses_all_of_them_at_once() -> None:
    with pytest.raises(Rejected) as caught:
        load(str(HERE / "every_form.wf"))
    assert {d.code for d in caught.value.diagnostics} == {"E0900"}
    assert len(caught.value.diagnostics) > 2
    assert unsupported(load_text("workflow v() { run { skip } }", "f")) == ()


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
    text += "law l forall a : saga { a } == a\nsystem { v[*] }"
    _, found = examine(text, "f")
    errors = [(d.code, d.span.line) for d in found if d.severity is Severity.ERROR]
    assert errors == [("E0112", 4), ("E0900", 7)]
