"""Each static rule has a case that breaks it: the code, and the place marked by `@@`."""

from __future__ import annotations

import pytest
from wfverify.dsl import examine, load_text
from wfverify.dsl.codes import CODES
from wfverify.dsl.errors import Diagnostic, Rejected, Severity

HEAD = """
enum Status { draft, booked }
enum Other { draft, lost }
resource agents : pool(3)
resource ledger : lock
resource deploy[Status] : lock
error Declined permanent
const N = 4
shared hits: int = 0
"""


def flow(run: str, members: str = "") -> str:
    return (
        HEAD
        + "workflow w(seats: int) -> int fails Declined {\n var x: int\n var s: Status\n"
        + " var t: duration\n var f: real\n var ok: bool\n var small: int 0..5\n"
        + " var perms: set of Status\n var arr: int[3]\n var o: option int\n"
        + " var p: { a: int, b: bool }\n activity a { }\n activity q(n: int) -> int { }\n"
        + members
        + "\n run {\n"
        + run
        + "\n }\n}\n"
    )


def member(text: str) -> str:
    return flow("skip", text)


CASES = {
    # names
    "unknown variable": ("E0201", flow("x := @@sesats")),
    "unknown activity": ("E0201", flow("@@aa1()")),
    "unknown resource": ("E0201", flow("using (@@agnts 1) { a }")),
    "unknown function": ("E0201", flow("x := @@mni(1, 2)")),
    "unknown workflow": ("E0201", HEAD + "system { @@nothing }"),
    "unknown error": ("E0205", flow("fail @@Declind")),
    "unknown error in fails": ("E0205", member("activity b { fails @@Nope }")),
    "unknown error in catch": ("E0205", flow("try { a } catch @@Nope { skip }")),
    "unknown error in retry": ("E0205", flow("retry(2 on @@Nope) { a }")),
    "unknown check": ("E0206", HEAD + "check @@race_fre"),
    "unknown skipped check": ("E0206", HEAD + 'skip_check @@race_fre "why"'),
    "unknown type": ("E0207", HEAD + "shared y: @@Statsu"),
    "a resource is no type": ("E0207", HEAD + "shared y: @@agents"),
    "unknown field": ("E0308", flow("x := p.@@c")),
    "unknown field of a literal": ("E0308", flow("p := {a: 1, @@c: true, b: true}")),
    "missing field": ("E0308", flow("p := @@{a: 1}")),
    "unknown after": ("E0201", flow("steps { a q1 { skip } after @@b }")),
    "expect refuted of nothing": ("E0201", HEAD + "expect refuted @@nothing"),
    "unknown activity in a predicate": ("E0201", member("invariant i : done(@@zzz)")),
    "duplicate item": ("E0202", HEAD + "enum @@agents { k }"),
    "duplicate variable": ("E0202", member("var @@x: int")),
    "variable like an argument": ("E0202", member("var @@seats: int")),
    "variable like a shared one": ("E0202", member("var @@hits: int")),
    "duplicate activity": ("E0202", member("activity @@a { }")),
    "duplicate argument": ("E0202", member("activity b(n: int, @@n: int) { }")),
    "duplicate property": ("E0202", member("invariant i : ok  invariant @@i : ok")),
    "duplicate enum value": ("E0202", "@@enum E { a, a }"),
    "duplicate node": ("E0202", flow("steps { a @@a }")),
    "binder hides": ("E0202", flow("ok := forall @@x in 0..3: x > 0")),
    "each hides": ("E0202", flow("each @@x in 0..3 { a }")),
    "declared now": ("E0116", member("var @@now: int")),
    "declared result": ("E0116", member("var @@result: int")),
    "ambiguous enum value": ("E0203", flow("x := size({@@draft})")),
    "resource as a value": ("E0201", flow("x := @@agents")),
    "activity as a value": ("E0204", flow("x := @@q(1) + 1")),
    "variable as an activity": ("E0115", flow("@@x")),
    "resource as an activity": ("E0204", flow("@@agents")),
    "several instances": (
        "E0208",
        flow("return 1") + "system { w[2] }\ninvariant i : @@w.x > 0",
    ),
    "several instances in a predicate": (
        "E0208",
        flow("return 1") + "system { w[2] }\ninvariant i : done(@@w.a)",
    ),
    # types
    "type mismatch": ("E0301", flow("ok := @@3")),
    "bool and int": ("E0301", flow("ok := @@x == ok")),
    "string is no number": ("E0301", flow('x := @@"a"')),
    "condition": ("E0301", flow("if (@@x) { a }")),
    "no conversion to real": ("E0301", flow("f := @@x")),
    "no conversion to int": ("E0301", flow("x := @@1.5")),
    "int and real": ("E0301", flow("f := @@f + x")),
    "order of enums": ("E0301", flow("ok := @@s < booked")),
    "option needs some": ("E0301", flow("o := @@3")),
    "option needs value": ("E0301", flow("x := @@o")),
    "none of no type": ("E0301", flow("x := @@none")),
    "set of ints": ("E0301", flow("perms := {@@1}")),
    "elements of an array": ("E0301", flow("arr := @@[1, 2]")),
    "index of an int": ("E0301", flow("x := @@x[1]")),
    "in an int": ("E0301", flow("ok := x in @@x")),
    "argument type": ("E0301", flow("x <- q(@@ok)")),
    "bound variable's type": ("E0301", flow("@@ok <- q(1)")),
    "switch value": ("E0301", flow("switch (s) { case booked { a } case @@3 { a } }")),
    "return type": ("E0301", flow("return @@ok")),
    "set of int type": ("E0301", HEAD + "shared y: set of @@int"),
    "domain": ("E0301", flow("each i in @@x { a }")),
    "a seconds number": ("E0302", flow("wait @@5")),
    "duration plus number": ("E0302", flow("t := @@t + 1")),
    "duration times duration": ("E0301", flow("t := @@t * t")),
    "number from duration": ("E0302", flow("x := @@5s")),
    "takes a number": ("E0302", member("activity b { takes @@1..2s }")),
    "literal out of range": ("E0303", flow("small := @@6")),
    "initial value out of range": ("E0303", member("var y: int 1..3 = @@0")),
    "default out of range": ("E0303", member("@@var y: int 1..3")),
    "index out of range": ("E0303", flow("arr[@@3] := 1")),
    "bound not constant": ("E0304", HEAD + "shared y: int 0..@@hits"),
    "size not constant": ("E0304", HEAD + "shared y: int[@@hits]"),
    "unknown bound": ("E0201", HEAD + "shared y: int 0..@@M"),
    "const not constant": ("E0304", HEAD + "const C = @@hits"),
    "const of itself": ("E0401", "@@const A = A + 1"),
    "type of itself": ("E0401", "@@type A = A[3]"),
    "case not constant": ("E0304", flow("switch (x) { case @@seats { a } default { a } }")),
    "too few arguments": ("E0305", flow("x <- @@q()")),
    "too many arguments": ("E0305", flow("@@a(1)")),
    "no result": ("E0306", flow("x <- @@a()")),
    "return without value": ("E0306", flow("@@return")),
    "return of none": ("E0306", "workflow v() { run { @@return 3 } }"),
    "empty range": ("E0307", HEAD + "shared y: @@int 5..1"),
    "times the wrong way round": ("E0307", member("activity b { takes @@5s..1s }")),
    "empty array": ("E0307", HEAD + "shared y: int[@@0]"),
    # rules
    "recursion": (
        "E0401",
        "workflow v1() { run { @@v2 } }\nworkflow v2() { run { v1 } }",
    ),
    "claim exceeds": ("E0402", flow("using (@@agents 4) { a }")),
    "claims together exceed": ("E0402", flow("using (agents 2, @@agents 2) { a }")),
    "claim exceeds by a constant": ("E0402", member("activity b { uses @@agents N }")),
    "lock with units": ("E0403", flow("using (@@ledger 1) { a }")),
    "lock without mode": ("E0403", flow("using (@@ledger) { a }")),
    "pool with a mode": ("E0403", flow("using (@@agents shared) { a }")),
    "key is missing": ("E0403", flow("using (@@deploy exclusive) { a }")),
    "key is too much": ("E0403", flow("using (@@agents[booked] 1) { a }")),
    "assign to an argument": ("E0404", flow("@@seats := 1")),
    "assign to a constant": ("E0404", flow("@@N := 1")),
    "assign to an activity's argument": ("E0404", member("activity b(n: int) { do { @@n := 1 } }")),
    "writes a constant": ("E0404", member("activity b { writes @@N }")),
    "assign to now": ("E0404", flow("@@now := 1s")),
    "old outside": ("E0405", flow("x := @@old(x)")),
    "old in do": ("E0405", member("activity b { do { x := @@old(x) } }")),
    "next outside": ("E0405", member("invariant i : @@next(ok)")),
    "old in always": ("E0405", member("always i : @@old(ok)")),
    "self outside": ("E0405", HEAD + "invariant i : @@self.x > 0"),
    "result outside": ("E0201", flow("x := @@result")),
    "result in needs": ("E0201", member("activity b -> int { needs @@result > 0 }")),
    "result in requires": ("E0201", member("requires @@result > 0")),
    "no result in ensures": ("E0201", member("activity b { ensures @@result > 0 }")),
    "call in do": ("E0406", member("activity b { do { @@a } }")),
    "wait in atomic": ("E0406", flow("atomic { @@wait 5s }")),
    "par in atomic": ("E0406", flow("atomic { @@x := 1 || f := 1 }")),
    "range as a value": ("E0110", flow("x := 0@@..3")),
    "abort outside": ("E0406", flow("@@abort")),
    "require outside": ("E0406", flow("@@require ok")),
    "store outside a transaction": ("E0406", "store y: int\nworkflow v() { run { @@y := 1 } }"),
    "steps in a cycle": (
        "E0407",
        flow("steps { @@n1 { skip } after n2 n2 { skip } after n1 }"),
    ),
    "negative count": ("E0408", flow("while (ok) at_most @@-1 { a }")),
    "claim of nothing": ("E0408", flow("using (agents @@0) { a }")),
    "join of too many": ("E0408", flow("steps { a @@q1 { skip } after a join 2 of }")),
    "par of too many": ("E0408", flow("@@par 3 of { a || a }")),
    "probability": ("E0408", member("activity b { fails Declined probability @@2 }")),
    "duplicate case": ("E0409", flow("switch (x) { case 1 { a } case @@1 { a } default { a } }")),
    # forms
    "clause twice": ("E0120", member("activity b { takes 1s @@takes 2s }")),
    "two bodies": ("E0120", "workflow v() { run { skip } @@run { skip } }"),
    "two systems": ("E0120", HEAD + "system { }\n@@system { }"),
    "no body": ("E0121", "@@workflow v() { var x: int }"),
    "unknown scheduler": ("E0122", HEAD + "system { @@scheduler fairly }"),
    "unknown equivalence": ("E0122", "law l forall a : a == a @@under traces"),
    "predicate of an expression": ("E0123", member("invariant i : @@done(1 + 2)")),
    "units out of order": ("E0104", flow("wait @@30m1h")),
    "unknown unit": ("E0104", flow("wait @@5sec")),
}


