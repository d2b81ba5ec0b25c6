"""The latest end of a network of activities, against all its runs second by second."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import lru_cache

from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.semantics.network import Task
from wfverify.verifier.engines import response
from wfverify.verifier.engines.response import latest_end
from wfverify.verifier.engines.response_network import Network
from wfverify.verifier.engines.response_parts import in_sequence, side_by_side
from wfverify.verifier.lasting import measured
from wfverify.verifier.session import Options, Session

SIZES = (response._Round(1, 1), response._Round(2, 2), response._Round(1000, 1000))


def _network(seed: int) -> tuple[list[Task], dict[str, int]]:
    rng = random.Random(seed)
    capacity = {"r": rng.randint(1, 2), "q": 2}
    tasks = []
    for k in range(rng.randint(3, 6)):
        least = rng.randint(0, 2)
        most = least + rng.randint(0, 3)
        before = tuple(b for b in range(k) if rng.random() < 0.25)
        asks = [("r", 1)] if rng.random() < 0.6 else []
        asks += [("q", rng.randint(1, 2))] if rng.random() < 0.5 else []
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
        tasks, capacity = _network(seed)
        real = latest_of_all(tasks, capacity)
        found = latest_end(tasks, capacity, 60.0)
        assert found.bound == found.seconds == real, seed


def test_one_hull_for_each_state_is_not_too_low_and_what_is_kept_is_a_run() -> None:
    beyond = 0
    for seed in range(60):
        tasks, capacity = _network(seed)
        real = latest_of_all(tasks, capacity)
        for size in SIZES:
            search = response._Search(Network(tasks, capacity), size, 0, None, float("inf"))
            assert search.run()
            assert search.bound >= real, seed
            assert search.best is None or search.best.upper[0] <= real, seed
            beyond += search.bound > real
    assert beyond  # (Otherwise hulls were never needed.)
