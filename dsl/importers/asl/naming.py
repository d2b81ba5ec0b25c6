"""Identifiers for what a foreign file names with any text."""

from __future__ import annotations

import re
from dataclasses import field

from ...lexer import RESERVED
from ...names import BUILTIN_ERRORS, BUILTIN_TYPES, OWN_NAMES
from ...records import dataclass

_TAKEN = frozenset(RESERVED) | frozenset(BUILTIN_ERRORS) | frozenset(BUILTIN_TYPES) | OWN_NAMES
_NO_WORD = re.compile(r"\W+")
_NO_PATH = re.compile(r"[#\[\]`\x00-\x1f\x7f]")


def identifier(text: str) -> str:
    """The nearest identifier: `Wait 5s?` gives `Wait_5s`."""
    found = _NO_WORD.sub("_", text).strip("_")[:60]
    if not found or found[0].isdigit() or found.startswith("_"):
        found = "s_" + found.lstrip("_")
    return found


def as_written(text: str, dots: bool = False) -> str:
    """The text itself, for what a person knows by this name; it is shown, never parsed.

    Brackets and (unless `dots`) dots have a meaning in the paths that reports show.
    """
    found = _NO_PATH.sub("_", " ".join(text.split())).strip()[:80]
    return found if dots else found.replace(".", "_")


@dataclass(slots=True)
class Names:
    """Gives every thing a name of its own; lives as long as one import."""

    used: set[str] = field(default_factory=set)

    def fresh(self, text: str) -> str:
        """An identifier."""
        return self._unused(identifier(text))

    def known_as(self, text: str, dots: bool = False) -> str:
        """The name that the file gives."""
        return self._unused(as_written(text, dots) or identifier(text))

    def _unused(self, base: str) -> str:
        name, number = base, 2
        while name in self.used or name in _TAKEN:
            name = f"{base}_{number}"
            number += 1
        self.used.add(name)
        return name