def errors(text: str) -> list[Diagnostic]:
    """What is wrong; the specs of this file also use forms that are not supported yet."""
    _, found = examine(text, "f.wf")
    return [d for d in found if d.severity is Severity.ERROR and d.code != "E0900"]


def split(text: str) -> tuple[str, int, int]:
    before, after = text.split("@@")
    return before + after, before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1


@pytest.mark.parametrize("name", CASES)
def test_rule(name: str) -> None:
    code, marked = CASES[name]
    text, line, col = split(marked)
    found = [(d.code, d.span.line, d.span.col) for d in errors(text)]
    assert (code, line, col) in found, [str(d) for d in errors(text)]
    assert all(d.code in CODES for d in errors(text))
    # One slip, one complaint: the rest of the spec is fine.
    assert len(found) == 1, [(d.code, str(d.span), d.message) for d in errors(text)]


@pytest.mark.parametrize(
    ("code", "marked"),
    [
        ("W0001", "@@resource r : lock"),
        ("W0001", "@@const C = 3"),
        ("W0001", "workflow v() { @@activity a { } run { skip } }"),
        ("W0001", "workflow v() { @@var y: int run { skip } }"),
        ("W0002", "workflow v() { run { if (false) { @@skip } } }"),
        ("W0002", "workflow v() { run { if (1 > 2 or false) { @@skip } } }"),
        ("W0002", "workflow v() { run { while (false) { @@skip } } }"),
        ("W0002", "workflow v() { run { return ; @@skip } }"),
        ("W0002", "workflow v() { run { fail Timeout ; @@skip } }"),
        (
            "W0002",
            "workflow v() { run { try { skip } catch * { skip } @@catch Timeout { skip } } }",
        ),
    ],
)
def test_warning(code: str, marked: str) -> None:
    text, line, col = split(marked)
    found = [(d.code, d.span.line, d.span.col) for d in load_text(text, "f").warnings]
    assert found == [(code, line, col)]


