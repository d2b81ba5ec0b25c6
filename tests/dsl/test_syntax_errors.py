"""Syntax errors name the place and the mend in the words of the language, all at once."""

from __future__ import annotations

import pytest
from wfverify.dsl import load_text, render
from wfverify.dsl.codes import CODES
from wfverify.dsl.errors import Diagnostic, Rejected


def errors(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(Rejected) as caught:
        load_text(text, "f.wf")
    assert all(d.code in CODES for d in caught.value.diagnostics)
    return caught.value.diagnostics


def run(body: str) -> str:
    return f"workflow v(n: int) {{\nvar x: int\nvar b: bool\nactivity a {{ }}\nrun {{ {body} }}\n}}"


@pytest.mark.parametrize(
    ("body", "code", "col", "words"),
    [
        ("x = 3", "E0112", 9, "`:=`"),
        ("if (x = 3) { a }", "E0112", 13, "`==`"),
        ("a a", "E0111", 8, "`;`"),
        ("a { a }", "E0111", 8, "`;`"),
        ("if (b) { a } a", "E0111", 19, "`;`"),
        ("x := 3 x := 4", "E0111", 13, "`;`"),
        ("b := b && b", "E0113", 14, "`and`"),
        ("b := (b || b)", "E0113", 15, "`or`"),
        ("b := !b", "E0113", 12, "`not`"),
        ("3", "E0115", 7, "assert"),
        ("x + 3", "E0115", None, "assert"),
        ("x == 3", "E0115", 9, "`:=`"),
        ("not b", "E0115", 7, "assert"),
        ("assert 1 < x < 3", "E0110", 20, "`and`"),
        ("assert b and forall i in 0..3: b", "E0110", 20, "parenthesise"),
        ("if (b { a }", "E0110", 13, ""),
        ("x := (1 + 2 ;", "E0110", 19, "`)`"),
        ("x := 1 +", "E0110", 16, "an expression"),
        ("a ; ; a", "E0110", 11, "a term"),
        ("using agents 1 { a }", "E0110", 13, "`(`"),
        ("each i 0..3 { a }", "E0110", 14, "`in`"),
        ('x := "abc', "E0102", 12, '`"`'),
        ("a @ a", "E0113", 9, "remove"),
        ("a € a", "E0101", 9, "remove"),
    ],
)
def test_slip(body: str, code: str, col: int | None, words: str) -> None:
    found = errors(run(body))
    first = found[0]
    assert first.code == code, found
    assert first.span.line == 5
    assert col is None or first.span.col == col, first
    assert words in first.message + " " + first.fix, first


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("enum error { a }", "E0116", "another name"),
        ("resource agents = pool(3)", "E0110", "`:`"),
        ("agents : pool(3)", "E0110", "an item"),
        ("workflow v() { run { skip }", "E0114", "close `{` of line 1"),
        ("workflow v() { run { skip } } }", "E0114", "remove"),
        ("workflow v() { run { skip ; } resource r : lock", "E0114", "close"),
        ("workflow v() { activity a { take 1s } run { skip } }", "E0110", "a clause"),
        ("workflow v() { variable x: int run { skip } }", "E0110", "a member"),
        ("/* never", "E0103", "`*/`"),
        ("const N == 3", "E0112", "`=`"),
        ("shared x := 3", "E0112", ": type"),
        ("shared x: 3", "E0110", "a type"),
    ],
)
def test_items(text: str, code: str, words: str) -> None:
    first = errors(text)[0]
    assert first.code == code, first
    assert words in first.message + " " + first.fix, first


def test_no_message_speaks_of_terminals_or_rules() -> None:
    for text in ("workflow", "workflow v(", "x", run("x :="), run("each"), "enum E {", "check"):
        for d in errors(text):
            for word in ("IDENT", "DECIMAL", "LPAR", "__", "$END", "ERROR_", "Token"):
                assert word not in d.message


def test_several_errors_of_a_file_are_reported_at_once() -> None:
    text = """
workflow v(n: int) {
  var x: int
  activity a { takes 1s.. needs }
  activity b { uses 3 takes 3s }
  run { a a ; x = 3 ; if (x > ) { a } ; x := 4 }
}
resource r pool(3)
enum E { a b }
workflow u() { run { skip } }
error F permanent
error G
"""
    lines = [d.span.line for d in errors(text)]
    assert lines == [4, 5, 6, 6, 6, 8, 9, 12]


def test_one_slip_in_a_large_file_is_one_error() -> None:
    good = "workflow w%d() { activity a { takes 1s } run { a ; (a || a) ; if (true) { a } } }\n"
    before = "".join(good % i for i in range(20))
    after = "".join(good % i for i in range(20, 40))
    for slip in ("activity x { takes }", "run { a ; ) ; a }", "run { (a ; a }", "x : 3"):
        text = before + "workflow bad() { " + slip + " }\n" + after
        found = errors(text)
        assert len(found) <= 2, (slip, found)
        assert found[0].span.line == 21


