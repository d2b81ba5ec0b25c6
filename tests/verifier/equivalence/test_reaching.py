"""Runs that part two guarded terms, tests remembered: against all values of tests, one by one."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from itertools import product

import pytest
from guarded_terms import NAMES, Stack, move, random_term
from wfverify.verifier.equivalence.terms import reaching
from wfverify.verifier.equivalence.terms.images import Change
from wfverify.verifier.equivalence.terms.machine import ENDS, ROUND, WAITS, Machine
from wfverify.verifier.equivalence.terms.pairing import ALIKE, Parting
from wfverify.verifier.equivalence.terms.reaching import Knowing, Reaching
from wfverify.verifier.equivalence.terms.store import Op, Store

Values = dict[str, bool]
WEIGHTS = {"a": 2, "b": 0, "c": 1}
NEVER = {"x": True, "y": True}  # at once, in some of the cases


class Case:
    def __init__(self, seed: int, around: int = 0) -> None:
        rng = random.Random(seed)
        self.store = Store()
        self.terms = [random_term(self.store, rng, rng.randint(1, 7)) for _ in range(2)]
        for _ in range(rng.randint(0, around)):
            self.surround(rng)
        if rng.random() < 0.6:  # the same before or after what differs
            other = random_term(self.store, rng, rng.randint(1, 5))
            here = rng.random() < 0.5
            pairs = ((t, other) if here else (other, t) for t in self.terms)
            self.terms = [self.store.seq(*p) for p in pairs]
        self.changes = {a: self.change(rng) for a in "abc"}
        self.start = {n: rng.random() < 0.5 for n in NAMES if rng.random() < 0.5}
        self.linked = rng.random() < 0.3
        if self.linked:
            self.start = {"x": False, "y": True}

    def surround(self, rng: random.Random) -> None:
        """Puts the same around both."""
        s = self.store
        kind, test = rng.randrange(4), s.test(rng.choice(NAMES))
        other, step = random_term(s, rng, rng.randint(1, 4)), s.act(rng.choice("abc"))
        for k, t in enumerate(self.terms):
            around = (
                s.seq(other, t),
                s.seq(step, t, other),
                s.if_(test, t, other),
                s.while_(test, s.seq(step, t) if step % 2 else s.seq(t, step)),
            )
            self.terms[k] = around[kind]

    def change(self, rng: random.Random) -> Change:
        lost = frozenset(n for n in NAMES if rng.random() < 0.2)
        others: list[bool | tuple[str, bool]] = [True, False]
        others += [(n, v) for n in NAMES for v in (True, False)]
        given = {n: rng.choice(others) for n in NAMES if n not in lost and rng.random() < 0.3}
        return Change(lost, given)

    def feasible(self, cube: tuple[tuple[str, bool], ...]) -> bool:
        return not self.linked or not NEVER.items() <= set(cube)

    def after(self, action: str, values: Values) -> Iterator[Values]:
        change = self.changes[action]
        fixed = {n: v for n, v in values.items() if n not in change.lost}
        for name, other in change.given.items():
            fixed[name] = other if isinstance(other, bool) else values[other[0]] is other[1]
        for chosen in product((False, True), repeat=len(change.lost)):
            yield fixed | dict(zip(sorted(change.lost), chosen, strict=True))

    def starts(self) -> Iterator[Values]:
        free = [n for n in NAMES if n not in self.start]
        for chosen in product((False, True), repeat=len(free)):
            yield self.start | dict(zip(free, chosen, strict=True))

    def naive(self) -> int | None:
        """How much is seen at least of a run that parts them."""
        s, best = self.store, None
        queue: deque[tuple[int, Stack, Stack, Values]] = deque(
            (0, (self.terms[0],), (self.terms[1],), v) for v in self.starts()
        )
        cost: dict[object, int] = {}
        while queue:
            so_far, x, y, values = queue.popleft()
            key = x, y, tuple(sorted(values.items()))
            if cost.get(key, so_far + 1) <= so_far or not self.feasible(key[2]):
                continue
            cost[key] = so_far
            (one, x1), (other, y1) = move(s, x, values), move(s, y, values)
            if one != other:
                found = so_far + (0 if ENDS in (one, other) else 1)
                best = found if best is None else min(best, found)
            elif one in WEIGHTS:
                queue.extend((so_far + WEIGHTS[one], x1, y1, v) for v in self.after(one, values))
        return best

    def reaching(self) -> Reaching:
        # (What a test was is known of those only that are looked at.)
        every = self.store.make(Op.AND, [self.store.test(n) for n in NAMES])
        machine = Machine(self.store, [*self.terms, every])
        left, right = map(machine.state, self.terms)
        known = Knowing(
            self.changes.__getitem__,
            self.feasible,
            tuple(self.start.items()),
            WEIGHTS.__getitem__,
        )
        return Reaching(machine, left, right, known)


@pytest.mark.parametrize("around", [0, 3])
@pytest.mark.parametrize("swept", [False, True])
def test_what_is_found(swept: bool, around: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if swept:
        monkeypatch.setattr(reaching, "FEW", 0)
        monkeypatch.setattr(reaching, "MANY", 0)
    seen = {"alike": 0, "apart": 0}
    for seed in range(500):
        case = Case(seed, around)
        made = case.reaching()
        found = next(made.runs(), None)
        best = case.naive()
        assert (found is None) == made.alike, seed
        # (Of tests that exclude each other it is forgotten what is not looked at again.)
        assert made.alike == (best is None) or (case.linked and best is None), seed
        seen["apart" if found else "alike"] += 1
        if found is None:
            continue
        if best is not None and not swept:
            assert found.least <= best
        if not case.linked:
            assert best is not None and found.least >= best
            assert any(follows(case, found.found, v) for v in case.starts()), (seed, found)
    assert min(seen.values()) > 80, seen


def follows(case: Case, found: reaching.Differ, values: Values) -> bool:
    """Whether the run is one of both, up to its end, from these values on."""
    s = case.store
    todo: list[tuple[int, Stack, Stack, Values]] = [(0, (case.terms[0],), (case.terms[1],), values)]
    while todo:
        k, x, y, now = todo.pop()
        tests = found.run[k].tests if k < len(found.run) else found.tests
        if not dict(tests).items() <= now.items():
            continue
        (one, x1), (other, y1) = move(s, x, now), move(s, y, now)
        if k == len(found.run):
            said = [d.split()[0].replace("goes", "waits") for d in (found.left, found.right)]
            if one != other and said == [one, other]:
                return True
        elif one == other == found.run[k].action:
            todo += [(k + 1, x1, y1, v) for v in case.after(one, now)]
    return False


def test_pairs_are_what_they_are_made_of() -> None:
    """Each has the steps of its two sides, one by one; the numbers of pairs are those of states."""
    contexts = apart = 0
    for seed in range(1_000):
        made = Case(seed, 4).reaching()
        bdd, pairs, m = made.bdd, made.pairs, made.m
        sides = {pair: pairs.sides(pair) for pair in made.before}
        assert len({*sides.values()}) == len(sides)
        for pair, (left, right) in sides.items():
            assert pairs.pair(left, right) == pair
            contexts += pairs.frames[pair] != (0, False, 0)
            for values in product((False, True), repeat=len(m.names)):
                said = []
                for at in (m.start(left), m.start(right), pairs.start(pair)):
                    while bdd.level[at] != bdd.LEAF:
                        at = (bdd.high if values[bdd.level[at]] else bdd.low)[at]
                    said.append(bdd.value[at])
                x, y, both = said
                if isinstance(both, Parting):
                    apart += 1
                    assert (both.left, both.right) == (x, y)
                    assert not (isinstance(x, tuple) and isinstance(y, tuple) and x[0] == y[0])
                elif both == ALIKE:
                    assert x == y or {x, y} == {WAITS, ROUND}
                else:
                    assert isinstance(x, tuple) and isinstance(y, tuple)
                    assert isinstance(both, tuple) and x[0] == y[0] == both[0]
                    assert sides[both[1]] == (x[1], y[1])
    assert contexts > 300 and apart > 500, (contexts, apart)
