"""`wfverify export SPEC --promela | --tla`: the rules of a spec for another checker."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..dsl.ast import Spec
from ..dsl.errors import Diagnostic, Rejected, Span
from ..report.outcome import Exit
from .interrupts import stopping_solver
from .loading import load_spec, opened, say_rejected
from .terminal import complain, write


def run(args: argparse.Namespace) -> int:
    """Writes the model to stdout, or to the file of `-o`; 2 if the spec cannot be said in it."""
    file, text = opened(args.spec)
    try:
        spec = load_spec(file, text)
        model = _model(spec, args)
    except Rejected as error:
        say_rejected(error.diagnostics)
        return Exit.USAGE
    if model is None:
        return Exit.USAGE
    if args.output is None:
        write(model)
    else:
        Path(args.output).write_text(model, encoding="utf-8")
    return Exit.PROVED


def _model(spec: Spec, args: argparse.Namespace) -> str | None:
    """None if a name of `only` was complained of.  Raises `Rejected`."""
    from ..semantics.lower import lower
    from ..verifier.export.finite import NotFinite
    from ..verifier.export.promela import promela
    from ..verifier.export.selection import select
    from ..verifier.export.tla import tla

    with stopping_solver():
        system = lower(spec)
        chosen = select(spec, system, args.only)
        for name in chosen.unknown:
            complain(f"there is no check and no property `{name}` in {spec.file}")
        for name in chosen.other:
            complain(
                f"`{name}` cannot be exported: it is no claim about each state or each step; "
                "see docs/checks.md, Other checkers"
            )
        if chosen.unknown or chosen.other:
            return None
        try:
            if args.promela:
                return promela(system, chosen.goals, whole=chosen.whole)
            # (TLC wants the name of the file.)
            name = Path(args.output or spec.file).stem
            return tla(system, chosen.goals, whole=chosen.whole, name=name)
        except NotFinite as error:
            raise Rejected((_complaint(spec, error.span, str(error), error.fix),)) from None


def _complaint(spec: Spec, span: Span, message: str, fix: str) -> Diagnostic:
    if not span.line and spec.workflows:
        span = spec.workflows[0].span
    return Diagnostic("E0910", span, f"not finite: {message}", fix)
