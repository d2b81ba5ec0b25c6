"""Source text -> tokens, with comments set aside.

The kind of a token is the key that the parse tables use: the spelling of a keyword or operator,
or IDENT, INT, DECIMAL, DURATION, STRING.  A word that is a keyword only in its place has the
kind SOFT here; the parser decides by its state.  `<-` is followed by a hidden `-`: where it
cannot be one token, it is read as `<` and `-`.

A large file is a few spellings many times over: each is looked at once (`_Spellings`), and what
stands between two pieces that need more (comments, strings, errors) is taken over as a whole.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import cache
from itertools import accumulate
from operator import add, sub
from sys import intern
from typing import Final

from .errors import Diagnostic, Span
from .records import dataclass
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

_LAYOUT: Final = r"[ \t\r\f\n]"
_TOKEN: Final = re.compile(
    r"""
      (?P<word>[^\W\d]\w*)
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
# One piece follows the other without a gap: each takes the layout behind it.
_PIECE: Final = re.compile(
    f"{_LAYOUT}+|(?:" + re.sub(r"\?P<\w+>", "?:", _TOKEN.pattern) + f"){_LAYOUT}*", re.VERBOSE
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


_MORE: Final = "more: "


class _Spellings(dict[str, str]):
    """The kind of each piece of text that was met: as in Tokens; "" of layout, and `_MORE` with
    the group that it matches where it needs more than its kind.  Without layout it is `bare`."""

    def __init__(self) -> None:
        super().__init__()
        self.soft = soft_words()
        self.bare: dict[str, str] = {}

    def __missing__(self, piece: str) -> str:
        # (Layout is a piece only where the file begins with it.)
        match = None if piece[0] in " \t\r\f\n" else _TOKEN.match(piece)
        group = "" if match is None else match.lastgroup or ""
        text = "" if match is None else intern(match.group())
        kind = f"{_MORE}{group}"
        if not group:
            kind = ""
        elif group == "word":
            kind = text if text in RESERVED else "SOFT" if text in self.soft else "IDENT"
        elif group == "op" and text != "<-" and text not in _UNICODE:
            kind = text
        elif group == "number" and _number(text) != "BAD":
            kind = _number(text)
        elif group == "foreign":
            kind = "FOREIGN"
        self.bare[piece] = text
        self[piece] = kind = intern(kind)
        return kind


class _Breaks(dict[str, int]):
    """How many lines end in a piece."""

    def __missing__(self, piece: str) -> int:
        self[piece] = found = piece.count("\n")
        return found


def lex(text: str, file: str) -> Tokens:
    """All tokens, ended by `$END`.  Lexical errors are collected; at most MAX_ERRORS of them."""
    return _Lexer(text, file).run()


class _Lexer:
    """One pass over a text."""

    def __init__(self, text: str, file: str) -> None:
        self.file, self.size = file, len(text)
        self.out = Tokens()
        self.doc: list[str] = []
        known = _Spellings()
        self.pieces: list[str] = _PIECE.findall(text)
        self.kinds = list(map(known.__getitem__, self.pieces))
        self.texts = list(map(known.bare.__getitem__, self.pieces))
        self.starts = list(accumulate(map(len, self.pieces), initial=0))
        breaks = map(_Breaks().__getitem__, self.pieces)
        self.lines = list(accumulate(breaks, initial=1))
        # By line, from 1 on: the place before its first column.
        lengths = map((1).__add__, map(len, text.split("\n")))
        self.before = [-1, *accumulate(lengths, initial=-1)]
        odd = {kind for kind in known.values() if not kind or kind.startswith(_MORE)}
        self.odd = [i for i, kind in enumerate(self.kinds) if kind in odd] if odd else []

    def run(self) -> Tokens:
        out = self.out
        done, fresh = 0, True  # nothing but layout before this piece on its line
        going = True
        for i in self.odd:
            if i > done:
                going = self.plain(done, i)
                fresh = "\n" in self.pieces[i - 1]
                done = i
            tokens = len(out.kinds)
            if not going or not self.special(i, self.kinds[i][6:], fresh) or not self.few():
                going = False
                break
            behind = self.pieces[i][len(self.texts[i]) :]
            fresh = "\n" in behind or (fresh and len(out.kinds) == tokens)
            done = i + 1
        if going:
            self.plain(done, len(self.kinds))
            done = len(self.kinds)
        line = self.lines[done]
        last = self.size - self.before[line] if not out.errors else 1
        self.put("$END", "", line, max(1, last), 0)
        return out

    def plain(self, first: int, behind: int) -> bool:
        """Takes pieces over that are as their kinds say; whether to go on."""
        out = self.out
        if first < behind and self.doc:
            out.docs[len(out.kinds)] = "\n".join(self.doc)
            self.doc = []
        here = slice(first, behind)
        texts, lines = self.texts[here], self.lines[here]
        cols = list(map(sub, self.starts[here], map(self.before.__getitem__, lines)))
        out.kinds += self.kinds[here]
        out.texts += texts
        out.lines += lines
        out.cols += cols
        out.ends += map(add, cols, map(len, texts))
        return self.few()

    def few(self) -> bool:
        """Whether the file is not too long, and has not too many errors."""
        out = self.out
        if len(out.kinds) > MAX_TOKENS:
            for column in (out.kinds, out.texts, out.lines, out.cols, out.ends):
                del column[MAX_TOKENS + 1 :]
            message = f"the file is too long: more than {MAX_TOKENS:,} words"
            self.error("E0003", message, "", out.lines[-1], out.cols[-1], 1)
            return False
        return len(out.errors) < MAX_ERRORS

    def error(self, code: str, message: str, fix: str, line: int, col: int, width: int) -> None:
        span = Span(self.file, line, col, line, col + width)
        self.out.errors.append(Diagnostic(code, span, message, fix))

    def put(self, kind: str, text: str, line: int, col: int, width: int) -> None:
        out = self.out
        if self.doc and kind != "$END":
            out.docs[len(out.kinds)] = "\n".join(self.doc)
            self.doc = []
        out.kinds.append(kind)
        out.texts.append(text)
        out.lines.append(line)
        out.cols.append(col)
        out.ends.append(col + width)

    def special(self, i: int, group: str, fresh: bool) -> bool:
        """A piece that is no token, or not as it is written; whether to go on."""
        value, line = self.texts[i], self.lines[i]
        col = self.starts[i] - self.before[line]
        match group:
            case "":
                pass
            case "line" | "block":
                if value.startswith("///") and not value.startswith("////"):
                    self.doc.append(value[3:].strip())
                end = line + value.count("\n")
                self.out.comments.append(Comment(value, line, col, end, fresh))
            case "op" if value == "<-":
                self.put("<-", "<", line, col, 2)
                self.put("-", "-", line, col + 1, 1)
            case "op":
                kind = _UNICODE[value]
                self.put(kind, kind, line, col, len(value))
            case "number":
                code, message, fix = _bad_number(value)
                self.error(code, message, fix, line, col, len(value))
                self.put("INT", "0", line, col, len(value))
            case "string":
                for bad in _ESCAPE.finditer(value):
                    if bad[1] in '"\\ntr':
                        continue
                    fix = (
                        'strings know `\\"` `\\\\` `\\n` `\\t` `\\r`; a backslash is written twice'
                    )
                    self.error("E0105", f"`{bad[0]}` is no escape", fix, line, col + bad.start(), 2)
                self.put("STRING", _unescape(value), line, col, len(value))
            case "broken":
                # Marks at the end of the line close what stands around the string.
                inside = value.rstrip(" \t\r)]};,")
                width = len(inside)
                self.error(
                    "E0102", "this string is never closed", 'close it with `"`', line, col, width
                )
                self.put("STRING", inside, line, col, width)
                for place, mark in enumerate(value[width:], col + width):
                    if not mark.isspace():
                        self.put(mark, mark, line, place, 1)
            case "open":
                what = "this comment is never closed"
                self.error("E0103", what, "close it with `*/`", line, col, 2)
                return False
            case _:
                shown, fix = _foreign(value)
                self.error("E0101", f"unknown character {shown}", fix, line, col, len(value))
        return True


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
