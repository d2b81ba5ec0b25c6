"""Timed runs of small systems by the letter of semantics.md, and what results they have.

Independent of the engines: terms are read by `oracle.reading`, time passes from instant to
instant, and the environment (ends, results, durations from a small set, sides of `+`) is made up
step by step and remembered by occurrence.  Every order at one instant is tried.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product

from naive import values_of
from oracle import reading
from wfverify.semantics.expr import Scalar
from wfverify.semantics.system import Rule, RuleKind, TransitionSystem, VarKind

State = tuple[Scalar, ...]
Env = tuple[tuple[object, object], ...]


class TooMuch(Exception):
    """Not a small system."""


@dataclass
class Walk:
    steps: list[tuple[Rule, State, State]]  # with the inputs, and the state before
    last: State
    env: Env
    over: bool


class Timed:
    def __init__(self, system: TransitionSystem, limit: int = 30_000) -> None:
        self.system = system
        self.limit = limit
        self.work = 0
        self.known: dict[object, object] = {}  # answers given before, for walks
        self.fixed = True  # durations too
        made: dict[int, object] = {}
        self.guard = [reading(r.guard, made) for r in system.rules]
        self.relation = [reading(r.relation, made) for r in system.rules]
        self.writes = [[(v, reading(e, made)) for v, e in r.updates] for r in system.rules]
        self.excluded = reading(system.excluded, made)
        self.lo = {r.index: reading(r.delay.lo, made) for r in system.rules if r.delay}
        self.hi = {
            r.index: reading(r.delay.hi, made) for r in system.rules if r.delay and r.delay.hi
        }
        self.sides: dict[int, list[tuple[int, int]]] = {}
        for c, sides in enumerate(system.choices):
            for s, side in enumerate(sides):
                for index in side:
                    self.sides.setdefault(index, []).append((c, s))
        self.observed = sorted(
            {v for i in system.instances for v in (*i.observed, i.error)}
            | {v.index for v in system.variables if v.kind is VarKind.SHARED}
        )

    # --- the environment ----------------------------------------------------------------------

    def answers(self, rule: Rule, state: State) -> list[State]:
        out = []
        for inputs in product(*map(values_of, rule.inputs)):
            if self.relation[rule.index](state, inputs, ()):
                out.append(inputs)
        if len(out) > 4:
            raise TooMuch
        return out

    def durations(self, rule: Rule, state: State) -> list[Fraction]:
        lo = max(Fraction(0), Fraction(self.lo[rule.index](state, (), ())))
        if rule.index not in self.hi:
            return [lo, lo + 2]
        hi = max(lo, Fraction(self.hi[rule.index](state, (), ())))
        mid = lo + min(hi - lo, Fraction(2))
        return sorted({lo, mid, hi})

    # --- runs ---------------------------------------------------------------------------------

    def ends(self, initial: State) -> set[tuple[Env, State]]:
        """(environment as far as it was asked, result) of every complete run."""
        return {(env, self.result(state)) for env, state in self.last(initial)}

    def last(self, initial: State) -> set[tuple[Env, State]]:
        """The same with the last state."""
        out: set[tuple[Env, State]] = set()
        seen = set()
        todo = list(self._arm(initial, (), None, (), ()))
        while todo:
            config = todo.pop()
            if config in seen:
                continue
            seen.add(config)
            if len(seen) > self.limit:
                raise TooMuch
            state, timers, counts, env = config
            moves = list(self._moves(config))
            if not moves and not any(self._able(r, state) for r in self.system.rules):
                out.add((env, state))
            for rule, inputs, wait, noted in moves:
                new = list(state)
                for v, e in self.writes[rule.index]:
                    new[v] = e(state, inputs, ())
                if self.excluded(new, (), ()):
                    continue
                left = tuple((c, ends, t - wait) for c, ends, t in timers)
                todo += self._arm(tuple(new), left, rule, counts, noted)
        return out

    def _able(self, rule: Rule, state: State) -> bool:
        return bool(self.guard[rule.index](state, (), ()))

    def _moves(self, config) -> Iterator[tuple[Rule, State, Fraction, Env]]:  # type: ignore[no-untyped-def]
        state, timers, counts, env = config
        urgent = [r for r in self.system.rules if r.delay is None and self._able(r, state)]
        options: list[tuple[Rule, State, Fraction]] = []
        for r in urgent:
            if r.inputs:
                raise TooMuch
            options.append((r, (), Fraction(0)))
        due = min((t for _, _, t in timers), default=None)
        wait = Fraction(0) if urgent else due
        for _, end, t in timers:
            if wait is not None and t == wait:
                for r in self.system.rules:
                    if r.delay is None or not self._able(r, state):
                        continue
                    if end[0] == "rule" and r.index == end[1] and r.group is None:
                        options.append((r, (), wait))
                    elif end[0] == "end" and (r.group, r.kind, r.error) == end[1:4]:
                        if not self.relation[r.index](state, end[4], ()):
                            raise TooMuch  # possible or not by the state: not compared
                        options.append((r, end[4], wait))
        table = dict(env)
        sides = self._sides([r for r, _, _ in options])
        for choice in {c for its in sides.values() for c, _ in its}:
            able = {s for its in sides.values() for c, s in its if c == choice}
            if len(able) > 1:
                # One answer for all passages of this choice with the same open sides.
                key = ("choice", choice, tuple(sorted(able)))
                if key not in table:
                    for side in [self.known[key]] if key in self.known else able:
                        more = tuple(sorted({**table, key: side}.items(), key=repr))
                        yield from self._moves((state, timers, counts, more))
                    return
                options = [
                    o
                    for o in options
                    if all(c != choice or s == table[key] for c, s in sides.get(o[0].index, ()))
                ]
        for r, inputs, w in options:
            yield r, inputs, w, env

    def _sides(self, rules: list[Rule]) -> dict[int, list[tuple[int, int]]]:
        """Sides of choices by rule; the step after a side without steps is side -1: a thread that
        can go two ways from one place has a `+` there."""
        out = {r.index: list(self.sides.get(r.index, ())) for r in rules}
        for a in rules:
            for c, _ in self.sides.get(a.index, ()):
                for b in rules:
                    inside = any(c == d for d, _ in self.sides.get(b.index, ()))
                    if inside or a.delay or b.delay or a.over_children or b.over_children:
                        continue
                    if not self._beside(a.thread, b.thread):
                        if (c, -1) not in out[b.index]:
                            out[b.index].append((c, -1))
        return out

    def _beside(self, one: int, two: int) -> bool:
        """Are the two in different branches of one fork?"""
        threads = self.system.threads

        def way(t: int) -> list[tuple[int, int | None]]:
            up = threads[t].parent
            return [*([] if up is None else way(up)), (t, threads[t].fork)]

        for (a, f), (b, g) in zip(way(one), way(two), strict=False):
            if a != b:
                return threads[a].parent == threads[b].parent and f == g
        return False

    def _arm(self, state, timers, fired, counts, env):  # type: ignore[no-untyped-def]
        """Configurations after a step: every answer to attempts and waits that begin now."""
        rules = [r for r in self.system.rules if r.delay is not None and self._able(r, state)]
        alive: dict[object, list[Rule]] = {}
        for r in rules:
            alive.setdefault(("g", r.group) if r.group is not None else ("r", r.index), []).append(
                r
            )
        gone = None
        if fired is not None and fired.delay is not None:
            gone = ("g", fired.group) if fired.group is not None else ("r", fired.index)
        kept = tuple(x for x in timers if x[0] in alive and x[0] != gone)
        configs = [(kept, counts, env)]
        known = {c for c, _, _ in kept}
        for clock, mine in alive.items():
            if clock in known:
                continue
            configs = [n for c in configs for n in self._begin(clock, mine, state, *c)]
        return [(state, tuple(sorted(t, key=repr)), c, e) for t, c, e in configs]

    def _begin(self, clock, mine, state, timers, counts, env):  # type: ignore[no-untyped-def]
        # (What is answered does not depend on where an activity is placed.)
        wherever = re.sub(r" in \w+", "", mine[0].activity)
        place = wherever if clock[0] == "g" else mine[0].index
        table = dict(counts)
        table[place] = table.get(place, 0) + 1
        counts = tuple(sorted(table.items(), key=repr))
        question = ("time", clock[0], place, table[place])
        known = dict(env)
        limit = None
        if clock[0] == "r":
            options = [(("rule", mine[0].index), d) for d in self.durations(mine[0], state)]
        else:
            late = [r for r in mine if r.kind is RuleKind.TIMEOUT]
            if late:
                limit = Fraction(self.lo[late[0].index](state, (), ()))
            options = []
            for r in mine:
                if r.kind is RuleKind.TIMEOUT:
                    continue
                for inputs in self.answers(r, state):
                    end = ("end", r.group, r.kind, r.error, inputs)
                    options += [(end, d) for d in self.durations(r, state)]
                    # At the very instant of the time-out the environment picks the end.
                    if limit is not None:
                        lo, hi = self.durations(r, state)[0], self.durations(r, state)[-1]
                        open_ = r.index not in self.hi
                        more = [limit, limit + 1]
                        options += [(end, d) for d in more if lo <= d and (open_ or d <= hi)]
        out = []
        self.work += len(options)
        if self.work > 10 * self.limit or len(env) > 40:
            raise TooMuch
        ways = [(end, d, limit is not None and d > limit) for end, d in dict.fromkeys(options)]
        # At the very instant of the time-out the environment picks the end.
        ways += [(end, d, True) for end, d, _ in ways if d == limit]
        for end, d, cut in ways:
            takes = ("longer", d) if cut and d == limit else d
            answer = (end[1:] if end[0] == "rule" else end[2:], takes)
            if known.get(question, answer) != answer:
                continue
            before = self.known.get(question)
            if before is not None and before != (answer if self.fixed else answer[0]):
                if self.fixed or clock[0] == "g":
                    continue
            more = tuple(sorted({**known, question: answer}.items(), key=repr))
            if cut:
                late = next(r for r in mine if r.kind is RuleKind.TIMEOUT)
                over = ("end", late.group, late.kind, late.error, ())
                out.append(((*timers, (clock, over, limit)), counts, more))
            else:
                out.append(((*timers, (clock, end, d)), counts, more))
        return out

    def result(self, state: State) -> State:
        ends: list[Scalar] = []
        for i in self.system.instances:
            at = state[self.system.threads[i.root].location]
            ends.append(at if at in (i.completed, i.failed) else -1)
        return (*ends, *(state[v] for v in self.observed))

    # --- verdicts -----------------------------------------------------------------------------

    def initial(self) -> Iterator[State]:
        free = [v for v in self.system.variables if v.init is None]
        holds = reading(self.system.initial, {})
        for choice in product(*map(values_of, free)):
            given = dict(zip([v.index for v in free], choice, strict=True))
            state: list[Scalar] = []
            for v in self.system.variables:
                if v.init is None:
                    state.append(given[v.index])
                else:
                    state.append(reading(v.init, {})(state, (), ()))
            if holds(state, (), ()):
                yield tuple(state)

    def parts(self, durations: bool) -> bool:
        """Are there two runs of one environment with different results?

        `durations`: they belong to the environment (`deterministic`).
        """
        for state in self.initial():
            ends = list(self.ends(state))
            if len(ends) > 3000:
                raise TooMuch
            tables = [(self._asked(e, durations), r) for e, r in ends]
            for i, (a, x) in enumerate(tables):
                for b, y in tables[:i]:
                    if x != y and all(b.get(k, v) == v for k, v in a.items()):
                        return True
        return False

    def stuck(self) -> bool:
        """Is there a run that is over though some instance has not ended?"""
        active = [(k, reading(i.active, {})) for k, i in enumerate(self.system.instances)]
        for state in self.initial():
            for _, last in self.last(state):
                ends = self.result(last)
                if any(ends[k] == -1 and holds(last, (), ()) for k, holds in active):
                    return True
        return False

    # --- some runs of what is not small -------------------------------------------------------

    def walk(
        self,
        state: State,
        rng: random.Random,
        known: dict[object, object] | None = None,
        durations: bool = True,
        most: int = 400,
    ) -> Walk | None:
        """A random run of an environment that answers `known`; None if it does not count."""
        steps: list[tuple[Rule, State, State]] = []
        self.known, self.fixed = known or {}, durations
        env: Env = ()
        timers, counts, fired = (), (), None
        for _ in range(most):
            self.work = 0
            options = list(self._arm(state, timers, fired, counts, env))
            if not options:
                return None
            config = rng.choice(options)
            moves = list(self._moves(config))
            state, timers, counts, env = config
            if not moves:
                able = any(self._able(r, state) for r in self.system.rules)
                return None if able else Walk(steps, state, env, True)
            fired, inputs, wait, env = rng.choice(moves)
            new = list(state)
            for v, e in self.writes[fired.index]:
                new[v] = e(state, inputs, ())
            if self.excluded(new, (), ()):
                return Walk(steps, state, env, False)
            steps.append((fired, inputs, state))
            timers = tuple((c, ends, t - wait) for c, ends, t in timers)
            state = tuple(new)
        return Walk(steps, state, env, False)

    def starts(self) -> list[State]:
        return list(islice(self.initial(), 8))

    def some_part(self, durations: bool, seed: int, environments: int, runs: int) -> bool:
        """Were two runs of one environment with different results found?"""
        starts = self.starts()
        for number in range(environments if starts else 0):
            rng = random.Random(f"{seed}/{number}")
            start = rng.choice(starts)
            known: dict[object, object] = {}
            results: list[tuple[dict[object, object], State]] = []
            for _ in range(runs):
                found = self.walk(start, rng, known, durations)
                if found is None or not found.over:
                    continue
                asked = self._asked(found.env, durations)
                mine = self.result(found.last)
                for table, result in results:
                    if result != mine and all(table.get(q, a) == a for q, a in asked.items()):
                        return True
                results.append((asked, mine))
                known = {**asked, **known}
        return False

    def _asked(self, env: Env, durations: bool) -> dict[object, object]:
        out: dict[object, object] = {}
        for question, answer in env:
            if isinstance(question, tuple) and question[0] == "time" and not durations:
                assert isinstance(answer, tuple)
                if question[1] == "g":
                    out[question] = answer[0]
            else:
                out[question] = answer
        return out


__all__ = ["Timed", "TooMuch"]
