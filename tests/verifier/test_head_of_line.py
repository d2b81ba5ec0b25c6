"""`scheduler head_of_line` against the words of its definition: in every reachable state, a claim
can be granted exactly if it fits and nobody with a higher priority stands in the queue."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from judge import judge
from naive import State, explore, value
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem, VarKind

OF_A = ("x ; y", "x || y", "using (desk exclusive) { x }", "{ x + y }", "try { x } finally { y }")
OF_B = ("z ; z", "p := 2 ; z", "using (cores 1) { z }", "within 3s { z } else { skip }")


def spec(seed: int) -> str:
    """Two workflows that ask for the same, in one order or another."""
    random = Random(seed)
    room = random.randint(2, 3)
    px, py, x = random.randint(0, 2), random.randint(0, 2), random.randint(1, room)
    return f"""
resource cores : pool({room})
resource desk : lock
workflow a {{
  activity x {{ uses cores {x}  takes 1s..2s  priority {px} }}
  activity y {{ uses desk exclusive  takes 1s..2s  priority {py} }}
  run {{ {random.choice(OF_A)} }}
}}
workflow b {{
  var p: int = 0
  activity z {{ uses cores 1, desk shared  takes 1s..2s  priority {random.choice("012p")} }}
  run {{ {random.choice(OF_B)} }}
}}
system {{ a  b  scheduler head_of_line }}
"""


def plain(text: str) -> TransitionSystem:
    """The same variables, the same rules, but for what the scheduler asks."""
    return lower(load_text(text.replace("scheduler head_of_line", ""), "q.wf"))


@pytest.mark.parametrize("seed", range(40))
def test_who_can_be_granted(seed: int) -> None:
    text = spec(seed)
    queued, any_order = lower(load_text(text, "q.wf")), plain(text)
    used = [v.kind is VarKind.USED for v in queued.variables]
    for state in explore(queued).states:
        free: State = tuple(0 if u else x for u, x in zip(used, state, strict=True))
        # In the queue: who would be granted what it asks for if nothing were in use.
        rank = {
            r.index: (value(r.priority, state) if r.priority is not None else 0)
            for r in any_order.rules
            if r.gains and value(r.guard, free)
        }
        for old, new in zip(any_order.rules, queued.rules, strict=True):
            ahead = [
                i
                for i, p in rank.items()
                if old.index in rank
                and p > rank[old.index]
                and any_order.rules[i].thread != old.thread
            ]
            granted = value(old.guard, state) and not ahead
            assert value(new.guard, state) == granted, (text, new.name, state)


@pytest.mark.parametrize("seed", range(8))
def test_verdicts(seed: int) -> None:
    found = judge(spec(seed), timeout=10)
    assert found.problems == [], spec(seed)
