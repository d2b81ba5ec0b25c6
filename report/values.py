"""Values as a program reads them; `semantics.values.show` is for people."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..dsl import types as t
from ..semantics.expr import Scalar
from ..semantics.values import show, show_number

Plain = bool | int | str


def to_plain(value: Scalar, type_: t.Type, strings: Sequence[str] = ()) -> Plain:
    """For JSON: a boolean, an integer, or a string (enum value, exact number, duration)."""
    if isinstance(value, bool):
        return value
    match type_:
        case t.Enum():
            return show(type_, value, strings)
        case t.Duration():
            return show(type_, value)
        case t.Str():
            # Without the quotes that tell a person that it is a string.
            return strings[int(value)] if 0 <= value < len(strings) else show(type_, value, strings)
        case _:
            return show_number(value) if isinstance(value, Fraction) else value
