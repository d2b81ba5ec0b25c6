"""The parse tables: conflicts pinned, kept tables fresh, words reserved as the page says."""

from __future__ import annotations

import re

import pytest
from wfverify.dsl import parse_text
from wfverify.dsl.lexer import RESERVED, soft_words
from wfverify.dsl.tablegen import build, grammar_text, module_text, unpack
from wfverify.dsl.tables import PASS, tables
from wfverify.dsl.transform import Builder


def test_conflicts_are_the_shifts_of_plus_only() -> None:
    """An expression that ends a term reaches as far right as possible."""
    _, conflicts = build(grammar_text())
    assert sorted(re.sub(r"_\d+", "", c) for c in conflicts) == [
        "PLUS <sum : product __sum_plus>",
        "PLUS <sum : product>",
    ]


def test_kept_tables_belong_to_the_grammar() -> None:
    from wfverify.dsl import _tables

    namespace: dict[str, str] = {}
    exec(module_text(grammar_text()), namespace)
    assert namespace["GRAMMAR"] == _tables.GRAMMAR, "run python -m wfverify.dsl.tablegen"
    assert unpack(namespace["TABLES"]) == unpack(_tables.TABLES)


def test_every_rule_has_its_method() -> None:
    actions = {r.action for r in tables().rules if r.action and r.kind != PASS}
    assert {a for a in actions if not hasattr(Builder, "on_" + a)} == set()


def test_reserved_words_are_words_of_the_grammar() -> None:
    words = {key for row in tables().actions for key in row if key[0].islower()}
    assert words >= RESERVED


SOFT = sorted(soft_words() | {"min", "max", "done", "times", "order", "value", "size", "some"})


@pytest.mark.parametrize("word", SOFT)
def test_other_words_are_names(word: str) -> None:
    """As a variable, an activity, an argument, an enum value, in expressions and in calls."""
    text = f"""
enum E {{ {word}, zz }}
resource {word}_r : pool(3)
workflow v({word}: int) {{
  var x: int
  activity b({word}: int) {{ needs {word} > 0 do {{ x := {word} + x }} }}
  run {{ x := {word} ; x := x * {word} + 1 ; b({word}) ; if ({word} > 2) {{ skip }} }}
  invariant i : {word} > 0 and {word} + {word} < 5 => not ({word} == 3)
}}
workflow u() {{
  var {word}: int
  activity a {{ }}
  run {{ {word} := 3 ; {word} += {word} ; a || a }}
}}
workflow t() {{
  activity {word} {{ takes 1s..2s }}
  run {{ {word} ; {word}() ; ({word} || {word}) + {word} }}
}}
system {{ v({word}: 3) }}
"""
    parse_text(text, "f")


def test_arrow_is_one_token_only_where_a_term_begins() -> None:
    spec = parse_text(
        "workflow v(x: int) { var y: bool activity a -> int { } run { y := x<-1 ; y<-a() } }", "f"
    )
    first, second = spec.workflows[0].body.parts  # type: ignore[union-attr]
    assert first.value.op == "<"
    assert second.name == "a"


def test_import_and_start_are_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, wfverify.dsl; before = set(sys.modules);"
        "wfverify.dsl.load_text('workflow v() { run { skip } }', 'f');"
        "print('lark' in sys.modules, 'wfverify.dsl.parser' in before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
