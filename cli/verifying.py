"""`wfverify SPEC`: load, lower, verify, report."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from ..dsl.ast import Spec
from ..dsl.errors import Diagnostic, Rejected
from ..dsl.records import dataclass
from ..interpreter.collection import paused
from ..report import render
from ..report.outcome import Exit, Note, Report, exit_status, status, title
from ..semantics.system import TransitionSystem
from ..verifier.verdict import Result, Verdict
from .interrupts import stopping_solver
from .loading import load_spec, opened, source_of
from .terminal import Progress, complain, say, style

if TYPE_CHECKING:
    from ..verifier.cache import Cache


@dataclass
class _Found:
    """What is known so far: all of it when nothing interrupts."""

    spec: Spec | None = None
    system: TransitionSystem | None = None
    results: list[Result] = field(default_factory=list)
    diagnostics: tuple[Diagnostic, ...] = ()
    interrupted: bool = False


def run(args: argparse.Namespace) -> int:
    """Prints the report on each file in the format asked for; returns the worst exit status."""
    if len(args.specs) > 1 and args.format not in SEVERAL:
        complain(f"--format {args.format} takes one file at a time; for several: {SEVERAL_NAMED}")
        return Exit.USAGE
    try:
        args.proofs = _cache(args.cache)
    except OSError as error:
        complain(f"--cache {args.cache}: {error.strerror}")
        return Exit.USAGE
    worst = Exit.PROVED
    for number, spec in enumerate(args.specs):
        if number and args.format == "text" and not args.quiet:
            say("\n")
        worst = max(worst, guarded(args, spec), key=_WORSE.index)
        if worst is Exit.INTERRUPTED:
            break
    return worst


def _cache(folder: str | None) -> Cache | None:
    if folder is None:
        return None
    from ..verifier.cache import InFolder

    return InFolder(Path(folder))


_OPEN = "beside any number of instances a channel has no bound (give it a `capacity`)"
SEVERAL = ("text", "github")  # what can be printed one after the other
SEVERAL_NAMED = " or ".join(SEVERAL)
_WORSE = (
    Exit.PROVED,
    Exit.UNKNOWN,
    Exit.REFUTED,
    Exit.USAGE,
    Exit.INTERNAL,
    Exit.INTERRUPTED,
)


def guarded(args: argparse.Namespace, spec: str) -> Exit:
    """What goes wrong with one of several files does not keep the others."""
    from . import failed

    try:
        return _one(args, spec)
    except BrokenPipeError:
        raise
    except Exception as error:
        return failed(error)


def _one(args: argparse.Namespace, spec: str) -> Exit:
    since = time.monotonic()
    file, text = opened(spec)
    found = _found(args, file, text)
    report = _report(file, text, args.only, found, time.monotonic() - since)
    _say(report, args)
    if args.certify is None or found.spec is None or found.system is None:
        return exit_status(report)
    if found.system.room is not None and found.system.any_number:
        complain(f"no certificate of {file} is written: {_OPEN}")
    else:
        _certify(args.certify, file, found.spec, found.system, found.results)
    return exit_status(report)


def _certify(
    folder: str, file: str, spec: Spec, system: TransitionSystem, results: list[Result]
) -> None:
    """Complaints about the folder are the caller's (`OSError`)."""
    from .certifying import certify

    progress = Progress()
    try:
        said = certify(spec, system, file, folder, results, progress)
    finally:
        progress.clear()
    complain(said)


def _found(args: argparse.Namespace, file: str, text: str | None) -> _Found:
    found = _Found()
    try:
        with paused():
            found.spec = load_spec(file, text)
            from ..semantics.lower import lower

            found.system = lower(found.spec, room=1)
        found.diagnostics = found.spec.warnings
        _verify(args, found.spec, found.system, found)
    except Rejected as error:
        found.diagnostics = error.diagnostics
    except KeyboardInterrupt:
        found.interrupted = True
    return found


def _verify(args: argparse.Namespace, spec: Spec, system: TransitionSystem, found: _Found) -> None:
    from ..interpreter import replay, schedule, simulator
    from ..verifier.portfolio import in_order, verify
    from ..verifier.session import Options

    given = {
        name: value
        for name, value in (
            ("timeout", args.timeout),
            ("jobs", args.jobs),
            ("memory", args.memory),
            ("seed", args.seed),
        )
        if value is not None
    }
    options = Options(
        only=tuple(args.only), engines=tuple(args.engine), strict=args.strict, **given
    )
    progress = Progress()

    def note(what: str | Result) -> None:
        """What is being done, or a result that is sure: kept in case of an interrupt."""
        if isinstance(what, Result):
            found.results.append(what)
            progress(f"{status(what)} {title(what)}")
        else:
            progress(what)

    growth: Mapping[str, Verdict] = {}
    try:
        if system.room is not None:
            from ..verifier.growth import fitted

            progress("channels without a bound")
            since = time.monotonic()
            with stopping_solver():
                fit = fitted(spec, system, options, replay, schedule, simulator)
            found.system = system = fit.system
            growth = fit.growth
            options = fit.left(options, time.monotonic() - since)
        with stopping_solver():
            results = verify(
                spec,
                system,
                options,
                replay=replay,
                schedule=schedule,
                simulate=simulator,
                progress=note,
                cache=args.proofs,
                growth=growth,
            )
        found.results = list(results)
    except KeyboardInterrupt:
        found.results = in_order(found.results, system)
        raise
    finally:
        progress.clear()


def _report(file: str, text: str | None, only: list[str], found: _Found, seconds: float) -> Report:
    files = dict.fromkeys((file, *(d.span.file for d in found.diagnostics)))
    sources = {name: source_of(name) for name in files}
    if text is not None:
        sources[file] = text
    if found.spec is not None:
        sources[found.spec.file] = found.spec.source
    return Report(
        file=file,
        sources=tuple(sources.items()),
        results=tuple(found.results),
        system=found.system,
        diagnostics=found.diagnostics,
        abstractions=_abstractions(found.spec),
        imported_from=found.spec.imported_from if found.spec else "",
        seconds=seconds,
        interrupted=found.interrupted,
        unmatched=() if found.interrupted or found.system is None else _unmatched(only, found),
    )


def _abstractions(spec: Spec | None) -> tuple[Note, ...]:
    if spec is None:
        return ()
    return tuple(
        Note(f"{a.what}: {a.instead}", str(a.span) if a.span.line else "")
        for a in spec.abstractions
    )


def _unmatched(only: list[str], found: _Found) -> tuple[str, ...]:
    """Names given with --only that are misspelt: a check that finds nothing of its kind in the spec
    is not."""
    from ..report import explain

    names = {r.check for r in found.results} | {r.name for r in found.results}
    built = set(explain.known())
    return tuple(n for n in only if n not in names and n not in built)


def _say(report: Report, args: argparse.Namespace) -> None:
    text = render(report, args.format, style(args.verbose, args.quiet))
    if args.format == "text" and report.rejected:
        # Complaints about the input are no result: they go where a compiler's go.
        sys.stderr.write(text)
        return
    say(text, report.interrupted)
    if report.interrupted:
        sure = len(report.results)
        complain(f"interrupted after {report.seconds:.1f} s: {sure} results are sure")
