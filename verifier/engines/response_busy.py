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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import lcm

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


@dataclass(slots=True)
class _Times:
    """Of each activity that is left: the latest that it may be ready and over; `queued`, over
    `scale`: that it has waited for all work there is, the last of all."""

    ready: dict[int, int] = field(default_factory=dict)
    over: dict[int, int] = field(default_factory=dict)
    queued: dict[int, int] = field(default_factory=dict)
    soonest: dict[int, int] = field(default_factory=dict)  # that it may be ready at the earliest
    works: dict[int, int] = field(default_factory=dict)  # how long it takes at most, from now on
    running: int = 0


class Busy:
    """Bounds for states of one network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        everyone = range(len(network.tasks))
        self.follows = [0] * len(network.tasks)  # all that comes after it, as bits
        for k in reversed(everyone):
            for a in network.after[k]:
                self.follows[k] |= 1 << a | self.follows[a]
        self.claims: list[_Claim | None] = []
        self.alike: set[str] = set()  # resources of which all ask for as many units
        asked: dict[str, set[int]] = {}
        for asks in network.asks:
            for r, q in asks.items():
                if q:
                    asked.setdefault(r, set()).add(q)
        for asks in network.asks:
            claims = [(r, q) for r, q in asks.items() if q]
            claim = None
            if len(claims) == 1:
                ((r, q),) = claims
                claim = _Claim(r, q, network.capacity[r] - q + 1)
                if len(asked[r]) == 1:
                    claim = _Claim(r, 1, network.capacity[r] // q)
                    self.alike.add(r)
            self.claims.append(claim)
        # (What asks for more than one resource as well may wait for another.)
        several = {r for a in network.asks if sum(map(bool, a.values())) > 1 for r in a if a[r]}
        self.alike -= several
        self.users = {r: [k for k in everyone if network.asks[k].get(r)] for r in network.capacity}
        self.units = [
            {r: 1 if r in self.alike else q for r, q in a.items() if q} for a in network.asks
        ]
        needs = [c.need for c in self.claims if c is not None]
        self.scale = lcm(network.scale, *needs)
        self._chains()

    def _chains(self) -> None:
        network = self.network
        many = len(network.capacity) > MOST_POOLS
        self.bit = {r: 0 if many else 1 << n for n, r in enumerate(network.capacity)}
        self.masks = [sum(self.bit[r] for r, q in a.items() if q) for a in network.asks]

    def within(
        self, ended: int, works: Mapping[int, int], least: Mapping[int, int], limit: int
    ) -> int:
        """All is over at the latest so long from now; what runs takes as long as `works` says at
        most, and `least` at least.  No more exact than to be sure that it is within the limit."""
        network = self.network
        left = members(network.all & ~ended)
        times = _Times()
        for k in left:
            times.works[k] = works.get(k, network.hi[k])
        total = sum(times.works.values())
        first: dict[int, int] = {}
        for k in left:
            if k in works:
                times.running |= 1 << k
                times.ready[k], times.over[k], times.queued[k] = -1, works[k], 0
                times.soonest[k], first[k] = 0, least[k]
                continue
            times.ready[k] = times.over[k] = total
            times.queued[k] = total * self.scale
            before = members(network.before[k] & ~ended)
            times.soonest[k] = max((first[b] for b in before), default=0)
            first[k] = times.soonest[k] + network.lo[k]
        waiting = [k for k in left if k not in works]
        ends = [k for k in left if not self.follows[k]]
        for _ in range(MOST_PASSES):
            changed = self._in_chains(times, left)
            for k in waiting:
                changed |= self._lowered(k, times)
            bound = max((times.over[k] for k in ends), default=0)
            if bound <= limit or not changed:
                break
        return max((times.over[k] for k in ends), default=0)

    def _lowered(self, k: int, times: _Times) -> bool:
        ready = max((times.over[b] for b in self._before(k, times)), default=0)
        ready = min(ready, times.ready[k])
        claim = self.claims[k]
        start, queued = ready, ready * self.scale
        if claim is not None:
            start, queued = self._start(k, claim, ready, times)
        elif any(self.network.asks[k].values()):
            start = times.over[k]
            queued = times.queued[k]
        over = start + times.works[k]
        changed = ready < times.ready[k] or over < times.over[k] or queued < times.queued[k]
        times.ready[k] = ready
        times.over[k] = min(over, times.over[k])
        times.queued[k] = min(queued, times.queued[k])
        return changed

    def _before(self, k: int, times: _Times) -> list[int]:
        return [b for b in members(self.network.before[k]) if b in times.works]

    def _start(self, k: int, claim: _Claim, ready: int, times: _Times) -> tuple[int, int]:
        """When it starts at the latest, and when it would if all work came first, over `scale`."""
        name = claim.resource
        follows = self.follows[k]
        others = [
            x for x in self.users[name] if x != k and x in times.works and not follows >> x & 1
        ]
        # What may not have started before stays the same between two of these, and the later begins
        # are the worse: if the units are in use from a time between on, they are from here on.
        begins = {0, ready}
        for x in others:
            at = times.ready[x] if self._fits(x, claim) else times.over[x] - times.works[x]
            if 0 < at < ready:
                begins.add(at)
        start, queued = ready, ready * self.scale
        share = self.scale // claim.need
        top = times.over[k] - times.works[k]
        for begin in sorted(begins, reverse=True):
            later, carried = [], []
            for x in others:
                if not begin or self._unstarted(x, claim, begin, times):
                    later.append(x)
                elif times.over[x] > begin:
                    carried.append(x)
            work = sum(times.works[x] * self.units[x][name] for x in later)
            most = [
                (min(times.works[x], times.over[x] - begin), self.units[x][name]) for x in carried
            ]
            work += _fitting(most, claim.need - 1)
            queued = max(queued, begin * self.scale + work * share)
            if begin + work // claim.need > start and start < top:
                found = self._busy(k, claim, begin, (later, carried), times, (start, top))
                start = max(start, found)
        return start, queued

    def _unstarted(self, x: int, claim: _Claim, begin: int, times: _Times) -> bool:
        """May it not have started just before?  There, one more claim like this one fitted."""
        if times.running >> x & 1:
            return False
        at = times.ready[x] if self._fits(x, claim) else times.over[x] - times.works[x]
        return at >= begin

    def _fits(self, x: int, claim: _Claim) -> bool:
        """Does it start at once where one more claim like this one fits?"""
        return self.claims[x] is not None and self.units[x][claim.resource] <= claim.units

    def _busy(
        self,
        k: int,
        claim: _Claim,
        begin: int,
        among: tuple[Sequence[int], Sequence[int]],
        times: _Times,
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
        among: tuple[Sequence[int], Sequence[int]],
        times: _Times,
    ) -> bool:
        work = self._work(k, claim, begin, end, among, times)
        return work >= claim.need * (end - begin) * self.scale

    def _work(
        self,
        k: int,
        claim: _Claim,
        begin: int,
        end: int,
        among: tuple[Sequence[int], Sequence[int]],
        times: _Times,
    ) -> int:
        """Units in use from `begin` to `end` at most, times how long, over `scale`."""
        later, carried = among
        name, scale = claim.resource, self.scale
        does = {}
        total = 0
        for x in later:
            since = max(begin, times.soonest[x])
            lasts = min(times.works[x], end - since)
            if lasts > 0:
                does[x] = lasts * self.units[x][name]
                total += does[x]
        held = []
        for x in carried:
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
                held.append((lasts, self.units[x][name]))
        return total * scale + _fitting(held, claim.need - 1)

    def _in_chains(self, times: _Times, left: Sequence[int]) -> bool:
        """By the longest chain to each, and the work of the pools on it."""
        network, scale = self.network, self.network.scale
        changed = False
        longest: dict[int, dict[int, int]] = {}
        for k in left:
            works = times.works[k]
            if times.running >> k & 1:
                longest[k] = {0: works * scale}
                continue
            own = max(0, scale - network.share[k]) * works
            mask = self.masks[k]
            before = self._before(k, times)
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
                    if x in times.works and not follows >> x & 1:
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
    for time, asks in sorted(lasts, reverse=True):
        taken = min(asks, units)
        total += time * taken
        units -= taken
        if not units:
            break
    return total
