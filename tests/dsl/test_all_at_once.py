"""Errors of all phases together, and nothing that only follows from a syntax error."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wfverify.dsl import load_text
from wfverify.dsl.errors import Diagnostic, Rejected

ROOT = Path(__file__).parents[2]


def errors(text: str) -> tuple[Diagnostic, ...]:
    try:
        load_text(text, "f.wf")
    except Rejected as rejected:
        return rejected.diagnostics
    return ()


def found(text: str) -> list[tuple[int, str]]:
    return [(d.span.line, d.code) for d in errors(text)]


def test_golden() -> None:
    """Syntax, names, types and rules of one file, in the order of their places."""
    text = """\
enum Status { draft, booked, cancelled }
resource agents : pool(3)
resource ledger lock
error Declined permanent
const N =

workflow trip(seats: int, budget: int) fails Declined, Netwrk {
  requires 1 <= seats and budgt >= 0
  var status: Status = drft
  var paid: int = true
  var price int = 0
  activity quote() -> int {
    uses    agents 4
    takes   1s..5
    ensures result >= 0
  }
  activity charge(amount: int) {
    uses    ledger exclusive
    do      { paid = paid + amount }
    undo    { paid := paid - N }
  }
  activity hotel  { uses agents 1  takes 1s..3s  undo skip }
  run {
    price <- quote(3) ;
    charge(price * seats) ; (hotel || flight)
    status := booked
  }
  invariant never_negative : paid >= 0s
}
system { trip[3]  trop }
check starvation_fre
"""
    assert [(d.span.line, d.span.col, d.code) for d in errors(text)] == [
        (3, 17, "E0110"),  # `:` is missing
        (7, 1, "E0110"),  # the constant has no value; nobody complains about N below
        (7, 56, "E0205"),
        (8, 27, "E0201"),
        (9, 24, "E0201"),
        (10, 19, "E0301"),
        (11, 13, "E0110"),
        (13, 13, "E0402"),
        (14, 17, "E0302"),
        (19, 20, "E0112"),
        (24, 14, "E0305"),
        (25, 46, "E0111"),  # and silence about both statements around it
        (28, 30, "E0302"),
        (30, 19, "E0201"),
        (31, 7, "E0206"),
    ]


WORKFLOW = """\
enum Status { draft, booked }
resource agents : pool(3)
error Declined permanent
const N = 4
workflow w(seats: int) -> int fails Declined {
  var x: int
  var s: Status
  var later: duration = 5s
  activity a(n: int) -> int { uses agents 1  takes 1s..2s  fails Declined }
  activity b { do { x := 3 } undo { x := N } }
  run { x <- a(3) ; s := booked ; (b || b) ; each i in 0..3 { x := i } ; return x }
  invariant i : x >= 0
  ensures result == x
}
system { w[2] }
ensures forall o in w: o.x >= 0 and done(o.b)
"""


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        (1, "enum Status { draft, booked"),
        (1, "enum { draft, booked }"),
        (1, "Status { draft, booked }"),
        (2, "resource agents : pol(3)"),
        (2, "resource : pool(3)"),
        (3, "error Declined"),
        (4, "const N ="),
        (4, "const N = 4 4"),
        (4, "const N = 4€"),
        (4, "const N = 5x"),
        (5, "workflow w(seats int) -> int fails Declined"),
        (5, "workflow (seats: int) -> int fails Declined {"),
        (5, "workflow w(seats: ) -> int fails Declined {"),
        (6, "  var x int"),
        (6, "  var x: "),
        (6, "  var : int"),
        (6, "  vra x: int"),
        (7, "  var s: Status ="),
        (9, "  activity a(n: int) > int { uses agents 1 }"),
        (9, "  activity a(n: int) -> int { uses agents 1"),
        (9, "  activity a(n int -> int { }"),
        (9, "  activty a(n: int) -> int { }"),
        (9, "  a(n: int) -> int { uses agents 1  takes 1s..2s }"),
        (9, '  activity a(n: int) -> int { runs shell "x }'),
        (11, "  ru { x <- a(3) }"),
        (11, "  run x <- a(3) }"),
        (11, "  run { x <- a(3) ; each in 0..3 { x := i } }"),
        (11, "  run { x <- a(3) ; (b || }"),
        (12, "  invariant : x >= 0"),
        (12, "  invariant i : x >= /* 0"),
        (14, ""),
        (14, "} }"),
        (15, "system { w[2 }"),
    ],
)
def test_nothing_follows_from_a_syntax_error(line: int, broken: str) -> None:
    lines = WORKFLOW.split("\n")
    assert errors(WORKFLOW) == ()
    lines[line - 1] = broken
    codes = [code for _, code in found("\n".join(lines))]
    assert codes
    assert len(codes) <= 2
    assert all(code < "E02" for code in codes), found("\n".join(lines))


# --- one error of types in one item, one of syntax in another ------------------------------------

# Each `@` is a number of its own, so that the items can stand together.  An item: lines, and the
# line and what to write there instead, with the code.
ITEMS: list[tuple[list[str], list[tuple[int, str, str]], list[tuple[int, str, str]]]] = [
    (
        ["const C@ = 4"],
        [(0, "const C@ = draft@x + 1", "E0201"), (0, "const C@ = 4 + true", "E0301")],
        [(0, "const C@ = 4 4", "E0110"), (0, "const C@ == 4", "E0112")],
    ),
    (
        ["resource r@ : pool(3)"],
        [(0, "resource r@ : pool(3s)", "E0302"), (0, "resource r@ : pool(-1)", "E0408")],
        [(0, "resource r@ : pol(3)", "E0110"), (0, "resource r@ pool(3)", "E0110")],
    ),
    (
        ["shared h@: int 0..9 = 3", "activity q@(n: int) -> int {", "  takes 1s..2s", "}"],
        [(0, "shared h@: int 0..9 = 12", "E0303"), (2, "  takes 1..2s", "E0302")],
        [(1, "activity q@(n int) -> int {", "E0110"), (2, "  takes 1s.. 2s 3s", "E0110")],
    ),
    (
        [
            "workflow w@(k: int) -> int {",
            "  var x: int",
            "  activity a { takes 1s..2s do { x := x + k } }",
            "  run {",
            "    a ;",
            "    if (x > 2) { a } else { x := 4 } ;",
            "    return x",
            "  }",
            "  invariant i : x >= 0",
            "}",
        ],
        [
            (1, "  var x: int = 5s", "E0302"),
            (2, "  activity a { takes 1s..2s do { y@ := x + k } }", "E0201"),
            (4, "    a(3) ;", "E0305"),
            (5, "    if (x) { a } else { x := 4 } ;", "E0301"),
            (8, "  invariant i : done(b@)", "E0201"),
        ],
        [
            (0, "workflow w@(k: int) - int {", "E0110"),
            (1, "  var x int", "E0110"),
            (2, "  activity a { take 1s..2s do { x := x + k } }", "E0110"),
            (4, "    a", "E0111"),
            (5, "    if (x = 2) { a } else { x := 4 } ;", "E0112"),
            (8, "  invariant i  x >= 0", "E0110"),
            (9, "", "E0114"),
        ],
    ),
    (
        ["workflow u@ {", "  activity a { }", "  run { each i in 0..3 { a } || a }", "}"],
        [(2, "  run { each i in 0..3 { a } || j@ }", "E0201")],
        [(2, "  run { each i 0..3 { a } || a }", "E0110"), (1, "  activity a { ) }", "E0114")],
    ),
]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_one_error_of_types_and_one_of_syntax(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(ITEMS), min_size=2, max_size=6))
    typed, torn = data.draw(st.permutations(range(len(kinds))))[:2]
    out: list[str] = []
    expected: set[tuple[int, str]] = set()
    for i, (lines, of_types, of_syntax) in enumerate(kinds):
        written = list(lines)
        if i in (typed, torn):
            line, text, code = data.draw(st.sampled_from(of_types if i == typed else of_syntax))
            written[line] = text
            expected.add((len(out) + line + 1, code))
        out += [w.replace("@", str(i)) for w in written]
    seen = found("\n".join(out))
    # An error of syntax may be noticed at the next word only.
    assert len(seen) == 2, seen
    of_types = {e for e in expected if e[1] >= "E02"}
    assert of_types <= set(seen)
    ((line, code),) = expected - of_types
    ((there, same),) = set(seen) - of_types
    assert same == code or {same, code} <= {"E0110", "E0114"}
    assert line - 1 <= there <= line + 1


# --- any slip in any spec ------------------------------------------------------------------------

TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*(?s:.*?)\*/|\w+(?:\.\d\w*)*'
    r"|<-|:=|==|!=|<=|>=|=>|->|\.\.|\|\||\+=|-=|\s+|."
)
MARKS = [*"{}();,:[]=€"]


@cache
def specs() -> list[list[str]]:
    paths = sorted([*ROOT.glob("examples/*.wf"), *ROOT.glob("tests/cases/*.wf")])
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return [TOKEN.findall(text) for text in texts if not errors(text)]


def slips(seed: int, count: int) -> list[str]:
    """Specs, each with one word or mark taken away, doubled, or inserted."""
    choose = random.Random(seed)
    out = []
    for _ in range(count):
        tokens = list(choose.choice(specs()))
        places = [i for i, t in enumerate(tokens) if not t.isspace() and t[:2] not in ("//", "/*")]
        i = choose.choice(places)
        tokens[i] = choose.choice(
            [" ", f"{tokens[i]} {tokens[i]}", f"{choose.choice(MARKS)} {tokens[i]}"]
        )
        out.append("".join(tokens))
    return out


@pytest.mark.parametrize("seed", range(4))
def test_a_slip_in_a_good_spec_gives_syntax_errors_only(seed: int) -> None:
    """A word too few can also leave a file of good syntax: then the errors are others."""
    for text in slips(seed, 400):
        codes = [d.code for d in errors(text)]
        if any(code < "E0115" for code in codes):
            assert all(code < "E02" for code in codes), text


def test_what_speaks_of_a_lost_constant_or_type_is_not_in_error() -> None:
    text = """\
const A = B + 1
const B = min(C, 2)
enum Tool ) { saw, file }
const =
workflow v {
  var kinds: (set of Tool)[2] = [{}, {saw}]
  var parts: { a: option Tool } = { a: none }
  run { skip }
}
"""
    assert found(text) == [(3, "E0114"), (4, "E0110")]
