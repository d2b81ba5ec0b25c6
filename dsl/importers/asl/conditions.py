"""The conditions of a Choice: And, Or, Not over tests of one path each.

Every comparison operator of the language is one row of `fields.OPERATORS`.  A test says which
kind of value it is about: of a value of another kind it is false (so `x < 5` and `x >= 5` do not
cover a text), and of a missing one the service stops with `States.Runtime`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from fractions import Fraction
from typing import assert_never

from ...errors import Diagnostic, Span
from ...records import dataclass
from ..jsonpos import Json
from .fields import OPERATORS, TESTS, later, near, of_rule, operand
from .paths import Path, parse_path


@dataclass(frozen=True, slots=True)
class Test:
    """`path relation operand`.  `operand` is a constant, another path, or None for `is`."""

    path: Path
    kind: str  # missing | null | bool | number | text | time
    relation: str  # is | == | < | <= | > | >= | matches
    operand: bool | Fraction | str | Path | None
    span: Span


@dataclass(frozen=True, slots=True)
class Opaque:
    """A condition whose value is not followed: any value at every visit."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    part: Cond


@dataclass(frozen=True, slots=True)
class Junction:
    every: bool  # And, or Or
    parts: tuple[Cond, ...]


Cond = Test | Opaque | Not | Junction


def tests_of(cond: Cond) -> Iterator[Test]:
    """The tests in a condition, left to right."""
    match cond:
        case Test():
            yield cond
        case Not(part):
            yield from tests_of(part)
        case Junction(parts=parts):
            for part in parts:
                yield from tests_of(part)
        case Opaque():
            return
        case _:
            assert_never(cond)


def opaque_of(cond: Cond) -> Iterator[Opaque]:
    """The parts of a condition that are not followed."""
    match cond:
        case Opaque():
            yield cond
        case Not(part):
            yield from opaque_of(part)
        case Junction(parts=parts):
            for part in parts:
                yield from opaque_of(part)
        case Test():
            return
        case _:
            assert_never(cond)


def timestamp(text: str) -> Fraction | None:
    """Seconds since the epoch of an RFC 3339 timestamp, exactly; None if it is not one."""
    if len(text) < 20 or "T" not in text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    try:
        delta = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    except OverflowError:
        return None
    return Fraction(delta.days * 86400 + delta.seconds) + Fraction(delta.microseconds, 10**6)


def read_condition(node: Json, jsonata: bool, out: list[Diagnostic]) -> Cond:
    """One rule (or an operand of And, Or, Not); complaints go to `out`."""
    out.extend(of_rule(node))
    condition = node.get("Condition")
    if condition is not None:
        if condition.value is True or condition.value is False:
            return Junction(bool(condition.value), ())  # And of nothing, Or of nothing
        text = condition.value if isinstance(condition.value, str) else "a template"
        return Opaque(text, condition.span)
    for word, every in (("And", True), ("Or", False)):
        if node.has(word):
            child = node.get(word)
            parts = child.items() if child is not None else ()
            if not parts:
                out.append(
                    Diagnostic("E0121", node.key_span(word), f"`{word}` needs a list", "add rules")
                )
            return Junction(every, tuple(read_condition(p, jsonata, out) for p in parts))
    inner = node.get("Not")
    if inner is not None:
        return Not(read_condition(inner, jsonata, out))
    return _test(node, out)


def _test(node: Json, out: list[Diagnostic]) -> Cond:
    for key, span, child in node.members():
        word = key.removesuffix("Path") if key not in OPERATORS else key
        if word not in OPERATORS:
            continue
        kind, relation = OPERATORS[word]
        wrong = operand(key, kind, relation, child)
        if wrong is not None:
            out.append(wrong)
        variable = node.text("Variable")
        path = parse_path(variable) if variable is not None else None
        if path is None:
            place = node.get("Variable")
            if place is not None and not later(place) and variable is None:
                fix = 'write "Variable": "$.."'
                out.append(Diagnostic("E0121", place.span, "`Variable` is no path", fix))
            if place is not None:  # a hole, or a path of a dialect that we do not know
                return Opaque(f"{variable or 'a template'} {key}", span)
            out.append(
                Diagnostic(
                    "E0121", node.span, "this test has no `Variable`", 'add "Variable": "$.."'
                )
            )
            return Opaque(key, span)
        return _operand(path, kind, relation, key != word, child, span)
    what = "this rule has no comparison that the language knows"
    for key, span, _ in node.members():
        close = near(key, TESTS) if key not in ("Variable", "Next", "Comment") else ""
        if close:
            out.append(Diagnostic("E0122", span, what, f'did you mean "{close}"?'))
            return Opaque("", node.span)
    fix = "one of " + ", ".join(sorted(OPERATORS)) + ", And, Or, Not"
    out.append(Diagnostic("E0122", node.span, what, fix))
    return Opaque("", node.span)


def _operand(path: Path, kind: str, relation: str, other: bool, child: Json, span: Span) -> Cond:
    value = child.value
    if relation == "is":
        if not isinstance(value, bool):
            return Opaque(kind, span)
        # IsPresent is about the other side of `missing`
        positive = value is not (kind == "missing")
        test = Test(path, kind, "is", None, span)
        return test if positive else Not(test)
    if other:
        right = parse_path(value) if isinstance(value, str) else None
        opaque = right is None or right.opaque or path.opaque
        # only numbers, times and flags are compared with each other exactly
        if right is None or opaque or kind == "text":
            return Opaque(f"{path} {relation} {value}", span)
        return Test(path, kind, relation, right, span)
    if kind == "number" and isinstance(value, Fraction):
        return Test(path, kind, relation, value, span)
    if kind == "bool" and isinstance(value, bool):
        return Test(path, kind, relation, value, span)
    if kind == "text" and isinstance(value, str) and "${" not in value:
        if relation == "matches" and "*" not in value.replace("\\*", ""):
            return Test(path, kind, "==", value.replace("\\*", "*").replace("\\\\", "\\"), span)
        return Test(path, kind, relation, value, span)
    if kind == "time" and isinstance(value, str):
        moment = timestamp(value)
        if moment is not None:
            return Test(path, kind, relation, moment, span)
    return Opaque(f"{path} {relation} {value if isinstance(value, str) else 'a template'}", span)
