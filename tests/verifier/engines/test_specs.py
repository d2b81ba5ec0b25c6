"""Random small workflows, lowered, then every verdict of the engines against the oracle."""

from __future__ import annotations

from pathlib import Path
from random import Random

import naive
import pytest
from wfverify.dsl import load
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.engines.common import Budget
from wfverify.verifier.engines.induction import ALL, NOTHING, Inductive, prove_invariants
from wfverify.verifier.engines.search import Holds, Violated, explore
from wfverify.verifier.engines.search_live import (
    Free,
    NeverEnds,
    Stuck,
    can_finish,
    deadlocks,
    lasso,
    reachable_rules,
)
from wfverify.verifier.engines.slice import slice_for

HEAD = """
resource p : pool(2)
resource k : lock
error Bad permanent
shared go: bool = false
"""
WORKFLOW = """
workflow {name}() fails Bad {{
  activity a {{ uses p 1 takes 1s..2s }}
  activity b {{ uses p 2 takes 1s..2s fails Bad }}
  activity c -> int {{ takes 1s..2s ensures result >= 0 and result <= {top} }}
  activity d {{ uses k exclusive takes 1s..2s do {{ x := 1 - x }} }}
  var x: int = 0
  var n: int = 0
  run {{ {term} }}
  invariant low : x <= 0
  invariant fine : x >= 0 and n >= 0
  always keep : x == 1 => next(x == 1)
}}
"""


def term(r: Random, depth: int, wide: bool) -> str:
    if depth == 0 or r.random() < 0.15:
        return r.choice(
            ["a()", "b()", "n <- c()", "d()", "x := n", "go := true", "skip", "wait until (go)"]
        )
    a, b = term(r, depth - 1, wide), term(r, depth - 1, wide)
    return r.choice(
        [
            f"{{ {a} ; {b} }}",
            f"{{ {a} ; {b} }}",
            f"{{ {a} || {b} }}",
            f"{{ {a} || {b} }}",
            f"if (n > 1) {{ {a} }} else {{ {b} }}",
            f"if (x == 0) {{ {a} }} else {{ skip }}",
            f"while (n < 2) {{ {a} ; n := n + 1 }}",
            f"using (k exclusive) {{ {a} }}",
            f"try {{ {a} }} catch Bad {{ {b} }}",
            f"within 5s {{ {a} }} else {{ {b} }}",
        ]
    )


def make(seed: int, folder: Path) -> tuple[TransitionSystem, naive.Naive]:
    r = Random(seed)
    wide = seed % 3 == 0
    text = HEAD
    for name in ("v", "w")[: r.choice((1, 1, 2))]:
        text += WORKFLOW.format(name=name, term=term(r, 3, wide), top=20 if wide else 3)
    path = folder / "random.wf"
    path.write_text(text)
    system = lower(load(str(path)))
    if wide:
        # The contract says 0..20; the declared type of the input says it to the oracle.
        system = bounded(system)
    try:
        return system, naive.explore(system, 1500)
    except naive.TooBig:
        pytest.skip("too big for the oracle")


def bounded(system: TransitionSystem) -> TransitionSystem:
    from dataclasses import replace

    rules = tuple(
        replace(
            rule,
            inputs=tuple(
                i if i.lo is not None or str(i.type) == "bool" else replace(i, lo=0, hi=20)
                for i in rule.inputs
            ),
        )
        for rule in system.rules
    )
    return replace(system, rules=rules)


@pytest.mark.parametrize("seed", range(60))
def test_random_workflows(seed: int, tmp_path: Path) -> None:
    system, graph = make(seed, tmp_path)
    goals = system.obligations
    wanted = [graph.broken(g) for g in goals]
    for reduce in (False, True):
        for found, want in zip(
            explore(system, goals, seconds=2, reduce=reduce).findings, wanted, strict=True
        ):
            assert not (isinstance(found, Holds) and want is not None)
            assert not (isinstance(found, Violated) and want is None)
            if isinstance(found, Violated) and not reduce:
                assert len(found.trace.steps) == want
    for goal, want in zip(goals, wanted, strict=True):
        cone = slice_for(system, [goal])
        (found,) = explore(system, [goal], seconds=1, cone=cone).findings
        assert not (isinstance(found, Holds) and want is not None)
        assert not (isinstance(found, Violated) and want is None)
    proofs = prove_invariants(
        system, [], goals, Budget(2, 0.5), guess=ALL if seed % 4 == 0 else NOTHING
    )
    for answer, want in zip(proofs.answers, wanted, strict=True):
        assert not (isinstance(answer, Inductive) and want is not None)
    liveness(system, graph)


def liveness(system: TransitionSystem, graph: naive.Naive) -> None:
    result = explore(system, [], seconds=3, want_graph=True)
    assert result.graph is not None
    finishing = {s for s in graph.states if graph.can_finish(s)}
    never = can_finish(result.graph)
    if isinstance(never, Free):
        assert len(finishing) == len(graph.states)
    elif isinstance(never, NeverEnds):
        assert end(system, never.trace) not in finishing
    stuck = deadlocks(result.graph)
    if isinstance(stuck, Free):
        for state in graph.states:
            still = graph.never_moves(state)
            for instance in system.instances:
                mine = {t.id for t in system.threads if t.instance == instance.id}
                over = any(graph.ended(s, instance.id) for s in graph.reach(state))
                assert over or not mine <= still
    elif isinstance(stuck, Stuck):
        last = end(system, stuck.trace)
        assert set(stuck.dead) <= graph.never_moves(last)
        assert last not in finishing
    if result.complete and result.graph.concrete:
        assert set(reachable_rules(result.graph)) == graph.fires()
    loop = lasso(result.graph)
    assert loop is None or naive.replays(system, loop)


def end(system: TransitionSystem, trace):
    state = tuple(trace.initial)
    for step in trace.steps:
        after = list(state)
        for v, e in system.rules[step.rule].updates:
            after[v] = naive.value(e, state, step.inputs)
        state = tuple(after)
    return state
