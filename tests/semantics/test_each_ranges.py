"""`each .. seq` over a computed range is the sequence of its rounds, each under its condition.

Written out by hand as `if (a <= k and k <= b) { .. } ; ..`, it takes the same steps: as many, in
the same order, with the same data, and it is stuck where the other is.
"""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from lowered import Lowered, State
from naive import initial_states
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.system import VarKind

Label = tuple[object, ...]

BODIES = {
    "a": "a",
    "numbered": "b({k})",
    "assigns": "x := x + {k}",
    "passes": "skip",
    "sometimes": "if (x < {k}) {{ a }}",
    "guarded": "if ({k} % 2 == 0) {{ x := x + 1 }} else {{ b({k}) ; a }}",
    "stops": "wait until (x > {k})",
    "fails": "if ({k} > 2) {{ fail E }} else {{ a }}",
    "nested": "each j in {k}..n seq {{ x := x + 1 }}",
}
AROUND = {
    "alone": "{}",
    "before": "{} ; x := 9",
    "after": "x := 1 ; {}",
    "choice": "{{ {} }} + c",
    "stuck": "{{ {} ; wait until (false) }} + c",
    "parallel": "{{ {} }} || x := x + 2",
    "again": "while (x < 2) {{ {} ; x := x + 1 }}",
    "catch": "try {{ {} }} catch E {{ x := 7 }}",
    "twice": "{} ; {}",
    "limited": "within until (x > 1) {{ {} }} else {{ c }}",
}
RANGES = ["1..n", "m..3", "m..n", "n..m", "m + 1..n - 1", "0..2 * n - 4", "2..2"]


def spec(body: str) -> str:
    return f"""
error E permanent
param m: int 1..3
param n: int 0..4
workflow w fails E, Interrupted {{
  var x: int = 0
  activity a {{ do {{ x := x + 1 }} }}
  activity b(k: int) {{ do {{ x := k }} }}
  activity c {{ }}
  run {{ {body} }}
}}
"""


def unrolled(body: str, span: str) -> str:
    """Each item that the types allow, and its condition."""
    lo, hi = span.split("..")
    rounds = (f"if ({lo} <= {k} and {k} <= {hi}) {{ {body.format(k=k)} }}" for k in range(5))
    return "{ " + " ; ".join(rounds) + " }"


class Steps:
    """The reachable graph, by what can be seen of it."""

    def __init__(self, text: str) -> None:
        system = lower(load_text(text, "w.wf"))
        kept = (VarKind.DATA, VarKind.PARAM)
        self.seen = [v.index for v in system.variables if v.kind in kept]
        self.graph = Lowered(system).steps
        self.initial = {self.data(s): s for s in initial_states(system)}

    def data(self, state: State) -> tuple[object, ...]:
        return tuple(state[i] for i in self.seen)

    def moves(self, states: frozenset[State]) -> dict[Label, frozenset[State]]:
        """Where each step that may be taken leads to."""
        out: dict[Label, set[State]] = {}
        for state in states:
            for rule, after in self.graph[state]:
                activity = re.sub(r"[^\w.].*", "", rule.activity)
                label = (rule.kind, activity, rule.error, self.data(after))
                out.setdefault(label, set()).add(after)
        return {label: frozenset(after) for label, after in out.items()}

    def stuck(self, states: frozenset[State]) -> bool:
        return any(not self.graph[state] for state in states)


def same(one: Steps, two: Steps) -> None:
    """Both take the same steps, for ever, and stop where the other does."""
    assert one.initial.keys() == two.initial.keys()
    todo = [(frozenset([s]), frozenset([two.initial[key]])) for key, s in one.initial.items()]
    seen = set(todo)
    while todo:
        a, b = todo.pop()
        left, right = one.moves(a), two.moves(b)
        assert left.keys() == right.keys()
        assert one.stuck(a) == two.stuck(b)
        for label, after in left.items():
            pair = (after, right[label])
            if pair not in seen:
                seen.add(pair)
                todo.append(pair)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(BODIES)), st.sampled_from(sorted(AROUND)), st.sampled_from(RANGES))
def test_a_computed_range_is_its_rounds(body: str, around: str, span: str) -> None:
    frame = AROUND[around].replace("{}", "\0").format()
    loop = f"each i in {span} seq {{ {BODIES[body].format(k='i')} }}"
    by_hand = unrolled(BODIES[body], span)
    same(Steps(spec(frame.replace("\0", loop))), Steps(spec(frame.replace("\0", by_hand))))
