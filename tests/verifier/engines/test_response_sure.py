"""What is concluded from times in which a run of a network lies: that run stays within them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import pytest
from pytest import MonkeyPatch
from wfverify.semantics.network import Task
from wfverify.verifier.engines.response_busy import Busy, Times
from wfverify.verifier.engines.response_network import Network, members
from wfverify.verifier.engines.response_sure import narrowed

Net = tuple[list[Task], dict[str, int]]


@dataclass(frozen=True)
class Run:
    """When each is ready, begins and is over, by number."""

    ready: list[int]
    start: list[int]
    over: list[int]


def network(rng: random.Random, several: bool) -> Net:
    """Several pools; with `several`, amounts and several resources of one activity."""
    capacity = {r: rng.randint(1, 4) for r in "pqr"[: rng.randint(1, 3)]}
    dense = rng.choice((0.05, 0.15, 0.3))
    tasks: list[Task] = []
    for k in range(rng.randint(4, 14)):
        least = rng.choice((0, 1, 1, 2, 5))
        most = least + rng.choice((0, 1, 3, 8))
        asks = [(rng.choice(list(capacity)), 1)] if rng.random() < 0.9 else []
        if several and rng.random() < 0.5:
            asks = [(r, rng.randint(1, c)) for r, c in capacity.items() if rng.random() < 0.6]
        before = tuple(b for b in range(k) if rng.random() < dense)
        tasks.append(Task(f"a{k}", Fraction(least), Fraction(most), tuple(asks), before))
    return tasks, capacity


def crowds(rng: random.Random, several: bool) -> Net:
    """Many at one pool, some of which come when others have waited there for long."""
    capacity = {"p": rng.randint(2, 4), "q": 2}
    first, timers, second = rng.randint(3, 9), rng.randint(1, 2), rng.randint(1, 4)
    tasks: list[Task] = []
    for k in range(first + timers + second):
        late = k - first - timers
        least = rng.randint(1, 6)
        most = least + rng.choice((0, 0, 1, 3))
        before: tuple[int, ...] = ()
        if late >= 0:
            before = (rng.randrange(first + timers),) if rng.random() < 0.3 else (first,)
        elif k and rng.random() < 0.15:
            before = (rng.randrange(k),)
        asks = [("p", 1)] if k < first or late >= 0 else []
        if several and asks and rng.random() < 0.2:
            asks.append(("q", rng.randint(1, 2)))
        tasks.append(Task(f"a{k}", Fraction(least), Fraction(most), tuple(asks), before))
    return tasks, capacity


def taken(net: Net, rng: random.Random) -> Run:
    """By an order of claims and durations by chance; one is often the last to be granted."""
    tasks, capacity = net
    many = len(tasks)
    shorter = rng.choice((0.0, 0.1, 0.5))
    takes = [int(t.least if rng.random() < shorter else t.most) for t in tasks]
    order = rng.sample(range(many), many)
    last = rng.randrange(many)
    order = [*(k for k in order if k != last), last]
    free = dict(capacity)
    ready, start, over = [-1] * many, [-1] * many, [-1] * many
    now = 0
    while True:
        ended = {k for k in range(many) if 0 <= over[k] <= now and start[k] >= 0}
        for k in range(many):
            if ready[k] < 0 and ended.issuperset(tasks[k].before):
                ready[k] = now
        for k in order:
            if ready[k] >= 0 and start[k] < 0 and all(free[r] >= q for r, q in tasks[k].asks):
                start[k], over[k] = now, now + takes[k]
                for r, q in tasks[k].asks:
                    free[r] -= q
                if not takes[k]:
                    break
        else:
            ends = [e for e in over if e > now]
            if not ends:
                return Run(ready, start, over)
            now = min(ends)
        for k in range(many):
            if over[k] == now and k not in ended:
                for r, q in tasks[k].asks:
                    free[r] += q


def around(busy: Busy, run: Run, rng: random.Random) -> Times:
    """Times in which the run lies, some of them barely."""
    times = busy.times(0, {}, {})
    if rng.random() < 0.5:
        return times  # (What follows without any supposition.)
    far = rng.choice((2, 6, 40))
    for k in members(times.left):
        slack = [rng.choice((0, 0, 1, far)) for _ in range(5)]
        times.ready[k] = min(times.ready[k], run.ready[k] + slack[0])
        times.start[k] = min(times.start[k], run.start[k] + slack[1])
        times.over[k] = min(times.over[k], run.over[k] + slack[2])
        times.after[k] = max(0, run.start[k] - slack[3])
        times.ends[k] = max(0, run.over[k] - slack[4])
    busy.earliest(times, {})
    return times


def outside(busy: Busy, run: Run, times: Times) -> list[int]:
    """Of which the times exclude what the run does."""
    takes = [e - s for s, e in zip(run.start, run.over, strict=True)]
    return [
        k
        for k in members(times.left)
        if times.ready[k] < run.ready[k]
        or times.start[k] < run.start[k]
        or times.over[k] < run.over[k]
        or times.soonest[k] > run.start[k]
        or times.first[k] > run.over[k]
        or times.least[k] > takes[k]
    ]


def lowered(busy: Busy, times: Times) -> bool:
    busy.lower(times, -1)
    return True


def both(busy: Busy, times: Times) -> bool:
    for _ in range(3):
        if not (lowered(busy, times) and narrowed(busy, times)):
            return False
        busy.earliest(times, {})
    return True


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("conclude", [lowered, narrowed, both])
def test_a_run_stays_within_the_times(
    conclude: Callable[[Busy, Times], bool], several: bool, monkeypatch: MonkeyPatch
) -> None:
    rng = random.Random(0)
    fewer = 0
    for number in range(300):
        net = (crowds if number % 3 else network)(rng, several)
        busy = Busy(Network(*net))
        if number % 2:
            monkeypatch.setattr(
                busy, "_in_chains", lambda *_: False
            )  # (It may hide what is wrong.)
        for _ in range(5):
            run = taken(net, rng)
            times = around(busy, run, rng)
            assert not outside(busy, run, times)
            before = times.copy()
            assert conclude(busy, times), (net, run)
            busy.earliest(times, {})
            assert not outside(busy, run, times), (net, run)
            fewer += (before.start, before.first) != (times.start, times.first)
    assert fewer > 100


# Found by changing one thing in `response_busy`: what comes after an activity is not taken from the
# work that was left over when it began (7996).
@pytest.mark.parametrize("seed", [7996])
def test_runs_that_found_a_fault(seed: int, monkeypatch: MonkeyPatch) -> None:
    rng = random.Random(seed)
    net = (crowds if seed % 3 else network)(rng, seed % 2 == 0)
    busy = Busy(Network(*net))
    monkeypatch.setattr(busy, "_in_chains", lambda *_: False)
    runs = [taken(net, rng) for _ in range(12)]
    plain = busy.times(0, {}, {})
    busy.lower(plain, -1)
    assert not any(outside(busy, run, plain) for run in runs)
    times = around(busy, runs[-1], rng)
    assert both(busy, times)
    assert not outside(busy, runs[-1], times)
