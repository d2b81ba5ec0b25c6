"""Source text -> tokens, with comments set aside.

The kind of a token is the key that the parse tables use: the spelling of a keyword or operator,
or IDENT, INT, DECIMAL, DURATION, STRING.  A word that is a keyword only in its place has the
kind SOFT here; the parser decides by its state.  `<-` is followed by a hidden `-`: where it
cannot be one token, it is read as `<` and `-`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from .errors import Diagnostic, Span
from .words import ITEM_WORDS, MEMBER_WORDS, PROPERTY_WORDS, TERM_WORDS

MAX_TOKENS: Final = 3_000_000
MAX_ERRORS: Final = 25

# Words that begin an item, a member of a workflow or a term, and the words of expressions.
RESERVED: Final = (
    ITEM_WORDS
    | MEMBER_WORDS
    | PROPERTY_WORDS
    | TERM_WORDS
    | frozenset(["shared", "ensures", "check", "true", "false", "none", "and", "or", "not", "in"])
)

_UNICODE: Final = {
    "·": ";",
    "∥": "||",
    "⟹": "=>",
    "⇒": "=>",
    "∧": "and",
    "∨": "or",
    "¬": "not",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
}

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
_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+")
_DECIMAL: Final = re.compile(r"[0-9]+\.[0-9]+")
_ESCAPE: Final = re.compile(r"\\(.)")


@dataclass(slots=True)
class Comment:
    """A comment with its marks; `own_line` says that nothing stands before it on its line."""

    text: str
    line: int
    col: int
    end_line: int
    own_line: bool


@dataclass(slots=True)
class Tokens:
    """Tokens as parallel lists (a list of objects would double the time to read a large file)."""

    kinds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    cols: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # column after the token
    docs: dict[int, str] = field(default_factory=dict)  # index of the token after it -> text
    comments: list[Comment] = field(default_factory=list)
    errors: list[Diagnostic] = field(default_factory=list)


@cache
def soft_words() -> frozenset[str]:
    """Keywords that are not reserved, read off the parse tables."""
    from .tables import tables

    words = {key for row in tables().actions for key in row if key[0].islower()}
    return frozenset(words - RESERVED)


def lex(text: str, file: str) -> Tokens:
    """All tokens, ended by `$END`.  Lexical errors are collected; at most MAX_ERRORS of them."""
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
            kind = value = _UNICODE.get(value, value)
        elif group == "number":
            kind = _number(value)
            if kind == "BAD":
                code, message, fix = _bad_number(value)
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
            value = _unescape(value)
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
            shown, fix = _foreign(value)
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
        if len(kinds) > MAX_TOKENS:
            error("E0003", f"the file is too long: more than {MAX_TOKENS:,} words", "", col, 1)
            break
        if len(out.errors) >= MAX_ERRORS:
            break
    kinds.append("$END")
    texts.append("")
    lines.append(line)
    last = len(text) - start_of_line + 1 if not out.errors else 1
    cols.append(max(1, last))
    ends.append(max(1, last))
    return out


def _foreign(text: str) -> tuple[str, str]:
    """How to show what is no word of the language, and the mend."""
    from unicodedata import combining, name

    first = text[0]
    if any(c in "“”„‟«»‘’‚" for c in text):
        return f"`{text[:20]}`", 'strings stand in plain double quotes: `"…"`'
    if all(c.isspace() for c in text):
        return f"U+{ord(first):04X} ({name(first, 'no name').lower()})", "write a plain space"
    if not first.isprintable() or combining(first):
        return f"U+{ord(first):04X} ({name(first, 'no name').lower()})", "remove it"
    return f"`{text[:20]}`", "remove it"


def _number(text: str) -> str:
    if text.isdecimal() and text.isascii():
        # Python refuses to convert longer ones, and nobody means them.
        return "INT" if len(text) <= 4000 else "BAD"
    if len(text) > 4000:
        return "BAD"
    if _DECIMAL.fullmatch(text):
        return "DECIMAL"
    return "DURATION" if _DURATION.fullmatch(text) else "BAD"


def _bad_number(text: str) -> tuple[str, str, str]:
    shown = text if len(text) < 40 else text[:37] + "…"
    if len(text) > 4000:
        return "E0104", f"the number `{shown}` has too many digits", "use at most 4000"
    units = "durations have the units ms s m h d: `250ms`, `1.5s`, `1h30m`"
    return "E0104", f"`{shown}` is neither a number nor a duration", units


def _unescape(text: str) -> str:
    body = text[1:-1]
    if "\\" not in body:
        return body
    table = {"n": "\n", "t": "\t", "r": "\r"}
    return _ESCAPE.sub(lambda m: table.get(m.group(1), m.group(1)), body)
