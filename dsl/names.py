"""What names stand for: symbols, scopes, suggestions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from difflib import get_close_matches
from typing import Final

from . import ast
from .ast import RefKind
from .damage import Damage
from .errors import Diagnostic, Severity, Span
from .records import dataclass
from .types import Enum, Type

# Looking for names that resemble one takes time linear in the names there are.
MAX_SUGGESTIONS: Final = 100

BUILTIN_ERRORS: Final = ("Timeout", "TooMany", "Interrupted", "LeaseExpired", "Aborted")
BUILTIN_TYPES: Final = ("bool", "int", "real", "duration", "string")
# Names that expressions give a meaning of their own: nothing may be declared under them.
OWN_NAMES: Final = frozenset({"now", "self", "result"})

BUILT_CHECKS: Final = frozenset(
    [
        "invariants",
        "always",
        "requires",
        "ensures",
        "assert",
        "contracts",
        "resources",
        "borrows",
        "dependencies",
        "atomicity",
        "deadlock_free",
        "upgrade",
        "can_finish",
        "no_dead_code",
        "race_free",
        "timing_independent",
        "deterministic",
        "handled",
        "compensated",
        "exhaustive",
        "arithmetic",
        "terminates",
        "starvation_free",
        "idempotency",
        "messages",
        "deadline",
        "timeouts",
        "stability",
    ]
)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name of an expression."""

    ref: RefKind
    type: Type | None  # None: its declaration is in error, already reported
    span: Span
    request: str = ""  # of what was received: the channel, if it is one of requests
    received: str = ""  # of what was received: the channel


@dataclass(slots=True)
class Symbols:
    """The names of a file by kind, filled by `collect`; lives as long as one check."""

    values: dict[str, Symbol] = field(default_factory=dict)
    enums: dict[str, Enum] = field(default_factory=dict)
    enum_values: dict[str, list[Enum]] = field(default_factory=dict)
    types: dict[str, Type | None] = field(default_factory=dict)
    resources: dict[str, ast.Resource] = field(default_factory=dict)
    errors: dict[str, ast.ErrorDecl | None] = field(default_factory=dict)
    channels: dict[str, ast.Channel] = field(default_factory=dict)
    channel_types: dict[str, tuple[Type | None, Type | None]] = field(default_factory=dict)
    answer_types: dict[str, Type | None] = field(default_factory=dict)  # of channels of requests
    resource_keys: dict[str, Type | None] = field(default_factory=dict)
    activities: dict[str, ast.Activity] = field(default_factory=dict)
    workflows: dict[str, ast.Workflow] = field(default_factory=dict)
    environments: dict[str, ast.Environment] = field(default_factory=dict)
    metrics: dict[str, ast.Metric] = field(default_factory=dict)
    detectors: dict[str, ast.Detector] = field(default_factory=dict)
    controllers: dict[str, ast.Controller] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)  # evaluated
    # How many instances of each workflow (2 means several): only who asks needs all calls.
    counted: Callable[[], dict[str, int]] = dict
    used: set[str] = field(default_factory=set)  # items that something speaks of
    _instances: dict[str, int] | None = None

    @property
    def instances(self) -> Mapping[str, int]:
        if self._instances is None:
            self._instances = self.counted()
        return self._instances

    def kind_of(self, name: str) -> str:
        """What sort of thing a top-level name is, for messages; "" when there is none."""
        tables: tuple[tuple[str, Mapping[str, object]], ...] = (
            ("activity", self.activities),
            ("workflow", self.workflows),
            ("resource", self.resources),
            ("channel", self.channels),
            ("error", self.errors),
            ("enum", self.enums),
            ("type", self.types),
            ("environment", self.environments),
            ("metric", self.metrics),
            ("detector", self.detectors),
            ("controller", self.controllers),
        )
        for kind, table in tables:
            if name in table:
                return kind
        if name in self.values:
            return self.values[name].ref.value
        return "enum value" if name in self.enum_values else ""


class Scope:
    """Names of expressions, innermost first."""

    def __init__(self, parent: Scope | None, names: Mapping[str, Symbol] | None = None) -> None:
        self.parent = parent
        self.names = dict(names or {})
        self.read: set[str] = set() if parent is None else parent.read

    def find(self, name: str) -> Symbol | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def child(self, names: Mapping[str, Symbol] | None = None) -> Scope:
        return Scope(self, names)

    def all(self) -> list[str]:
        scope: Scope | None = self
        found: list[str] = []
        while scope is not None:
            found += scope.names
            scope = scope.parent
        return found


