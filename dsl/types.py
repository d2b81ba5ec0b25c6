"""The types of the language, resolved: names and constant bounds are gone."""

from __future__ import annotations

from typing import Final

from .records import dataclass


@dataclass(frozen=True, slots=True)
class Bool:
    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Int:
    """Unbounded where `lo` and `hi` are None, otherwise the closed range lo..hi."""

    lo: int | None = None
    hi: int | None = None

    def __str__(self) -> str:
        return "int" if self.lo is None else f"int {self.lo}..{self.hi}"


@dataclass(frozen=True, slots=True)
class Real:
    def __str__(self) -> str:
        return "real"


@dataclass(frozen=True, slots=True)
class Duration:
    """Exact rational seconds."""

    def __str__(self) -> str:
        return "duration"


DURATION: Final = Duration()  # the one that literals share
BOOL: Final = Bool()  # .. and that tests share


@dataclass(frozen=True, slots=True)
class Str:
    def __str__(self) -> str:
        return "string"


@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Record:
    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
        return "{" + ", ".join(f"{n}: {t}" for n, t in self.fields) + "}"


@dataclass(frozen=True, slots=True)
class Array:
    """`size` elements, indexed 0..size-1, or by the values of `index` when it is an enum."""

    elem: Type
    size: int
    index: Enum | None = None

    def __str__(self) -> str:
        return f"{self.elem}[{self.index or self.size}]"


@dataclass(frozen=True, slots=True)
class SetOf:
    elem: Enum

    def __str__(self) -> str:
        return f"set of {self.elem}"


@dataclass(frozen=True, slots=True)
class Option:
    elem: Type

    def __str__(self) -> str:
        return f"option {self.elem}"


@dataclass(frozen=True, slots=True)
class Instance:
    """A bound instance of a workflow: `o` in `forall o in order: done(o.pay)`."""

    workflow: str

    def __str__(self) -> str:
        return f"instance of {self.workflow}"


@dataclass(frozen=True, slots=True)
class Stack:
    """Of a variable that no source text names: what a loop in a saga remembers of its rounds."""

    def __str__(self) -> str:
        return "stack"


Type = (
    Bool | Int | Real | Duration | Str | Enum | Record | Array | SetOf | Option | Instance | Stack
)
