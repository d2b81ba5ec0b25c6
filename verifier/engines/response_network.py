"""A network of activities for the search for its latest end: sets as bits, times as whole numbers,
what may be granted, and the run that a chain of zones stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm

from ...dsl.records import dataclass
from ...semantics.network import Task
from .schedules import Latest

MOST_WAYS = 3_000_000  # times how many activities are looked at for each

# What has ended, what runs, as bits; whether more ends in the same instant, before claims are
# granted.
State = tuple[int, int, bool]


@dataclass(frozen=True, slots=True)
class Settled:
    """The state after some activities have started, in this order; what does not run has ended."""

    state: State
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """An activity ends (-1: the beginning), and some start, in this order; `at_once`: another ends
    in the same instant."""

    ended: int
    order: tuple[int, ...]
    at_once: bool


@dataclass(frozen=True, slots=True)
class Run:
    """It ends at `end`; the how-manieth to begin each activity is, by number, and how long it
    takes."""

    end: int
    begins: tuple[int, ...]
    takes: tuple[int, ...]


class TooManyWays(Exception):
    """Claims may be granted in more ways than are looked at."""


class Network:
    """The activities in whole numbers of a grain of time, sets of them as bits."""

    def __init__(self, tasks: Sequence[Task], capacity: Mapping[str, int]) -> None:
        self.tasks = tasks
        self.grain = lcm(*(x.denominator for t in tasks for x in (t.least, t.most)))
        self.lo = [int(t.least * self.grain) for t in tasks]
        self.hi = [int(t.most * self.grain) for t in tasks]
        self.before = [sum(1 << b for b in t.before) for t in tasks]
        self.after = [[k for k, t in enumerate(tasks) if b in t.before] for b in range(len(tasks))]
        self.asks = [dict(t.asks) for t in tasks]
        self.capacity = dict(capacity)
        number = {r: 1 << n for n, r in enumerate(capacity)}
        self.uses = [sum(number[r] for r, q in a.items() if q) for a in self.asks]
        self.instant = sum(1 << k for k, least in enumerate(self.lo) if not least)
        self.several = any(sum(a.values()) > 1 for a in self.asks)
        self.all = (1 << len(tasks)) - 1
        self._able: dict[int, int] = {}
        self._settled: dict[tuple[int, int], list[Settled]] = {}
        self._measure()

    def _measure(self) -> None:
        """For Graham's bound, all times `scale`: the longest chain from each, less its own work;
        and the work of each."""
        spare = {
            r: c + 1 - max((a.get(r, 0) for a in self.asks), default=0)
            for r, c in self.capacity.items()
        }
        self.spare = spare
        self.scale = lcm(*spare.values())
        self.share = [sum(self.scale * q // spare[r] for r, q in a.items()) for a in self.asks]
        self.work = [s * h for s, h in zip(self.share, self.hi, strict=True)]
        self.chain = [max(0, self.scale - s) * h for s, h in zip(self.share, self.hi, strict=True)]
        own = list(self.chain)
        for k in reversed(range(len(self.tasks))):
            for b in self.tasks[k].before:
                self.chain[b] = max(self.chain[b], own[b] + self.chain[k])

    def able(self, ended: int) -> int:
        """What may run, claims aside, when these have ended."""
        found = self._able.get(ended)
        if found is None:
            rest = members(self.all & ~ended)
            found = sum(1 << k for k in rest if not self.before[k] & ~ended)
            self._able[ended] = found
        return found

    def left(self, ended: int) -> int:
        """No longer than this, over `scale`, until all have ended."""
        chain = max((self.chain[k] for k in members(self.able(ended))), default=0)
        return chain + sum(self.work[k] for k in members(self.all & ~ended))

    def settled(self, ended: int, running: int, last: int = -1) -> list[Settled]:
        """What may be when no other claim fits, all in one instant.  An activity that need not take
        time may be over in it, before others ask.  Where `last` has just ended, more may end
        first.  Raises TooManyWays."""
        found = self._settled.get((ended, running))
        if found is None:
            free = dict(self.capacity)
            for k in members(running):
                for r, q in self.asks[k].items():
                    free[r] -= q
            found = list(self._grants(ended, running, free, (), {(ended, running)}))
            self._settled[ended, running] = found
        if last >= 0 and (self.several or self._readies(ended, running, last)):
            if self._forestalled(ended, running, {k for x in found for k in x.order}):
                return [*found, Settled((ended, running, True), ())]
        return found

    def _readies(self, ended: int, running: int, last: int) -> bool:
        """May its end be the last that something waited for, at this instant?  Otherwise, with one
        unit of one resource each, it may as well end after others of the instant."""
        there = ended | running | self.instant
        return any(self.uses[k] and not self.before[k] & ~there for k in self.after[last])

    def _forestalled(self, ended: int, running: int, granted: set[int]) -> bool:
        """May one of these take what another would ask for, if first more ended in this instant?

        Otherwise some of those that start when all that ends at the instant has ended can start
        now, such that nothing else fits: what does not start then, and would fit now, shares a
        resource with one that starts then, and could not before."""
        taken = 0
        for k in granted:
            taken |= self.uses[k]
        for k in members(self.all & ~ended & ~running if taken else 0):
            missing = self.before[k] & ~ended
            if missing:
                can = not missing & ~(running | self.instant)
            else:
                can = self.several  # (With one unit of one resource each, it would fit as well.)
            if can and any(self.uses[k] & self.uses[w] for w in granted if w != k):
                return True
        return False

    def _grants(
        self,
        ended: int,
        running: int,
        free: dict[str, int],
        order: tuple[int, ...],
        seen: set[tuple[int, int]],
    ) -> Iterator[Settled]:
        if len(seen) * len(self.tasks) > MOST_WAYS:
            raise TooManyWays
        waiting = members(self.able(ended) & ~running)
        fit = [k for k in waiting if all(free[r] >= q for r, q in self.asks[k].items())]
        if not fit:
            yield Settled((ended, running, False), order)
        for k in fit:
            more = ended, running | 1 << k
            if more not in seen:
                seen.add(more)
                left = {r: n - self.asks[k].get(r, 0) for r, n in free.items()}
                yield from self._grants(*more, left, (*order, k), seen)
            over = ended | 1 << k, running
            if not self.lo[k] and over not in seen:
                seen.add(over)
                yield from self._grants(*over, free, (*order, k), seen)

    def planned(self, run: Run) -> Latest:
        """A run that is known."""
        return Latest(
            Fraction(run.end, self.grain),
            Fraction(run.end, self.grain),
            tuple(map(Fraction, run.begins)),
            tuple(Fraction(n, self.grain) for n in run.takes),
        )

    def latest(self, bound: int, steps: Sequence[Event] | None) -> Latest:
        """The run with these events, as late as it may be: shortest paths in the bounds on its
        times."""
        if steps is None:
            return Latest(Fraction(bound, self.grain), Fraction(0), (), ())
        start = {k: i for i, e in enumerate(steps) for k in e.order}
        rank = {k: n for n, k in enumerate(start)}
        limits: list[tuple[int, int, int]] = []  # i is at most so much later than j
        for i in range(1, len(steps)):
            k = steps[i].ended
            j = start[k]
            if steps[i - 1].at_once:
                limits.append((i, i - 1, 0))
            limits += [(i - 1, i, 0), (i, j, self.hi[k]), (j, i, -self.lo[k])]
        far = sum(self.hi) + 1
        times = [0] + [far] * (len(steps) - 1)
        changed = True
        while changed:
            changed = False
            for i, j, most in limits:
                if times[j] + most < times[i]:
                    times[i] = times[j] + most
                    changed = True
        # (What ends in none of the steps was over at once.)
        takes = {e.ended: times[i] - times[start[e.ended]] for i, e in enumerate(steps) if i}
        everyone = range(len(self.tasks))
        return Latest(
            Fraction(bound, self.grain),
            Fraction(times[-1], self.grain),
            tuple(Fraction(rank[k]) for k in everyone),
            tuple(Fraction(takes.get(k, 0), self.grain) for k in everyone),
        )


@lru_cache(1 << 16)
def members(bits: int) -> tuple[int, ...]:
    """Of a set, ascending."""
    out = []
    while bits:
        low = bits & -bits
        out.append(low.bit_length() - 1)
        bits ^= low
    return tuple(out)
