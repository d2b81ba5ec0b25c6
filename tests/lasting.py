"""Runs that go on for ever, by the definitions in docs/checks.md ("Time and the scheduler"), over
all states of a small system.

Such a run stays, from some point on, in a set of states each of which it comes to again and again.
Either time goes on: then every clock that runs in all of them rings.  Or all steps take no time.
In both cases a thread that could take an urgent step in all of them moves; with `scheduler fair` so
does one whose claim could be granted in some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from naive import Naive, State, value
from wfverify.semantics.system import Rule, RuleKind


def for_ever(graph: Naive, holds: Callable[[State], bool]) -> bool:
    """Whether a fair run stays for ever where `holds` is true."""
    return any(_stays(graph, {s for s in graph.states if holds(s)}, t) for t in (False, True))


def _stays(graph: Naive, among: set[State], timeless: bool) -> bool:
    rules = graph.system.rules
    todo = [among]
    while todo:
        inside = todo.pop()
        for part in _parts(graph, inside, timeless):
            taken = [rules[i] for s in part for i in _taken(graph, s, part, timeless)]
            moved = {r.thread for r in taken}
            if not taken:
                continue
            able = [[rules[i] for i, _, _ in graph.successors[s]] for s in part]
            if not timeless or not graph.system.in_order:
                urgent = [
                    {r.thread for r in now if _urgent(r, s)}
                    for now, s in zip(able, part, strict=True)
                ]
                if not set.intersection(*urgent) <= moved:
                    continue
            # (A crash need not come.)
            due = [[r for r in now if r.kind is not RuleKind.CRASH] for now in able]
            running = [{_clock(r) for r in now if r.delay is not None} for now in due]
            rung = {_clock(r) for r in taken if r.delay is not None}
            if not timeless and not set.intersection(*running) <= rung:
                continue
            asking = [{r.thread for r in now if r.gains} for now in able]
            if graph.system.scheduler == "fair" and not set.union(*asking) <= moved:
                left = {s for s, a in zip(part, asking, strict=True) if a <= moved}
                todo.append(left)
                continue
            return True
    return False


def _clock(rule: Rule) -> object:
    return rule.index if rule.group is None else ("attempt", rule.group)


def _urgent(rule: Rule, state: State) -> bool:
    return rule.delay is None or (rule.delay.hi is not None and value(rule.delay.hi, state) <= 0)


def _instant(rule: Rule, state: State) -> bool:
    return rule.delay is None or value(rule.delay.lo, state) <= 0


def _taken(graph: Naive, s: State, inside: set[State], timeless: bool) -> Iterator[int]:
    for i, _, after in graph.successors[s]:
        if after in inside and (not timeless or _instant(graph.system.rules[i], s)):
            yield i


def _parts(graph: Naive, inside: set[State], timeless: bool) -> Iterator[set[State]]:
    """Strongly connected: what can be reached from a state and reaches it."""

    def to(s: State) -> set[State]:
        return {
            after
            for i, _, after in graph.successors[s]
            if after in inside and (not timeless or _instant(graph.system.rules[i], s))
        }

    forth = {s: to(s) for s in inside}
    back: dict[State, set[State]] = {s: set() for s in inside}
    for s, following in forth.items():
        for after in following:
            back[after].add(s)
    left = set(inside)
    while left:
        one = next(iter(left))
        part = _closed(one, forth) & _closed(one, back)
        left -= part
        yield part


def _closed(one: State, along: dict[State, set[State]]) -> set[State]:
    seen, todo = {one}, [one]
    while todo:
        for s in along[todo.pop()]:
            if s not in seen:
                seen.add(s)
                todo.append(s)
    return seen
