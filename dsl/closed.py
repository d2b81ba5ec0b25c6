"""Closed lists of names: `enum.Enum` and `enum.StrEnum`, for members that are asked for millions
of times.

CPython 3.11 looks a member of an Enum up through a method of its class that is written in Python,
in five times the time that another attribute takes, and its hash is such a method, too.  For a
checker of types these are the classes of the standard library; what is used of those is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enum import Enum as Closed
    from enum import StrEnum as ClosedStr
else:

    class _Members(type):
        """Of a class whose strings are its members, in their order."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Members:
            own = super().__new__(cls, name, bases, body)
            own._by_value = {}
            for word, value in body.items():
                if isinstance(value, str) and not word.startswith("_"):
                    assert value not in own._by_value, f"{name}: {value!r} twice"
                    member = own._by_value[value] = own._of(value)
                    member.name, member.value = word, value
                    setattr(own, word, member)
            return own

        def __call__(cls, value: object) -> Any:
            try:
                return cls._by_value[value]
            except KeyError:
                raise ValueError(f"{value!r} is not a valid {cls.__name__}") from None

        def __iter__(cls) -> Any:
            return iter(cls._by_value.values())

        def __len__(cls) -> int:
            return len(cls._by_value)

    class _Named:
        __slots__ = ()

        def __repr__(self) -> str:
            return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

        def __reduce__(self) -> tuple[Any, ...]:
            return type(self), (self.value,)  # (a copy is the member itself)

    class Closed(_Named, metaclass=_Members):
        @classmethod
        def _of(cls, value: str) -> Closed:
            return object.__new__(cls)

        def __str__(self) -> str:
            return f"{type(self).__name__}.{self.name}"

    class ClosedStr(_Named, str, metaclass=_Members):
        @classmethod
        def _of(cls, value: str) -> ClosedStr:
            return str.__new__(cls, value)

        __str__ = str.__str__
        __format__ = str.__format__


__all__ = ["Closed", "ClosedStr"]
