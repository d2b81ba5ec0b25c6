"""How long a network of activities may still take at most, by what can keep each of them waiting.

As response times are bounded where tasks share processors (busy periods: Joseph, Pandya 1986; what
is carried in: Guan et al. 2009).  An activity waits for units only while they are in use.  Look at
the time without a break in which they are, up to its start; say it begins at s.  Just before s one
more claim fitted, so

- whatever asks for these units and was ready had them: it runs in that time only if it was among
  the few that ran just before s (what is carried in), or may still become ready at s or later;
- so many units are in use all the while: what runs has to add up, each activity no longer than it
  takes, not before it can be ready at the earliest, and not beside itself.

What is carried in and had waited began the sooner, the more of the work was left over for later:
it cannot have been done before (each unit of it that is done later brings forward the start of what
is carried in by less, in sum, than it adds, so to leave over all that can be is the worst).

The latest times at which activities are ready and over follow from each other; they begin with all
work in sequence and are lowered until nothing changes.  Chains of activities are bounded as a whole
as well: the longest chain, and the work of the pools that it waits for (Graham 1969), of which each
activity has its own only once.

Times are whole numbers of the network's grain, from now on.  That is enough: if there is a run that
ends that late, there is one in whole numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from math import lcm
from typing import Any

from ...dsl.records import dataclass
from .response_network import Network, members

MOST_PASSES = 40
MOST_STEPS = 100
MOST_POOLS = 5  # whose combinations are told apart in chains


@dataclass(frozen=True, slots=True)
class _Claim:
    """What an activity waits for, where that is one resource: `need` of its units are in use while
    it does; `units` it takes."""

    resource: str
    units: int
    need: int


_Rivals = Sequence[tuple[int, int]]  # by number, and how many units each has


@dataclass(slots=True)
class Times:
    """Of each activity, by number, where it is left: the latest that it may be ready, begin and be
    over; `queued`, over `scale`: when it begins if all work there is comes first; the earliest that
    it may be ready, begin and be over; `after`: it is supposed not to begin before; `ends`: not to
    be over before; how long it takes at least and at most.  Sets are bits."""

    left: int
    running: int
    ready: list[int]
    start: list[int]
    over: list[int]
    queued: list[int]
    asked: list[int]
    soonest: list[int]
    first: list[int]
    after: list[int]
    ends: list[int]
    least: list[int]
    works: list[int]

    def copy(self) -> Times:
        mine = {f.name: getattr(self, f.name) for f in fields(self)}
        lists: dict[str, Any] = {name: list(x) for name, x in mine.items() if isinstance(x, list)}
        return replace(self, **lists)


class Busy:
    """Bounds for states of one network."""

    def __init__(self, network: Network, until: float = float("inf")) -> None:
        """`until`: no bound is lowered after that (monotonic seconds)."""
        self.network = network
        self.until = until
        everyone = range(len(network.tasks))
        self.follows = [0] * len(network.tasks)  # all that comes after it, as bits
        for k in reversed(everyone):
            for a in network.after[k]:
                self.follows[k] |= 1 << a | self.follows[a]
        asked: dict[str, set[int]] = {}
        several: set[str] = set()
        for asks in network.asks:
            for r, q in asks.items():
                if q:
                    asked.setdefault(r, set()).add(q)
                    if sum(map(bool, asks.values())) > 1:
                        several.add(r)  # (Who asks for more may wait for another.)
        # Resources of which all ask for as many units.
        self.alike = {r for r, units in asked.items() if len(units) == 1} - several
        self.claims: list[_Claim | None] = []
        for asks in network.asks:
            claims = [(r, q) for r, q in asks.items() if q]
            claim = None
            if len(claims) == 1:
                ((r, q),) = claims
                claim = _Claim(r, q, network.capacity[r] - q + 1)
                if r in self.alike:
                    claim = _Claim(r, 1, network.capacity[r] // q)
            self.claims.append(claim)
        self.users = {r: [k for k in everyone if network.asks[k].get(r)] for r in network.capacity}
        self.units = [
            {r: 1 if r in self.alike else q for r, q in a.items() if q} for a in network.asks
        ]
        self.rivals = [self._rivals(k) for k in everyone]
        needs = [c.need for c in self.claims if c is not None]
        self.scale = lcm(network.scale, *needs)
        self._chains()

    def _rivals(self, k: int) -> list[tuple[int, int, bool]]:
        """What else uses what `k` claims and may come before it: by number, how many units, and
        whether it starts at once where one more claim like that of `k` fits."""
        claim = self.claims[k]
        if claim is None:
            return []
        name, follows = claim.resource, self.follows[k]
        return [
            (
                x,
                self.units[x][name],
                self.claims[x] is not None and self.units[x][name] <= claim.units,
            )
            for x in self.users[name]
            if x != k and not follows >> x & 1
        ]

    def _chains(self) -> None:
        network = self.network
        many = len(network.capacity) > MOST_POOLS
        self.bit = {r: 0 if many else 1 << n for n, r in enumerate(network.capacity)}
        self.masks = [sum(self.bit[r] for r, q in a.items() if q) for a in network.asks]

    def times(self, ended: int, works: Mapping[int, int], least: Mapping[int, int]) -> Times:
        """What is left one after the other; what runs takes as long as `works` says at most, and
        `least` at least."""
        network = self.network
        left = network.all & ~ended
        lasts = [works.get(k, network.hi[k]) for k in range(len(network.tasks))]
        total = sum(lasts[k] for k in members(left))
        many = len(lasts)
        times = Times(
            left,
            sum(1 << k for k in works),
            [total] * many,
            [total] * many,
            [total] * many,
            [total * self.scale] * many,
            [0] * many,
            [0] * many,
            [0] * many,
            [0] * many,
            [0] * many,
            list(network.lo),
            lasts,
        )
        for k, longest in works.items():
            times.ready[k], times.start[k], times.over[k], times.queued[k] = -1, 0, longest, 0
            times.first[k] = least[k]
        self.earliest(times, {})
        return times

    def earliest(self, times: Times, floor: Mapping[int, int]) -> None:
        """With what is over at the earliest as `floor` says."""
        network = self.network
        for k in members(times.left):
            over = max(floor.get(k, 0), times.ends[k])
            if times.running >> k & 1:
                times.first[k] = max(times.first[k], over)
                continue
            before = members(network.before[k] & times.left)
            times.asked[k] = max((times.first[b] for b in before), default=0)
            times.soonest[k] = max(times.asked[k], over - times.works[k], times.after[k])
            times.first[k] = max(times.soonest[k] + times.least[k], over)

    def within(
        self, ended: int, works: Mapping[int, int], least: Mapping[int, int], limit: int
    ) -> int:
        """All is over at the latest so long from now.  No more exact than to be sure that it is
        within the limit."""
        times = self.times(ended, works, least)
        self.lower(times, limit)
        return self.last(times)

    def last(self, times: Times) -> int:
        return max((times.over[k] for k in members(times.left) if not self.follows[k]), default=0)

    def lower(self, times: Times, limit: int, passes: int = MOST_PASSES) -> None:
        for _ in range(passes):
            changed = self._in_chains(times)
            for k in members(times.left & ~times.running):
                if time.monotonic() > self.until:
                    return
                changed |= self._lowered(k, times)
            if not changed or self.last(times) <= limit:
                return

    def _lowered(self, k: int, times: Times) -> bool:
        ready = max((times.over[b] for b in self.before(k, times)), default=0)
        ready = min(ready, times.ready[k])
        start, queued = self.begins(k, ready, times)
        start = min(start, times.start[k], times.over[k] - times.least[k])
        over = min(start + times.works[k], times.over[k])
        changed = (
            ready < times.ready[k]
            or start < times.start[k]
            or over < times.over[k]
            or queued < times.queued[k]
        )
        times.ready[k], times.start[k], times.over[k] = ready, start, over
        times.queued[k] = min(queued, times.queued[k])
        return changed

    def before(self, k: int, times: Times) -> tuple[int, ...]:
        return members(self.network.before[k] & times.left)

    def begins(self, k: int, ready: int, times: Times) -> tuple[int, int]:
        """When it begins at the latest if it is ready by then, and when it would if all work came
        first, over `scale`."""
        claim = self.claims[k]
        if claim is not None:
            return self._start(k, claim, ready, times)
        if self.masks[k] or any(self.network.asks[k].values()):
            return times.start[k], times.queued[k]  # (Of several resources.)
        return ready, ready * self.scale

    def _start(self, k: int, claim: _Claim, ready: int, times: Times) -> tuple[int, int]:
        # What may not have started before stays the same between two of these, and the later begins
        # are the worse: if the units are in use from a time between on, they are from here on.
        begins = {0, ready}
        left, running, works, over = times.left, times.running, times.works, times.over
        others = []  # and by when each has surely started where one more claim like this one fits
        for x, units, fits in self.rivals[k]:
            if left >> x & 1:
                at = times.ready[x] if fits else times.start[x]
                if 0 < at < ready:
                    begins.add(at)
                others.append((x, units, -1 if running >> x & 1 else at))
        start, queued = ready, ready * self.scale
        share = self.scale // claim.need
        top = times.start[k]
        for begin in sorted(begins, reverse=True):
            later, carried, most = [], [], []
            work = 0
            for x, units, at in others:
                if not begin or at >= begin:
                    later.append((x, units))
                    work += works[x] * units
                elif over[x] > begin:
                    carried.append((x, units))
                    most.append((min(works[x], over[x] - begin), units))
            if most:
                work += _fitting(most, claim.need - 1)
            queued = max(queued, begin * self.scale + work * share)
            if begin + work // claim.need > start and start < top:
                found = self._busy(k, claim, begin, (later, carried), times, (start, top))
                start = max(start, found)
        return start, queued

    def _busy(
        self,
        k: int,
        claim: _Claim,
        begin: int,
        among: tuple[_Rivals, _Rivals],
        times: Times,
        between: tuple[int, int],
    ) -> int:
        """How long its units may be in use from there on without a break: as long as what can run
        by then adds up to it, at each time up to then."""
        start, top = between
        if not self._full(k, claim, begin, start + 1, among, times):
            return start
        end = begin
        for _ in range(MOST_STEPS):
            work = self._work(k, claim, begin, end + 1, among, times)
            reached = begin + work // (claim.need * self.scale)
            if reached <= end:
                return end
            end = reached
            if end >= top:
                break
        return top

    def _full(
        self,
        k: int,
        claim: _Claim,
        begin: int,
        end: int,
        among: tuple[_Rivals, _Rivals],
        times: Times,
    ) -> bool:
        work = self._work(k, claim, begin, end, among, times)
        return work >= claim.need * (end - begin) * self.scale

    def _work(
        self,
        k: int,
        claim: _Claim,
        begin: int,
        end: int,
        among: tuple[_Rivals, _Rivals],
        times: Times,
    ) -> int:
        """Units in use from `begin` to `end` at most, times how long, over `scale`."""
        later, carried = among
        name, scale = claim.resource, self.scale
        soonest, works = times.soonest, times.works
        does = {}
        total = 0
        for x, units in later:
            since = soonest[x] if soonest[x] > begin else begin
            lasts = end - since if end - since < works[x] else works[x]
            if lasts > 0:
                does[x] = lasts * units
                total += lasts * units
        held = []
        for x, units in carried:
            over = times.over[x] * scale
            mine = self.claims[x]
            if name in self.alike and mine is not None and not times.running >> x & 1:
                # It had begun when all of its kind was done but what is done later.
                rest, follows = total, self.follows[x]
                if follows:
                    rest -= sum(w for y, w in does.items() if follows >> y & 1)
                if not follows >> k & 1:
                    rest += times.works[k]
                began = max(times.ready[x] * scale, times.queued[x] - rest * (scale // mine.need))
                over = min(over, began + times.works[x] * scale)
            lasts = min(times.works[x] * scale, (end - begin) * scale, over - begin * scale)
            if lasts > 0:
                held.append((lasts, units))
        return total * scale + _fitting(held, claim.need - 1)

    def _in_chains(self, times: Times) -> bool:
        """By the longest chain to each, and the work of the pools on it."""
        network, scale = self.network, self.network.scale
        changed = False
        longest: dict[int, dict[int, int]] = {}
        for k in members(times.left):
            if time.monotonic() > self.until:
                return False
            works = times.works[k]
            if times.running >> k & 1:
                longest[k] = {0: works * scale}
                continue
            own = max(0, scale - network.share[k]) * works
            mask = self.masks[k]
            before = self.before(k, times)
            mine: dict[int, int] = {}
            if not before:
                mine[mask] = own
            for b in before:
                for m, length in longest[b].items():
                    mine[m | mask] = max(mine.get(m | mask, 0), length + own)
            longest[k] = mine
            follows = self.follows[k]
            pools = dict.fromkeys(self.bit.values(), 0)
            for r, bit in self.bit.items():
                spare = scale // network.spare[r]
                for x in self.users[r]:
                    if times.left >> x & 1 and not follows >> x & 1:
                        pools[bit] += times.works[x] * network.asks[x][r] * spare
            bound = max(
                length + sum(w for bit, w in pools.items() if not bit or m & bit)
                for m, length in mine.items()
            )
            if bound // scale < times.over[k]:
                times.over[k] = bound // scale
                changed = True
        return changed


def _fitting(lasts: list[tuple[int, int]], units: int) -> int:
    """The most that may run at once, each for some time with so many units, in so many units."""
    total = 0
    for lasting, asks in sorted(lasts, reverse=True):
        taken = min(asks, units)
        total += lasting * taken
        units -= taken
        if not units:
            break
    return total
