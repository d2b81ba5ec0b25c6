"""Front end: source text -> checked syntax tree.

`load(path)`, `load_text(text, file)`, `examine(text, file)`, `parse_text(text, file)`,
`format_spec(spec)`, `render(diagnostic, source)` and `unsupported(spec)` are resolved on first
use, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .format import format_spec
    from .rendering import render
    from .source import examine, load, load_text, parse_text
    from .support import unsupported

__all__ = ["examine", "format_spec", "load", "load_text", "parse_text", "render", "unsupported"]

_HOME = {
    "examine": "source",
    "load": "source",
    "load_text": "source",
    "parse_text": "source",
    "format_spec": "format",
    "render": "rendering",
    "unsupported": "support",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = found
    return found
