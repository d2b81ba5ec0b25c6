"""What an observer sees of a small workflow, and its outcomes, by the definitions.

Over the states of `oracle.World` (all of them, with all variables); reads rules for itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import oracle
from naive_lts import TAU, System
from wfverify.semantics.expr import Scalar
from wfverify.semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from wfverify.semantics.values import show

Asked = tuple[str, str]  # what, and the answer
Step = tuple[str, Asked | None, str | None, int]  # label, answer, outcome, target
MOST_ANSWERS = 7


class TooLong(Exception):
    """Runs ask more than is looked at."""


class Seen:
    """The steps of a workflow that is the only one of its spec; `watched`: changes of all its
    variables are seen."""

    def __init__(self, system: TransitionSystem, limit: int, watched: bool) -> None:
        self.system, self.watched = system, watched
        self.world = oracle.World(system, limit)
        self.prefix = system.instances[0].name + "."
        self.data = [v for v in system.variables if v.kind in (VarKind.DATA, VarKind.SHARED)]
        self.steps: list[list[Step]] = [
            [self.step(system.rules[rule], inputs, n, to) for rule, inputs, to in moves if to >= 0]
            for n, moves in enumerate(self.world.moves)
        ]
        self.starts: dict[str, list[int]] = {}
        number = {state: n for n, state in enumerate(self.world.states)}
        for state in self.world.initial():
            n = number[state]
            values = [
                f"{v.name.removeprefix(self.prefix)} = {state[v.index]}"
                for v in system.variables
                if v.init is None
            ]
            self.starts.setdefault(", ".join(sorted(values)), []).append(n)

    def step(self, rule: Rule, inputs: tuple[Scalar, ...], n: int, to: int) -> Step:
        before, after = self.world.states[n], self.world.states[to]
        parts: list[str] = []
        asked: Asked | None = None
        if rule.activity:
            name = rule.activity.removeprefix(self.prefix).split("#")[0]
            values = [
                show(s.type, oracle.reading(s.term, {})(before, inputs, after)) for s in rule.seen
            ]
            what = f"{name}({', '.join(values)})" if values else name
            answer = {
                RuleKind.COMPLETE: "ends" + "".join(f" with {str(x).lower()}" for x in inputs),
                RuleKind.FAIL: f"fails with {rule.error}",
            }.get(rule.kind)
            if rule.kind is RuleKind.START:
                parts.append(f"start {what}")
            elif answer is not None:
                asked = (what, answer)
                parts.append(f"{what} {answer}")
        if self.watched:
            parts += [
                f"{v.name.removeprefix(self.prefix)} := {show(v, after[v.index])}"
                for v in self.data
                if before[v.index] != after[v.index]
            ]
        outcome = None
        (one,) = self.system.instances
        root = self.system.threads[one.root].location
        if before[root] != after[root] and after[root] in (one.completed, one.failed):
            error = self.system.errors[int(after[one.error]) - 1]
            how = "completes" if after[root] == one.completed else f"fails with {error}"
            values = [
                f"{v.name.removeprefix(self.prefix)} = {show(v, after[v.index])}" for v in self.data
            ]
            outcome = f"{how} with {', '.join(values)}"
            parts.append(outcome)
        return ", ".join(parts) or TAU, asked, outcome, to

    def system_of(self) -> System:
        """With arguments, a first state from which a step leads to each initial one."""
        n = len(self.steps)
        edges = {(s, a, t) for s, steps in enumerate(self.steps) for a, _, _, t in steps}
        if list(self.starts) == [""]:
            ((only,),) = self.starts.values()
            return n, only, frozenset(edges)
        edges |= {
            (n, f"begin with {values}", t) for values, states in self.starts.items() for t in states
        }
        return n + 1, n, frozenset(edges)


def outcomes_differ(left: Seen, right: Seen) -> bool:
    """Under some environment.  Raises TooLong."""
    return any(
        _differ(left.starts.get(v, []), right.starts.get(v, []), left, right, {})
        for v in left.starts.keys() | right.starts.keys()
    )


def _differ(
    one: list[int], other: list[int], left: Seen, right: Seen, known: dict[tuple[str, int], str]
) -> bool:
    open_: dict[tuple[str, int], set[str]] = {}
    found = [_outcomes(s, starts, known, open_) for s, starts in ((left, one), (right, other))]
    if not open_:
        return found[0] != found[1]
    if len(known) >= MOST_ANSWERS:
        raise TooLong
    key = min(open_)
    # (Not to lose a difference to the limit, each way to the end.)
    late = False
    for answer in sorted(open_[key]):
        try:
            if _differ(one, other, left, right, {**known, key: answer}):
                return True
        except TooLong:
            late = True
    if late:
        raise TooLong
    return False


def _outcomes(
    seen: Seen,
    starts: list[int],
    known: dict[tuple[str, int], str],
    open_: dict[tuple[str, int], set[str]],
) -> set[str]:
    todo: list[tuple[int, tuple[str, ...]]] = [(s, ()) for s in starts]
    done = set(todo)
    out = set()
    while todo:
        state, history = todo.pop()
        for _, asked, outcome, to in seen.steps[state]:
            after = history
            if asked is not None:
                key = (asked[0], history.count(asked[0]) + 1)
                if key not in known:
                    open_.setdefault(key, set()).add(asked[1])
                    continue
                if known[key] != asked[1]:
                    continue
                after = tuple(sorted((*history, asked[0])))
            if outcome is not None:
                out.add(outcome)
            if (to, after) not in done:
                done.add((to, after))
                todo.append((to, after))
    return out


def runs(seen: Seen, labels: tuple[str, ...]) -> bool:
    """Is this what is seen of some run?"""
    states = {s for starts in seen.starts.values() for s in starts}
    for label in labels:
        states = {t for s in _silently(seen, states) for a, _, _, t in seen.steps[s] if a == label}
    return bool(states)


def _silently(seen: Seen, states: set[int]) -> Iterator[int]:
    todo, done = list(states), set(states)
    while todo:
        s = todo.pop()
        yield s
        for a, _, _, t in seen.steps[s]:
            if a == TAU and t not in done:
                done.add(t)
                todo.append(t)
