"""What the rule methods share: the file, the errors found while building, docs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .errors import Diagnostic, Span
from .lexer import Tokens


class Option(NamedTuple):
    """A clause or option on its way into its node."""

    name: str
    value: Any
    span: Span


class RuleBase:
    """State of one parse.

    `first` is the token at which the current reduction begins.  A rule that builds more than one
    level of nodes says how many in `height`.
    """

    def __init__(self, file: str, text: str, tokens: Tokens) -> None:
        self.file, self.text, self.tokens = file, text, tokens
        self.errors: list[Diagnostic] = []
        self.first = 0
        self.height = 1
        self._lines: list[str] | None = None

    def error(self, code: str, span: Span, message: str, fix: str = "") -> None:
        self.errors.append(Diagnostic(code, span, message, fix))

    def doc(self) -> str:
        """The `///` lines before the current reduction."""
        return self.tokens.docs.get(self.first, "")

    def source(self, span: Span) -> str:
        """The text of a span."""
        if self._lines is None:
            self._lines = self.text.split("\n")
        lines = self._lines[span.line - 1 : span.end_line]
        if len(lines) == 1:
            return lines[0][span.col - 1 : span.end_col - 1]
        return "\n".join([lines[0][span.col - 1 :], *lines[1:-1], lines[-1][: span.end_col - 1]])

    def once(self, options: Iterable[Option | None], what: str) -> dict[str, Any]:
        """Options by name; a second one of the same name is an error."""
        found: dict[str, Any] = {}
        for option in options:
            if option is None:
                continue
            if option.name in found:
                word = option.name.replace("_", " ") if option.name != "at_most" else "at_most"
                self.error(
                    "E0120", option.span, f"`{word}` is given twice in {what}", "keep one of them"
                )
            found.setdefault(option.name, option.value)
        return found

    def on_same(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_names(self, kids: list[Any], span: Span) -> Any:
        return tuple(kids)
