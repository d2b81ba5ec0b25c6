"""`dataclasses.dataclass`, of which methods are compiled when they are first called.

A command loads hundreds of such classes and makes values of a few of them.  To compile all their
constructors, comparisons and hashes took a third of the time until it began.  For a checker of
types this is the function of the standard library; what is used of that is here, and means the
same (`order` and `unsafe_hash` are not).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        cls: type | None = None,
        /,
        *,
        frozen: bool = False,
        slots: bool = False,
        eq: bool = True,
        kw_only: bool = False,
    ) -> Any:
        def made(cls: type) -> type:
            return _made(cls, frozen, slots, eq, kw_only)

        return made if cls is None else made(cls)


Compiled = Callable[..., Any]


def frozen(cls: Any) -> bool:
    """Whether fields of its values cannot be set."""
    return cls.__setattr__ is not object.__setattr__


def _made(cls: Any, frozen: bool, slots: bool, eq: bool, kw_only: bool) -> type:
    own = {n for n, value in cls.__dict__.items() if value is not None}
    # (Without one the standard library looks for the signature, to make one.)
    cls.__doc__ = cls.__doc__ or cls.__name__
    found: Any = dataclasses.dataclass(
        init=False, repr=False, eq=False, slots=slots, kw_only=kw_only
    )(cls)
    _later(found, "__init__", _constructor)
    if "__repr__" not in own:
        found.__repr__ = _text
    if eq:
        if "__eq__" not in own:
            _later(found, "__eq__", _comparison)
        if frozen and "__hash__" not in own:
            _later(found, "__hash__", _hash)
        elif "__hash__" not in own:
            found.__hash__ = None
    if frozen:
        found.__setattr__, found.__delattr__ = _not_set, _not_deleted
        if slots and "__getstate__" not in own:
            found.__getstate__, found.__setstate__ = _state, _restore
    return found  # type: ignore[no-any-return]


def _later(cls: Any, name: str, compile_: Callable[[Any], Compiled]) -> None:
    """A method that puts the compiled one in its own place."""

    def first(self: object, /, *args: Any, **named: Any) -> Any:
        found = compile_(cls)
        found.__qualname__ = f"{cls.__qualname__}.{name}"
        if cls.__dict__.get(name) is first:  # (else there is another one by now)
            setattr(cls, name, found)
        return found(self, *args, **named)

    first.__name__, first.__qualname__ = name, f"{cls.__qualname__}.{name}"
    setattr(cls, name, first)


def _compiled(name: str, parameters: str, body: Sequence[str], scope: dict[str, Any]) -> Compiled:
    lines = [f"def {name}({parameters}):", *(body or ["pass"])]
    exec("\n    ".join(lines), scope)
    found: Compiled = scope[name]
    return found


def _constructor(cls: Any) -> Compiled:
    scope: dict[str, Any] = {"MISSING": dataclasses.MISSING}
    by_place, by_name, body = ["self", "/"], ["*"], []
    for f in dataclasses.fields(cls):
        n, value = f.name, f.name
        if f.default_factory is not dataclasses.MISSING:
            scope[f"_made_{n}"] = f.default_factory
            value = f"_made_{n}() if {n} is MISSING else {n}" if f.init else f"_made_{n}()"
            given = f"{n}=MISSING"
        elif f.default is not dataclasses.MISSING:
            scope[f"_{n}"] = f.default
            value = n if f.init else f"_{n}"
            given = f"{n}=_{n}"
        else:
            given = n
        if f.init:
            (by_name if f.kw_only else by_place).append(given)
        elif given == n:
            continue  # it is set by `__post_init__`
        if not frozen(cls):
            body.append(f"self.{n} = {value}")
            continue
        slot = getattr(cls, n, None)
        scope[f"_put_{n}"] = getattr(slot, "__set__", None) or _putter(n)
        body.append(f"_put_{n}(self, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = [*by_place, *(by_name if len(by_name) > 1 else ())]
    return _compiled("__init__", ", ".join(parameters), body, scope)


def _putter(name: str) -> Callable[[Any, Any], None]:
    """Of a class without slots."""
    return lambda value, given: object.__setattr__(value, name, given)


def _comparison(cls: Any) -> Compiled:
    names = [f.name for f in dataclasses.fields(cls) if f.compare]
    one, other = ("".join(f"{side}.{n}," for n in names) for side in ("self", "other"))
    body = [
        "if other.__class__ is self.__class__:",
        f"    return ({one}) == ({other})",
        "return NotImplemented",
    ]
    return _compiled("__eq__", "self, other", body, {})


def _hash(cls: Any) -> Compiled:
    names = [f.name for f in dataclasses.fields(cls) if (f.compare if f.hash is None else f.hash)]
    parts = "".join(f"self.{n}," for n in names)
    return _compiled("__hash__", "self", [f"return hash(({parts}))"], {})


@recursive_repr()
def _text(self: Any) -> str:
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _not_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _not_deleted(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def _restore(self: Any, state: Sequence[Any]) -> None:
    for f, value in zip(dataclasses.fields(self), state, strict=True):
        # (What is frozen for all others is not so for a copy that is being made.)
        object.__setattr__(self, f.name, value)


__all__ = ["dataclass", "frozen"]
