"""Closed lists of names, against those of the standard library."""

from __future__ import annotations

import copy
import enum
import pickle

import pytest
from wfverify.dsl.closed import Closed, ClosedStr


class Colour(Closed):
    """Three."""

    RED = "red"
    GREEN = "green"
    BLUE = "b"


class Word(ClosedStr):
    ONE = "one"
    TWO = "two"

    @property
    def long(self) -> bool:
        return len(self) > 3


OldColour = enum.Enum("OldColour", [(c.name, c.value) for c in Colour])  # type: ignore[misc]
OldWord = enum.StrEnum("OldWord", [(w.name, w.value) for w in Word])  # type: ignore[misc]


@pytest.mark.parametrize(("new", "old"), [(Colour, OldColour), (Word, OldWord)])
def test_they_say_what_an_enum_says(new: type[enum.Enum], old: type[enum.Enum]) -> None:
    assert len(new) == len(old) == len({*new})
    for one, other in zip(new, old, strict=True):
        assert (one.name, one.value) == (other.name, other.value)
        assert [s.replace(old.__name__, new.__name__) for s in (str(other), f"{other}")] == [
            str(one),
            f"{one}",
        ]
        assert repr(one) == repr(other).replace(old.__name__, new.__name__)
        assert new(one.value) is one and getattr(new, one.name) is one
        assert isinstance(one, new) and bool(one)
        assert pickle.loads(pickle.dumps(one)) is copy.deepcopy(one) is one
    with pytest.raises(ValueError, match="'none' is not a valid"):
        new("none")


def test_members_are_distinct() -> None:
    assert Colour.RED != Colour.GREEN and Colour.RED != "red"  # type: ignore[comparison-overlap]
    assert Word.ONE == "one" and Word("two").value == "two" and not Word.TWO.long
    assert type(str(Word.ONE)) is str and "-".join(Word) == "one-two"
    with pytest.raises(AssertionError, match="twice"):
        type(Colour)("Twice", (Closed,), {"A": "a", "B": "a"})  # type: ignore[misc]
