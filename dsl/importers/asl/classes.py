"""Finitely many classes of values: two values of one class give every test the same answer.

A Choice looks at a value only through its tests, so the machine behaves the same for all values
of a class, and following the class instead of the value loses nothing.  Where a number is
compared with another one or counted, it is followed exactly beside its class.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from ...records import dataclass
from .conditions import timestamp
from .paths import Const, Missing

MAX_CLASSES = 64

_RELATIONS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """A test without its path: what it asks of a value."""

    kind: str
    relation: str
    operand: bool | Fraction | str | None

    def __str__(self) -> str:
        return f"{self.kind} {self.relation} {self.operand}"


@dataclass(frozen=True, slots=True)
class Witness:
    """A representative value.

    `tag`: missing null true false number text time other.  `place` orders a text among the
    constants: constant i has place 2i+1, the texts before it 2i.
    """

    tag: str
    number: Fraction | None = None
    text: str | None = None
    place: int = 0
    matched: frozenset[str] = frozenset()
    label: str = ""


@dataclass(frozen=True, slots=True)
class ValueClass:
    label: str
    tags: frozenset[str]
    true: frozenset[Signature]
    apart: str = ""  # number or time, where those are followed exactly


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of one group of paths.  `exact`: numbers (or times) are followed beside."""

    classes: tuple[ValueClass, ...]
    exact_numbers: bool
    exact_times: bool

    @property
    def exact(self) -> bool:
        return self.exact_numbers or self.exact_times

    def where(self, test: Callable[[ValueClass], bool]) -> tuple[int, ...]:
        return tuple(i for i, c in enumerate(self.classes) if test(c))


