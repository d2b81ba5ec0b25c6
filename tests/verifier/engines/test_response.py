"""The latest end of a network of activities, against all its runs second by second."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import lru_cache

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


def latest_of_all(tasks: list[Task], capacity: dict[str, int]) -> int:
    """Whole seconds suffice: see the head of the engine."""
    everyone = frozenset(range(len(tasks)))

    def starts(ended: frozenset[int], running: dict[int, int]) -> list[int]:
        free = dict(capacity)
        for k in running:
            for r, q in tasks[k].asks:
                free[r] -= q
        return [
            k
            for k in everyone - ended - running.keys()
            if ended.issuperset(tasks[k].before) and all(free[r] >= q for r, q in tasks[k].asks)
        ]

    @lru_cache(None)
    def rest(ended: frozenset[int], ages: tuple[tuple[int, int], ...]) -> int:
        """Seconds until the last end, from one point of an instant."""
        if ended == everyone:
            return 0
        running = dict(ages)
        out = -(10**6)
        for k, age in ages:
            if age >= tasks[k].least:
                others = tuple(a for a in ages if a[0] != k)
                out = max(out, rest(ended | {k}, others))
        able = starts(ended, running)
        for k in able:
            out = max(out, rest(ended, tuple(sorted({**running, k: 0}.items()))))
        if not able and all(age < tasks[k].most for k, age in ages):
            out = max(out, 1 + rest(ended, tuple((k, age + 1) for k, age in ages)))
        return out

    return rest(frozenset(), ())


def test_the_bound_is_the_latest_end_of_all_runs() -> None:
    for seed in range(60):
        tasks, capacity = _network(seed, 6, seed % 2 == 0)
        real = latest_of_all(tasks, capacity)
        found = latest_end(tasks, capacity, 60.0)
        assert found.bound == found.seconds == real, seed


@pytest.mark.parametrize("seed", [333])
def test_two_may_end_before_what_waits_is_granted(seed: int, monkeypatch: MonkeyPatch) -> None:
    tasks, capacity = _network(seed, 9, True)
    real = latest_of_all(tasks, capacity)
    assert latest_end(tasks, capacity, 60.0).bound == real
    monkeypatch.setattr(Network, "_forestalled", lambda *_: False)
    assert latest_end(tasks, capacity, 60.0).bound < real


# Two ends in one instant before what waits is granted (454); more than one run for a state (the
# others), so that its hull holds what no run does.
@pytest.mark.parametrize("seed", [454, 105, 148, 510, 743])
def test_few_zones_for_each_state_bound_all_runs(seed: int, monkeypatch: MonkeyPatch) -> None:
    tasks, capacity = _network(seed, 8)
    real = latest_of_all(tasks, capacity)
    for size in SIZES:
        search = response._Search(Network(tasks, capacity), size, -1, None, float("inf"))
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
