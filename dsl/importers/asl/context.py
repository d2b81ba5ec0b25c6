"""What the parts of one import share: names, declarations on the way, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from fractions import Fraction

from ... import ast
from ...errors import Span
from ...records import dataclass
from .data import Document, Liveness, Place, Scope
from .failures import TIMEOUT, Errors
from .machine import Amount, Catcher, Rule, State
from .naming import Names
from .paths import Value
from .slots import Slots

LONGEST = Fraction(99_999_999)  # seconds: the service's default TimeoutSeconds


def seconds(value: Fraction, span: Span) -> ast.DurationLit:
    text = f"{value}s" if value.denominator == 1 else f"{float(value):.3f}s"
    return ast.DurationLit(value, text, span=span)


def in_order(parts: Sequence[ast.Term], span: Span) -> ast.Term:
    """The parts one after the other."""
    if not parts:
        return ast.Skip(span=span)
    return parts[0] if len(parts) == 1 else ast.Seq(tuple(parts), span=span)


@dataclass(slots=True)
class Import:
    """Lives as long as one import; the only thing that the visitors change."""

    names: Names
    document: Document
    live: Liveness
    slots: Slots
    errors: Errors
    activities: list[ast.Activity] = field(default_factory=list)
    variables: list[ast.VarDecl] = field(default_factory=list)  # beside those of the slots
    requires: list[ast.Requires] = field(default_factory=list)
    error_names: dict[str, str] = field(default_factory=dict)  # as written -> name
    declared: dict[str, Span] = field(default_factory=dict)  # errors it ends with on purpose
    notes: dict[tuple[str, str], ast.Abstraction] = field(default_factory=dict)

    def error(self, name: str) -> str:
        """What an error is called: as the file does."""
        if name == TIMEOUT:
            return "Timeout"
        if name not in self.error_names:
            self.error_names[name] = self.names.known_as(name, dots=True)
        return self.error_names[name]

    def errors_of(self, found: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.error(name) for name in found))

    def note(self, what: str, instead: str, span: Span, bounds: bool = False) -> None:
        """Lists an abstraction; `bounds`: it leaves runs out, so a proof rests on it."""
        key = (what, instead)
        if key not in self.notes:
            self.notes[key] = ast.Abstraction(what, instead, bounds=bounds, span=span)

    def param(self, base: str, type_: str, span: Span) -> ast.Name:
        """A value that is not known before the run."""
        name = self.names.fresh(base)
        self.slots.params.append(ast.Param(name, ast.TypeName(type_, span=span), span=span))
        return ast.Name(name, span=span)

    def require(self, left: ast.Expression, op: str, right: ast.Expression) -> None:
        test = ast.Binary(op, left, right, span=left.span)
        self.requires.append(ast.Requires(test, span=left.span))

    def amount(self, given: Amount, what: str, state: str) -> ast.Expression:
        """A duration: the one in the file, or any positive one."""
        if given.value is not None and given.value > 0:
            return seconds(given.value, given.span)
        name = self.param(f"{what}_{state}", "duration", given.span)
        self.require(name, ">", seconds(Fraction(0), given.span))
        self.note(f"{what} of {state}", "any positive duration", given.span)
        return name

    def changes(
        self, scope: Scope, state: State, how: Rule | Catcher | None, target: str | None
    ) -> list[tuple[Place, Value]]:
        """What leaving a state for `target` does to the places that matter from there on."""
        if target is None:
            return []
        live = self.live.before.get((scope.index, target), set())
        ordered = [p for p in self.document.places if p in live]
        return [(p, self.document.after(p, scope, state, how)) for p in ordered]

    def inner(self, state: State, scope: Scope) -> list[Scope]:
        """The scopes of the branches of a Parallel, or of the processor of a Map."""
        return [s for s in self.document.scopes if s.owner is state and s.parent is scope]
