"""Foreign files as workflows: what is recognised, and by which importer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from ..ast import Spec
from ..errors import Diagnostic, Rejected, Severity, Span
from ..text import unified
from .jsonpos import Json, read_json

_ENDINGS = (".json", ".asl")


def load_foreign(path: str) -> Spec | None:
    """The checked tree of a foreign file; None when its name does not look like one.

    Raises `Rejected` with all errors of a file that looks foreign but cannot be used.
    """
    if PurePath(path).suffix.lower() not in _ENDINGS:
        return None
    from ..source import read

    return import_text(read(path), path)


def import_text(text: str, file: str) -> Spec:
    """The checked tree of a foreign text; `file` is what spans say.  Raises `Rejected`."""
    from ..check import check

    spec = parse_foreign(text, file)
    checked, found = check(spec)
    errors = _sorted([d for d in found if d.severity is Severity.ERROR])
    if errors:
        raise Rejected(errors)
    # The checker's warnings are about names that the importer made up.
    return replace(
        checked,
        warnings=spec.warnings,
        abstractions=spec.abstractions,
        imported_from=spec.imported_from,
    )


def parse_foreign(text: str, file: str) -> Spec:
    """The unchecked tree of a foreign text.  Raises `Rejected`."""
    from .asl.build import build
    from .asl.findings import findings
    from .asl.machine import Reader

    text = unified(text)
    node, warnings = read_json(text, file)
    if not (node.has("StartAt") or node.has("States")):
        raise Rejected((_not_recognised(node),))
    reader = Reader(list(warnings))
    start = Span(file, node.span.line, node.span.col, node.span.line, node.span.col + 1)
    machine = reader.machine(node, False, start)
    errors = [d for d in reader.diagnostics if d.severity is Severity.ERROR]
    if errors:
        raise Rejected(_sorted(errors))
    told = _sorted([*reader.diagnostics, *findings(machine)])
    return build(machine, file, text, told)


def _not_recognised(node: Json) -> Diagnostic:
    what = "this JSON is no state machine: it has neither `StartAt` nor `States`"
    if node.has("Resources"):
        fix = "this looks like a CloudFormation template: give the machine's definition file"
    else:
        fix = "give a file in Amazon States Language"
    return Diagnostic("E0110", node.span, what, fix)


def _sorted(found: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda d: (d.span.line, d.span.col, d.code)))
