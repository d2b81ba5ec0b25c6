"""`wfverify time SPEC`: how long does each workflow take, at least and at most?"""

from __future__ import annotations

import argparse
import json

from ..dsl.errors import Rejected
from ..report.lasting import as_json, as_text
from ..report.outcome import Exit
from .interrupts import stopping_solver
from .loading import load_spec, opened, say_rejected
from .terminal import Progress, complain, style, write

BUDGET = 20.0  # seconds


def run(args: argparse.Namespace) -> int:
    """Prints the times of each instance; 0 if each has a longest one, 3 otherwise."""
    from ..interpreter import replay, schedule, simulator
    from ..semantics.lower import lower
    from ..verifier.lasting import measured
    from ..verifier.session import Options, Session

    file, text = opened(args.spec)
    progress = Progress()
    try:
        spec = load_spec(file, text)
        system = lower(spec)
        options = Options(timeout=args.timeout or BUDGET)
        progress("looking for the longest run")
        session = Session(system, options, replay, schedule, simulator)
        with stopping_solver():
            found = measured(session, spec)
    except Rejected as error:
        say_rejected(error.diagnostics)
        return Exit.USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        return Exit.INTERRUPTED
    finally:
        progress.clear()
    if args.format == "json":
        write(json.dumps(as_json(system, found), indent=2, ensure_ascii=False) + "\n")
    else:
        write(as_text(system, found, style(args.verbose)))
    bounded = all(x.most_value is not None or x.most for x in found)
    return Exit.PROVED if bounded else Exit.UNKNOWN