class Reporter:
    """Collects diagnostics of one check."""

    def __init__(self, spec: ast.Spec, damage: Damage) -> None:
        self.source, self.damage = spec.source, damage
        self.found: list[Diagnostic] = []
        self._lines: list[str] | None = None
        self.suggestions = 0
        self._mends: Mapping[str, str] = {}  # by name, of those that are known elsewhere

    @contextmanager
    def known_elsewhere(self, mends: Mapping[str, str]) -> Iterator[None]:
        """What to do where one of these names is unknown in its body."""
        before, self._mends = self._mends, mends
        yield
        self._mends = before

    def mend(self, name: str, otherwise: str) -> str:
        return self._mends.get(name, otherwise)

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        fix: str = "",
        related: tuple[tuple[Span, str], ...] = (),
    ) -> None:
        found = Diagnostic(code, span, message, fix, related=related)
        if not (self.damage.zones and self.damage.hides(found, self.text(span))):
            self.found.append(found)

    def warn(self, code: str, span: Span, message: str, fix: str = "") -> None:
        self.found.append(Diagnostic(code, span, message, fix, Severity.WARNING))

    @contextmanager
    def without_warnings(self) -> Iterator[None]:
        """Of what is looked at in its body only errors are kept."""
        before = len(self.found)
        yield
        self.found[before:] = [d for d in self.found[before:] if d.severity is Severity.ERROR]

    def unknown(
        self, code: str, span: Span, what: str, name: str, known: Iterable[str], fix: str = ""
    ) -> None:
        """`what` NAME is not known; the mend is the name that looks like it, or `fix`, or what
        there is."""
        if not name:
            return  # where syntax was mended there is no name: that has been said
        known = list(dict.fromkeys(known))
        there = _listed(what.rstrip(":"), known)
        mend = self.mend(name, "") or self.suggest(name, known, fix or there)
        self.error(code, self.word(span, name), f"unknown {what} `{name}`", mend)

    def suggest(self, name: str, known: Iterable[str], otherwise: str = "") -> str:
        """`did you mean ..?`, or `otherwise` when nothing looks like `name`."""
        self.suggestions += 1
        if self.suggestions > MAX_SUGGESTIONS:
            return otherwise
        return _suggest(name, known, otherwise)

    def lines(self) -> list[str]:
        if self._lines is None:
            self._lines = self.source.split("\n")
        return self._lines

    def text(self, span: Span) -> str:
        """What stands at `span`; "" for more than one line, and where there is no source."""
        if span.line != span.end_line or span.line > len(self.lines()):
            return ""
        return self.lines()[span.line - 1][span.col - 1 : span.end_col - 1]

    def word(self, span: Span, name: str) -> Span:
        """Where `name` first stands in `span`: nodes keep names without a place of their own."""
        lines = self.lines()
        for number in range(span.line, min(span.end_line, span.line + 200, len(lines)) + 1):
            line = lines[number - 1]
            begin = span.col - 1 if number == span.line else 0
            end = span.end_col - 1 if number == span.end_line else len(line)
            at = _word_in(line, name, begin, end)
            if at >= 0:
                return Span(span.file, number, at + 1, number, at + 1 + len(name))
        return span


def _word_in(line: str, word: str, begin: int, end: int) -> int:
    """Where it stands by itself; -1: nowhere."""
    at = line.find(word, begin, end)
    while at >= 0:
        after = at + len(word)
        sides = line[at - 1 : at] if at else "", line[after : min(after + 1, end)]
        if not any(c == "_" or c.isalnum() for c in sides):
            return at
        at = line.find(word, at + 1, end)
    return -1


MOST_LISTED: Final = 6
# What other languages write.
_FOREIGN: Final = {
    **dict.fromkeys(("true", "yes"), "true"),
    **dict.fromkeys(("false", "no"), "false"),
    **dict.fromkeys(("null", "nil", "none", "undefined"), "none"),
    **dict.fromkeys(("float", "double", "decimal", "number", "num"), "real"),
    **dict.fromkeys(("integer", "long", "nat", "uint"), "int"),
    **dict.fromkeys(("boolean", "logical"), "bool"),
    **dict.fromkeys(("text", "str", "varchar"), "string"),
    **dict.fromkeys(("time", "timedelta", "interval", "seconds"), "duration"),
    **dict.fromkeys(("optional", "maybe"), "option"),
    "this": "self",
    "len": "size",
    "length": "size",
}
_LITERALS: Final = ("true", "false", "none")


def _listed(what: str, known: Sequence[str]) -> str:
    if not known:
        return f"there is no {what} yet: declare it" if " " not in what else ""
    shown = ", ".join(f"`{k}`" for k in known[:MOST_LISTED])
    return f"there is {shown}{', …' if len(known) > MOST_LISTED else ''}"


def _suggest(name: str, known: Iterable[str], otherwise: str) -> str:
    known = list(known)
    foreign = _FOREIGN.get(name.lower(), "")
    if foreign in known or (foreign in _LITERALS and foreign != name):
        return f"write `{foreign}`"
    longer = [k for k in known if len(name) > 3 and k.startswith(f"{name}_")]
    if len(longer) == 1:
        return f"did you mean `{longer[0]}`?"
    candidates = [k for k in dict.fromkeys(known) if abs(len(k) - len(name)) <= 3]
    lower = {k.lower(): k for k in candidates}
    if name.lower() in lower:
        return f"did you mean `{lower[name.lower()]}`?"
    if len(name) <= 60 and len(candidates) <= 2000:
        close = get_close_matches(name, candidates, n=2, cutoff=0.6)
        if close:
            return "did you mean " + " or ".join(f"`{c}`" for c in close) + "?"
    return otherwise