def matches(pattern: str, text: str) -> bool:
    """StringMatches: `*` stands for any text, a backslash takes the next character as it is."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    regex = "".join(".*" if p == "*" else re.escape(p[-1]) for p in parts)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _apart(left: str, right: str) -> bool:
    """No text matches both: different ends, or different beginnings."""
    if "\\" in left + right:
        return False
    a, b = left.split("*")[-1], right.split("*")[-1]
    if not a.endswith(b) and not b.endswith(a):
        return True
    a, b = left.split("*")[0], right.split("*")[0]
    return not a.startswith(b) and not b.startswith(a)


def _together(patterns: list[str]) -> Iterator[frozenset[str]]:
    """The sets of patterns that one text might match at once (a superset of those that occur)."""
    if not patterns:
        yield frozenset()
        return
    first, rest = patterns[0], patterns[1:]
    for found in _together(rest):
        if first.strip("*"):  # otherwise every text matches
            yield found
        if not any(_apart(first, other) for other in found):
            yield found | {first}


def _regions(points: list[Fraction]) -> Iterator[tuple[Fraction, str]]:
    if not points:
        yield Fraction(0), "number"
        return
    yield points[0] - 1, f"below_{_digits(points[0])}"
    for i, point in enumerate(points):
        yield point, f"is_{_digits(point)}"
        if i + 1 < len(points):
            label = f"between_{_digits(point)}_and_{_digits(points[i + 1])}"
            yield (point + points[i + 1]) / 2, label
    yield points[-1] + 1, f"above_{_digits(points[-1])}"


def _digits(value: Fraction) -> str:
    text = str(value).replace("-", "minus_").replace("/", "_over_")
    return text[:24]


def _holds(test: Signature, value: Witness, texts: list[str]) -> bool:
    match test.kind, test.relation:
        case "missing" | "null", _:
            return value.tag == test.kind
        case "bool", "is":
            return value.tag in ("true", "false")
        case "number", "is":
            return value.tag == "number"
        case "text", "is":
            return value.tag in ("text", "time")
        case "time", "is":
            return value.tag == "time"
        case "bool", _:
            return value.tag == ("true" if test.operand else "false")
        case "text", "matches":
            if value.text is None:
                return str(test.operand) in value.matched
            return matches(str(test.operand), value.text)
        case "text", "==":
            return value.text is not None and value.text == test.operand
        case "text", relation:
            if value.tag not in ("text", "time"):
                return False
            at = 2 * texts.index(str(test.operand)) + 1
            return _RELATIONS[relation](Fraction(value.place), Fraction(at))
        case kind, relation:
            assert isinstance(test.operand, Fraction)
            if value.tag != kind or value.number is None:
                return False
            return _RELATIONS[relation](value.number, test.operand)


@dataclass(frozen=True, slots=True)
class Splitter:
    """Splits values by `tests`."""

    tests: frozenset[Signature]
    exact_numbers: bool
    exact_times: bool

    def points(self, kind: str) -> list[Fraction]:
        return sorted(
            {t.operand for t in self.tests if t.kind == kind and isinstance(t.operand, Fraction)}
        )

    def texts(self) -> list[str]:
        return sorted(
            {
                t.operand
                for t in self.tests
                if t.kind == "text" and t.relation != "matches" and isinstance(t.operand, str)
            }
        )

    def vector(self, value: Witness) -> frozenset[Signature]:
        texts = self.texts()
        exact = {"number"} if self.exact_numbers else set()
        exact |= {"time"} if self.exact_times else set()
        return frozenset(
            t
            for t in self.tests
            if (t.kind not in exact or t.relation == "is") and _holds(t, value, texts)
        )

    def key(self, value: Witness) -> tuple[str, frozenset[Signature]]:
        """Values with the same key are in one class; an exact number keeps to itself."""
        apart = (value.tag == "number" and self.exact_numbers) or (
            value.tag == "time" and self.exact_times
        )
        return (value.tag if apart else "", self.vector(value))

    def witnesses(self) -> Iterator[Witness]:
        for tag in ("missing", "null", "true", "false", "other"):
            yield Witness(tag, label=tag)
        for number, label in _regions([] if self.exact_numbers else self.points("number")):
            yield Witness("number", number, label=label)
        texts = self.texts()
        ordered = any(t.kind == "text" and t.relation in "<= >=" for t in self.tests)
        for i, text in enumerate(texts):
            yield self.of_text(text, 2 * i + 1)
        patterns = sorted({str(t.operand) for t in self.tests if t.relation == "matches"})
        timed = any(t.kind == "time" for t in self.tests)
        times = [] if self.exact_times else self.points("time")
        for matched in _together(patterns):
            like = "_and_".join(sorted(matched))
            for gap in range(len(texts) + 1) if ordered else (0,):
                label = f"like_{like}" if like else "text"
                yield Witness("text", None, None, 2 * gap, matched, label)
                for moment, name in _regions(times) if timed else ():
                    label = name if times else "time"
                    yield Witness("time", moment, None, 2 * gap, matched, label)

    def of_text(self, text: str, place: int) -> Witness:
        moment = timestamp(text)
        if moment is None:
            return Witness("text", None, text, place, label=text or "empty")
        return Witness("time", moment, text, place, label=text)

    def of_constant(self, value: Const | Missing) -> Witness:
        """The witness of a known value."""
        if isinstance(value, Missing):
            return Witness("missing")
        if value.composite:
            return Witness("other")
        match value.value:
            case None:
                return Witness("null")
            case bool(flag):
                return Witness("true" if flag else "false")
            case str(text):
                texts = self.texts()
                place = 2 * sum(1 for t in texts if t < text) + (1 if text in texts else 0)
                return self.of_text(text, place)
            case number:
                return Witness("number", number)

    def split(self) -> Classes | None:
        """The classes; None where there would be too many."""
        patterns = {t.operand for t in self.tests if t.relation == "matches"}
        if len(patterns) > 16 or len(self.tests) > 200:
            return None
        found = dict[tuple[str, frozenset[Signature]], ValueClass]()
        for witness in self.witnesses():
            key = self.key(witness)
            known = found.get(key)
            if known is None:
                label = witness.label if key[1] or key[0] else "other"
                found[key] = ValueClass(label, frozenset((witness.tag,)), key[1], key[0])
                if len(found) > MAX_CLASSES:
                    return None
            else:
                found[key] = replace(known, tags=known.tags | {witness.tag})
        return Classes(tuple(found.values()), self.exact_numbers, self.exact_times)

    def class_of(self, classes: Classes, value: Const | Missing) -> int | None:
        """The class of a known value."""
        tag, true = self.key(self.of_constant(value))
        for i, candidate in enumerate(classes.classes):
            if candidate.true == true and candidate.apart == tag:
                return i
        return None
