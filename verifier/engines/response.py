"""The latest end of a network of activities with contended pools, by all that may happen.

A state is what has ended and what runs; claims are granted as soon as they fit, so whatever else
could run waits.  Which of those that fit together are granted is open, and so is how long each
takes (an activity that is shorter may make the whole longer: Graham 1969).  For each state the
times at which it can be entered are kept as zones: bounds on differences of the present and of the
starts of what runs (Dill 1989), and upper bounds on them since the beginning.  Lower ones are not
needed: of two entries with the same ages the later one counts.  All bounds are closed and whole
numbers of one grain, so the latest end is one too.

Some zones of a state are kept as they are: a run ends at their bound.  Of the others hulls are
kept, which may hold more, so no run ends later than the last of them (as schedule-abstraction
graphs merge states: Nasri, Brandenburg 2017).  More zones are kept in each round, until both bounds
meet.  States from which no run can end later than one that is known are left out: by Graham's bound
for what is left (`semantics/lower/measure`), by what can keep each activity that is left waiting
(`response_busy`), and by how much can follow in the round before.

Late runs are known from the start, by chance (`response_late`).  At first all is left out that ends
less than `NEAR` later; when that is shown, perhaps by supposing the contrary (`response_last`),
what was left out is looked at as well.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from operator import add

from ...dsl.records import dataclass
from ...semantics.network import Task
from .response_ahead import Edges, Following
from .response_busy import Busy
from .response_last import Last
from .response_late import late_run
from .response_network import Event, Network, State, TooManyWays, members
from .response_parts import in_sequence, joined, restricted, side_by_side
from .schedules import Latest

MOST_STATES = 200_000
NEAR = 20  # one part in so many is near enough at first
MANY = 600  # cases that are looked at for what would be near enough
FEWER = 6  # times fewer cases for what would be nearer than before
# How much of the time is for states: to be near, and then to be exact.
STAGES = ((True, 0.3), (False, 0.8))
MORE = 8  # times as many cases, each time that it was not enough


@dataclass(frozen=True, slots=True)
class _Round:
    """How many zones of a state are kept as they are, and how many hulls of others."""

    single: int
    hulls: int


ROUNDS = (
    _Round(0, 1),
    _Round(2, 2),
    _Round(4, 8),
    _Round(8, 32),
    _Round(16, 128),
    _Round(64, 1024),
)


def latest_end(tasks: Sequence[Task], capacity: Mapping[str, int], seconds: float) -> Latest:
    """Nothing ends after `bound`; a run that ends at `seconds`: activities are granted their claims
    in the order of `begins`, which are ranks, and take as long as `takes` says.

    Activities are numbered so that those before one come before it; what it asks for is within the
    capacity."""
    return _together(tasks, capacity, range(len(tasks)), time.monotonic() + seconds)


def _together(
    tasks: Sequence[Task], capacity: Mapping[str, int], mine: Sequence[int], until: float
) -> Latest:
    """Of some activities that nothing runs beside.  What comes after all that is before it is
    looked at by itself, and so is what runs beside others and never waits for them."""
    for parts, chained in ((in_sequence(tasks, mine), True), (side_by_side(tasks, mine), False)):
        if len(parts) > 1:
            found: list[Latest] = []
            parts.sort(key=len)  # what small ones leave over is for the others
            for number, part in enumerate(parts):
                now = time.monotonic()
                end = now + (until - now) / (len(parts) - number)
                found.append(_together(tasks, capacity, part, end))
            return joined(mine, parts, found, chained)
    return _searched(Network(restricted(tasks, mine), capacity), until)


def _searched(network: Network, until: float) -> Latest:
    busy = Busy(network, until)
    last = Last(busy)
    bound = min(network.left(0) // network.scale, busy.within(0, {}, {}, 0))
    guess = late_run(network, bound, time.monotonic() + (until - time.monotonic()) / 4)
    if guess is None:
        return network.latest(bound, None)
    best = network.planned(guess)
    for near, part in STAGES:
        end = int(best.seconds * network.grain)
        goal = end + end // NEAR if near else end
        if bound > goal:
            bound = _supposed(last, goal, bound, MANY, until)
        if bound > goal:
            # (Where there are too many states, suppositions do better.)
            share = time.monotonic() + part * (until - time.monotonic())
            bound, best = _by_states(network, busy, best, goal, bound, share)
            goal = max(goal, int(best.seconds * network.grain))
        cases = MANY
        while bound > goal and last.cut and time.monotonic() < until:
            cases *= MORE
            last.cut = False
            bound = _supposed(last, goal, bound, cases, until)
    return replace(best, bound=Fraction(bound, network.grain))


def _by_states(
    network: Network, busy: Busy, best: Latest, goal: int, bound: int, until: float
) -> tuple[int, Latest]:
    """What is over later than `goal`, in rounds that keep more and more apart: nothing is over
    later than the first; the latest run."""
    ahead: Mapping[State, list[int]] | None = None
    for size in ROUNDS:
        search = _Search(network, busy, size, goal, ahead, until)
        done = search.run()
        bound = min(bound, search.bound)
        if search.best is not None:
            best = network.latest(bound, search.best.steps())
            goal = max(goal, search.best.upper[0])
        if not done or bound <= goal:
            break
        ahead = Following(network, search.edges, until).found()
        if ahead is None:
            break
    return bound, best


def _supposed(last: Last, low: int, high: int, cases: int, until: float) -> int:
    """Nothing is over later: the least time from `low` on of which that is shown."""
    if low < high and last.never(0, {}, {}, low, cases):
        return low
    few = max(1, cases // FEWER)
    while low + 1 < high and time.monotonic() < until:
        middle = (low + high) // 2
        if last.never(0, {}, {}, middle, few):
            high = middle
        else:
            low = middle
    return high


class _Zone:
    """Times at which a state is entered.  `upper`: of now, and of the start of each activity that
    runs, by number; `rows[i][j]`: how much i may be later than j.  `came`: from which zone, by
    which event; None of what is no single run's."""

    __slots__ = ("came", "rows", "upper")

    def __init__(
        self,
        upper: list[int],
        rows: list[list[int]],
        came: tuple[_Zone | None, Event] | None,
    ) -> None:
        self.upper = upper
        self.rows = rows
        self.came = came

    def within(self, other: _Zone) -> bool:
        return all(map(int.__le__, self.upper, other.upper)) and all(
            all(map(int.__le__, mine, others))
            for mine, others in zip(self.rows, other.rows, strict=True)
        )

    def widen(self, other: _Zone) -> None:
        """To a hull of both; it must be no single run's."""
        self.upper = list(map(max, self.upper, other.upper))
        self.rows = [list(map(max, a, b)) for a, b in zip(self.rows, other.rows, strict=True)]

    def distance(self, other: _Zone) -> int:
        apart = sum(map(abs, map(int.__sub__, self.upper, other.upper)))
        for a, b in zip(self.rows, other.rows, strict=True):
            apart += sum(map(abs, map(int.__sub__, a, b)))
        return apart

    def steps(self) -> list[Event]:
        """How it came about."""
        out: list[Event] = []
        at: _Zone | None = self
        while at is not None:
            assert at.came is not None
            at, event = at.came
            out.append(event)
        return out[::-1]


