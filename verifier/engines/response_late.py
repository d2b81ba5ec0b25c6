"""Late runs of a network of activities, looked for by chance: an order in which claims are granted
and how long each activity takes, changed bit by bit (simulated annealing: Kirkpatrick et al. 1983).

What is found is a run; that none is found that ends later proves nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from heapq import heappop, heappush
from math import exp

from .response_network import Network, Run

ROUNDS = 8
STEPS = 5  # changes in one round, times the square of how many activities there are
WARM, COLD = 0.04, 0.0005  # of the time that the whole takes


def late_run(network: Network, most: int, until: float) -> Run | None:
    """The latest that is found; it is not looked for on where one ends at `most`."""
    rng = random.Random(0)
    everyone = list(range(len(network.tasks)))
    free = [k for k in everyone if network.lo[k] < network.hi[k]]
    best: Run | None = None
    steps = STEPS * len(everyone) ** 2
    for _ in range(ROUNDS):
        order = rng.sample(everyone, len(everyone))
        takes = list(network.hi)
        now = run(network, order, takes)
        best = now if best is None or now.end > best.end else best
        for step in range(steps):
            if best.end >= most or time.monotonic() > until:
                return best
            heat = (WARM + (COLD - WARM) * step / steps) * best.end
            other, lasts = order, takes
            if not free or rng.random() < 0.5:
                a, b = rng.choice(everyone), rng.choice(everyone)
                other = list(order)
                other[a], other[b] = other[b], other[a]
            else:
                k = rng.choice(free)
                lasts = list(takes)
                low, high = network.lo[k], network.hi[k]
                lasts[k] = high if rng.random() < 0.5 else rng.randint(low, high)
            then = run(network, other, lasts)
            if then.end >= now.end or rng.random() < exp((then.end - now.end) / heat):
                order, takes, now = other, lasts, then
            if then.end > best.end:
                best = then
    return best


def run(network: Network, order: Sequence[int], takes: Sequence[int]) -> Run:
    """Claims that fit are granted at once, the first of the order first; all that ends in an
    instant gives back its units before."""
    free = dict(network.capacity)
    asks = network.asks
    missing = [b.bit_count() for b in network.before]
    begins = [0] * len(missing)
    begun = 0
    waiting = sorted((order[k], k) for k, n in enumerate(missing) if not n)
    ends: list[tuple[int, int]] = []
    now = 0
    while True:
        left = []
        for rank, k in waiting:
            if all(free[r] >= q for r, q in asks[k].items()):
                for r, q in asks[k].items():
                    free[r] -= q
                begins[k] = begun
                begun += 1
                heappush(ends, (now + takes[k], k))
            else:
                left.append((rank, k))
        waiting = left
        if not ends:
            return Run(now, tuple(begins), tuple(takes))
        now = ends[0][0]
        while ends and ends[0][0] == now:
            _, k = heappop(ends)
            for r, q in asks[k].items():
                free[r] += q
            for a in network.after[k]:
                missing[a] -= 1
                if not missing[a]:
                    waiting.append((order[a], a))
        waiting.sort()
