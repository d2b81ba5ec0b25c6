"""All that is found out about one law: where it is proved, and what refutes it elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ....dsl.records import dataclass
from .explore import TooLarge, Unsuitable
from .prove import LEVELS, WITH_UNDO, Claim, contexts, finest, within
from .refute import refuted

UNKNOWN = "?"  # not explored


@dataclass(frozen=True, slots=True)
class Holds:
    """Under these side conditions: the finest level that is proved, of the term by itself, and in
    each of CONTEXTS as well ("": none; "?": not explored)."""

    needs: tuple[str, ...]
    alone: str
    anywhere: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`holds`: first without side conditions.  `fails`: for levels that are not proved without
    them, an instance that refutes the law, as text; a level in neither is open."""

    holds: tuple[Holds, ...]
    fails: tuple[tuple[str, str], ...]


def answered(law: Claim, needs: Sequence[tuple[str, ...]], limit: int = 60_000) -> Answer:
    holds = tuple(_holds(law, n, limit) for n in ((), *needs))
    alone = holds[0].alone
    left = LEVELS[: LEVELS.index(alone)] if alone in LEVELS else LEVELS
    fails = refuted(law, left) if left else {}
    return Answer(holds, tuple((level, str(fails[level])) for level in left if level in fails))


def undone(law: Claim, level: str, limit: int = 60_000) -> str:
    """The finest level that is proved wherever it stands in a saga, of terms that may have to be
    undone; `level`: what is proved wherever it stands, of a law that has a saga itself for such
    terms, too."""
    for context in () if law.undoes else WITH_UNDO:
        if level in ("", UNKNOWN):
            break
        level = coarser(level, proved(within(replace(law, undone=True), context), (), limit))
    return level


def _holds(law: Claim, needs: tuple[str, ...], limit: int) -> Holds:
    alone = proved(law, needs, limit)
    anywhere = alone
    for context in contexts(law):
        if anywhere in ("", UNKNOWN) or "independent" in needs:
            break
        anywhere = coarser(anywhere, proved(within(law, context), needs, limit))
    return Holds(needs, alone, "" if "independent" in needs else anywhere)


def proved(law: Claim, needs: Sequence[str], limit: int) -> str:
    try:
        return finest(law, needs, limit)
    except (Unsuitable, TooLarge):
        return UNKNOWN


def coarser(one: str, other: str) -> str:
    if "" in (one, other):
        return ""
    if UNKNOWN in (one, other):
        return UNKNOWN
    return max(one, other, key=LEVELS.index)
