"""`equivalent`, `refines` and `upgrade`: do two workflows of a spec do the same, one what the other
does, or can one go on with what runs under the other?

Each by itself, one instance with any arguments; see docs/equivalence.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ...dsl import ast
from ...dsl.errors import Rejected
from ...semantics.evidence import Differing
from ...semantics.lower import lower
from ...semantics.lower.alone import alone
from ...semantics.system import TransitionSystem
from ...semantics.trace import Trace
from ..chosen import allowed
from ..equivalence.behaviour import Size
from ..equivalence.evidence import told
from ..equivalence.findings import OUTCOME, Asked, Fails, Finding, Holds
from ..equivalence.runs import OutOfReach
from ..equivalence.words import of_log, of_places, why
from ..equivalence.workflows import compare_specs, upgrading
from ..session import Session
from ..verdict import Proved, Refuted, Result, Unknown, Verdict

STATES = 100_000  # of each of the two
SHARE = 0.3  # of what is left, for all of them
PARTS = 4  # explorations and comparisons of one, each with a part of its time
NOT_TIME = "time is not compared"
OVER = "the time budget was used up (--timeout)"


def equivalences(
    session: Session, spec: ast.Spec, selected: Callable[[str, str], bool]
) -> Iterator[Result]:
    """A line for each that is selected (by its kind and name)."""
    all_ = [*spec.properties, *(p for w in spec.workflows for p in w.properties)]
    wanted = [p for p in all_ if isinstance(p, ast.Equivalent) and selected(p.kind, p.name)]
    for n, p in enumerate(wanted):
        since = time.monotonic()
        verdict: Verdict = Unknown("search", OVER)
        seconds = session.share(SHARE / (len(wanted) - n))
        with session.limit():
            verdict = _verdict(session, spec, p, seconds)
        verdict = allowed(session.options.engines, verdict)
        yield Result(p.kind, p.name, verdict, p.span, seconds=time.monotonic() - since)


def _verdict(session: Session, spec: ast.Spec, p: ast.Equivalent, seconds: float) -> Verdict:
    under = p.under or OUTCOME
    asked = Asked(p.observing or None, p.observing, size=Size(STATES, max(0.2, seconds / PARTS)))
    try:
        specs = alone(spec, p.left), alone(spec, p.right)
        if p.kind == "upgrade":
            new, old = (lower(s) for s in specs)
            return _upgrade(p, new, old, Size(STATES, max(0.5, seconds)))
        found = compare_specs(
            specs,
            lambda: [lower(s) for s in specs],
            asked,
            (under,),
            p.kind == "refines",
            session.may("terms"),
        )
        return _said(p, under, found.levels[under], found.sizes)
    except Rejected as error:
        return Unknown("search", f"one of them by itself is no spec: {error}")


def _upgrade(
    p: ast.Equivalent, new: TransitionSystem, old: TransitionSystem, size: Size
) -> Verdict:
    try:
        found = upgrading(old, new, Asked(size=size))
    except OutOfReach as error:
        return Unknown("search", str(error))
    broken = found.broken
    if broken is None:
        how = f"wherever a run of {p.right} stands, {p.left} has one that looks the same so far"
        if found.how:
            return Proved("induction", f"{how}: {found.how}")
        return Proved("search", how, f"{len(found.places)} places")
    return Refuted(
        "search",
        f"a run of {p.right} cannot go on under {p.left}",
        Trace(()),
        p.span,
        notes=(*of_log(broken, p.left), *of_places(found)),
        told=(Differing("run", "first", broken.log[: broken.followed + 1]),),
    )


def _said(
    p: ast.Equivalent,
    under: str,
    finding: Finding,
    sizes: tuple[tuple[int, int], tuple[int, int]] | None,
) -> Verdict:
    refines = p.kind == "refines"
    if isinstance(finding, Holds):
        both = f"{p.left} {'refines' if refines else 'and'} {p.right}"
        said = both if refines else f"{both} are equivalent"
        figure = f"{sum(s for s, _ in sizes)} states" if sizes else ""
        return Proved(finding.engine, f"{said} under {under}: {finding.how}; {NOT_TIME}", figure)
    lines = why(finding, p.left, p.right)
    if isinstance(finding, Fails):
        verb = "does not refine" if refines else "is not equivalent to"
        message = f"{p.left} {verb} {p.right} under {under}"
        notes = tuple(lines)
        shown_by = told(finding)
        known = () if shown_by is None else (shown_by,)
        return Refuted("search", message, Trace(()), p.span, notes=notes, told=known)
    return Unknown("search", "; ".join(lines))
