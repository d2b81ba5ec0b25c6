"""`law`: are two terms equivalent whatever workflows are put in for its names?  docs/laws.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ...dsl import ast
from ...dsl.errors import Rejected
from ...semantics.trace import Trace
from ..equivalence.laws.explore import TooLarge, Unsuitable
from ..equivalence.laws.prove import LEVELS, Claim, contexts, finest, within
from ..equivalence.laws.read import plain, read, stands_for
from ..equivalence.laws.refute import refuted
from ..equivalence.terms.specs import by_laws
from ..session import Session
from ..verdict import Proved, Refuted, Result, Unknown, Verdict

STATES = 40_000  # of each side
AROUND = 3_000  # in a context
SOON = 1.5  # seconds of work, for all contexts together
TRIES = 1_500  # instances
SHARE = 0.3  # of what is left, for all of them
OVER = "the time budget was used up (--timeout)"
NOT_KNOWN = "it is not proved, and no small instance refutes it"


def laws(
    session: Session, spec: ast.Spec, selected: Callable[[str, str], bool]
) -> Iterator[Result]:
    """A line for each that is selected (by its kind and name)."""
    all_ = [*spec.properties, *(p for w in spec.workflows for p in w.properties)]
    kinds = {e.name: e.kind for e in spec.errors}
    for p in all_:
        if isinstance(p, ast.Law) and selected("law", p.name):
            since = time.monotonic()
            verdict: Verdict = Unknown("search", OVER)
            with session.limit():
                verdict = _verdict(session, p, kinds)
            yield Result("law", p.name, verdict, p.span, seconds=time.monotonic() - since)


def _verdict(session: Session, p: ast.Law, kinds: dict[str, str]) -> Verdict:
    under = p.under or LEVELS[-1]
    wanted = LEVELS.index(under)
    names = ", ".join(p.metavariables)
    said = by_laws(p.left, p.right) if session.may("terms") else None
    if said is not None and LEVELS.index(said.level) <= wanted:
        told = _told(said.level, names)
        return Proved("terms", f"{told}, wherever they stand: {said}", said.level)
    if not session.may("search"):
        return Unknown("search", "it is decided by search, which is not to be used (--engine)")
    law = read(p, kinds)
    try:
        level = finest(law, limit=STATES)
    except (TooLarge, Unsuitable) as error:
        level, why = "", str(error)
    else:
        why = NOT_KNOWN
    if level and LEVELS.index(level) <= wanted:
        return Proved("search", f"{_told(level, names)}, {_where(law, level)}", level)
    found = refuted(law, (under,), TRIES).get(under)
    if found is None:
        return Unknown("search", why)
    message = f"the two sides are not equivalent under {under}"
    notes = [f"for example with {plain(str(found))}"]
    notes += [f"{b} is `{test}`" for b, test in stands_for(p).items() if b in notes[0]]
    if level:
        notes.append(f"under {level} they are equivalent for all {names}")
    return Refuted("search", message, Trace(()), p.span, notes=tuple(notes))


def _told(level: str, names: str) -> str:
    return f"it holds under {level} for all {names}" if names else f"it holds under {level}"


def _where(law: Claim, level: str) -> str:
    """Whether one side may be put for the other anywhere, as far as that is soon known."""
    begun = time.process_time()
    try:
        for context in contexts(law):
            found = finest(within(law, context), limit=AROUND)
            late = time.process_time() > begun + SOON
            if not found or LEVELS.index(found) > LEVELS.index(level) or late:
                return "as whole workflows"
    except (TooLarge, Unsuitable, Rejected):
        return "as whole workflows"
    return "wherever they stand"
