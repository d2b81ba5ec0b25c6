"""Verdicts of the engines on a spec against Spin's on its export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import spin
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.verifier.checks.obligations import claims
from wfverify.verifier.engines.search import Holds, Violated, explore
from wfverify.verifier.engines.search_threads import Threads
from wfverify.verifier.export.finite import NotFinite
from wfverify.verifier.export.promela import promela
from wfverify.verifier.portfolio import SAFETY, Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Verdict

WINDOW = 40  # of numbers without a range: what leaves it has no verdict
MOST_VIOLATED = 2  # goals, each with a model of its own
MOST_ALONE = 2  # of those that hold


@dataclass
class Compared:
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, what: str, want: str, got: spin.Answer, number: int = 1) -> None:
        """`number` claims were decided by one model."""
        if got.verdict in (spin.HOLDS, spin.VIOLATED, spin.INVALID_END):
            self.counts[f"{want}, as Spin says" if got.verdict == want else "WRONG"] += number
            if got.verdict != want:
                self.problems.append(f"{what}: {want}, but Spin: {got.verdict} ({got.detail})")
        else:
            self.counts[f"Spin is {got.verdict}"] += number


def compare(
    text: str, *, timeout: float = 5.0, states: int = 5000, seconds: float = 20
) -> Compared:
    """Safety claims by search and by all engines together, and deadlocks of the whole."""
    out = Compared()
    spec = load_text(text, "s.wf")
    system = lower(spec)
    goals = list(system.obligations)
    holds, broken = _by_search(system, goals, states, timeout)
    options = Options(timeout=timeout)
    results = verify(spec, system, options, replay=replay, schedule=schedule, simulate=simulator)
    verdicts: dict[tuple[str, str, bool], list[Verdict | None]] = {}
    for r in results:
        verdicts.setdefault((r.check, r.name, r.warning), []).append(r.verdict)
    for claim in claims(system, SAFETY):
        # `contracts` has further results of the same name: of what can be satisfied.
        same = verdicts.get((claim.check, claim.name, claim.warning), [None])
        mine = {goals.index(g) for g in claim.goals}
        if all(isinstance(v, Proved) for v in same):
            holds |= mine
            out.counts["proved claims"] += 1
            if mine & broken:
                out.problems.append(f"{claim.check} {claim.name}: PROVED, broken in a search")
        elif any(isinstance(v, Refuted) for v in same) and len(same) == 1:
            out.counts["refuted claims"] += 1
            if mine <= holds:
                out.problems.append(f"{claim.check} {claim.name}: REFUTED, holds in a search")
    holds -= broken
    sayable = [goals[k] for k in sorted(holds) if _sayable(system, [goals[k]], out)]
    if sayable:
        got = spin.check(promela(system, sayable, window=WINDOW), seconds=seconds)
        if got.verdict == spin.OUT_OF_RANGE and len(sayable) > 1:
            # One unbounded number hides the rest: some claims by themselves.
            for goal in sayable[:: max(1, len(sayable) // MOST_ALONE)][:MOST_ALONE]:
                alone = spin.check(promela(system, [goal], window=WINDOW), seconds=seconds)
                out.add(f"{goal.check}: {goal.message}", spin.HOLDS, alone)
        else:
            out.add("all that hold", spin.HOLDS, got, len(sayable))
    chosen = [k for k in sorted(broken) if _sayable(system, [goals[k]], out)]
    for k in chosen[:MOST_VIOLATED]:
        got = spin.check(promela(system, [goals[k]], window=WINDOW), seconds=seconds)
        out.add(f"{goals[k].check}: {goals[k].message}", spin.VIOLATED, got)
    stuck = _stuck(system, states, timeout)
    if stuck is not None and _sayable(system, [], out):
        got = spin.check(promela(system, [], window=WINDOW), ends=True, seconds=seconds)
        out.add("deadlock", spin.INVALID_END if stuck else spin.HOLDS, got)
    return out


def _by_search(
    system: TransitionSystem, goals: Sequence[Obligation], states: int, seconds: float
) -> tuple[set[int], set[int]]:
    found = explore(system, goals, max_states=states, seconds=seconds).findings
    kinds: Iterable[type] = (Holds, Violated)
    holds, broken = ({k for k, f in enumerate(found) if isinstance(f, kind)} for kind in kinds)
    return holds, broken


def _sayable(system: TransitionSystem, goals: Sequence[Obligation], out: Compared) -> bool:
    try:
        promela(system, goals, window=WINDOW)
    except NotFinite:
        out.counts["not finite"] += 1
        return False
    return True


def _stuck(system: TransitionSystem, states: int, seconds: float) -> bool | None:
    """Whether some state has no step though an instance has not ended; None: not known."""
    graph = explore(system, [], max_states=states, seconds=seconds, want_graph=True).graph
    if graph is None or not graph.complete:
        return None
    threads = Threads(graph)
    unsure = False
    for node, edges in enumerate(graph.edges):
        if any(e.sure for e in edges):
            continue
        over = [threads.ended(node, i.id) for i in system.instances]
        if not all(over):
            if not edges and None not in over:
                return True
            unsure = True
    return None if unsure else False
