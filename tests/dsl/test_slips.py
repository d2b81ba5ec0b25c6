"""What newcomers write: one error each, at its place, with a mend, and none that follows."""

from __future__ import annotations

import pytest
from wfverify.dsl import load_text
from wfverify.dsl.errors import Diagnostic, Rejected, Severity

HEAD = """\
error Net transient
resource agents : pool(3)
type P = {amount: int, paid: bool}
workflow w {
  var x: int = 0
  var ok: bool = false
  var p: P
  activity a { takes 1s..2s }
  activity b { takes 1s..2s  do { x := 1 } }
"""


def errors(text: str) -> list[Diagnostic]:
    try:
        load_text(text, "f.wf")
    except Rejected as rejected:
        return [d for d in rejected.diagnostics if d.severity is Severity.ERROR]
    return []


def only(text: str) -> Diagnostic:
    found = errors(text)
    assert len(found) == 1, [(d.span.line, d.span.col, d.message) for d in found]
    return found[0]


TERMS = [
    # (what stands in `run`, column in it, code, what the mend says)
    ("ok <- send 1 to b", 7, "E0110", "`ok <- request(…) to …`"),
    ("receive c(n) ; a", 10, "E0110", "`receive x from c`"),
    ("send c(x) ; a", 11, "E0110", "`send x to c`"),
    ("a ; { b || send c(x + 1) }", 26, "E0110", "`send x + 1 to c`"),
    ("par 2 { a || b }", 7, "E0110", "`par 2 of { … }`"),
    ("try { a } except * { b }", 11, "E0110", "`catch E { … }`"),
    ("let y = 3 ; a", 1, "E0110", "`var NAME: TYPE = …` in front of `run`"),
    ("for i in 1..3 { a }", 1, "E0110", "`each i in 1..3 { … }`"),
    ("foreach i in 1..3 { a }", 1, "E0110", "`each i in 1..3 seq { … }`"),
    ("repeat 3 { a }", 1, "E0110", "`each i in 1..3"),
    ("a() & b()", 5, "E0113", "`||` (both at once) or `;`"),
    ("a() && b()", 5, "E0113", "`||` (both at once) or `;`"),
    ("if (x == 0) { a } elif (x == 1) { b } else { a }", 19, "E0110", "`else if (…) { … }`"),
    ("if (x == 0) { a } elseif (x == 1) { b }", 19, "E0110", "`else if (…) { … }`"),
    ("if (x == 0) { a } elsif (x == 1) { b }", 19, "E0110", "`else if (…) { … }`"),
    ("if (x == 0) { a } else b", 24, "E0110", "`else { b }`"),
    ("x := if (x == 0) then 1 else 2 ; a", 6, "E0113", "`if (…) { x := … } else { x := … }`"),
    ("{ x := if x > 0 { 1 } else { 2 } } ; a", 8, "E0113", "`if (…) { x := … } else { x := … }`"),
    ("x = 3", 3, "E0112", "`:=`"),
    ("if (x = 3) { a }", 7, "E0112", "`==`"),
    ("ok := True", 7, "E0201", "`true`"),
    ("ok := FALSE", 7, "E0201", "`false`"),
    ("if (x == null) { a }", 10, "E0201", "`none`"),
    ("a\n    b", 2, "E0111", "`;`"),
    ("if x == 0 { a }", 4, "E0110", "`if (…) { … }`"),
    ("while x < 3 { b }", 7, "E0110", "`while (…) { … }`"),
    ("retry 3 { a }", 7, "E0110", "`retry (3 on E) { … }`"),
    ("retry(3 times on Net) { a }", 9, "E0110", "remove `times`"),
    ("using agents 1 { a }", 7, "E0110", "`using (r 1) { … }`"),
    ("each i in 0...3 { a }", 14, "E0110", "`..`"),
    ("x++", 2, "E0113", "`x += 1`"),
    ("x *= 2", 3, "E0110", "`x := x * …`"),
    ("parallel { a ; b }", 1, "E0110", "`{ a || b }`"),
    ("sleep 3s ; a", 1, "E0110", "`wait 3s`"),
    ("wait for 3s", 6, "E0110", "`wait 3s`"),
    ("timeout 3s { a }", 1, "E0110", "`within 3s { … } else { … }`"),
    ("a when x > 0", 3, "E0110", "`if (…) { … }`"),
    ("try { a } catch (Net) { b }", 17, "E0110", "`catch E { … }`"),
    ("try { a } catch { b }", 17, "E0110", "`catch * { … }`"),
    ("x := ok ? 1 : 2", 9, "E0113", "`if (…) { x := … } else { x := … }`"),
    ("throw Net", 1, "E0110", "`fail E`"),
    ("await a", 1, "E0110", "a name alone calls it"),
    ("call a()", 1, "E0110", "a name alone calls it"),
    ("x := a()", 6, "E0204", "`x <- a(…)"),
    ("lock l { a }", 1, "E0110", "`using (l exclusive) { … }`"),
    ("do { a } while (x < 3)", 1, "E0110", "`while (…) { … }`"),
    ("match x { a }", 1, "E0110", "`switch (…)"),
    ("if (!ok) { a }", 5, "E0113", "`not`"),
    ("x := 'abc'", 6, "E0113", "double quotes"),
    ("a ; var z: int = 0 ; b", 5, "E0110", "move it out of the braces"),
    ("a ; invariant i : x == 0 ; b", 5, "E0110", "move it out of the braces"),
    ("a ; activity c { takes 1s } ; b", 5, "E0110", "move it out of the braces"),
    ("p.amout := 1", 3, "E0308", "`amount`"),
    ("p.zzz := 1", 3, "E0308", "there is `amount`, `paid`"),
    ("using (agent 1) { a }", 8, "E0201", "`agents`"),
    ("zzz()", 1, "E0201", "declare it"),
    ("fail Nett", 6, "E0205", "`Net`"),
    ("if (x == 0) then a", 13, "E0110", "`if (…) { … } else { … }`"),
    ('ok := "a" + "b"', 7, "E0301", "strings are only compared"),
    ("try a catch * { b }", 5, "E0110", "`try { a }`"),
    ("try { a } finally b", 19, "E0110", "`finally { b }`"),
]