def test_rendering() -> None:
    text = run("x = 3")
    shown = render(errors(text)[0], text)
    assert shown == (
        "f.wf:5:9: error[E0112]: `=` does not assign\n"
        "  run { x = 3 }\n"
        "          ^\n"
        "  fix: write `:=`"
    )


def test_rendering_of_tabs_long_lines_and_places_outside() -> None:
    text = "\tx" + " y" * 500
    d = errors(text)[0]
    shown = render(d, text).split("\n")
    assert shown[2].startswith("      ^")
    assert max(map(len, shown)) < 400
    assert render(d, "").count("\n") <= 3


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("workflw w { run { skip } }", "workflow"),
        ("resource r : poll(2)", "pool"),
        ("resource r : pool(2) advisry", "advisory"),
        ("error E transiet", "transient"),
        ("workflow w { rnu { skip } }", "run"),
        ("workflow w { var x: int activty a { } run { skip } }", "activity"),
        ("workflow w { activity a { take 1s } run { a } }", "takes"),
        ("workflow w { invarient i : true run { skip } }", "invariant"),
        (run("whlie (x > 2) { a }"), "while"),
        (run("if (b) { a } els { a }"), "else"),
        (run("sgaa { a }"), "saga"),
    ],
)
def test_misspelt_keywords(text: str, word: str) -> None:
    (found,) = errors(text)
    assert (found.code, found.fix) == ("E0110", f"did you mean `{word}`?")


def test_a_name_that_resembles_a_keyword_is_no_misspelling() -> None:
    text = "workflow w { activity runs_a { } activity sagas { } run { runs_a sagas ; sagas } }"
    (found,) = errors(text)
    assert found.code == "E0111"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("x++", "E0113", "`x += 1`"),
        ("if (x <> 3) { a }", "E0113", "`!=`"),
        ("a\u00a0; a", "E0101", "U+00A0 (no-break space)"),
        ("assert “x” == x", "E0101", "double quotes"),
        ('assert "a\\qb" == "c"', "E0105", "`\\q`"),
        ("a ; /* never", "E0103", "`*/`"),
    ],
)
def test_marks_and_strings(body: str, code: str, words: str) -> None:
    found = [d for d in errors(run(body)) if d.code == code]
    assert words in found[0].message + found[0].fix
    assert all(d.code < "E02" for d in errors(run(body)))


def test_a_bracket_or_a_comment_that_is_not_closed_is_one_error() -> None:
    comment = errors("workflow w { run { skip } /* }")
    assert [d.code for d in comment] == ["E0103"]
    brace = errors("workflow w {\n activity a { takes 1s\n activity b { }\n run { a }\n}\n")
    assert [(d.code, d.span.line) for d in brace] == [("E0114", 3)]


def test_carets_stand_below_wide_letters() -> None:
    text = "workflow w {\n  var 漢字: int\n  run { 漢字 := 漢漢漢 }\n}\n"
    (found,) = errors(text)
    line, carets = render(found, text).split("\n")[1:3]
    assert line.index("漢漢漢") + 2 == carets.index("^")  # two letters of two cells before
    assert carets.count("^") == 6


@pytest.mark.parametrize(
    ("item", "after"),
    [
        ("enum E { a, b }", "var y: E = a"),
        ("const N = 3", "var y: int = N"),
        ("resource r : pool(2)", "activity b { uses r 1 }"),
        ("error Lost permanent", "activity b { fails Lost }"),
    ],
)
def test_an_item_inside_a_workflow_is_one_error(item: str, after: str) -> None:
    good = "workflow v { run { skip } }\n"
    text = f"workflow w {{\n  {item}\n  {after}\n  run {{ skip }}\n}}\n{good}"
    (found,) = errors(text)
    word = item.split()[0]
    assert (found.code, found.span.line) == ("E0110", 2)
    assert found.fix == f"`{word}` stands at top level: move it out of the `{{` of line 1"


def test_a_brace_that_is_missing_before_an_item_is_still_named() -> None:
    (found,) = errors("workflow w {\n  run { skip }\nworkflow v { run { skip } }\n")
    assert (found.code, found.fix) == ("E0114", "close `{` of line 1 with `}`")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("var x: int = 0\nworkflow w { run { skip } }", "`shared NAME: TYPE = VALUE`"),
        ("run { skip }", "inside a workflow"),
        ("uses r 1", "inside an activity"),
    ],
)
def test_a_member_at_top_level(text: str, words: str) -> None:
    assert words in errors(text)[0].fix
    assert errors(text)[0].span.line == 1


def test_a_lone_carriage_return_ends_a_line() -> None:
    text = "workflow w {\n  var x: int // why\n  run { x = 3 }\n}\n"
    told = [(d.code, str(d.span)) for d in errors(text)]
    for end in ("\r", "\r\n"):
        other = text.replace("\n", end)
        assert [(d.code, str(d.span)) for d in errors(other)] == told
        assert render(errors(other)[0], other) == render(errors(text)[0], text)
