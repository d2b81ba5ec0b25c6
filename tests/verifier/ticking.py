"""Small systems in whole seconds, by the letter of semantics.md, independent of the engines.

A configuration is a state and what each clock shows.  With whole bounds, what can be reached from
such a configuration in any times can be reached in whole seconds (all constraints are closed).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from naive import values_of
from oracle import reading
from wfverify.semantics.expr import Scalar
from wfverify.semantics.system import Rule, RuleKind, TransitionSystem

State = tuple[Scalar, ...]
Clock = tuple[str, int]
Config = tuple[State, tuple[tuple[Clock, int], ...]]
TICK = -1


class TooMuch(Exception):
    """Not a small system."""


class Ticking:
    """`moves[c]` are (rule or TICK, configuration after it).  `cap` is more than any bound of a
    delay (0: they are constants, it is found)."""

    def __init__(self, system: TransitionSystem, limit: int = 4000, cap: int = 0) -> None:
        self.system = system
        made: dict[int, object] = {}
        self.guard = [reading(r.guard, made) for r in system.rules]
        self.relation = [reading(r.relation, made) for r in system.rules]
        self.writes = [[(v, reading(e, made)) for v, e in r.updates] for r in system.rules]
        self.lo = {r.index: reading(r.delay.lo, made) for r in system.rules if r.delay}
        self.hi = {
            r.index: reading(r.delay.hi, made) for r in system.rules if r.delay and r.delay.hi
        }
        self.cap = cap or 1 + max(
            [0, *(int(f((), (), ())) for f in (*self.lo.values(), *self.hi.values()))]
        )
        start: list[Scalar] = []
        for v in system.variables:
            if v.init is None:
                raise TooMuch
            start.append(reading(v.init, made)(tuple(start), (), ()))
        first = self._running(tuple(start), {}, None)
        self.moves: dict[Config, list[tuple[int, Config]]] = {}
        todo = [first]
        while todo:
            config = todo.pop()
            if config in self.moves:
                continue
            self.moves[config] = list(self._moves(config))
            if len(self.moves) > limit:
                raise TooMuch
            todo += [to for _, to in self.moves[config]]

    def able(self, state: State) -> list[Rule]:
        return [r for r in self.system.rules if self.guard[r.index](state, (), ())]

    def _running(self, state: State, shown: dict[Clock, int], fired: Rule | None) -> Config:
        if fired is not None and fired.delay is not None:
            shown = {k: x for k, x in shown.items() if k != _clock(fired)}
        running = {_clock(r) for r in self.able(state) if r.delay is not None}
        return state, tuple(sorted((k, shown.get(k, 0)) for k in running))

    def _moves(self, config: Config) -> Iterator[tuple[int, Config]]:
        state, clocks = config
        shown = dict(clocks)
        able = self.able(state)
        for r in able:
            if r.delay is not None:
                at = shown[_clock(r)]
                if at < self.lo[r.index](state, (), ()):
                    continue
                if r.index in self.hi and at > self.hi[r.index](state, (), ()):
                    continue
            for inputs in product(*map(values_of, r.inputs)):
                if self.relation[r.index](state, inputs, ()):
                    new = list(state)
                    for v, e in self.writes[r.index]:
                        new[v] = e(state, inputs, ())
                    yield r.index, self._running(tuple(new), shown, r)
        if all(r.delay is not None for r in able) and clocks:
            if all(at < self._deadline(k, able, state) for k, at in clocks):
                later = tuple((k, min(at + 1, self.cap)) for k, at in clocks)
                yield TICK, (state, later)

    def _deadline(self, clock: Clock, able: list[Rule], state: State) -> float:
        mine = [r for r in able if r.delay is not None and _clock(r) == clock]

        def high(r: Rule) -> float:
            return float(self.hi[r.index](state, (), ())) if r.index in self.hi else float("inf")

        ends = [high(r) for r in mine if r.kind is not RuleKind.TIMEOUT]
        limits = [high(r) for r in mine if r.kind is RuleKind.TIMEOUT]
        return min([max(ends, default=float("inf")), *limits])

    # --- questions ------------------------------------------------------------------------------

    def over(self, config: Config) -> bool:
        threads = self.system.threads
        return all(
            config[0][threads[i.root].location] in (i.completed, i.failed)
            for i in self.system.instances
        )

    def hopeless(self) -> list[Config]:
        """From which no end can be reached."""
        before: dict[Config, list[Config]] = {}
        for config, moves in self.moves.items():
            for _, to in moves:
                before.setdefault(to, []).append(config)
        found = {c for c in self.moves if self.over(c)}
        queue = list(found)
        while queue:
            for c in before.get(queue.pop(), ()):
                if c not in found:
                    found.add(c)
                    queue.append(c)
        return [c for c in self.moves if c not in found]

    def stuck(self) -> list[Config]:
        return [c for c, moves in self.moves.items() if not moves and not self.over(c)]

    def endless(self) -> bool:
        """Is there a cycle in which each thread with a step that can be taken now, everywhere on
        it, takes one?  (Steps without a delay, or whose time has come.)"""
        numbers = {c: k for k, c in enumerate(self.moves)}
        following = [[numbers[to] for _, to in moves] for moves in self.moves.values()]
        configs = list(self.moves)
        rules = self.system.rules
        for part in _components(following):
            inside = [
                rule for n in part for rule, to in self.moves[configs[n]] if numbers[to] in part
            ]
            if not inside or set(inside) == {TICK}:
                continue
            moving = {rules[r].thread for r in inside if r != TICK}
            must = [self._must(configs[n]) for n in part]
            if set.intersection(*must) <= moving:
                return True
        return False

    def _must(self, config: Config) -> set[int]:
        state, clocks = config
        shown = dict(clocks)
        able = self.able(state)
        out = {r.thread for r in able if r.delay is None}
        for r in able:
            if r.delay is not None and shown[_clock(r)] >= min(
                self._deadline(_clock(r), able, state), self.cap
            ):
                out.add(r.thread)
        return out


def _clock(rule: Rule) -> Clock:
    return ("attempt", rule.group) if rule.group is not None else ("rule", rule.index)


def _components(following: list[list[int]]) -> list[set[int]]:
    """Kosaraju."""
    order: list[int] = []
    seen: set[int] = set()
    for root in range(len(following)):
        stack = [(root, iter(following[root]))] if root not in seen else []
        seen.add(root)
        while stack:
            n, rest = stack[-1]
            for to in rest:
                if to not in seen:
                    seen.add(to)
                    stack.append((to, iter(following[to])))
                    break
            else:
                order.append(n)
                stack.pop()
    before: list[list[int]] = [[] for _ in following]
    for n, targets in enumerate(following):
        for to in targets:
            before[to].append(n)
    out: list[set[int]] = []
    placed: set[int] = set()
    for root in reversed(order):
        if root in placed:
            continue
        part, todo = {root}, [root]
        placed.add(root)
        while todo:
            for n in before[todo.pop()]:
                if n not in placed:
                    placed.add(n)
                    part.add(n)
                    todo.append(n)
        out.append(part)
    return out
