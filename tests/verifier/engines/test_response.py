"""The latest end of a network of activities, against all its runs second by second."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from pytest import MonkeyPatch
from wfverify.semantics.network import Task
from wfverify.verifier.engines import response
from wfverify.verifier.engines.response import latest_end
from wfverify.verifier.engines.response_network import Network

SIZES = (response._Round(0, 1), response._Round(1, 2), response._Round(1000, 1000))


def _network(seed: int, most: int = 6, single: bool = False) -> tuple[list[Task], dict[str, int]]:
    """With `single`, each asks for one unit of one resource at most."""
    rng = random.Random(seed)
    capacity = {"r": rng.randint(1, 2), "q": 2}
    tasks = []
    for k in range(rng.randint(3, most)):
        least = rng.randint(0, 2)
        most = least + rng.randint(0, 3)
        before = tuple(b for b in range(k) if rng.random() < 0.25)
        asks = [("r", 1)] if rng.random() < 0.6 else []
        asks += [("q", rng.randint(1, 2))] if rng.random() < 0.5 else []
        if single:
            asks = [(rng.choice("rq"), 1)] if rng.random() < 0.9 else []
        tasks.append(Task(f"a{k}", Fraction(least), Fraction(most), tuple(asks), before))
    return tasks, capacity


Ages = tuple[tuple[int, int], ...]


class Seconds:
    """All runs of a network, second by second.  Whole seconds suffice: see the head of the
    engine."""

    def __init__(self, tasks: list[Task], capacity: dict[str, int]) -> None:
        self.tasks = tasks
        self.capacity = capacity
        self.everyone = frozenset(range(len(tasks)))
        self.known: dict[tuple[frozenset[int], Ages], int] = {}

    def starts(self, ended: frozenset[int], running: dict[int, int]) -> list[int]:
        free = dict(self.capacity)
        for k in running:
            for r, q in self.tasks[k].asks:
                free[r] -= q
        return [
            k
            for k in self.everyone - ended - running.keys()
            if ended.issuperset(self.tasks[k].before)
            and all(free[r] >= q for r, q in self.tasks[k].asks)
        ]

    def rest(self, ended: frozenset[int], ages: Ages) -> int:
        """Seconds until the last end, from one point of an instant; by what has ended, and how long
        what runs has run."""
        if (ended, ages) in self.known:
            return self.known[ended, ages]
        tasks, running = self.tasks, dict(ages)
        out = 0 if ended == self.everyone else -(10**6)
        for k, age in ages:
            if age >= tasks[k].least:
                others = tuple(a for a in ages if a[0] != k)
                out = max(out, self.rest(ended | {k}, others))
        able = self.starts(ended, running)
        for k in able:
            out = max(out, self.rest(ended, tuple(sorted({**running, k: 0}.items()))))
        if ages and not able and all(age < tasks[k].most for k, age in ages):
            out = max(out, 1 + self.rest(ended, tuple((k, age + 1) for k, age in ages)))
        self.known[ended, ages] = out
        return out


def latest_of_all(tasks: list[Task], capacity: dict[str, int]) -> int:
    return Seconds(tasks, capacity).rest(frozenset(), ())


def test_the_bound_is_the_latest_end_of_all_runs() -> None:
    for seed in range(60):
        tasks, capacity = _network(seed, 6, seed % 2 == 0)
        real = latest_of_all(tasks, capacity)
        found = latest_end(tasks, capacity, 60.0)
        assert found.bound == found.seconds == real, seed


def _search(tasks: list[Task], capacity: dict[str, int], size: response._Round) -> response._Search:
    """With nothing known before, and nothing left out."""
    return response._Search(Network(tasks, capacity), None, size, -1, None, float("inf"))


def searched(tasks: list[Task], capacity: dict[str, int], size: response._Round) -> int:
    search = _search(tasks, capacity, size)
    assert search.run()
    return search.bound


@pytest.mark.parametrize("seed", [333])
def test_two_may_end_before_what_waits_is_granted(seed: int, monkeypatch: MonkeyPatch) -> None:
    tasks, capacity = _network(seed, 9, True)
    real = latest_of_all(tasks, capacity)
    assert searched(tasks, capacity, SIZES[-1]) == real
    monkeypatch.setattr(Network, "_forestalled", lambda *_: False)
    assert searched(tasks, capacity, SIZES[-1]) < real


# Two ends in one instant before what waits is granted (454); more than one run for a state (the
# others), so that its hull holds what no run does.
@pytest.mark.parametrize("seed", [454, 105, 148, 510, 743])
def test_few_zones_for_each_state_bound_all_runs(seed: int, monkeypatch: MonkeyPatch) -> None:
    tasks, capacity = _network(seed, 8)
    real = latest_of_all(tasks, capacity)
    for size in SIZES:
        search = _search(tasks, capacity, size)
        assert search.run() and search.bound >= real
        assert search.best is None or search.best.upper[0] <= real
        if size.hulls == 1:
            assert search.bound > real or seed == 454
    # What follows each state (`response_ahead`) leaves out none of the latest runs.
    monkeypatch.setattr(response, "ROUNDS", SIZES)
    found = latest_end(tasks, capacity, 60.0)
    assert found.bound == found.seconds == real


def test_out_of_time_it_is_a_bound_all_the_same(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(response, "MOST_STATES", 3)
    for seed in range(20):
        tasks, capacity = _network(seed, 8)
        found = latest_end(tasks, capacity, 60.0)
        monkeypatch.undo()
        real = latest_end(tasks, capacity, 60.0)
        assert found.seconds <= real.seconds == real.bound <= found.bound, seed
        monkeypatch.setattr(response, "MOST_STATES", 3)


def test_what_follows_each_other_adds_up_and_what_is_apart_does_not() -> None:
    first, capacity = _network(3)
    second, _ = _network(8)
    n = len(first)
    everything = tuple(range(n))
    after = [
        Task(f"b{t.activity}", t.least, t.most, t.asks, tuple(n + b for b in t.before) + everything)
        for t in second
    ]
    apart = [
        Task(
            f"b{t.activity}",
            t.least,
            t.most,
            tuple((f"{r}2", q) for r, q in t.asks),
            tuple(n + b for b in t.before),
        )
        for t in second
    ]
    one, two = latest_end(first, capacity, 60.0), latest_end(second, capacity, 60.0)
    whole = latest_end([*first, *after], capacity, 60.0)
    assert whole.bound == whole.seconds == one.bound + two.bound
    more = {**capacity, **{f"{r}2": c for r, c in capacity.items()}}
    beside = latest_end([*first, *apart], more, 60.0)
    assert beside.bound == beside.seconds == max(one.bound, two.bound)
    for found in (whole, beside):
        assert len(set(found.begins)) == len(found.takes) == n + len(second)
