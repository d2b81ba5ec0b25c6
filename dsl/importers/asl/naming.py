"""Identifiers for what a foreign file names with any text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ...lexer import RESERVED
from ...names import BUILTIN_ERRORS, BUILTIN_TYPES, OWN_NAMES

_TAKEN = frozenset(RESERVED) | frozenset(BUILTIN_ERRORS) | frozenset(BUILTIN_TYPES) | OWN_NAMES
_NO_WORD = re.compile(r"\W+")


def identifier(text: str) -> str:
    """The nearest identifier: `Wait 5s?` gives `Wait_5s`."""
    found = _NO_WORD.sub("_", text).strip("_")[:60]
    if not found or found[0].isdigit() or found.startswith("_"):
        found = "s_" + found.lstrip("_")
    return found


@dataclass(slots=True)
class Names:
    """Gives every thing a name of its own; lives as long as one import."""

    used: set[str] = field(default_factory=set)

    def fresh(self, text: str) -> str:
        base = identifier(text)
        name, number = base, 2
        while name in self.used or name in _TAKEN:
            name = f"{base}_{number}"
            number += 1
        self.used.add(name)
        return name