@dataclass(slots=True)
class _Kept:
    """The zones of one state."""

    single: list[_Zone] = field(default_factory=list)
    hulls: list[_Zone] = field(default_factory=list)

    def add(self, zone: _Zone, size: _Round) -> None:
        if zone.came is not None:
            if any(zone.within(z) for z in self.single):
                return
            if size.single:
                self.single = [z for z in self.single if not z.within(zone)]
                self.single.append(zone)
                if len(self.single) <= size.single:
                    return
                least = min(range(len(self.single)), key=lambda k: self.single[k].upper[0])
                zone = self.single.pop(least)
            zone = _Zone(zone.upper, zone.rows, None)
        if size.hulls == 1 and self.hulls:
            self.hulls[0].widen(zone)
            return
        if any(zone.within(z) for z in self.hulls):
            return
        if len(self.hulls) < size.hulls:
            self.hulls.append(zone)
            return
        near = min(range(len(self.hulls)), key=lambda k: zone.distance(self.hulls[k]))
        self.hulls[near].widen(zone)


class _Search:
    """One round, depth by depth: as many activities have ended as steps were taken.

    `ahead`: of each state beyond which a run may end later than `known`, how much later than now
    and than the ends of what runs."""

    def __init__(
        self,
        network: Network,
        busy: Busy | None,
        size: _Round,
        known: int,
        ahead: Mapping[State, list[int]] | None,
        until: float,
    ) -> None:
        self.network = network
        self.busy = busy
        self.size = size
        self.ahead = ahead
        self.until = until
        self.bound = known  # nothing ends later
        self.known = known
        self.best: _Zone | None = None  # of a run that ends later than what was known
        self.layers: list[dict[State, _Kept]] = [{} for _ in range(len(network.tasks) + 1)]
        self.edges: Edges = {}
        self.many = 0

    def run(self) -> bool:
        """False: out of time, or too many states."""
        network = self.network
        try:
            ways = network.settled(0, 0)
        except TooManyWays:
            self.bound = max(self.bound, network.left(0) // network.scale)
            return False
        for begun in ways:
            many = len(members(begun.state[1])) + 1
            rows = [[0] * many for _ in range(many)]
            self.keep(begun.state, _Zone([0] * many, rows, (None, Event(-1, begun.order, False))))
        for depth, states in enumerate(self.layers[:-1]):
            order = iter(states.items())
            for state, kept in order:
                if not self.followed(state, kept):
                    rest = (((state, kept),), order, *(x.items() for x in self.layers[depth + 1 :]))
                    for other, zones in (x for part in rest for x in part):
                        self.bound = max(self.bound, self.promise(other, zones))
                    return False
            states.clear()
        return True

    def followed(self, state: State, kept: _Kept) -> bool:
        """What may come next is kept, if it matters; False: not all of it is."""
        self.many += 1
        if time.monotonic() > self.until or self.many > MOST_STATES:
            return False
        zones = (*kept.single, *kept.hulls)
        if not self.hopeless(state, zones):
            try:
                for zone in zones:
                    self.ends(state, zone)
            except TooManyWays:
                return False
        return True

    def keep(self, state: State, zone: _Zone) -> None:
        if state[0] != self.network.all:
            depth = state[0].bit_count()
            self.layers[depth].setdefault(state, _Kept()).add(zone, self.size)
            return
        now = zone.upper[0]
        self.bound = max(self.bound, now)
        if zone.came is not None and now > self.known:
            self.known = now
            self.best = zone

    def hopeless(self, state: State, zones: Sequence[_Zone]) -> bool:
        """Nothing ends later from here on than what is known, by what can keep it waiting."""
        if self.busy is None:
            return False
        network = self.network
        ended, running, _ = state
        works, least = {}, {}
        for place, k in enumerate(members(running), 1):
            works[k] = network.hi[k] + min(0, max(z.rows[place][0] for z in zones))
            least[k] = max(0, network.lo[k] - max(z.rows[0][place] for z in zones))
        limit = self.known - max(z.upper[0] for z in zones)
        return self.busy.within(ended, works, least, limit) <= limit

    def promise(self, state: State, kept: _Kept) -> int:
        """Nothing ends later from here on: by what can follow, and by Graham's bound."""
        zones = (*kept.single, *kept.hulls)
        rest = self.network.left(state[0]) // self.network.scale
        plain = max(z.upper[0] for z in zones) + rest
        if self.ahead is None:
            return plain
        return min(plain, max(self.latest(state, z.upper) for z in zones))

    def ends(self, state: State, zone: _Zone) -> None:
        """One activity of those that run ends next: each that can."""
        network = self.network
        ended, running, at_once = state
        runs = members(running)
        if not runs:
            return  # (Nothing more ends in the instant.)
        if at_once:
            later, now = zone.rows[0], zone.upper[0]
        else:
            most = [network.hi[k] for k in runs]
            # How much later than each before it the next end may be.
            later = [min(map(add, most, column)) for column in zip(*zone.rows[1:], strict=True)]
            if later[0] < 0:
                return
            now = min(map(add, most, zone.upper[1:]))
        for place, k in enumerate(runs, 1):
            if later[place] < network.lo[k]:
                continue
            if (now - self.known) * network.scale + network.left(ended | 1 << k) > 0:
                self.step(zone, state, runs, place, now, later)

    def step(
        self,
        zone: _Zone,
        state: State,
        runs: tuple[int, ...],
        place: int,
        now: int,
        later: list[int],
    ) -> None:
        """After the end of the one at `place`: what runs on, and what is granted."""
        network = self.network
        k = runs[place - 1]
        kept = [i for i in range(1, len(runs) + 1) if i != place]
        # How much later than the present each start may be: it is before now, and k has lasted.
        least = network.lo[k]
        before = [min(zone.rows[i][0], zone.rows[i][place] - least) for i in kept]
        since = [later[i] for i in kept]
        upper = [now, *(min(zone.upper[i], a + now) for i, a in zip(kept, before, strict=True))]
        rows = [[0, *since]]
        for i, a in zip(kept, before, strict=True):
            row = zone.rows[i]
            rows.append([a, *(min(row[j], a + s) for j, s in zip(kept, since, strict=True))])
        ended, running = state[0] | 1 << k, state[1] & ~(1 << k)
        position = {runs[i - 1]: n for n, i in enumerate(kept, 1)}
        for then in network.settled(ended, running, k):
            event = Event(k, then.order, then.state[2])
            came = None if zone.came is None else (zone, event)
            new = _Zone(upper, rows, came)
            started = then.state[1] & ~running
            if started:
                # What starts now reads what the present reads.
                order = [0, *(position.get(b, 0) for b in members(then.state[1]))]
                new.upper = [upper[i] for i in order]
                new.rows = [[rows[i][j] for j in order] for i in order]
            if self.ahead is not None and self.latest(then.state, new.upper) <= self.known:
                continue
            self.edges.setdefault(then.state, {})[state] = (k, started)
            self.keep(then.state, new)

    def latest(self, state: State, upper: list[int]) -> int:
        """Nothing ends later that goes through it, and later than what is known."""
        assert self.ahead is not None
        more = self.ahead.get(state)
        if more is None:
            return upper[0] if state[0] == self.network.all else self.known
        runs = zip(upper[1:], members(state[1]), more[1:], strict=True)
        return min([upper[0] + more[0], *(u + self.network.hi[k] + m for u, k, m in runs)])
