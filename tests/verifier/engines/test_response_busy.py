"""Bounds by what keeps activities waiting, and late runs found by chance, against all runs second
by second."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from pytest import MonkeyPatch
from wfverify.semantics.network import Task
from wfverify.verifier.engines.response_busy import Busy
from wfverify.verifier.engines.response_late import late_run
from wfverify.verifier.engines.response_network import Network

from .test_response import Seconds, latest_of_all

Net = tuple[list[Task], dict[str, int]]


def crowded(seed: int, several: bool) -> Net:
    """Many for each unit; with `several`, some ask for more units, or of both resources."""
    rng = random.Random(seed)
    capacity = {"r": rng.randint(1, 3), "q": rng.randint(2, 3)}
    tasks = []
    for k in range(rng.randint(5, 8)):
        least = rng.randint(0, 2)
        most = least + rng.randint(0, 3)
        before = tuple(b for b in range(k) if rng.random() < 0.2)
        asks: list[tuple[str, int]] = [(rng.choice("rrrrq"), 1)]
        if several and rng.random() < 0.5:
            asks = [(r, rng.randint(1, capacity[r])) for r in "rq" if rng.random() < 0.6]
        tasks.append(Task(f"a{k}", Fraction(least), Fraction(most), tuple(asks), before))
    return tasks, capacity


def waves(seed: int) -> Net:
    """More ask when the last of those before still run: what waited is carried in."""
    rng = random.Random(seed)
    first, timers, second = rng.randint(3, 4), rng.randint(1, 2), rng.randint(2, 3)
    tasks = []
    for k in range(first + timers + second):
        late = k - first - timers
        least = rng.randint(1, 6)
        most = least + rng.choice((0, 0, 1, 3))
        before = (first + rng.randrange(timers),) if late >= 0 else ()
        asks = (("r", 1),) if k < first or late >= 0 else ()
        tasks.append(Task(f"a{k}", Fraction(least), Fraction(most), asks, before))
    return tasks, {"r": rng.randint(2, 3)}


def states_and_bounds(net: Net, most: int) -> list[tuple[int, int]]:
    """Of some states that are reached: how long they last at most, and the bound."""
    tasks, capacity = net
    seconds, busy = Seconds(tasks, capacity), Busy(Network(tasks, capacity))
    seconds.rest(frozenset(), ())
    # The first, for the most is left there, and some others.
    some = sorted(seconds.known, key=lambda s: (len(s[0]), sorted(s[0]), s[1]))
    some = [*some[:most], *random.Random(0).sample(some, min(most, len(some)))]
    out = []
    for ended, ages in some:
        real = seconds.known[ended, ages]
        if real < 0:
            continue  # (Time cannot pass: something should have ended.)
        works = {k: int(tasks[k].most) - age for k, age in ages}
        least = {k: max(0, int(tasks[k].least) - age) for k, age in ages}
        out.append((real, busy.within(sum(1 << k for k in ended), works, least, 0)))
    return out


@pytest.mark.parametrize("chains", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_no_state_lasts_longer_than_its_bound(
    several: bool, chains: bool, monkeypatch: MonkeyPatch
) -> None:
    if not chains:
        # What keeps each one waiting has to do without.
        monkeypatch.setattr(Busy, "_in_chains", lambda *_: False)
    exact = many = 0
    for seed in range(40):
        for net in (crowded(seed, several), waves(seed)):
            for real, bound in states_and_bounds(net, 40):
                assert bound >= real, seed
                many += 1
                exact += bound == real
    assert exact > many / 2


def test_late_runs_are_runs() -> None:
    found = 0
    for seed in range(30):
        tasks, capacity = crowded(seed, True)
        real = latest_of_all(tasks, capacity)
        run = late_run(Network(tasks, capacity), real, float("inf"))
        assert run is not None and run.end <= real
        found += run.end == real
    assert found > 20
