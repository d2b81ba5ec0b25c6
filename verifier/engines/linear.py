"""Exact linear algebra for analyses of numbers: spans of vectors, and terms as affine forms.

A vector is in homogeneous coordinates: column 0 is 1 for a point, 0 for a direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from ...dsl.records import dataclass
from ...semantics.expr import NUMBERS, Expr, Op, Sort
from ...semantics.walks import postorder

Vector = list[Fraction]
ZERO = Fraction(0)


class Span:
    """A space of vectors by a basis in echelon form."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Vector]] = []  # pivot column, row with 1 there

    def _reduced(self, vector: Sequence[Fraction]) -> Vector:
        out = list(vector)
        for at, row in self.rows:
            if out[at]:
                factor = out[at]
                out = _less(out, factor, row)
        return out

    def add(self, vector: Sequence[Fraction]) -> bool:
        """Whether the space has grown."""
        rest = self._reduced(vector)
        at = next((k for k, x in enumerate(rest) if x), None)
        if at is None:
            return False
        new = [x / rest[at] for x in rest]
        self.rows = [(k, _less(row, row[at], new) if row[at] else row) for k, row in self.rows]
        self.rows.append((at, new))
        return True

    def vectors(self) -> list[Vector]:
        return [row for _, row in self.rows]

    def annihilators(self, size: int) -> Iterator[Vector]:
        """A basis of the linear forms that vanish on the space."""
        pivots = dict(self.rows)
        for free in range(size):
            if free not in pivots:
                form = [Fraction(0)] * size
                form[free] = Fraction(1)
                for at, row in pivots.items():
                    form[at] = -row[free]
                yield form


def _less(vector: Vector, factor: Fraction, row: Vector) -> Vector:
    """`vector - factor * row`; most of a row is 0."""
    return [x - factor * y if y else x for x, y in zip(vector, row, strict=True)]


@dataclass(frozen=True, slots=True)
class Form:
    """A constant and multiples of columns and of inputs; column 0 has the constant."""

    columns: Mapping[int, Fraction]
    inputs: Mapping[int, Fraction]

    def at(self, vector: Sequence[Fraction]) -> Fraction:
        """Its value without the inputs."""
        return sum((c * vector[k] for k, c in self.columns.items()), ZERO)

    @property
    def constant(self) -> bool:
        return not self.inputs and set(self.columns) <= {0}

    def plus(self, other: Form, factor: Fraction) -> Form:
        return Form(
            _sum(self.columns, other.columns, factor), _sum(self.inputs, other.inputs, factor)
        )


def form_of(root: Expr, column: Mapping[int, int]) -> Form | None:
    """The term as an affine form over the variables that have a column; None if it is none."""
    done: dict[int, Form | None] = {}
    for node in postorder([root]):
        done[id(node)] = _form(node, [done[id(a)] for a in node.args], column)
    return done[id(root)]


def _form(node: Expr, args: Sequence[Form | None], column: Mapping[int, int]) -> Form | None:
    match node.op:
        case Op.CONST if node.sort in NUMBERS:
            assert node.value is not None
            return Form({0: Fraction(node.value)} if node.value else {}, {})
        case Op.VAR if node.index in column:
            return Form({column[node.index]: Fraction(1)}, {})
        case Op.INPUT if node.sort in NUMBERS:
            return Form({}, {node.index: Fraction(1)})
        case Op.ADD | Op.NEG | Op.TO_REAL:
            out = Form({}, {})
            for a in args:
                if a is None:
                    return None
                out = out.plus(a, Fraction(-1 if node.op is Op.NEG else 1))
            return out
        case Op.MUL | Op.DIV if node.op is Op.MUL or node.sort is Sort.REAL:
            a, b = args
            if node.op is Op.MUL and a is not None and a.constant:
                a, b = b, a
            if a is None or b is None or not b.constant:
                return None
            factor = b.columns.get(0, ZERO)
            if node.op is Op.DIV:
                return Form({}, {}).plus(a, 1 / factor) if factor else None
            return Form({}, {}).plus(a, factor)
    return None


def _sum(
    a: Mapping[int, Fraction], b: Mapping[int, Fraction], factor: Fraction
) -> dict[int, Fraction]:
    out = dict(a)
    for k, c in b.items():
        out[k] = out.get(k, ZERO) + factor * c
        if not out[k]:
            del out[k]
    return out


def unit(size: int, at: int) -> Vector:
    return [Fraction(int(k == at)) for k in range(size)]


def dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), ZERO)
