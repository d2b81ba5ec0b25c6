"""Runs that show what is said of single steps: that each contract can be met."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..dsl.changed import replace
from ..proofs.facts import Wrong
from ..proofs.runs import Watch, contracts, fired
from ..semantics.evidence import Evidence, Runs
from ..verifier.verdict import Proved, Result

SEEDS = 20


def to_all_places(results: Sequence[Result]) -> list[Runs]:
    """Runs that were found to show that all code is alive."""
    alive = [r.verdict for r in results if r.check == "no_dead_code"]
    parts = [p for v in alive if isinstance(v, Proved) for p in v.evidence]
    return [p.evidence for p in parts if isinstance(p.evidence, Runs)]


def that_meet(watch: Watch, known: Sequence[Runs], seconds: float) -> list[Evidence]:
    """Runs in which all contracts are met, as far as they are found in so many seconds: some of
    those that are known, and some by chance, up to the step that meets the last one that was not
    met before."""
    from ..interpreter import simulator

    asked = contracts(watch.system)
    left = {*asked.values()}
    simulate = simulator(watch.system)
    out, until = [], time.monotonic() + seconds
    given = iter([t for runs in known for t in runs.runs])
    for seed in range(SEEDS):
        if not left or time.monotonic() > until:
            break
        wanted = [i for i, name in asked.items() if name in left]
        trace = next(given, None) or simulate(seed, 0.0, {}, wanted)
        if trace is None:
            continue
        trace = replace(trace, loop_at=None, recurs=None)
        new = [k for k, s in enumerate(trace.steps) if asked.get(s.rule) in left]
        short = replace(trace, steps=trace.steps[: new[-1] + 1]) if new else None
        try:
            met = {asked[i] for i in fired(watch, [short]) if i in asked} if short else set()
        except Wrong:
            continue
        if short is not None and met & left:
            out.append(short)
            left -= met
    return [Runs(tuple(out))]
