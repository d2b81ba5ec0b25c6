"""Side conditions under which a law holds that does not hold without them."""

from __future__ import annotations

from collections.abc import Iterator

from .prove import Claim

# As a user reads them, after "if".
_SAID = {
    "nothing to undo": "nothing that is put in has anything to undo",
    "fixed": "no test changes while it runs",
    "alone": "nobody else uses the pools, what is put in included",
    "independent": "what is put in touches no data in common, and none of it throws",
}


def told(needs: tuple[str, ...]) -> str:
    """The conditions in words, with the names of metavariables as they are."""
    calm = [n.removeprefix("no throw ") for n in needs if n.startswith("no throw ")]
    moves = [n.removeprefix("moves ") for n in needs if n.startswith("moves ")]
    parts = [_SAID[n] for n in needs if n in _SAID]
    if calm:
        raises, does = _verb(calm, "raises", "raise"), _verb(calm, "does", "do")
        parts.append(f"{_both(calm)} {raises} no error and {does} not return")
    if moves:
        verb = _verb(moves, "takes", "take")
        ends = _verb(moves, "ends", "end")
        parts.append(f"{_both(moves)} {verb} a step whenever it is run, and {ends} with one")
    return ", and ".join(parts)


def _both(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _verb(names: list[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many


def candidates(law: Claim, under: str) -> Iterator[tuple[str, ...]]:
    """Conditions that are worth a try, the weaker first."""
    calm = tuple(f"no throw {p}" for p in law.metavariables)
    moves = tuple(f"moves {p}" for p in law.metavariables)
    undone: tuple[tuple[str, ...], ...] = (("nothing to undo",),) if law.undoes else ()
    fixed: tuple[tuple[str, ...], ...] = (("fixed",),) if law.tests else ()
    alone: tuple[tuple[str, ...], ...] = (("alone",),) if law.pools else ()
    yield from ((n,) for n in calm)
    yield from (*undone, *fixed, *alone)
    if len(calm) > 1:
        yield calm
    if calm:
        for more in (*undone, *fixed, *alone):
            yield from ((*more, *moves), (*more, *calm))
        yield moves
    if under == "outcome" and len(calm) > 1 and not (law.tests or law.pools or law.undoes):
        yield ("independent",)