def test_suggestions_and_cycles_are_shown() -> None:
    text = (
        flow("x := seatss ; q3(1)") + "workflow v1() { run { v2 } }\nworkflow v2() { run { v1 } }"
    )
    with pytest.raises(Rejected) as caught:
        load_text(text, "f")
    told = " ".join(d.message + d.fix for d in caught.value.diagnostics)
    assert "did you mean `seats`?" in told
    assert "v1 -> v2 -> v1" in told


def test_all_errors_at_once_in_source_order() -> None:
    with pytest.raises(Rejected) as caught:
        load_text(flow("x := nope1 ; nope2() ; fail Nope3 ; ok := 3 ; abort"), "f")
    told = [(d.span.line, d.span.col, d.code) for d in caught.value.diagnostics]
    assert told == sorted(told)
    assert [code for _, _, code in told] == [
        "E0201",
        "E0201",
        "E0205",
        "E0301",
        "E0406",
    ]
    assert all(d.severity is Severity.ERROR for d in caught.value.diagnostics)


@pytest.mark.parametrize(
    "run",
    [
        "f := 1 ; f := f * 2 ; f := 2 - f ; t := 3 * t ; t := t * 1.5 ; t := 2 * 3s",
        "f := min(1, f) ; x := max(1, x, 3) ; t := abs(t - 3s)",
        "s := draft ; ok := s == draft ; ok := draft == s ; perms := {draft}",
        "ok := draft in perms ; perms := perms + {booked} - {draft}",
        "o := some(3) ; o := none ; ok := o == none ; ok := o != some(x)",
        "p := {b: true, a: 3} ; ok := p == {a: 1, b: ok} ; p.a += 1",
        "arr := [1, 2, x] ; arr[x + 1] := 2 ; ok := forall y in arr: y > 0",
        "switch (s) { case draft, booked { a } }",
        "x := count z in 0..N: z > seats",
        "ok := exists v in perms: v == booked",
        "each i in 0..9 - 1 { x <- q(i) }",
        "using (deploy[s] exclusive) { a }",
        "each st in Status { using (deploy[st] shared) { a } }",
        "par 2 of { a || a || a }",
        "x := self.x + seats",
        "small := small + 7",
        "assert done(a) and times(q) > 2 and used(agents) < 3 and now > 3s",
    ],
)
def test_well_typed(run: str) -> None:
    assert errors(flow(run)) == []


