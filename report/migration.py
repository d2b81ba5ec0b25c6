"""What `wfverify migrate` shows: where runs can go on, and logs with which they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..verifier.equivalence.upgrading import Place, Upgrade
from ..verifier.equivalence.words import of_log
from .outcome import Exit
from .refutation import Styled, hanging
from .text import Style, paint

STEP = "  "


def exit_status(found: Upgrade) -> Exit:
    """0 where every run can go on, otherwise 1."""
    return Exit.PROVED if found.broken is None else Exit.REFUTED


def as_text(found: Upgrade, new: str, style: Style) -> str:
    """`new` is the name of the new version."""
    return paint([list(_lines(found, new, style))], style)


def _lines(found: Upgrade, new: str, style: Style) -> Iterator[Styled]:
    lost = [p for p in found.places if p.broken is not None]
    if not lost:
        yield Styled(f"every run in flight can go on under {new}", "bold green")
        if found.how:
            yield from hanging(STEP, f"both do the same: {found.how}", style.width, "")
    else:
        yield Styled(f"not every run in flight can go on under {new}", "bold red")
    if found.places:
        yield Styled("")
    for place in found.places:
        safe = "safe  " if found.window is None else "open  "
        word = safe if place.broken is None else "unsafe"
        color = "green" if place.broken is None else "red"
        yield Styled(f"{STEP}{word}  {place.where}", color)
    if found.window is not None:
        low, high = found.window
        yield Styled("")
        yield from hanging(
            STEP, f"only numbers in {low}..{high} were tried: others may show more", style.width, ""
        )
    # What cannot be followed is told once, where it comes first.
    told: dict[tuple[str, ...], list[Place]] = {}
    for place in lost:
        if (broken := place.broken) is not None:
            told.setdefault(broken.log[: broken.followed + 1], []).append(place)
    for first, *more in told.values():
        yield Styled("")
        yield Styled(f"unsafe: {first.where}", "bold")
        assert first.broken is not None
        for line in of_log(first.broken, new):
            indent = line[: len(line) - len(line.lstrip())]
            yield from hanging(STEP + indent, line.strip(), style.width, "")
        if more:
            where = "; ".join(p.where for p in more)
            said = f"so are runs that have gone on from there, whose log has this, too: {where}"
            yield from hanging(STEP, said, style.width, "")


def as_json(found: Upgrade) -> dict[str, Any]:
    """For programs: each place, and the shortest log that cannot go on from it."""
    return {
        "format": 1,
        "safe": found.broken is None,
        "window": None if found.window is None else list(found.window),
        "places": [
            {
                "where": p.where,
                "states": len(p.states),
                "safe": p.broken is None,
                "log": None if p.broken is None else list(p.broken.log),
                "followed": None if p.broken is None else p.broken.followed,
            }
            for p in found.places
        ],
    }
