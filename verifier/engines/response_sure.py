"""What surely runs at some times, where bounds are known on when activities begin and are over.

- An activity that has begun by one time and is not over before a later one runs in between.  What
  surely runs at a time holds no more units than there are; where it leaves too few for another one,
  that one does not run (time tables of cumulative resources: Lahrichi 1982).
- One that is ready by a time and begins no sooner than a later one waits in between, so others have
  all units but fewer than it asks for.  Where they can barely do that, each has to run in it for as
  long as the others leave over (energetic reasoning: Erschler, Lopez 1990; here for the wait of one
  that is granted as soon as it can be).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .response_busy import Busy, Times
from .response_network import members


def narrowed(busy: Busy, times: Times) -> bool:
    """Times are narrowed to what can be; False: nothing can."""
    waiting = members(times.left & ~times.running)
    return all(_waited(busy, times, k) for k in waiting) and all(
        _placed(busy, times, name) for name in busy.network.capacity
    )


def _waited(busy: Busy, times: Times, k: int) -> bool:
    """It waits from when it is ready at the latest until it begins at the soonest."""
    claim = busy.claims[k]
    begin, end = times.ready[k], times.soonest[k]
    if claim is None or begin >= end:
        return True
    can: list[tuple[int, int, int]] = []
    spare = -claim.need * (end - begin)
    for x, units, _ in busy.rivals[k]:
        if times.left >> x & 1:
            since = max(begin, times.soonest[x])
            lasts = min(times.works[x], min(end, times.over[x]) - since)
            if lasts > 0:
                can.append((x, units, lasts))
                spare += units * lasts
    if spare < 0:
        return False
    for x, units, lasts in can:
        must = lasts - spare // units
        if must > 0:
            times.least[x] = max(times.least[x], must)
            times.ends[x] = max(times.ends[x], begin + must)
            if not times.running >> x & 1:
                times.start[x] = min(times.start[x], end - must)
    return True


def _placed(busy: Busy, times: Times, name: str) -> bool:
    """What surely runs leaves room for the others of the resource."""
    asks, capacity = busy.network.asks, busy.network.capacity[name]
    users = [k for k in busy.users[name] if times.left >> k & 1]
    sure = {k: (times.start[k], times.first[k]) for k in users if times.start[k] < times.first[k]}
    for begin, end, held in _table(sure, {k: asks[k][name] for k in sure}):
        if held > capacity:
            return False
        for k in users:
            if times.running >> k & 1 or held + asks[k][name] <= capacity:
                continue
            if k in sure and sure[k][0] < end and begin < sure[k][1]:
                continue  # (It is one of those that run.)
            # It does not begin later than this, and before the end.
            last = begin - times.least[k]
            if last < times.soonest[k] < end:
                times.after[k] = max(times.after[k], end)
            if last < times.start[k] < end:
                times.start[k] = last
    return True


def _table(
    sure: Mapping[int, tuple[int, int]], units: Mapping[int, int]
) -> Iterator[tuple[int, int, int]]:
    """From when to when how many units are held."""
    steps: dict[int, int] = {}
    for k, (begin, end) in sure.items():
        steps[begin] = steps.get(begin, 0) + units[k]
        steps[end] = steps.get(end, 0) - units[k]
    held, since = 0, 0
    for at in sorted(steps):
        if held:
            yield since, at, held
        held += steps[at]
        since = at
