"""From the path that a user gave to a checked spec."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..dsl.ast import Spec
from ..dsl.errors import Diagnostic, Rejected, Span
from ..dsl.text import unified

T = TypeVar("T")

STDIN = "<stdin>"
LARGE = 100_000  # bytes of a file that is worth a process


def load_spec(path: str, text: str | None = None) -> Spec:
    """The checked tree of a .wf file, of a foreign file, or of `text` (from stdin).

    Raises `Rejected`.
    """
    spec = _load(path, text)
    if not spec.workflows and not spec.properties:
        raise Rejected((_nothing(path),))
    return spec


def load_specs(paths: Sequence[str], large: int = LARGE) -> list[Spec]:
    """Each as `load_spec` (of `-` what stdin says), as `load_two` reads them.

    Raises `Rejected` of the first that is.
    """
    from ..dsl import check  # noqa: F401 (before there are two that would import it)

    return load_two(paths, lambda path: load_spec(*opened(path)), large)


def load_two(paths: Sequence[str], load: Callable[[str], T], large: int = LARGE) -> list[T]:
    """What is in each of these files.  Of two large ones the smaller one is read by a process
    beside ours.

    Raises `Rejected` of the first that is.
    """
    if (
        len({*paths}) != len(paths)
        or len(paths) != 2
        or min(map(_size, paths)) < large
        or (os.cpu_count() or 1) < 2
    ):
        return [load(p) for p in paths]
    from ..dsl import packing
    from .beside import beside

    mine, yours = sorted(paths, key=_size, reverse=True)
    found: dict[str, T | Rejected] = {}
    with beside(lambda: packing.packed(_told(load, yours))) as answer:
        found[mine] = _read(load, mine)
        # (Where ours is first, and no good, nobody asks for the other one.)
        told = answer() if mine != paths[0] or not isinstance(found[mine], Rejected) else b""
    if told:
        there, diagnostics = packing.unpacked(told)
        found[yours] = there if there is not None else Rejected(diagnostics)
    elif told is None:
        found[yours] = _read(load, yours)
    out: list[T] = []
    for path in paths:
        one = found[path]
        if isinstance(one, Rejected):
            raise one
        out.append(one)
    return out


def _size(path: str) -> int:
    """In bytes; 0 of what is no file that two may read."""
    try:
        return os.path.getsize(path) if os.path.isfile(path) else 0
    except OSError:
        return 0


def _read(load: Callable[[str], T], path: str) -> T | Rejected:
    try:
        return load(path)
    except Rejected as error:
        return error


def _told(load: Callable[[str], T], path: str) -> tuple[T | None, tuple[Diagnostic, ...]]:
    found = _read(load, path)
    return (None, found.diagnostics) if isinstance(found, Rejected) else (found, ())


def _nothing(path: str) -> Diagnostic:
    return Diagnostic(
        "E0121",
        Span(path, 1, 1, 1, 1),
        "there is no workflow in this file",
        "write one: `workflow NAME { activity a { }  run { a } }`",
    )


def _load(path: str, text: str | None) -> Spec:
    from .. import dsl

    if text is not None:
        return dsl.load_text(text, path)
    if not path.endswith(".wf") and os.path.isfile(path):
        from ..dsl.importers import load_foreign

        foreign = load_foreign(path)
        if foreign is not None:
            return foreign
    return dsl.load(path)


def read_stdin() -> str:
    """All of stdin.  Raises `Rejected` when it is not UTF-8."""
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        span = Span(STDIN, 1, 1, 1, 1)
        found = Diagnostic("E0002", span, f"not UTF-8 text at byte {error.start}")
        raise Rejected((found,)) from None


def opened(path: str) -> tuple[str, str | None]:
    """What spans call the file, and its text where that comes from stdin."""
    return (STDIN, read_stdin()) if path == "-" else (path, None)


def source_of(path: str) -> str:
    """The text of a file for excerpts, "" when it cannot be read (the diagnostic says why)."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return unified(file.read())
    except (OSError, ValueError):
        return ""


def say_rejected(diagnostics: Sequence[Diagnostic]) -> None:
    """Prints them on stderr with their source lines."""
    from ..report.source import complaint

    files = {d.span.file for d in diagnostics}
    sources = {file: source_of(file) for file in files}
    for found in diagnostics:
        print(complaint(found, sources[found.span.file]), file=sys.stderr)
