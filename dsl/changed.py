"""`dataclasses.replace`, and a constructor, for the many small values of which trees and rules are
made.

Building a large system makes and copies hundreds of thousands of them; `replace` of the standard
library looks at the class anew each time, and goes through `__init__`, which in a frozen class asks
for leave to set each field.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import MISSING, fields
from functools import cache
from operator import attrgetter, is_
from typing import Any, TypeVar

from .errors import Span
from .records import dataclass, frozen

T = TypeVar("T")
Put = Callable[[Any, Any], None]


OFTEN = 100  # copies of one class: then it is worth to compile a function


@dataclass(slots=True)
class _Kind:
    """`read` all fields at once, and how to `put` each into a new one; by name in `named`."""

    frozen: bool
    plain: bool  # its fields are kept in a dictionary
    read: Callable[[Any], tuple[Any, ...]]
    put: tuple[Put, ...]
    named: dict[str, Put]
    copies: int = 0
    copy: Callable[[Any, dict[str, Any]], Any] | None = None  # of a class with slots


@cache
def _kind(cls: Hashable) -> _Kind:
    names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    assert not hasattr(cls, "__post_init__"), "its values are not made of its fields alone"
    plain = not hasattr(cls, "__slots__")
    named = {} if plain else {n: getattr(cls, n).__set__ for n in names}
    return _Kind(frozen(cls), plain, attrgetter(*names, "__class__"), tuple(named.values()), named)


def replace(value: T, /, **new: Any) -> T:
    """A dataclass with other fields; of a frozen one `value` itself where they are what it has."""
    cls: Hashable = value.__class__  # type: ignore[assignment]
    kind = _kind(cls)
    if kind.frozen:
        for name, given in new.items():
            old = getattr(value, name)
            if given is not old and not (given.__class__ is tuple and _same(given, old)):
                break
        else:
            return value
    if kind.copy is not None:
        copy: T = kind.copy(value, new)
        return copy
    made: T = object.__new__(value.__class__)
    if kind.plain:
        own = made.__dict__
        own.update(value.__dict__)
        own.update(new)
        return made
    for put, old in zip(kind.put, kind.read(value), strict=False):
        put(made, old)
    for name, given in new.items():
        kind.named[name](made, given)
    kind.copies += 1
    if kind.copies == OFTEN:
        kind.copy = _copier(value.__class__, [*kind.named])
    return made


def _copier(cls: type, names: Sequence[str]) -> Callable[[Any, dict[str, Any]], Any]:
    """A copy with other fields, made in one piece of code."""
    body = [
        "made = draft()",
        *(f"made.{n} = value.{n}" for n in names),
        "for name, given in new.items():",
        "    setattr(made, name, given)",
        "made.__class__ = cls",
        "return made",
    ]
    scope: dict[str, Any] = {"draft": _draft(cls), "cls": cls}
    exec("\n    ".join(["def copy(value, new):", *body]), scope)
    copy: Callable[[Any, dict[str, Any]], Any] = scope["copy"]
    return copy


def _same(a: tuple[object, ...], b: object) -> bool:
    """Of the same parts."""
    return b.__class__ is tuple and len(a) == len(b) and all(map(is_, a, b))


def filled(cls: type[T]) -> type[T]:
    """Of a frozen dataclass with slots, whose constructor then asks no leave for each field: of
    values of which a large system has one for each of its steps.

    The value is filled while it is of a class with the same fields that is not frozen.
    """
    assert not hasattr(cls, "__post_init__"), "its values are not made of its fields alone"
    own = fields(cls)  # type: ignore[arg-type]
    defaults = {f"_{f.name}": f.default for f in own if f.default is not MISSING}
    assert all(f.default_factory is MISSING and not f.kw_only for f in own)
    names = [f.name for f in own]
    parameters = [f"{n}=_{n}" if f"_{n}" in defaults else n for n in names]
    scope: dict[str, Any] = {
        "thaw": object.__setattr__,
        "draft": _draft(cls),
        "cls": cls,
        **defaults,
    }
    body = ["thaw(self, '__class__', draft)", *(f"self.{n} = {n}" for n in names)]
    head = f"def __init__(self, {', '.join(parameters)}):"
    exec("\n    ".join([head, *body, "self.__class__ = cls"]), scope)
    cls.__init__ = scope["__init__"]  # type: ignore[method-assign]
    return cls


def _draft(cls: Callable[..., T]) -> type:
    """A class with the same fields that is not frozen."""
    # (Setting and deleting share one slot of a class: both, or neither is direct.)
    direct = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    direct["__init__"] = object.__init__
    base, slots = cls.__base__, cls.__slots__  # type: ignore[attr-defined]
    return type("Draft", (base,), {"__slots__": slots, **direct})


@cache
def maker(cls: Callable[..., T]) -> Callable[..., T]:
    """`cls(*values, span=span)` as `made(span, *values)`, for a frozen class of nodes whose other
    fields all have plain defaults; fields that go by name only come last, in their order.  Three
    times as fast.

    The value is filled while it is of a class with the same fields that is not frozen.
    """
    return _maker(cls, "span", "span", {})


@cache
def placer(cls: Callable[..., T], file: str) -> Callable[..., T]:
    """The same as `made(line, col, end_line, end_col, *values)`, of nodes of one file."""
    place = "line, col, end_line, end_col"
    return _maker(cls, place, f"new(Span, (file, {place}))", {"new": tuple.__new__, "file": file})


def _maker(cls: Callable[..., T], place: str, span: str, scope: dict[str, Any]) -> Callable[..., T]:
    others = [f for f in fields(cls) if f.name != "span"]  # type: ignore[arg-type]
    defaults = {f"_{f.name}": f.default for f in others if f.default is not MISSING}
    values = made_of(cls)[1:]
    parameters = [place, *(f"{n}=_{n}" if f"_{n}" in defaults else n for n in values)]
    body = [f"made.span = {span}", *(f"made.{n} = {n}" for n in values)]
    head = f"def make({', '.join(parameters)}):"
    lines = [head, "made = draft()", *body, "made.__class__ = cls", "return made"]
    scope |= {"draft": _draft(cls), "cls": cls, "Span": Span, **defaults}
    exec("\n    ".join(lines), scope)
    make: Callable[..., T] = scope["make"]
    return make


@cache
def made_of(cls: Callable[..., object]) -> tuple[str, ...]:
    """The fields of a class of nodes, as `maker` takes them."""
    plain = [f for f in fields(cls) if f.name != "span"]  # type: ignore[arg-type]
    return ("span", *(f.name for f in sorted(plain, key=lambda f: bool(f.kw_only))))
