"""Have two workflows the same outcomes, whatever the environment answers?

The environment is a function: how the n-th attempt of an activity with these arguments ends, and
what the n-th message of a channel is.  It is found out answer by answer, from the start each time;
so it is known only where runs ask so often, and not for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from .behaviour import Behaviour
from .facts import Wrong

Key = tuple[str, int]  # what is asked, and for which time
MOST_ANSWERS = 16  # that could be others, in one run
MOST = 500_000  # states of both, under all environments together


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
    open_ = {name for name, several in answers.items() if len(several) > 1}
    looked = 0
    for mine, yours in starts.values():
        todo: list[dict[Key, str]] = [{}]
        while todo:
            known = todo.pop()
            one, asked, n = _outcomes(left, mine, known, open_)
            other, more, m = _outcomes(right, yours, known, open_)
            looked += n + m
            if looked > MOST or len(known) > MOST_ANSWERS:
                raise Wrong("the environment can answer in too many ways")
            if asked | more:
                key = min(asked | more)
                todo += ({**known, key: answer} for answer in sorted(answers[key[0]]))
            elif not (one <= other if inclusion else one == other):
                raise Wrong("under some environment the outcomes are not the same")


def _outcomes(
    side: Behaviour, starts: Sequence[int], known: Mapping[Key, str], open_: Set[str]
) -> tuple[set[str], set[Key], int]:
    """Those that are come to, what is asked and not known, and how many states were looked at."""
    todo: list[tuple[int, frozenset[Key]]] = [(s, frozenset()) for s in starts]
    seen = set(todo)
    outcomes: set[str] = set()
    asked: set[Key] = set()
    while todo:
        state, had = todo.pop()
        for act, target in side.edges[state]:
            now = had
            if act.answered is not None and act.answered[0] in open_:
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
    return outcomes, asked, len(seen)
