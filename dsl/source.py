"""A file or a text -> checked tree; every complaint about it at once."""

from __future__ import annotations

from pathlib import Path

from .ast import Spec
from .changed import replace
from .collector import uncollected
from .errors import Diagnostic, Rejected, Severity, Span
from .parser import Parsed, parse
from .text import unified


def load(path: str) -> Spec:
    """The checked tree of the file at `path`; warnings are in `Spec.warnings`.

    Raises `Rejected` with all errors, also where the file cannot be read or is no UTF-8 text.
    """
    return load_text(read(path), path)


def load_text(text: str, file: str) -> Spec:
    """The checked tree of `text`; `file` is what spans say.  Raises `Rejected`.

    Also what is well formed but not supported yet is an error.
    """
    spec, found = examine(text, file)
    errors = tuple(d for d in found if d.severity is Severity.ERROR)
    if spec is None or errors:
        raise Rejected(errors)
    return replace(spec, warnings=found)


def examine(text: str, file: str) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """What could be read of `text`, checked, and everything there is to say, in source order.

    Where there are syntax errors, what could be read is checked all the same; None: nothing.
    """
    from .check import check

    with uncollected():
        parsed = _parsed(text, file)
        if parsed.spec is None:
            return None, _sorted(parsed.errors)
        spec, found = check(parsed.spec, parsed.damage)
        return spec, _sorted((*parsed.errors, *found))


def parse_text(text: str, file: str) -> Spec:
    """The unchecked tree of `text`.  Raises `Rejected` with all lexical and syntax errors."""
    parsed = _parsed(text, file)
    if parsed.spec is None or parsed.errors:
        raise Rejected(_sorted(parsed.errors))
    return parsed.spec


def _parsed(text: str, file: str) -> Parsed:
    return parse(unified(text), file)


def read(path: str) -> str:
    """The text of a file.  Raises `Rejected`."""
    try:
        raw = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Rejected((_at_start("E0001", path, f"cannot read `{path}`: {why}"),)) from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        *above, before = unified(raw[: error.start].decode("utf-8")).split("\n")
        line, col = len(above) + 1, len(before) + 1
        diagnostic = Diagnostic(
            "E0002",
            Span(path, line, col, line, col + 1),
            f"not UTF-8 text: byte 0x{raw[error.start]:02x}",
            "save the file as UTF-8",
        )
        raise Rejected((diagnostic,)) from error


def _at_start(code: str, path: str, message: str) -> Diagnostic:
    return Diagnostic(code, Span(path, 1, 1, 1, 1), message)


def _sorted(found: list[Diagnostic] | tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda d: (d.span.line, d.span.col, d.code)))
