"""A JSON reader that remembers where everything stands.

Strict where a mistake would change the meaning, tolerant of what deployed files contain: a byte
order mark, and template holes such as `${Timeout}` where a value is expected.  A broken text
gives one `Rejected` with the place and the mend, never another exception.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import field
from fractions import Fraction

from ..errors import Diagnostic, Rejected, Severity, Span
from ..records import dataclass

MAX_DEPTH = 120
MAX_CHARS = 4_000_000  # the service itself takes at most 1 MB


@dataclass(frozen=True, slots=True)
class Hole:
    """A value that a template fills in later: `${Name}` without quotes."""

    text: str


@dataclass(frozen=True, slots=True)
class Json:
    """One value and its place.  Objects keep the span of every key beside its value."""

    value: bool | Fraction | str | Hole | tuple[Json, ...] | dict[str, tuple[Span, Json]] | None
    span: Span

    def get(self, key: str) -> Json | None:
        """The member `key` of an object; None for anything else."""
        if isinstance(self.value, dict) and key in self.value:
            return self.value[key][1]
        return None

    def has(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def key_span(self, key: str) -> Span:
        """Where the key itself stands (the object's own place if it has no such key)."""
        if isinstance(self.value, dict) and key in self.value:
            return self.value[key][0]
        return self.span

    def members(self) -> Iterator[tuple[str, Span, Json]]:
        if isinstance(self.value, dict):
            for key, (span, child) in self.value.items():
                yield key, span, child

    def items(self) -> tuple[Json, ...]:
        return self.value if isinstance(self.value, tuple) else ()

    def text(self, key: str) -> str | None:
        """The member `key` when it is a string."""
        child = self.get(key)
        return child.value if child is not None and isinstance(child.value, str) else None

    def number(self, key: str) -> Fraction | None:
        """The member `key` when it is a number."""
        child = self.get(key)
        if child is None or isinstance(child.value, bool):
            return None
        return child.value if isinstance(child.value, Fraction) else None


_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_HOLE = re.compile(r"\$\{[^{}\"\n]*\}(?:[\w.-]|\$\{[^{}\"\n]*\})*|\{\{[^{}\"\n]*\}\}")
_CHUNK = re.compile(r'[^"\\\x00-\x1f]*')
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")


def _join_surrogates(text: str) -> str:
    """Pairs become one character; a lone half cannot be printed and becomes U+FFFD."""

    def one(match: re.Match[str]) -> str:
        pair = match.group()
        if len(pair) == 1:
            return "�"
        return chr(0x10000 + ((ord(pair[0]) - 0xD800) << 10) + (ord(pair[1]) - 0xDC00))

    return _SURROGATES.sub(one, text)


@dataclass(slots=True)
class _Reader:
    file: str
    text: str
    lines: list[int]
    pos: int = 0
    warnings: list[Diagnostic] = field(default_factory=list)

    def span(self, start: int, end: int) -> Span:
        line, last = bisect_right(self.lines, start), bisect_right(self.lines, end)
        return Span(
            self.file, line, start - self.lines[line - 1] + 1, last, end - self.lines[last - 1] + 1
        )

    def fail(
        self, message: str, fix: str, start: int | None = None, code: str = "E0110"
    ) -> Rejected:
        at = self.pos if start is None else start
        return Rejected((Diagnostic(code, self.span(at, at + 1), message, fix),))

    def space(self) -> str:
        match = _SPACE.match(self.text, self.pos)
        if match is not None:
            self.pos = match.end()
        return self.text[self.pos : self.pos + 1]

    def value(self, depth: int) -> Json:
        if depth > MAX_DEPTH:
            raise self.fail(
                f"the JSON is nested deeper than {MAX_DEPTH} levels",
                "move inner parts to a workflow of their own",
                code="E0004",
            )
        start, head = self.pos, self.space()
        start = self.pos
        if head == "{" and not self.text.startswith("{{", start):
            return self.object(depth)
        if head == "[":
            return self.array(depth)
        if head == '"':
            return Json(self.string(), self.span(start, self.pos))
        for word, constant in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, start):
                self.pos += len(word)
                return Json(constant, self.span(start, self.pos))
        if (hole := _HOLE.match(self.text, start)) is not None:
            self.pos = hole.end()
            return Json(Hole(hole.group()), self.span(start, self.pos))
        number = _NUMBER.match(self.text, start)
        if number is None:
            raise self.fail(*self.complaint(head))
        if len(number.group()) > 400 or len(number.group(2) or "") > 5:
            raise self.fail("this number is out of range", "use a smaller number", code="E0303")
        self.pos = number.end()
        return Json(Fraction(number.group()), self.span(start, self.pos))

    def complaint(self, head: str) -> tuple[str, str]:
        if not head:
            return "the text ends in the middle of a value", "close what is open"
        if head in "]}":
            return "a value is missing here", "remove the comma before the bracket"
        if head == "'":
            return "a string needs double quotes", 'write "..."'
        if self.text.startswith(("//", "/*"), self.pos):
            return "JSON has no comments", 'move the remark to a "Comment" field'
        return f"no value begins with `{head}`", "put a string in double quotes"

    def string(self) -> str:
        start, parts = self.pos, list[str]()
        self.pos += 1
        while True:
            chunk = _CHUNK.match(self.text, self.pos)
            if chunk is not None:
                parts.append(chunk.group())
                self.pos = chunk.end()
            head = self.text[self.pos : self.pos + 1]
            if head == '"':
                self.pos += 1
                text = "".join(parts)
                return _join_surrogates(text) if _SURROGATES.search(text) else text
            if head != "\\":
                raise self.fail(
                    "this string does not end on its line", 'close it with `"`', start, "E0102"
                )
            escape = self.text[self.pos + 1 : self.pos + 2]
            hexes = _HEX4.match(self.text, self.pos + 2) if escape == "u" else None
            if hexes is not None:
                parts.append(chr(int(hexes.group(), 16)))
                self.pos += 6
            elif escape in _ESCAPES:
                parts.append(_ESCAPES[escape])
                self.pos += 2
            else:
                raise self.fail(
                    f"`\\{escape}` is no escape of JSON",
                    "write `\\\\` for a backslash",
                    None,
                    "E0105",
                )

    def array(self, depth: int) -> Json:
        start, found = self.pos, list[Json]()
        self.pos += 1
        if self.space() == "]":
            self.pos += 1
            return Json((), self.span(start, self.pos))
        while True:
            found.append(self.value(depth + 1))
            head = self.space()
            self.pos += 1
            if head == "]":
                return Json(tuple(found), self.span(start, self.pos))
            if head != ",":
                self.pos -= 1
                raise self.fail("`,` or `]` is missing here", "separate the items with `,`")

    def object(self, depth: int) -> Json:
        start, found = self.pos, dict[str, tuple[Span, Json]]()
        self.pos += 1
        if self.space() == "}":
            self.pos += 1
            return Json(found, self.span(start, self.pos))
        while True:
            head = self.space()
            if head != '"':
                raise self.fail(
                    "a key in double quotes is missing here",
                    "remove the comma before the bracket" if head == "}" else 'write "key": value',
                )
            key_start = self.pos
            key = self.string()
            key_span = self.span(key_start, self.pos)
            if self.space() != ":":
                raise self.fail("`:` is missing after the key", 'write "key": value')
            self.pos += 1
            child = self.value(depth + 1)
            if key in found:
                self.warnings.append(
                    Diagnostic(
                        "W0211",
                        key_span,
                        f'"{key}" stands twice in this object; only the last one counts',
                        "rename or remove one of them",
                        Severity.WARNING,
                        ((found[key][0], "the first one"),),
                    )
                )
            found[key] = (key_span, child)
            head = self.space()
            self.pos += 1
            if head == "}":
                return Json(found, self.span(start, self.pos))
            if head != ",":
                self.pos -= 1
                raise self.fail("`,` or `}` is missing here", "separate the members with `,`")


def read_json(text: str, file: str) -> tuple[Json, tuple[Diagnostic, ...]]:
    """The value that `text` spells, and warnings.  Raises `Rejected` on anything else."""
    starts = [0]
    starts.extend(match.end() for match in re.finditer("\n", text))
    reader = _Reader(file, text, starts)
    if len(text) > MAX_CHARS:
        raise reader.fail(
            f"the file has more than {MAX_CHARS} characters", "split the machine", 0, "E0003"
        )
    if text.startswith("﻿"):
        reader.pos = 1
    value = reader.value(0)
    if reader.space():
        raise reader.fail("the JSON value has ended, but the text goes on", "remove the rest")
    return value, tuple(reader.warnings)
