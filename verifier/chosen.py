"""Which engines may be used (`--engine`): the one place that says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .verdict import Verdict

# docs/how-it-works.md says how each argues.
ENGINES = (
    "structure",
    "siphons",
    "zones",
    "induction",
    "counting",
    "affine",
    "chc",
    "search",
    "bounded",
    "constraint",
    "ranking",
    "recurrence",
    "simulation",
    "smt",
    "terms",
)


def may(chosen: Sequence[str], engine: str) -> bool:
    """Whether an engine may be used; none chosen: all."""
    return not chosen or engine in chosen


def allowed(chosen: Sequence[str], verdict: Verdict) -> Verdict:
    """The verdict; UNKNOWN if another engine than those chosen had a part in it."""
    from .verdict import Unknown

    if not chosen or isinstance(verdict, Unknown):
        return verdict
    other = next((e for e in verdict.engine.split(", ") if not may(chosen, e)), "")
    if not other:
        return verdict
    why = f"none of the engines chosen decides it; {other} does (--engine)"
    return Unknown("portfolio", why)