def test_single_instance_may_be_named_bare() -> None:
    text = flow("return 1") + "system { w }\ninvariant i : w.x > 0 and done(w.a)"
    assert errors(text) == []


def test_codes_are_a_closed_list() -> None:
    import re
    from pathlib import Path

    import wfverify.dsl as package

    texts = [
        p.read_text(encoding="utf-8")
        for p in Path(str(package.__file__)).parent.rglob("*.py")
        if p.name not in ("codes.py", "_tables.py")
    ]
    spoken = {c for text in texts for c in re.findall(r"\"([EW]\d{4})\"", text)}
    assert spoken <= set(CODES)


def test_a_constant_of_an_enum_is_a_case() -> None:
    load_text(
        "enum E { a, b }\nconst D = a\nworkflow v() { var e: E = D run {\n"
        "switch (e) { case D { skip } default { skip } } } }",
        "f",
    )


def test_a_tree_that_was_built_and_not_read_is_checked() -> None:
    from wfverify.dsl import ast
    from wfverify.dsl.check import check

    flow_ = ast.Flow("s", (ast.FlowState("s", ast.Call("nothing")),))
    spec = ast.Spec(file="f", source="", workflows=(ast.Workflow("w", (), flow_),))
    checked, found = check(spec)
    assert [d.code for d in found] == ["E0201"]
    assert checked == spec


@pytest.mark.parametrize(
    ("other", "mend"),
    [
        ("started(o.a)", "put the property into `workflow w`"),
        ("o.x > 0", "put the property into `workflow w`"),
    ],
)
def test_a_quantifier_ends_before_the_word_of_a_pattern(other: str, mend: str) -> None:
    text = flow("a") + f"property p : forall o in w: done(o.a) precedes {other}\n"
    with pytest.raises(Rejected) as caught:
        load_text(text, "s.wf")
    (found,) = (d for d in caught.value.diagnostics if d.code == "E0201")
    assert mend in found.fix
