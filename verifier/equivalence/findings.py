"""What is asked of two systems, and what is found of each equivalence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ...dsl.records import dataclass
from .behaviour import Size
from .outcome import Different
from .spectrum import Apart, Under

OUTCOME = "outcome"
LEVELS = (*(u.value for u in Under), OUTCOME)  # finest first


@dataclass(frozen=True, slots=True)
class Holds:
    how: str
    engine: str = "search"


@dataclass(frozen=True, slots=True)
class Fails:
    """`apart` of an equivalence of runs and steps, `different` of outcomes."""

    apart: Apart | None = None
    different: Different | None = None
    window: tuple[int, int] | None = None  # it was found among these values only


@dataclass(frozen=True, slots=True)
class Open:
    why: str


Finding = Holds | Fails | Open


@dataclass(frozen=True, slots=True)
class Asked:
    """`observed` None: the data that both have.  `rename` is of the activities and channels of
    each of the two, `hide` of both."""

    observed: tuple[str, ...] | None = None
    watched: tuple[str, ...] = ()
    rename: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    hide: frozenset[str] = frozenset()
    size: Size = field(default_factory=Size)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finding for each of LEVELS that was asked for.  `observed`: of specs."""

    levels: Mapping[str, Finding]
    observed: tuple[str, ...] | None
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None  # states and edges of each

    def finest(self) -> str | None:
        """The finest that is known to hold."""
        return next((n for n in LEVELS if isinstance(self.levels.get(n), Holds)), None)