@pytest.mark.parametrize(("body", "col", "code", "mend"), TERMS, ids=[t[0] for t in TERMS])
def test_in_run(body: str, col: int, code: str, mend: str) -> None:
    found = only(f"{HEAD}  run {{\n    {body}\n  }}\n}}\n")
    assert (found.code, found.span.line, found.span.col) == (code, 11, 4 + col), found
    assert mend in found.fix, found.fix


CLAUSES = [
    ("takes 1s  fails Net  retires 3 on Net", 22, "`retry`"),
    ("takes 1s  fails Net  retry 3 times on Net", 30, "remove `times`"),
    ("take 1s", 1, "`takes`"),
    ("duration 1s", 1, "`takes`"),
    ("takes 1s  raises Net", 11, "`fails`"),
    ("takes 1s  compensate { x := 0 }", 11, "`undo`"),
    ("takes 1s  requires x == 0", 11, "`needs`"),
    ("takes 1s, fails Net", 9, "remove `,`"),
    ("takes 1s  do x := 1", 14, "`do { x }`"),
]


@pytest.mark.parametrize(("clauses", "col", "mend"), CLAUSES, ids=[c[0] for c in CLAUSES])
def test_in_an_activity(clauses: str, col: int, mend: str) -> None:
    found = only(f"{HEAD}  activity c {{\n    {clauses}\n  }}\n  run {{ a ; c }}\n}}\n")
    assert (found.code, found.span.line, found.span.col) == ("E0110", 11, 4 + col), found
    assert mend in found.fix, found


