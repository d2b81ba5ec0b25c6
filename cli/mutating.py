"""`wfverify mutate SPEC`: which small changes to a spec do its properties not notice?"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

from ..dsl.ast import Spec
from ..dsl.errors import Rejected
from ..dsl.mutants import mutants
from ..dsl.rendering import excerpt
from ..report.outcome import Exit
from ..verifier.strength import Judged, judged
from ..verifier.verdict import Result
from .interrupts import stopping_solver
from .loading import load_spec, opened, say_rejected
from .terminal import Progress, complain, write

EACH = 10.0  # seconds for one mutant


def run(args: argparse.Namespace) -> int:
    """Prints the mutants that nothing refutes (with -v all); 0 if there is none, 1 otherwise."""
    file, text = opened(args.spec)
    try:
        spec = load_spec(file, text)
        decide = _Decide(args)
        progress = Progress()
        since = time.monotonic()
        progress("the spec itself")
        results = decide(spec)
    except Rejected as error:
        say_rejected(error.diagnostics)
        return Exit.USAGE
    found = list(mutants(spec))
    all_: list[Judged] = []
    try:
        for one in judged(found, decide, results):
            all_.append(one)
            progress(f"mutant {len(all_)} of {len(found)}")
    except KeyboardInterrupt:
        complain(f"interrupted after {len(all_)} of {len(found)} mutants")
        return Exit.INTERRUPTED
    finally:
        progress.clear()
    seconds = time.monotonic() - since
    if args.format == "json":
        write(json.dumps(_json(spec, all_), indent=2, ensure_ascii=False) + "\n")
    else:
        write(_text(spec, all_, seconds, args.verbose))
    return Exit.PROVED if all(j.noticed for j in all_) else Exit.REFUTED


class _Decide:
    """All results of a spec, within the time for one mutant."""

    def __init__(self, args: argparse.Namespace) -> None:
        from ..verifier.session import Options

        self.options = Options(only=tuple(args.only), timeout=args.timeout or EACH)

    def __call__(self, spec: Spec) -> Sequence[Result]:
        from ..interpreter import replay, schedule, simulator
        from ..semantics.lower import lower
        from ..verifier.portfolio import verify

        with stopping_solver():
            return verify(
                spec,
                lower(spec),
                self.options,
                replay=replay,
                schedule=schedule,
                simulate=simulator,
            )


def _text(spec: Spec, found: Sequence[Judged], seconds: float, verbose: bool) -> str:
    out: list[str] = []
    for one in found:
        if one.noticed and not verbose:
            continue
        if one.rejected:
            verdict = f"refused: {one.rejected}"
        elif one.noticed:
            verdict = f"noticed by {', '.join(one.by)}"
        elif one.doubt:
            verdict = f"not refuted; unknown: {', '.join(one.doubt)}"
        else:
            verdict = "not noticed"
        out.append(f"{one.mutant.span}: {one.mutant.what}: {verdict}")
        if not one.noticed:
            out += [f"    {line}" for line in excerpt(spec.source, one.mutant.span)]
    missed = sum(not j.noticed for j in found)
    if out:
        out.append("")
    out.append(
        f"{spec.file}: {len(found)} mutants, {len(found) - missed} noticed, {missed} not, "
        f"in {seconds:.1f} s"
    )
    return "\n".join(out) + "\n"


def _json(spec: Spec, found: Sequence[Judged]) -> dict[str, object]:
    return {
        "file": spec.file,
        "mutants": [
            {
                "what": j.mutant.what,
                "line": j.mutant.span.line,
                "column": j.mutant.span.col,
                "noticed": j.noticed,
                "by": list(j.by),
                "unknown": list(j.doubt),
                "refused": j.rejected,
            }
            for j in found
        ],
    }
