"""`wfverify rewrite SPEC`: another workflow that does the same."""

from __future__ import annotations

import argparse

from ..dsl import ast
from ..dsl.errors import Rejected
from ..report.outcome import Exit
from ..report.rewriting import as_text
from ..semantics.lower.alone import alone
from ..verifier.equivalence.behaviour import Size
from ..verifier.equivalence.findings import Fails, Holds
from ..verifier.equivalence.rewrite import Proposal, proposal
from .interrupts import stopping_solver
from .loading import load_spec, opened, say_rejected
from .terminal import Progress, complain, style, write

SECONDS = 30.0
STATES = 100_000


def run(args: argparse.Namespace) -> int:
    """Prints a proposal that has been checked; the status is that of `wfverify rewrite --help`."""
    file, text = opened(args.spec)
    progress = Progress()
    try:
        spec = load_spec(file, text)
        workflow = args.workflow
        if workflow is None and len(spec.workflows) != 1:
            names = ", ".join(w.name for w in spec.workflows) or "none"
            complain(f"which workflow? --workflow W; there are: {names}")
            return Exit.USAGE
        workflow = workflow or spec.workflows[0].name
        under = args.under or ("outcome" if args.goal == "parallel" else "branching")
        seconds = args.timeout or SECONDS
        progress("rewriting and comparing")
        with stopping_solver():
            found = proposal(spec, workflow, args.goal, under, Size(STATES, seconds))
            times = _times(spec, found, seconds) if args.goal == "parallel" else None
    except Rejected as error:
        progress.clear()
        say_rejected(error.diagnostics)
        return Exit.USAGE
    finally:
        progress.clear()
    write(as_text(found, times, style(False)))
    if isinstance(found.found, Fails):
        return Exit.REFUTED
    return Exit.PROVED if found.found is None or isinstance(found.found, Holds) else Exit.UNKNOWN


def _times(spec: ast.Spec, found: Proposal, seconds: float) -> tuple[str, str] | None:
    """The longest time of the workflow before and after."""
    from ..interpreter import replay, schedule, simulator
    from ..semantics.lower import lower
    from ..verifier.lasting import measured
    from ..verifier.session import Options, Session

    if not isinstance(found.found, Holds):
        return None
    out = []
    for each in (spec, found.spec):
        own = alone(each, found.workflow)
        session = Session(lower(own), Options(timeout=seconds), replay, schedule, simulator)
        (lasting,) = measured(session, own)
        out.append(lasting.most or "not bounded")
    return out[0], out[1]