ITEMS = [
    ("resource r = pool(3)", 12, "`:`"),
    ("channel c : capacity 8", 13, "`channel c : int capacity …`"),
    ("resource r : 3", 14, "`pool(3)`"),
    ("resource r : semaphore(3)", 14, "`pool(3)`"),
    ("resource r : mutex", 14, "`lock`"),
    ("shared s = 0", 10, "`shared s: int = …`"),
    ("shared s: float = 0", 11, "`real`"),
    ("shared s: boolean", 11, "`bool`"),
    ("def f { takes 1s }", 1, "`activity`"),
    ("process v { run { skip } }", 1, "`workflow`"),
    ("invariant true", 1, "`invariant NAME : …`"),
    ("ensures: true", 8, "remove `:`"),
    ("system { w * 3 }", 12, "`w[3]`"),
    ("scheduler fifo", 1, "`system { w  scheduler fifo }`"),
    ("faults crash w at_most 1", 1, "`system { w  faults crash w … }`"),
    ("shared s: int[] = [1, 2]", 15, "`int[4]`"),
    ("shared s: list of int", 11, "`int[4]`"),
    ("shared s: map of string to int", 11, "`int[E]`"),
    ("property p : done(w.a) before done(w.a)", 24, "`p precedes q`"),
    ("property p : done(w.a) causes done(w.a)", 24, "`q leads_to p`"),
    ("skip_check race_free", 12, '`skip_check race_free "…"`'),
    ("check deadlock", 7, "`deadlock_free`"),
    ("check zzz", 7, "there is `"),
]


@pytest.mark.parametrize(("item", "col", "mend"), ITEMS, ids=[i[0] for i in ITEMS])
def test_at_top_level(item: str, col: int, mend: str) -> None:
    found = only(f"workflow w {{ activity a {{ takes 1s }} run {{ a }} }}\n{item}\n")
    assert (found.span.line, found.span.col) == (2, col), found
    assert mend in found.fix, found


MEMBERS = [
    ("var z = 0", 7, "`var z: int = …`"),
    ("z : int = 3", 1, "`var z: …`"),
    ("invariant x >= 0", 1, "`invariant NAME : …`"),
    ("requires: true", 9, "remove `:`"),
]


@pytest.mark.parametrize(("member", "col", "mend"), MEMBERS, ids=[m[0] for m in MEMBERS])
def test_in_a_workflow(member: str, col: int, mend: str) -> None:
    found = only(f"{HEAD}{member}\n  run {{ a }}\n}}\n")
    assert (found.span.line, found.span.col) == (10, col), found
    assert mend in found.fix, found


def test_an_end_that_is_missing_is_shown_behind_the_last_word() -> None:
    for tail in ("", "\n\n\n", "\n// the end\n\n"):
        found = only(f"workflow w {{\n  activity a {{ takes 1s }}\n  run {{ a }}{tail}")
        assert (found.code, found.span.line, found.span.col) == ("E0114", 3, 12)
        assert "line 1" in found.fix


def test_a_brace_that_was_added_to_read_on_is_not_asked_for() -> None:
    found = only("workflow w\n  activity a { takes 1s }\n  run { a }\n")
    assert found.fix == "add `{`"


@pytest.mark.parametrize("word", ["sleep", "call", "lock", "timeout", "match", "let"])
def test_words_of_other_languages_are_names(word: str) -> None:
    assert not errors(
        f"workflow w {{ activity {word} {{ takes 1s }} run {{ {word} ; {word}() }} }}"
    )
    found = only(f"workflow w {{ activity {word} {{ takes 1s }} run {{ {word} {word} }} }}")
    assert found.code == "E0111"


@pytest.mark.parametrize(
    ("property_", "column", "mend"),
    [
        ("property p : always x >= 0", 16, "`always p : …`"),
        ("property p : invariant x >= 0", 16, "`invariant p : …`"),
        ("property p : x >= 0", 3, "`invariant p : …`, or `eventually`"),
        ("property p : done(a) => x == 1", 3, "`invariant p : …`, or `eventually`"),
    ],
)
@pytest.mark.parametrize("behind", ["", "run { a }"])
def test_a_property_that_does_not_say_when(
    property_: str, column: int, mend: str, behind: str
) -> None:
    before = "" if behind else "run { a }\n"
    found = only(f"{HEAD}{before}  {property_}\n{behind}\n}}\nshared z: int = 0\n")
    assert (found.code, found.span.col) == ("E0110", column)
    assert mend in found.fix


def test_what_follows_a_slip_is_still_read() -> None:
    body = "for i in 1..3 { a } ;\n    if x == 0 { b } ;\n    x := y"
    text = f"{HEAD}  run {{\n    {body}\n  }}\n}}\n"
    assert [(d.span.line, d.code) for d in errors(text)] == [
        (11, "E0110"),
        (12, "E0110"),
        (13, "E0201"),
    ]
