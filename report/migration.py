"""What `wfverify migrate` shows: where runs can go on, and logs with which they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..verifier.equivalence.upgrading import Upgrade
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
    told: set[tuple[str, ...]] = set()
    for place in lost:
        broken = place.broken
        assert broken is not None
        # What cannot be followed is told once, where it comes first.
        why = broken.log[: broken.followed + 1]
        if why in told:
            continue
        told.add(why)
        yield Styled("")
        yield Styled(f"unsafe: {place.where}", "bold")
        for line in of_log(broken, new):
            indent = line[: len(line) - len(line.lstrip())]
            yield from hanging(STEP + indent, line.strip(), style.width, "")


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
