"""Forms whose meaning comes later: named exactly, with their places."""

from __future__ import annotations

from pathlib import Path

import pytest
from wfverify.dsl import load, load_text, parse_text, unsupported
from wfverify.dsl.errors import Rejected
from wfverify.dsl.names import LATER_CHECKS

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
        ("resource r : rate(3 per 1s)", ["rate"]),
        ("resource r : lock lease 3s", ["lease"]),
        ("resource r : lock on_busy cancel_holder", ["on_busy"]),
        ("resource r : lock on_busy wait", []),
        ("resource r[E] : lock", ["keyed resource"]),
        ("channel c : int", ["channel"]),
        ("channel c[E] : int", ["channel", "keyed channel"]),
        (run("send 1 to c"), ["send"]),
        (run("receive x from c"), ["receive"]),
        (run("x <- request(1) to c"), ["request"]),
        (run("within receive x from c { skip }"), ["within receive", "receive"]),
        (run("within until (ok) { skip }"), []),
        ("store s: int", ["store"]),
        ("shared s: int", []),
        (run("transaction { abort ; require ok }"), ["transaction", "abort", "require"]),
        ("system { w arrive every 5s }", ["arrive"]),
        ("system { w[*] }", ["w[*]"]),
        ("system { w faults crash w }", ["faults"]),
        ("system { scheduler fair }", ["scheduler fair"]),
        ("system { scheduler fifo w[3] w(1) for p in 0..3 }", []),
        ("environment e { kind docker }", ["environment"]),
        (activity("runs_in e"), ["runs_in"]),
        ("metric m = 1", ["metric"]),
        ("detector d on m above 1", ["detector"]),
        ("controller k on m target 1", ["controller"]),
        (member("property p : eventually x"), ["property"]),
        (member("property p : never x after y"), ["property"]),
        (member("assume eventually x"), ["assume eventually"]),
        (member("deadline 2h"), ["deadline"]),
        ("equivalent e : v, w", ["equivalent"]),
        ("refines e : v, w", ["refines"]),
        ("upgrade e : v from w", ["upgrade"]),
        ("law l forall a : a == a", ["law"]),
        (activity("at_least_once"), ["at_least_once"]),
        (activity("idempotent by x"), ["idempotent by"]),
        (activity("undo none"), ["undo none"]),
        (activity("undo skip"), []),
        (activity("undo b()"), []),
        (activity("undo b() else { skip }"), ["undo else"]),
        (activity("timeout 3s"), []),
        (activity("timeout schedule 3s"), ["timeout schedule"]),
        (activity("heartbeat 3s beats every 1s..2s"), ["heartbeat"]),
        (run("using (r exclusive as t) { skip }"), ["as t"]),
        ("invariant i : len(c) > 0", ["len(c)"]),
        ("check starvation_free", ["check starvation_free"]),
        ("check race_free, invariants, contracts, stability", ["check stability"]),
        *[(f"check {name}", [f"check {name}"]) for name in sorted(LATER_CHECKS)],
        ("check race_free, upgrade", ["check upgrade"]),
        *[(f'skip_check {name} "why"', []) for name in sorted(LATER_CHECKS)],
        *[(f"expect refuted {name}", []) for name in sorted(LATER_CHECKS)],
    ],
)
def test_form(text: str, expected: list[str]) -> None:
    found = forms(text)
    # In source order; at one place by name.
    assert sorted(found) == sorted(expected)


def test_places() -> None:
    (d,) = unsupported(parse_text("\n\n  store s: int", "f.wf"))
    assert str(d.span) == "f.wf:3:3"


def test_load_refuses_all_of_them_at_once() -> None:
    with pytest.raises(Rejected) as caught:
        load(str(HERE / "every_form.wf"))
    assert {d.code for d in caught.value.diagnostics} == {"E0900"}
    assert len(caught.value.diagnostics) > 40
    assert unsupported(load_text("workflow v() { run { skip } }", "f")) == ()
