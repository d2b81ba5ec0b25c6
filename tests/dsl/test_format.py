"""fmt: the same tree, the same comments, and nothing to change the second time."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wfverify.dsl import ast, examine, format_spec, load, parse_text
from wfverify.dsl.lexer import lex

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EVERY = (HERE / "every_form.wf").read_text(encoding="utf-8")
TOKENS = re.findall(
    r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|\w+(?:\.\d\w*)*|<-|:=|==|!=|<=|>=|=>|->|\.\.|\|\||\+=|-=|[^\s]',
    EVERY,
)


def comments(text: str) -> list[str]:
    return sorted(re.sub(r"\s+", " ", c.text) for c in lex(text, "f").comments)


def assert_formats(text: str) -> str:
    spec = parse_text(text, "f")
    once = format_spec(spec)
    again = parse_text(once, "f")
    assert again == spec
    assert format_spec(again) == once
    assert comments(once) == comments(text)
    assert all(line == line.rstrip() for line in once.split("\n") if "/*" not in line)
    return once


@pytest.mark.parametrize(
    "file",
    [HERE / "every_form.wf", *sorted((ROOT / "examples").glob("*.wf"))],
    ids=lambda p: p.name,
)
def test_files(file: Path) -> None:
    assert_formats(file.read_text(encoding="utf-8"))


def test_the_example_of_the_page_stays_as_it_is_but_for_spaces() -> None:
    text = (ROOT / "examples" / "trip.wf").read_text(encoding="utf-8")
    squeeze = re.compile(r" {2,}(?!$)")

    def lines(source: str) -> list[str]:
        return [squeeze.sub(" ", line.strip()) for line in source.strip().split("\n")]

    assert lines(format_spec(parse_text(text, "f"))) == lines(text)


GAPS = (" ", "\n", "\n\n\n", " // c#\n", " /* c# */ ", "\n  // c#\n", "\n /* c#\n  more */ ")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.01, 0.1, 1.0]))
def test_any_layout(seed: int, density: float) -> None:
    """Blanks, line breaks and comments at any place between two tokens."""
    source = random.Random(seed)
    parts: list[str] = []
    for number, token in enumerate(TOKENS):
        parts.append(token)
        if token.startswith("//"):
            parts.append("\n")
        elif source.random() < density:
            parts.append(source.choice(GAPS).replace("#", str(number)))
        else:
            parts.append(" ")
    assert_formats("".join(parts))


def test_a_checked_tree_formats_like_the_parsed_one() -> None:
    checked, _ = examine(EVERY, "f")
    assert checked is not None
    assert format_spec(checked) == format_spec(parse_text(EVERY, "f"))
    assert checked == parse_text(EVERY, "f")


def test_a_tree_without_source() -> None:
    """As importers build it: no spans, no items."""
    workflow = ast.Workflow(
        "w",
        (ast.Param("n", ast.TypeName("int")),),
        ast.Seq(
            (
                ast.Call("a"),
                ast.If(
                    ast.Binary(">", ast.Name("n"), ast.IntLit(3)),
                    ast.Par((ast.Call("a"), ast.Seq((ast.Call("a"), ast.Call("a"))))),
                ),
            )
        ),
        activities=(ast.Activity("a", doc="An activity."),),
    )
    spec = ast.Spec(
        file="x.json",
        source="{}",
        imported_from="asl",
        resources=(ast.Resource("r", "pool", ast.IntLit(2)),),
        workflows=(workflow,),
        properties=(ast.Invariant("i", ast.BoolLit(True)),),
    )
    text = format_spec(spec)
    again = parse_text(text, "f")
    assert (again.workflows, again.resources) == (spec.workflows, spec.resources)
    assert again.workflows[0].activities[0].doc == "An activity."
    assert format_spec(again) == text


@pytest.mark.parametrize(
    "run",
    [
        "(a ; b) + c || d",
        "{ x := 1 } + { y := 2 ; wait 3s } + z",
        "(a || b) || c",
        "(a + b) + c",
        "{ a ; b } ; c",
        "par any { (a || b) || c }",
        "par 2 of { a }",
        "x := a - (b - c) - (d + e) * -f / (g % h)",
        "x := (not a) == b",
        "x := (a => b) => c or (d or e)",
        "x := (forall i in 0..3: a) and (b in {c})",
        "x := ([1, 2])[0] + (-a).b",
        "assert " + " and ".join(f"x{i} > {i}" for i in range(40)),
        "assert (" + " and ".join(f"x{i}" for i in range(9)) + ") and y",
        "assert " + " - ".join(f"x{i}" for i in range(40)),
        "wait 1.5s + 2h ; x := 0.25 + 100.0",
        'x := "a\\"b\\\\c\\n"',
        "if (a) { b } else { if (c) { d } }",
        "x <- f() ; y <- g(1)",
    ],
)
def test_brackets(run: str) -> None:
    assert_formats(f"workflow v() {{ run {{ {run} }} }}")


def test_lines_are_not_too_long_where_terms_can_be_broken() -> None:
    text = f"workflow v() {{ run {{ {' ; '.join(['activity_name'] * 30)} }} }}"
    assert max(map(len, assert_formats(text).split("\n"))) <= 100


def test_examples_are_formatted_trees_of_loaded_files() -> None:
    spec = load(str(ROOT / "examples" / "trip.wf"))
    assert parse_text(format_spec(spec), "f") == spec
