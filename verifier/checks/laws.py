"""`law`: are two terms equivalent whatever workflows are put in for its names?  docs/laws.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ...dsl import ast
from ...dsl.errors import Rejected
from ...dsl.support import callable_in
from ...semantics.evidence import Compared
from ...semantics.lower.own_names import plain
from ...semantics.trace import Trace
from ..equivalence.laws.explore import TooLarge, Unsuitable
from ..equivalence.laws.needs import candidates
from ..equivalence.laws.needs import told as condition
from ..equivalence.laws.prove import LEVELS, WITH_UNDO, Claim, contexts, finest, within
from ..equivalence.laws.read import read, stands_for
from ..equivalence.laws.refute import Instance, refuted, stood_for
from ..equivalence.laws.shown import shown
from ..equivalence.terms.specs import by_laws
from ..limit import Limit
from ..session import Session
from ..verdict import Proved, Refuted, Result, Unknown, Verdict

STATES = 40_000  # of each side
AROUND = 3_000  # in a context
SOON = 1.5  # seconds of work, for all contexts together
TRIES = 1_500  # instances
PART = 0.3  # of what is left, for one of several laws
FOR_NEEDS = 4.0  # seconds, for a condition under which it holds
NEAR = 8_000  # states of each side then
SHARE = 0.5  # of what is left, for that
NOTHING_TO_UNDO = "in a saga: where what is put in has nothing to undo"
OVER = "the time budget was used up (--timeout)"
NOT_KNOWN = "it is not proved, and no small instance refutes it"


def laws(
    session: Session, spec: ast.Spec, selected: Callable[[str, str], bool]
) -> Iterator[Result]:
    """A line for each that is selected (by its kind and name)."""
    all_ = [*spec.properties, *(p for w in spec.workflows for p in w.properties)]
    chosen = [p for p in all_ if isinstance(p, ast.Law) and selected("law", p.name)]
    for k, p in enumerate(chosen):
        since = time.monotonic()
        verdict: Verdict = Unknown("search", OVER)
        # No law takes the time of all that come after it.
        with session.limit(), Limit(session.share(max(PART, 1 / (len(chosen) - k)))):
            verdict = _verdict(session, spec, p)
        yield Result("law", p.name, verdict, p.span, seconds=time.monotonic() - since)


def _verdict(session: Session, spec: ast.Spec, p: ast.Law) -> Verdict:
    under = p.under or LEVELS[-1]
    wanted = LEVELS.index(under)
    names = ", ".join(p.metavariables)
    said = by_laws(p.left, p.right) if session.may("terms") else None
    if said is not None and LEVELS.index(said.level) <= wanted:
        told = f"{_told(said.level, names)}, wherever they stand"
        if said.in_sagas != said.level:
            told += f" ({_undone(said.in_sagas)})"
        return Proved("terms", f"{told}: {said}", said.level)
    if not session.may("search"):
        return Unknown("search", "it is decided by search, which is not to be used (--engine)")
    law = read(p, {e.name: e.kind for e in spec.errors}, callable_in(spec, p))
    try:
        level = finest(law, limit=STATES)
    except (TooLarge, Unsuitable) as error:
        level, why = "", str(error)
    else:
        why = NOT_KNOWN
    if level and LEVELS.index(level) <= wanted:
        return Proved("search", f"{_told(level, names)}, {_where(law, level)}", level)
    known: list[Compared] = []

    def seen(instance: Instance, level: str) -> bool:
        known[:] = shown(spec, p, instance, level)
        return bool(known)

    found = refuted(law, (under,), TRIES, seen).get(under)
    holds = [f"under {level} it holds for all {names}"] if level else []
    holds += _if(session, law, under)
    if found is None:
        return Unknown("search", "; ".join((why, *holds)))
    message = f"the two sides are not equivalent under {under}"
    notes = [f"for example with {plain(str(found))}"]
    notes += [plain(text) for text in stood_for(law, found)]
    notes += [f"{b} is `{test}`" for b, test in stands_for(p).items() if b in notes[0]]
    notes += holds
    return Refuted("search", message, Trace(()), p.span, notes=tuple(notes), told=tuple(known))


def _if(session: Session, law: Claim, under: str) -> list[str]:
    """Under what condition it holds, if that is soon known."""
    found: list[str] = []
    with Limit(min(FOR_NEEDS, session.share(SHARE))):
        for needs in candidates(law, under):
            try:
                level = finest(law, needs, NEAR)
            except (TooLarge, Unsuitable):
                continue
            if level and LEVELS.index(level) <= LEVELS.index(under):
                found.append(plain(f"under {level} it holds if {condition(needs)}"))
                break
    return found


def _undone(level: str) -> str:
    return f"in a saga that may have to undo them: under {level}" if level else NOTHING_TO_UNDO


def _told(level: str, names: str) -> str:
    return f"it holds under {level} for all {names}" if names else f"it holds under {level}"


def _where(law: Claim, level: str) -> str:
    """Whether one side may be put for the other anywhere, as far as that is soon known."""
    begun = time.process_time()
    whole = "as whole workflows"

    def all_(claim: Claim, contexts: Sequence[str]) -> bool | None:
        for context in contexts:
            if time.process_time() > begun + SOON:
                return None
            found = finest(within(claim, context), limit=AROUND)
            if not found or LEVELS.index(found) > LEVELS.index(level):
                return False
        return True

    try:
        anywhere = all_(law, contexts(law))
    except (TooLarge, Unsuitable, Rejected):
        anywhere = None
    if anywhere is None:
        return f"{whole} (of other places nothing was soon known)"
    if not anywhere:
        return whole
    try:
        undone = law.undoes or all_(replace(law, undone=True), WITH_UNDO)
    except (TooLarge, Unsuitable, Rejected):
        undone = None
    return "wherever they stand" if undone else f"wherever they stand ({NOTHING_TO_UNDO})"
