"""Priority inversion against its definition, looked for in every state by the points of threads."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from naive import State, explore, value
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import inversion, lower
from wfverify.semantics.system import PointKind, Rule, RuleKind, TransitionSystem, VarKind
from wfverify.semantics.values import fire
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted

BODIES = {
    "a": (
        "using (bus exclusive) { p }",
        "using (bus exclusive) { { p || q } }",
        "within 2m { using (bus exclusive) { p ; q } } else { skip }",
        "using (bus shared) { p } ; q",
        "p ; q",
    ),
    "b": ("p", "{ p || q }", "using (cpu) { p }", "p ; q"),
    "c": ("wait 1s ; q", "{ p || q }", "q ; p", "using (bus shared) { p }"),
}
CLAIMS = {
    "a": ("cpu 2", "cpu", "cpu, bus shared"),
    "b": ("cpu 2", "cpu", "bus shared"),
    "c": ("bus exclusive", "bus shared", "cpu"),
}
RANKS = {"a": (0, 1, 2), "b": (1, 2), "c": (2, 3)}


def spec(seed: int) -> str:
    """Three workflows that claim a lock and a pool, the later ones mostly more urgent."""
    random = Random(seed)
    lines = ["resource bus : lock", "resource cpu : pool(2)"]
    for name in "abc":
        lines += [
            f"workflow {name} {{",
            *(
                f"  activity {x} {{ uses {random.choice(CLAIMS[name])}  takes 1s..9m  "
                f"priority {random.choice(RANKS[name])} }}"
                for x in ("p", "q")
            ),
            f"  run {{ {random.choice(BODIES[name])} }}",
            "}",
        ]
    lines.append(f"system {{ a  b  c  scheduler {random.choice(('priority', 'head_of_line'))} }}")
    return "\n".join(lines) + "\n"


# Of these some are never so, by structure or by all states, and some are.
SEEDS = (0, 1, 4, 5, 2, 3, 6, 15, 16, 17, 18, 22, 7, 40, 42, 60, 104, 130, 149)


class Definition:
    """Who waits for what, who holds it, who runs: of one state."""

    def __init__(self, system: TransitionSystem, plain: TransitionSystem, state: State) -> None:
        self.system = system
        self.plain = plain  # without a queue
        self.state = state
        self.free = tuple(
            0 if v.kind is VarKind.USED else x for v, x in zip(system.variables, state, strict=True)
        )

    def holds(self, thread: int) -> set[str]:
        """Resources of which it holds some, by itself or by the blocks around it."""
        used = {v: r.name for r in self.system.resources for v in (r.used, r.exclusive)}
        out: set[str] = set()
        t = self.system.threads[thread]
        while True:
            point = t.points[int(self.state[t.location])]
            out |= {used[u] for u, amount in point.holds if value(amount, self.state)}
            if t.parent is None:
                return out
            t = self.system.threads[t.parent]

    def waiting(self) -> Iterator[tuple[Rule, set[str]]]:
        """Claims before which somebody stands, with the resources that they lack."""
        for rule in self.plain.rules:
            if rule.kind not in (RuleKind.START, RuleKind.GRANT) or not rule.gains:
                continue
            if not value(rule.guard, self.free):
                continue
            lacking = set()
            for r in self.system.resources:
                mine = dict(rule.gains)
                if r.exclusive is None and r.used in mine:
                    fits = self.state[r.used] + mine[r.used].value <= r.capacity.value
                elif r.used in mine:
                    fits = self.state[r.exclusive] == 0
                elif r.exclusive in mine:
                    fits = self.state[r.exclusive] == 0 and self.state[r.used] == 0
                else:
                    continue
                if not fits:
                    lacking.add(r.name)
            if lacking:
                yield rule, lacking

    def running(self) -> Iterator[tuple[Rule, int]]:
        for rule in self.system.rules:
            t = self.system.threads[rule.thread]
            point = t.points[int(self.state[t.location])]
            if rule.kind is RuleKind.START and point.kind is PointKind.RUN:
                if point.activity == rule.activity:
                    yield rule, rule.thread

    def inverted(self) -> bool:
        waits = list(self.waiting())
        runs = list(self.running())
        rank = lambda r: 0 if r.priority is None else value(r.priority, self.state)  # noqa: E731
        return any(
            len({high.thread, low.thread, thread}) == 3
            and wanted & self.holds(low.thread)
            and other & self.holds(thread)
            and rank(low) < rank(middle) < rank(high)
            for high, wanted in waits
            for low, other in waits
            for middle, thread in runs
        )


@pytest.mark.parametrize("seeds, few", [(SEEDS, inversion.FEW), (SEEDS[-6:], 0)])
def test_against_the_definition(
    seeds: tuple[int, ...], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told apart one by one, or all around one together."""
    monkeypatch.setattr(inversion, "FEW", few)
    seen: Counter[str] = Counter()
    for seed in seeds:
        text = spec(seed)
        parsed = load_text(text, "i.wf")
        system = lower(parsed)
        plain = lower(load_text(text.replace("scheduler head_of_line", ""), "i.wf"))
        bad = any(Definition(system, plain, s).inverted() for s in explore(system).states)
        found = verify(
            parsed,
            system,
            Options(timeout=10, only=("starvation_free",)),
            replay=replay,
            schedule=schedule,
            simulate=simulator,
        )
        line = next((r for r in found if r.name == "inversion"), None)
        verdict = None if line is None else line.verdict
        if verdict is None or isinstance(verdict, Proved):
            assert not bad, text
            seen["never" if verdict is None else "proved"] += 1
        elif isinstance(verdict, Refuted):
            state = verdict.trace.initial
            for s in verdict.trace.steps:
                state = fire(system.rules[s.rule], state, s.inputs)
            assert Definition(system, plain, tuple(state)).inverted(), text
            seen["refuted"] += 1
        else:
            seen["unknown"] += 1
    assert seen["refuted"] >= 3 and (few == 0 or min(seen["never"], seen["proved"]) >= 3), seen
