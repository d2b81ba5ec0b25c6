"""Atomic tests as conditions on data: which are the same, and which can hold at once.

An SMT solver is asked; what it does not know is taken for possible, and for different.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from random import Random

from ....dsl import ast
from ....semantics.claimed import Read
from ....semantics.expr import FALSE, NUMBERS, TRUE, Expr, Op, Scalar, Sort, and_, eq, not_, or_
from ....semantics.symbolic import is_valid
from ....semantics.values import evaluate
from ....semantics.walks import postorder, substitute, variables
from .decide import Cube
from .images import Change
from .machine import Meant

MILLISECONDS = 500
QUESTIONS = 2_000  # to the solver; behind that nothing more is known
SAMPLES = 48


class Conditions:
    """Of the tests of one workflow, by their labels."""

    def __init__(self, known: Mapping[str, Expr], always: Expr, initially: Mapping[int, Expr]):
        self.known, self.always, self.initially = known, always, initially
        self.data = {label: frozenset(variables([e])) for label, e in known.items()}
        self._possible: dict[frozenset[tuple[str, bool]], bool] = {}
        self._asked = 0
        self._sampled: list[list[Scalar]] | None = None

    @property
    def apart(self) -> bool:
        """Whether no two of them read the same, so that they may have any values at once."""
        read = [v for data in self.data.values() for v in data]
        return len({*read}) == len(read)

    def meant(self) -> Meant:
        """Tests that are always true or false, and those that say what an earlier one says."""
        out: dict[str, bool | tuple[str, bool]] = {}
        alike: dict[tuple[frozenset[int], tuple[Scalar, ...]], list[str]] = {}
        samples = self._values()
        for label, e in self.known.items():
            if e.op is Op.CONST:
                out[label] = e is TRUE
                continue
            values = tuple(bool(evaluate(e, s)) for s in samples)
            if len(set(values)) == 1 and self._surely(e if values[0] else not_(e)):
                out[label] = values[0]
                continue
            # (What is the same, or the opposite, is so of all samples.)
            key = self.data[label], tuple(v is values[0] for v in values)
            earlier = alike.setdefault(key, [])
            found = self._earlier(e, earlier)
            if found is None:
                earlier.append(label)
            else:
                out[label] = found
        return out

    def _values(self) -> list[list[Scalar]]:
        if self._sampled is None:
            self._sampled = self._samples()
        return self._sampled

    def _samples(self) -> list[list[Scalar]]:
        """Values of the data, near those that are compared with."""
        nodes = list(postorder(self.known.values()))
        sorts = {n.index: n.sort for n in nodes if n.op is Op.VAR}
        numbers = (n.value for n in nodes if n.op is Op.CONST and n.sort in NUMBERS)
        wholes = {int(x) for x in numbers if x is not None}
        near = sorted({0, 1, *(w + d for w in wholes for d in (-1, 0, 1))})
        random = Random(1)

        def value(sort: Sort) -> Scalar:
            match sort:
                case Sort.BOOL:
                    return random.random() < 0.5
                case Sort.INT:
                    return random.choice(near)
            return Fraction(random.choice(near))

        size = 1 + max(sorts, default=-1)
        return [[value(sorts.get(v, Sort.INT)) for v in range(size)] for _ in range(SAMPLES)]

    def _earlier(self, e: Expr, labels: Sequence[str]) -> tuple[str, bool] | None:
        for other in labels:
            if self._surely(eq(e, self.known[other])):
                return other, True
            if self._surely(eq(e, not_(self.known[other]))):
                return other, False
        return None

    def feasible(self, cube: Iterable[tuple[str, bool]]) -> bool:
        """Whether tests may have these values all at once."""
        values = [(label, value) for label, value in cube if label in self.known]
        linked = [
            (label, value)
            for label, value in values
            if any(self.data[label] & self.data[o] for o, _ in values if o != label)
        ]
        if not linked:
            return True
        key = frozenset(linked)
        found = self._possible.get(key)
        if found is None:
            parts = [self.known[n] if value else not_(self.known[n]) for n, value in sorted(linked)]
            found = self._possible[key] = not self._surely(not_(and_(*parts)))
        return found

    def change(self, updates: Mapping[int, Expr | None] | None, steady: frozenset[int]) -> Change:
        """What a step makes of tests; None: it may change everything.  Tests of what is not
        `steady` may change at any time."""
        lost: set[str] = set()
        given: dict[str, bool | tuple[str, bool]] = {}
        for label, e in self.known.items():
            if updates is None or not self.data[label] <= steady:
                lost.add(label)
                continue
            written = self.data[label] & updates.keys()
            if not written:
                continue
            values = {v: made for v in written if (made := updates[v]) is not None}
            found = None if len(values) < len(written) else self._same(_put(e, values))
            if found is None:
                lost.add(label)
            elif found != (label, True):
                given[label] = found
        return Change(frozenset(lost), given)

    def _same(self, e: Expr) -> bool | tuple[str, bool] | None:
        """A value, or a test that says this, or its opposite."""
        if e.op is Op.CONST:
            return e is TRUE
        data = frozenset(variables([e]))
        samples = [s for s in self._values() if len(s) > max(data, default=-1)]
        values = [bool(evaluate(e, s)) for s in samples]
        if len(set(values)) == 1 and self._surely(e if values[0] else not_(e)):
            return values[0]
        for label, other in self.known.items():
            if self.data[label] != data:
                continue
            theirs = [bool(evaluate(other, s)) for s in samples]
            if theirs == values and self._surely(eq(e, other)):
                return label, True
            if all(a is not b for a, b in zip(theirs, values, strict=True)) and self._surely(
                eq(e, not_(other))
            ):
                return label, False
        return None

    def at_start(self, labels: Iterable[str]) -> Cube:
        """The tests whose values are known where a run begins."""
        out = []
        for label in labels:
            if label in self.known:
                e = _put(self.known[label], self.initially)
                if e.op is Op.CONST:
                    out.append((label, e is TRUE))
        return tuple(out)

    def _surely(self, e: Expr) -> bool:
        if e is TRUE or e is FALSE:
            return e is TRUE
        self._asked += 1
        return self._asked <= QUESTIONS and is_valid(or_(not_(self.always), e), MILLISECONDS)


def conditions(read: Read, written: Mapping[str, ast.Expression]) -> Conditions | None:
    """None: nothing is known of what they say."""
    labels = list(written)
    found = read([written[n] for n in labels]) if labels else None
    if found is None:
        return None
    known = dict(zip(labels, found.conditions, strict=True))
    return Conditions(known, found.always, dict(found.initially))


def _put(e: Expr, values: Mapping[int, Expr]) -> Expr:
    return substitute(e, lambda n: values.get(n.index, n) if n.op is Op.VAR else n)
