"""Activities that wait for each other's ends and for units of resources: plain data."""

from __future__ import annotations

from fractions import Fraction

from ..dsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """One activity of a network: `before` are the numbers of those that it waits for, `asks` units
    by resource.  It begins as soon as those have ended and its units are free."""

    activity: str
    least: Fraction
    most: Fraction
    asks: tuple[tuple[str, int], ...]
    before: tuple[int, ...]
