"""A source text as all places of it are counted: its lines, whatever ends them in the file."""

from __future__ import annotations

from functools import lru_cache


def unified(text: str) -> str:
    """Without a byte order mark; lines end with `\\n`, as which `\\r\\n` and `\\r` are read."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


@lru_cache(maxsize=4)
def lines_of(text: str) -> tuple[str, ...]:
    """The lines without their ends.  Kept, as many excerpts are taken from one text."""
    return tuple(unified(text).split("\n"))
