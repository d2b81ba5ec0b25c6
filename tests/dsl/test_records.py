"""Classes whose methods are compiled late, beside those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
from dataclasses import field
from functools import partial
from typing import Any

import pytest
from wfverify.dsl import records


class _Plain:
    a: int
    b: tuple[object, ...] = ()


class _Fields:
    a: int
    seen: list[int] = field(default_factory=list)
    beside: int = field(default=3, compare=False, repr=False)
    last: str = field(default="x", kw_only=True)


class _After:
    a: int
    twice: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "twice", 2 * self.a)


class _Own:
    """With methods of its own."""

    a: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self))

    def __repr__(self) -> str:
        return "own"


class _Nothing:
    pass


OPTIONS = [
    {"frozen": frozen, "slots": slots, "eq": eq, "kw_only": kw_only}
    for frozen, slots, eq, kw_only in itertools.product((False, True), repeat=4)
]
GIVEN: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    ((), {"a": 1}),
    ((1, 2), {}),
    ((1, (2,)), {}),
    ((1, [2], 4), {"last": "y"}),
    ((1, [2], 4, "y"), {}),
    ((), {"a": 5, "beside": 6, "seen": [7]}),
    ((1,), {"c": 2}),
    ((), {"self": 1}),
]


def _both(body: type, options: dict[str, bool]) -> tuple[Any, Any]:
    """The class as this package makes it, and as the standard library does."""
    made = []
    for decorator in (records.dataclass, dataclasses.dataclass):
        own = {n: v for n, v in vars(body).items() if n not in ("__dict__", "__weakref__")}
        make: Any = decorator
        made.append(make(**options)(type("Made", (), own)))
    return made[0], made[1]


def _said(do: Any) -> object:
    """What comes of it; of an error its kind."""
    try:
        return do()
    except Exception as error:
        return type(error)


def _changed(value: Any, name: str) -> list[object]:
    """What comes of setting and of deleting, and what the value then is."""
    one, other = copy.copy(value), copy.copy(value)
    done = [_said(partial(setattr, one, name, 9)), _said(partial(delattr, other, name))]
    return [*done, *(repr(_said(partial(repr, x))) for x in (one, other))]


@pytest.mark.parametrize("body", [_Plain, _Fields, _After, _Own, _Nothing])
@pytest.mark.parametrize("options", OPTIONS)
def test_classes_are_those_of_the_standard_library(body: type, options: dict[str, bool]) -> None:
    mine, theirs = _both(body, options)
    assert mine.__match_args__ == theirs.__match_args__
    assert hasattr(mine, "__slots__") == hasattr(theirs, "__slots__")
    assert (mine.__hash__ is None) == (theirs.__hash__ is None)
    made: list[tuple[Any, Any]] = []
    for args, named in GIVEN:
        one, other = _said(partial(mine, *args, **named)), _said(partial(theirs, *args, **named))
        if isinstance(other, type):
            assert one is other
        else:
            made.append((one, other))
    assert made
    for one, other in made:
        assert repr(one) == repr(other)
        assert dataclasses.astuple(one) == dataclasses.astuple(other)
        # (Of what is no field the standard library raises a TypeError, or an AttributeError.)
        assert (_changed(one, "new")[0] is None) == (_changed(other, "new")[0] is None)
        if body is not _Nothing:
            assert _changed(one, "a") == _changed(other, "a")
        assert type(copy.deepcopy(one)) is mine
        if options["eq"]:
            assert copy.deepcopy(one) == one
        if body is not _After:
            assert repr(dataclasses.replace(one)) == repr(one)
    for (one, other), (more, again) in itertools.product(made, repeat=2):
        assert (one == more) is (other == again)
        if options["eq"] and options["frozen"]:
            hashes = [_said(partial(hash, x)) for x in (one, more, other, again)]
            assert (hashes[0] == hashes[1]) is (hashes[2] == hashes[3])


@records.dataclass(frozen=True, slots=True)
class Base:
    a: int = field(default=0, kw_only=True, compare=False)


@records.dataclass(frozen=True, slots=True)
class Derived(Base):
    b: str
    c: Base | None = None


def test_one_that_has_the_fields_of_another() -> None:
    value = Derived("x", Base(a=2), a=1)
    assert repr(value) == "Derived(a=1, b='x', c=Base(a=2))"
    assert value == Derived("x", Base(a=3)) != Derived("y", Base(a=2))
    assert hash(value) == hash(Derived("x", Base()))
    assert pickle.loads(pickle.dumps(value)) == value == copy.deepcopy(value)
    assert pickle.loads(pickle.dumps(value)).a == 1
    match value:
        case Derived("x", Base()):
            pass
        case _:
            raise AssertionError(value)
    assert records.frozen(Derived) and not records.frozen(int)


def test_a_constructor_that_was_put_in_its_place_stays() -> None:
    @records.dataclass(slots=True)
    class One:
        a: int

    first = One.__init__
    made = One.__new__(One)

    def other(self: Any, a: int) -> None:
        self.a = -a

    One.__init__ = other  # type: ignore[method-assign]
    first(made, 1)
    assert made.a == 1 and One(2).a == -2
