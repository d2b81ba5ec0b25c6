"""`on_busy`: the ends that a spec can come to, against a model of workers and a lock by itself."""

from __future__ import annotations

from collections.abc import Iterator

import naive
import pytest
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower

State = tuple[tuple[tuple[str, int, int], ...], int]  # per worker: stage, got, lost; who waits
NEXT = {"held": "a", "a": "between", "between": "b"}
HOLDING = (*NEXT, "b")


def spec(policy: str, workers: int, rounds: int, activity: bool) -> str:
    block = "c" if activity else "using (r exclusive) { a ; b }"
    return f"""
resource r : lock on_busy {policy}
workflow w {{
  var got: int 0..9 = 0
  var lost: int 0..9 = 0
  activity a {{ }}
  activity b {{ }}
  activity c {{ uses r exclusive }}
  run {{ each i in 1..{rounds} seq {{ try {{ {block} ; got += 1 }} catch * {{ lost += 1 }} }} }}
}}
system {{ w[{workers}] }}
"""


def moves(state: State, policy: str, rounds: int) -> Iterator[State]:
    workers, last = state
    free = not any(stage in HOLDING for stage, _, _ in workers)
    for i, (stage, got, lost) in enumerate(workers):

        def to(new: str, waits: int = last, won: int = 0, out: int = 0, i: int = i) -> State:
            _, got, lost = workers[i]
            if new == "ask" and got + won + lost + out == rounds:
                new = "end"
            return (*workers[:i], (new, got + won, lost + out), *workers[i + 1 :]), waits

        asked = any(s == "ask" for j, (s, _, _) in enumerate(workers) if j != i)
        match stage:
            case "ask" if free:
                yield to("held")
            case "ask" if policy == "replace_waiting":
                yield to("wait", waits=i)
            case "wait" if last != i:
                yield to("out")
            case "wait" if free:
                yield to("held")
            case "b":
                yield to("won")
            case "won":
                yield to("ask", won=1)
            case "out":
                yield to("ask", out=1)
            case _ if stage in NEXT:
                yield to(NEXT[stage])
        if stage in HOLDING and asked and policy == "cancel_holder":
            yield to("out")


def ends(policy: str, workers: int, rounds: int) -> set[tuple[tuple[int, int], ...]]:
    first: State = ((("ask", 0, 0),) * workers, -1)
    seen, todo, found = {first}, [first], set()
    while todo:
        state = todo.pop()
        after = list(moves(state, policy, rounds))
        if not after:
            assert all(stage == "end" for stage, _, _ in state[0])
            found.add(tuple((got, lost) for _, got, lost in state[0]))
        for new in after:
            if new not in seen:
                seen.add(new)
                todo.append(new)
    return found


@pytest.mark.parametrize("activity", [False, True])
@pytest.mark.parametrize(
    ("policy", "workers", "rounds"),
    [
        ("cancel_holder", 2, 1),
        ("cancel_holder", 3, 1),
        ("cancel_holder", 2, 2),
        ("replace_waiting", 2, 1),
        ("replace_waiting", 3, 1),
        ("replace_waiting", 2, 2),
    ],
)
def test_ends(policy: str, workers: int, rounds: int, activity: bool) -> None:
    system = lower(load_text(spec(policy, workers, rounds, activity), "w.wf"))
    numbers = [v.index for v in system.variables if v.name.endswith((".got", ".lost"))]
    explored = naive.explore(system, limit=200_000)
    found = set()
    for state in explored.states:
        if not any(True for _ in naive.steps(system, state)):
            values = [state[i] for i in numbers]
            found.add(tuple(zip(values[::2], values[1::2], strict=True)))
    assert found == ends(policy, workers, rounds)
