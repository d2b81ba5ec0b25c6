"""The lexer against one that goes from word to word."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Final

import pytest
from wfverify.dsl import lexer
from wfverify.dsl.errors import Diagnostic, Span
from wfverify.dsl.lexer import MAX_ERRORS, RESERVED, Comment, Tokens, lex, soft_words

ROOT = Path(__file__).parents[2]
_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\r\f]+)
    | (?P<newline>\n)
    | (?P<word>[^\W\d]\w*)
    | (?P<number>[0-9]\w*(?:\.[0-9]\w*)*)
    | (?P<foreign>&&|\|(?!\|)|&|!(?!=)|<>|\+\+|\^|\?|~|@|\$|\#|'|`|\\)
    | (?P<op><-|:=|==|!=|<=|>=|=>|->|\.\.|\|\||\+=|-=
        |[;:,.(){}\[\]<>+\-*/%=·∥⟹⇒∧∨¬≤≥≠](?<!/)|/(?![/*]))
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<line>//[^\n]*)
    | (?P<block>/\*(?s:.*?)\*/)
    | (?P<open>/\*)
    | (?P<broken>"[^\n]*)
    | (?P<other>[^\w\s";:,.(){}\[\]<>+\-*/%=!&|'`]+|.)
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(.)")


def naive(text: str, file: str) -> Tokens:
    out = Tokens()
    kinds, texts, lines, cols, ends = out.kinds, out.texts, out.lines, out.cols, out.ends
    soft = soft_words()
    line, start_of_line = 1, 0
    doc: list[str] = []
    after = ""  # marks behind a string that is not closed
    fresh = True  # nothing but space on this line so far

    def error(code: str, message: str, fix: str, col: int, width: int) -> None:
        out.errors.append(Diagnostic(code, Span(file, line, col, line, col + width), message, fix))

    for match in _TOKEN.finditer(text):
        group = match.lastgroup
        if group == "space":
            continue
        if group == "newline":
            line += 1
            start_of_line = match.end()
            fresh = True
            continue
        value = match.group()
        col = match.start() - start_of_line + 1
        if group == "word":
            kind = value if value in RESERVED else "SOFT" if value in soft else "IDENT"
        elif group == "op":
            kind = value = lexer._UNICODE.get(value, value)
        elif group == "number":
            kind = lexer._number(value)
            if kind == "BAD":
                code, message, fix = lexer._bad_number(value)
                error(code, message, fix, col, len(value))
                kind = "INT"
                value = "0"
        elif group in ("line", "block"):
            if value.startswith("///") and not value.startswith("////"):
                doc.append(value[3:].strip())
            breaks = value.count("\n")
            out.comments.append(Comment(value, line, col, line + breaks, fresh))
            if breaks:
                line += breaks
                start_of_line = match.start() + value.rfind("\n") + 1
            continue
        elif group == "string":
            kind = "STRING"
            for bad in _ESCAPE.finditer(value):
                if bad[1] in '"\\ntr':
                    continue
                fix = 'strings know `\\"` `\\\\` `\\n` `\\t` `\\r`; a backslash is written twice'
                error("E0105", f"`{bad[0]}` is no escape", fix, col + bad.start(), 2)
            value = lexer._unescape(value)
        elif group == "foreign":
            kind = "FOREIGN"
        elif group == "open":
            error("E0103", "this comment is never closed", "close it with `*/`", col, 2)
            break
        elif group == "broken":
            # Marks at the end of the line close what stands around the string.
            inside = value.rstrip(" \t\r)]};,")
            after, value = value[len(inside) :], inside
            error("E0102", "this string is never closed", 'close it with `"`', col, len(value))
            kind = "STRING"
        else:
            shown, fix = lexer._foreign(value)
            error("E0101", f"unknown character {shown}", fix, col, len(value))
            if len(out.errors) >= MAX_ERRORS:
                break
            continue
        fresh = False
        if doc:
            out.docs[len(kinds)] = "\n".join(doc)
            doc = []
        kinds.append(kind)
        texts.append(value)
        lines.append(line)
        cols.append(col)
        ends.append(match.end() - start_of_line + 1)
        if group == "broken":
            ends[-1] = col + len(value)
            for place, mark in enumerate(after, ends[-1]):
                if not mark.isspace():
                    kinds.append(mark)
                    texts.append(mark)
                    lines.append(line)
                    cols.append(place)
                    ends.append(place + 1)
        if kind == "<-":
            texts[-1] = "<"
            kinds.append("-")
            texts.append("-")
            lines.append(line)
            cols.append(col + 1)
            ends.append(col + 2)
        if len(out.errors) >= MAX_ERRORS:
            break
    kinds.append("$END")
    texts.append("")
    lines.append(line)
    last = len(text) - start_of_line + 1 if not out.errors else 1
    cols.append(max(1, last))
    ends.append(max(1, last))
    return out


FRAGMENTS = (
    *(
        '"',
        '"a\\n"',
        '"\\q"',
        "/*",
        "*/",
        "//x",
        "///doc",
        "////x",
        "\n",
        "\n",
        "  ",
        "\t",
        "<-",
        "<",
    ),
    *(
        "-",
        "a",
        "if",
        "count",
        "for",
        "12",
        "1.5",
        "1..2",
        "5s",
        "1x",
        "3s2h",
        "·",
        "∥",
        "≤",
        "“",
        "”",
    ),
    *("¬", "&&", "&", "|", "||", "é", "٣", "\v", "\x1c", "\u00a0", "(", ")", "{", "}", ";", "!="),
    *(
        "!",
        "=",
        "==",
        "=>",
        "\\",
        "%",
        "$x",
        '"unc) ;}',
        "/",
        "*",
        "e\u0301",
        "+",
        "++",
        "+=",
        ".",
        "\u2028",
    ),
)


def test_files_are_read_alike() -> None:
    files = sorted([*ROOT.glob("examples/**/*.wf"), *ROOT.glob("tests/**/*.wf")])
    assert len(files) > 300
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert lex(text, "f") == naive(text, "f"), path


@pytest.mark.parametrize("seed", range(4))
def test_any_text_is_read_alike(seed: int) -> None:
    rng = random.Random(seed)
    told = 0
    for _ in range(1500):
        text = "".join(rng.choice(FRAGMENTS) for _ in range(rng.randint(1, 14)))
        found = lex(text, "f")
        assert found == naive(text, "f"), repr(text)
        told += bool(found.errors)
    assert 300 < told < 1400


def test_too_long_a_file_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexer, "MAX_TOKENS", 10)
    found = lex("a ;\n" * 8, "f")
    assert [(e.code, e.span.line, e.span.col) for e in found.errors] == [("E0003", 6, 1)]
    assert len(found.kinds) == 12
    assert not lex("a ;\n" * 5, "f").errors
