"""Every form of the language page parses, checks, and says what it says."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from wfverify.dsl import ast, examine, load, load_text, parse_text, unsupported
from wfverify.dsl import types as t
from wfverify.dsl.walk import walk

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def term(text: str) -> Any:
    return parse_text(f"workflow v() {{ run {{ {text} }} }}", "f").workflows[0].body


def expr(text: str) -> Any:
    return term(f"assert {text}").cond


def every_form() -> ast.Spec:
    spec, found = examine((HERE / "every_form.wf").read_text(encoding="utf-8"), "every_form.wf")
    assert {d.code for d in found} <= {"W0001", "E0900"}
    assert spec is not None
    return spec


def test_every_form_loads() -> None:
    assert every_form().workflows


def test_every_node_class_is_built() -> None:
    """So that no form is missing in every_form.wf."""
    spec = every_form()
    seen = {type(n) for item in spec.items for n in walk(item)}
    nodes = {
        c
        for c in vars(ast).values()
        if isinstance(c, type) and issubclass(c, ast.Node) and dataclasses.is_dataclass(c)
    }
    unwritten = {ast.Node, ast.Expr, ast.Flow, ast.FlowState, ast.FlowEdge, ast.FlowCatch}
    assert nodes - seen - unwritten - {ast.Spec, ast.Abstraction} == set()


def test_checked_expressions_have_types_and_names_have_references() -> None:
    for spec in (every_form(), load(str(ROOT / "examples" / "trip.wf"))):
        for item in spec.items:
            for node in walk(item):
                if isinstance(node, ast.Name):
                    assert node.ref is not None or _is_type_part(node, item), node
                if isinstance(node, ast.Activity | ast.Workflow):
                    assert (node.resolved is None) == (node.returns is None)
                if isinstance(node, ast.VarDecl | ast.Param | ast.ParamDecl):
                    assert node.resolved is not None


def _is_type_part(node: ast.Node, item: ast.Item) -> bool:
    """Bounds and sizes inside written types stay as written: `resolved` holds their meaning."""
    return any(
        node is part
        for n in walk(item)
        if isinstance(n, ast.RangeType | ast.ArrayType)
        for part in walk(n)
    )


def test_example_of_the_page() -> None:
    spec = load(str(ROOT / "examples" / "trip.wf"))
    assert spec.warnings == ()
    assert unsupported(spec) == ()
    trip = spec.workflows[0]
    assert [a.name for a in trip.activities] == ["quote", "charge", "hotel", "flight"]
    assert trip.variables[0].resolved == t.Enum("Status", ("draft", "booked", "cancelled"))
    assert trip.activities[1].retry is not None
    assert str(trip.span) == f"{ROOT}/examples/trip.wf:11:1"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", "1/4"),
        ("1.5s", "3/2"),
        ("2m", "120"),
        ("3h", "10800"),
        ("1d", "86400"),
        ("1h30m", "5400"),
        ("1d1h1m1s1ms", "90061001/1000"),
    ],
)
def test_durations(text: str, seconds: str) -> None:
    assert term(f"wait {text}").duration.value == Fraction(seconds)


def test_precedence_of_terms() -> None:
    body = term("a ; b || c ; d + e")
    assert isinstance(body, ast.Choice)
    par = body.parts[0]
    assert isinstance(par, ast.Par)
    assert [type(p) for p in par.parts] == [ast.Seq, ast.Seq]
    assert term("{ a ; b ; } || (c)") == term("a ; b || c")
    assert term("a · b ∥ c") == term("a ; b || c")


def test_an_expression_reaches_as_far_right_as_possible() -> None:
    assert isinstance(term("x := p + a"), ast.Assign)
    assert isinstance(term("{ x := p } + a"), ast.Choice)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("a => b => c", "a => (b => c)"),
        ("a or b and not c", "a or (b and (not c))"),
        ("a - b - c", "(a - b) - c"),
        ("a + b * c % d", "a + ((b * c) % d)"),
        ("-a * b", "(-a) * b"),
        ("not a == b", "not (a == b)"),
        ("a + 1 < b * 2 and c", "((a + 1) < (b * 2)) and c"),
        ("forall i in 0..3: a => b", "forall i in 0..3: (a => b)"),
        ("a in {b, c} or d", "(a in {b, c}) or d"),
        ("-a.b[c].d", "-(((a.b)[c]).d)"),
        ("¬a ∧ b ∨ c ⟹ d ≤ e", "((not a) and b) or c => d <= e"),
        ("a ≥ b and c ≠ d", "a >= b and c != d"),
    ],
)
def test_precedence_of_expressions(short: str, long: str) -> None:
    assert expr(short) == expr(long)


def test_long_conjunctions_are_not_deep() -> None:
    node, depth = expr(" and ".join(["a"] * 5000)), 0
    while isinstance(node, ast.Binary):
        node, depth = node.left, depth + 1
    assert depth < 20


def test_docs_are_kept_on_the_item_after_them() -> None:
    spec = parse_text(
        "/// One.\n/// Two.\nresource r : lock\n// no doc\nworkflow v() {\n"
        "/// A variable.\nvar x: int\n/// An activity.\nactivity a { }\nrun { skip } }",
        "f",
    )
    assert spec.resources[0].doc == "One.\nTwo."
    assert spec.workflows[0].doc == ""
    assert spec.workflows[0].variables[0].doc == "A variable."
    assert spec.workflows[0].activities[0].doc == "An activity."


def test_spans() -> None:
    text = "workflow v() {\n  run {\n    abc ;\n    x1 := 1 + 22\n  }\n}"
    call, assign = parse_text(text, "f").workflows[0].body.parts  # type: ignore[union-attr]
    assert (call.span.line, call.span.col, call.span.end_col) == (3, 5, 8)
    assert (assign.span.line, assign.span.col, assign.span.end_col) == (4, 5, 17)
    assert (assign.value.span.col, assign.value.right.span.col) == (11, 15)


def test_types() -> None:
    spec = load_text(
        "const N = 2\nenum E { a, b }\ntype R = { x: int 0..N, y: option int[N] }\n"
        "shared v: R[E]\nshared w: set of E\nshared z: (option int)[3]",
        "f",
    )
    record = t.Record((("x", t.Int(0, 2)), ("y", t.Option(t.Array(t.Int(), 2)))))
    e = t.Enum("E", ("a", "b"))
    assert spec.shared[0].decl.resolved == t.Array(record, 2, e)
    assert spec.shared[1].decl.resolved == t.SetOf(e)
    assert spec.shared[2].decl.resolved == t.Array(t.Option(t.Int()), 3)


def test_windows_line_ends_and_byte_order_mark() -> None:
    spec = load_text("\ufeffworkflow v() {\r\n  run { skip }\r\n}\r\n", "f")
    assert spec.workflows[0].span.end_line == 3
