"""Have two workflows the same outcomes, whatever the environment answers?

The environment is a function: how the n-th attempt of an activity with these arguments ends, and
what the n-th message of a channel is.  It is found out answer by answer, from the start each time;
so it is known only where runs ask so often, and not for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .behaviour import Behaviour
from .facts import Wrong

Key = tuple[str, int]  # what is asked, and for which time
MOST = 5_000  # environments, as far as they are known
MOST_STATES = 20_000  # of one side under one environment


def same_outcomes(
    left: Behaviour,
    right: Behaviour,
    starts: Mapping[str, tuple[Sequence[int], Sequence[int]]],
    inclusion: bool,
) -> None:
    """`Wrong` where they differ, or where there are too many environments."""
    answers: dict[str, set[str]] = {}
    for side in (left, right):
        for edges in side.edges:
            for act, _ in edges:
                if act.answered is not None:
                    answers.setdefault(act.answered[0], set()).add(act.answered[1])
    count = 0
    for mine, yours in starts.values():
        todo: list[dict[Key, str]] = [{}]
        while todo:
            known = todo.pop()
            if (count := count + 1) > MOST:
                raise Wrong("the environment can answer in too many ways")
            one, asked = _outcomes(left, mine, known)
            other, more = _outcomes(right, yours, known)
            if asked | more:
                key = min(asked | more)
                todo += ({**known, key: answer} for answer in sorted(answers[key[0]]))
            elif not (one <= other if inclusion else one == other):
                raise Wrong("under some environment the outcomes are not the same")


def _outcomes(
    side: Behaviour, starts: Sequence[int], known: Mapping[Key, str]
) -> tuple[set[str], set[Key]]:
    """Those that are come to, and what is asked and not known."""
    todo: list[tuple[int, frozenset[Key]]] = [(s, frozenset()) for s in starts]
    seen = set(todo)
    outcomes: set[str] = set()
    asked: set[Key] = set()
    while todo:
        state, had = todo.pop()
        for act, target in side.edges[state]:
            now = had
            if act.answered is not None:
                number = sum(name == act.answered[0] for name, _ in had) + 1
                key = act.answered[0], number
                if key not in known:
                    asked.add(key)
                if known.get(key) != act.answered[1]:
                    continue
                now = had | {key}
            if act.outcome is not None:
                outcomes.add(act.outcome)
            if (target, now) not in seen:
                seen.add((target, now))
                todo.append((target, now))
        if len(seen) > MOST_STATES:
            raise Wrong("under some environment there are too many runs")
    return outcomes, asked
