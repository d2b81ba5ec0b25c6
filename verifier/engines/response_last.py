"""No run of a network of activities ends after some time, by supposing that one does.

Then one of the last activities is over later than that, so it began late, so it was ready late: as
late as what can keep it waiting (`response_busy`) does not make up for.  What it was ready by, the
last of what is before it, was over late in turn; where that may be one of several, each is looked
at.  This gives earliest times to a chain of activities, and to all that comes after them; with
these less can keep others waiting, and so on, until one would have to be over later than it can be.
All waits of the chain together take no more than the work of others that can run in them, of which
each is done once.  Where that does not do, times are halved, and both cases are looked at: those of
what much of the work that can keep the chain waiting comes after, for whether it comes early or
late says where that work is, in all pools together.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from .response_busy import Busy, Times
from .response_network import members
from .response_sure import narrowed

FEW_CASES = 20
MOST_TURNS = 12
PASSES = 1  # of lowering the latest times, between raising the earliest


class Last:
    """Of one network."""

    def __init__(self, busy: Busy) -> None:
        self.busy = busy
        self.cases = 0
        self.cut = False  # more cases might have shown more

    def never(
        self,
        ended: int,
        works: Mapping[int, int],
        least: Mapping[int, int],
        goal: int,
        cases: int = FEW_CASES,
    ) -> bool:
        """Nothing is over later than `goal` from now; False: not known, after so many cases."""
        busy = self.busy
        times = busy.times(ended, works, least)
        busy.lower(times, goal)
        self.cases = cases
        return all(
            self._refuted(times, (k,), {k: goal + 1})
            for k in members(times.left)
            if not busy.follows[k] and times.over[k] > goal
        )

    def _refuted(self, times: Times, chain: tuple[int, ...], floor: dict[int, int]) -> bool:
        """There is no run in which each of the chain, the last one first, became ready when the
        next one was over, and is over no earlier than `floor` says."""
        self.cases -= 1
        if self.cases < 0 or time.monotonic() > self.busy.until:
            self.cut = True
            return False
        busy, times, floor = self.busy, times.copy(), dict(floor)
        for _ in range(MOST_TURNS):
            busy.earliest(times, floor)
            busy.lower(times, -1, PASSES)
            known = dict(floor)
            if not (self._raised(times, chain, floor) and self._together(times, chain, floor)):
                return True
            if any(times.over[k] < least for k, least in floor.items()):
                return True
            if not narrowed(busy, times):
                return True
            waiting = members(times.left & ~times.running)
            if any(times.start[k] < times.soonest[k] for k in waiting):
                return True
            before = self._causes(times, chain, floor)
            if before is not None and len(before) == 1:
                chain = (*chain, before[0])
                floor[chain[-1]] = self._due(times, chain[-2], floor)
            elif floor == known:
                break
        before = self._causes(times, chain, floor)
        if before is None:
            return self._halved(times, chain, floor)
        due = self._due(times, chain[-1], floor)
        return all(self._refuted(times, (*chain, b), {**floor, b: due}) for b in before)

    def _halved(self, times: Times, chain: tuple[int, ...], floor: dict[int, int]) -> bool:
        """One activity begins in the first half of the time in which it may, or in the second: that
        of which it matters most, as far as times and work say."""
        open_ = [
            k for k in members(times.left & ~times.running) if times.start[k] > times.soonest[k]
        ]
        if not open_:
            return False
        matters = self._matters(times, chain)
        k = max(open_, key=lambda k: (times.start[k] - times.soonest[k]) * matters[k])
        middle = (times.start[k] + times.soonest[k]) // 2
        first, second = times.copy(), times.copy()
        first.start[k] = middle
        first.over[k] = min(first.over[k], middle + times.works[k])
        second.after[k] = middle + 1
        return self._refuted(first, chain, floor) and self._refuted(second, chain, floor)

    def _matters(self, times: Times, chain: Sequence[int]) -> list[int]:
        """Of each activity, how much of the work that can keep the chain waiting comes no sooner
        than it; of one of the chain also its own."""
        busy = self.busy
        pools = {c.resource for k in chain if (c := busy.claims[k]) is not None}
        keeps = [
            k not in chain and c is not None and c.resource in pools
            for k, c in enumerate(busy.claims)
        ]
        return [
            sum(times.works[x] for x in members(follows | 1 << k) if keeps[x] or x == k in chain)
            for k, follows in enumerate(busy.follows)
        ]

    def _causes(
        self, times: Times, chain: Sequence[int], floor: Mapping[int, int]
    ) -> list[int] | None:
        """What may have been over last before the earliest of the chain; None: it waits for nothing
        to be over."""
        k = chain[-1]
        before = self.busy.before(k, times)
        if not before:
            return None
        due = self._due(times, k, floor)
        return [b for b in before if times.over[b] >= due]

    def _due(self, times: Times, k: int, floor: Mapping[int, int]) -> int:
        """It cannot have been ready sooner: what keeps it waiting would not do; beyond when it may
        be ready, if that never does."""
        if times.running >> k & 1:
            return 0
        begin = floor[k] - times.works[k]
        low, high = 0, times.ready[k] + 1
        while low < high:
            middle = (low + high) // 2
            if self.busy.begins(k, middle, times)[0] >= begin:
                high = middle
            else:
                low = middle + 1
        return low

    def _raised(self, times: Times, chain: Sequence[int], floor: dict[int, int]) -> bool:
        """With when each of the chain has to be over for the one after it; False: it cannot."""
        for k, before in zip(chain, [*chain[1:], -1], strict=True):
            due = self._due(times, k, floor)
            if not times.running >> k & 1 and due > times.ready[k]:
                return False
            if before >= 0:
                floor[before] = max(floor[before], due)
        return True

    def _together(self, times: Times, chain: Sequence[int], floor: dict[int, int]) -> bool:
        """All waits of a part of the chain, and what the others of each pool can do in them."""
        order = chain[::-1]
        for i in range(len(order)):
            ready = 0 if times.running >> order[i] & 1 else times.ready[order[i]]
            for j in range(i, len(order)):
                most = self._longest(times, order[: j + 1], i, floor)
                last = order[j]
                times.over[last] = min(times.over[last], ready + most)
                if times.over[last] < floor[last]:
                    return False
                if i:
                    floor[order[i - 1]] = max(floor[order[i - 1]], floor[last] - most)
        return True

    def _longest(
        self, times: Times, order: Sequence[int], begin: int, floor: Mapping[int, int]
    ) -> int:
        """From when the one at `begin` is ready until the last of them is over."""
        busy, part = self.busy, order[begin:]
        total = sum(times.works[k] for k in part)
        waits: dict[str, list[tuple[int, int, int]]] = {}
        for place, k in enumerate(part, begin):
            claim = busy.claims[k]
            if times.running >> k & 1:
                continue
            ready = times.asked[k]
            if place:
                ready = max(ready, floor[order[place - 1]])
            most = max(0, times.start[k] - ready)
            if claim is None:
                total += most
            else:
                waits.setdefault(claim.resource, []).append((k, ready, most))
        for name, among in waits.items():
            total += min(sum(most for _, _, most in among), self._done(times, part, name, among))
        return total

    def _done(
        self,
        times: Times,
        part: Sequence[int],
        name: str,
        waits: Sequence[tuple[int, int, int]],
    ) -> int:
        """How long others can keep the units in use in these waits."""
        busy = self.busy
        work, need = 0, None
        for k, _, _ in waits:
            claim = busy.claims[k]
            assert claim is not None
            need = claim.need if need is None else min(need, claim.need)
        for x in busy.users[name]:
            if x in part or not times.left >> x & 1:
                continue
            if any(
                not busy.follows[x] >> k & 1
                and not busy.follows[k] >> x & 1
                and times.soonest[x] < ready + most
                and times.over[x] > ready
                for k, ready, most in waits
            ):
                work += times.works[x] * busy.units[x][name]
        return work // need if need else 0
