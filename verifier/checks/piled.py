"""A run of many that arrive, in which more and more wait: its last steps can be taken for ever.

A timed run of so many instances is looked at just before one comes, again and again.  All instances
are alike, so that which of them is where does not matter; nor do those that are over, or have not
come.  Let two such states differ in nothing but further messages and further instances, with each
clock having run for as long, and the next arrivals as far away.  Then the steps between the two can
be taken again at the same distances of time, by others: the further instances stay where they are.
They may do so if no clock runs there, and if nobody who was there, while time passed, could move:
then they cannot either, for what they look at is the same.  The further messages may stay if the
queue was not empty while time passed: who could not take one then cannot now (`queued` says when
the ones that are taken are the same).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from itertools import takewhile

from ...dsl import ast
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ...semantics.atonce import looks_at_instances
from ...semantics.expr import Scalar, or_
from ...semantics.idle import idle
from ...semantics.lower import lower
from ...semantics.system import ChannelInfo, EventKind, PointKind, RuleKind, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.values import enabled, evaluate
from ..engines.crowd_terms import serves
from ..pumps import GROWS
from ..queued import Queue, left_by_round, words
from ..session import Session
from ..verdict import Refuted
from .waiters import wait_for, waiting_in

NUMBERS = (12, 30)  # of instances that come
PACES = (1.0, 0.0)  # all take as long as they may, or as short
MORE = "more and more {} are under way at once: of each {} that come, {} more waits in the end"

OVER = (PointKind.ENTRY, PointKind.END, PointKind.FAILED)

State = tuple[Scalar, ...]
Values = tuple[Scalar, ...]
Clocks = tuple[tuple[int, Fraction], ...]  # by rule of the instance, how long it has been possible


@dataclass(frozen=True, slots=True)
class Round:
    """From one state of the run to another; `messages` and `waiting`: how many more there are."""

    begin: int
    end: int
    messages: Mapping[str, int]
    waiting: Mapping[str, int]
    extra: Counter[tuple[int, Values]]


def piled(
    session: Session, spec: ast.Spec, between: Mapping[str, Fraction], names: Sequence[str]
) -> dict[str, Refuted]:
    """By channel of these `names`, and by workflow: that there are more and more."""
    many = frozenset(between)
    if looks_at_instances(spec, many) or session.simulate is None:
        return {}
    if session.system.scheduler != "any" or not session.may("simulation"):
        return {}
    for number in NUMBERS:
        if session.left() <= 0:
            break
        room = None if session.system.room is None else 2 * number
        own = session.of(lower(spec, (number, number), room=room))
        if _reached_by_others(own.system):
            return {}
        simulate = own.simulator()
        for pace in PACES if simulate is not None else ():
            assert simulate is not None
            trace = simulate(session.options.seed, 0.0, {}, (), pace)
            if trace is None or session.left() <= 0:
                continue
            replayed = own.replay(own.system, trace)
            if not replayed.ok or not own.counts(replayed.states):
                continue
            trace, states = _roomy(own.system, trace, replayed.states)
            run = _Run(own.system, trace, states, between, names)
            found = run.round()
            if found is not None:
                return _refuted(own, run, found)
    return {}


def _reached_by_others(system: TransitionSystem) -> bool:
    """Whether a step of somebody else changes something of one that arrives, but for an answer,
    which goes to who asked: then who stays where he is might not, in a further round."""
    members = {i for g in system.any_number for i in g.members}
    asking = {c.name for c in system.channels if c.asks}
    return any(
        system.variables[v].instance in members and system.variables[v].instance != r.instance
        for r in system.rules
        if not (r.kind is RuleKind.STEP and r.channel in asking)
        for v, _ in r.updates
    )


def _roomy(
    system: TransitionSystem, trace: Trace, states: Sequence[State]
) -> tuple[Trace, Sequence[State]]:
    """The run before somebody waits for room, which there is."""
    full = or_(*(c.full for c in system.open_channels if c.full is not None))
    kept = [*takewhile(lambda s: evaluate(full, s) is not True, states)]
    return replace(trace, steps=trace.steps[: max(0, len(kept) - 1)]), kept


def _refuted(own: Session, run: _Run, found: Round) -> dict[str, Refuted]:
    trace = Trace(run.trace.initial, run.trace.steps[: found.end])
    system = own.system
    timed = own.schedule(system, trace)
    if timed is None:
        return {}
    came = sum(s.rule in run.arrivals for s in trace.steps[found.begin :])
    first, last = (run.times[n] for n in (found.begin, found.end))
    notes = [
        f"the steps from {found.begin + 1} on can be taken again and again, by those that come "
        f"then, every {float(last - first):g} s: before and after them all are where they were, "
        "but for those who wait and what nobody has taken"
    ]
    last_state = run.states[found.end]
    waits = [t for t in waiting_in(system, last_state) if system.threads[t].instance in run.members]
    notes += wait_for(system, own.structure, last_state, waits[:1])
    out: dict[str, Refuted] = {}

    def refuted(what: str, span: Span) -> Refuted:
        figure = f"{len(trace.steps)}-step run"
        return Refuted("simulation", what, trace, span, figure, notes=tuple(notes))

    for name, more in found.messages.items():
        what = GROWS.format(name, f"{more} message{'s' * (more > 1)}")
        out[name] = refuted(what, next(c.span for c in system.channels if c.name == name))
    for name, more in found.waiting.items():
        span = next(g.span for g in system.any_number if g.workflow == name)
        out[name] = refuted(MORE.format(name, came, more), span)
    return {n: replace(v, system=system) for n, v in out.items()}


@dataclass(frozen=True)
class _Run:
    system: TransitionSystem
    trace: Trace
    states: Sequence[State]
    between: Mapping[str, Fraction]
    names: Sequence[str]

    # --- what the system consists of -------------------------------------------------------

    @cached_property
    def members(self) -> dict[int, int]:
        """By instance that arrives: its group."""
        groups = self.system.any_number
        return {i: n for n, g in enumerate(groups) for i in g.members}

    @cached_property
    def arrivals(self) -> dict[int, int]:
        """By rule by which an instance comes: the instance."""
        return {
            r.index: r.instance
            for r in self.system.rules
            if r.instance in self.members
            and r.kind is RuleKind.TIMER
            and any(e.kind is EventKind.WORKFLOW_STARTED for e in r.own_events)
        }

    @cached_property
    def times(self) -> list[Fraction]:
        """Of each state: when it is left; of the last one, when it is come to."""
        out = [s.time for s in self.trace.steps]
        return [*out, out[-1] if out else Fraction(0)]

    @cached_property
    def channels(self) -> list[ChannelInfo]:
        """Those that may grow."""
        return [
            c
            for c in self.system.channels
            if c.name in self.names and c.slots and not (c.asks or c.turns or c.tested or c.chosen)
        ]

    @cached_property
    def _idle(self) -> frozenset[int]:
        return idle(self.system)

    @cached_property
    def _inside(self) -> set[int]:
        slots = {v for c in self.channels for queue in c.slots for slot in queue for v in slot}
        return slots | {v for c in self.channels for v in c.lengths}

    @cached_property
    def _shared(self) -> list[int]:
        """Variables of nobody who arrives, and of no channel that may grow."""
        skip = self._inside | self._idle
        number = {g.number for g in self.system.any_number}
        return [
            v.index
            for v in self.system.variables
            if v.instance not in self.members and v.index not in skip and v.index not in number
        ]

    @cached_property
    def _own(self) -> dict[int, list[int]]:
        skip = self._idle
        out: dict[int, list[int]] = {i: [] for i in self.members}
        for v in self.system.variables:
            if v.instance in out and v.index not in skip:
                out[v.instance].append(v.index)
        return out

    @cached_property
    def _delayed(self) -> dict[int, tuple[int, int]]:
        """By rule that waits for a clock: its instance, and which of its rules it is.  Of a bucket
        or a channel, which have the number of some instance and are none's, a negative one."""
        count: Counter[int] = Counter()
        out = {}
        for r in self.system.rules:
            owner = -1 - r.thread if serves(self.system.threads[r.thread]) else r.instance
            if r.delay is not None and r.index not in self.arrivals:
                out[r.index] = owner, count[owner]
            count[owner] += 1
        return out

    @cached_property
    def _since(self) -> list[dict[int, Fraction]]:
        """Of each state: since when each rule that waits for a clock has been possible."""
        out: list[dict[int, Fraction]] = []
        armed: dict[int, Fraction] = {}
        now = Fraction(0)
        for k, state in enumerate(self.states):
            if k:
                step = self.trace.steps[k - 1]
                now = step.time
                armed.pop(step.rule, None)
            rules = self.system.rules
            armed = {r: armed.get(r, now) for r in self._delayed if enabled(rules[r], state)}
            out.append(armed)
        return out

    # --- what a state is -------------------------------------------------------------------

    def _under_way(self, state: State) -> Iterator[int]:
        for i in self.members:
            instance = self.system.instances[i]
            at = state[self.system.threads[instance.root].location]
            if at not in (0, instance.completed, instance.failed):
                yield i

    def _outlived(self, state: State) -> bool:
        """Whether a branch goes on of an instance that is over."""
        return any(
            t.points[int(state[t.location])].kind not in OVER
            for t in self.system.threads
            if t.instance in self.members and t.parent is not None
            if state[self.system.threads[self.system.instances[t.instance].root].location]
            in self._ends[t.instance]
        )

    @cached_property
    def _ends(self) -> dict[int, tuple[int, int]]:
        return {
            i: (self.system.instances[i].completed, self.system.instances[i].failed)
            for i in self.members
        }

    def _clocks(self, n: int) -> dict[int, Clocks]:
        """By instance; of buckets and channels by negative numbers."""
        now = self.times[n]
        out: dict[int, list[tuple[int, Fraction]]] = {}
        for rule, since in self._since[n].items():
            instance, number = self._delayed[rule]
            out.setdefault(instance, []).append((number, now - since))
        return {i: tuple(sorted(c)) for i, c in out.items()}

    def _who(self, n: int) -> Counter[tuple[int, Values, Clocks]]:
        state, clocks = self.states[n], self._clocks(n)
        return Counter(
            (self.members[i], tuple(state[v] for v in self._own[i]), clocks.get(i, ()))
            for i in self._under_way(state)
        )

    def _key(self, n: int) -> object:
        """All that must be the same before and after a round."""
        state, clocks = self.states[n], self._clocks(n)
        if self._outlived(state):
            return n  # (what is left of an instance is not looked at)
        aside = {i: c for i, c in clocks.items() if i not in self.members}
        nexts = []
        for g in self.system.any_number:
            left = [
                k
                for k, i in enumerate(g.members)
                if state[self.system.threads[self.system.instances[i].root].location] == 0
            ]
            if not left:
                return n  # (all have come: like no other state)
            nexts.append(min(left) * self.between[g.workflow] - self.times[n])
        return tuple(state[v] for v in self._shared), tuple(sorted(aside.items())), tuple(nexts)

    # --- rounds ----------------------------------------------------------------------------

    def round(self) -> Round | None:
        """The first that can be taken again and again, and leaves something behind."""
        spots = [k for k, s in enumerate(self.trace.steps) if s.rule in self.arrivals]
        keys = {n: self._key(n) for n in spots}
        who = {n: self._who(n) for n in spots}
        for m, end in enumerate(spots):
            for begin in spots[:m]:
                if keys[begin] == keys[end]:
                    found = self._between(begin, end, who[begin], who[end])
                    if found is not None:
                        return found
        return None

    def _between(
        self,
        begin: int,
        end: int,
        before: Counter[tuple[int, Values, Clocks]],
        after: Counter[tuple[int, Values, Clocks]],
    ) -> Round | None:
        more = after - before
        if before - after or any(clocks for _, _, clocks in more):
            return None
        extra = Counter({(group, values): n for (group, values, _), n in more.items()})
        passing = [n for n in range(begin, end) if n and self.times[n] > self.times[n - 1]]
        for n in passing:
            still = {(group, values) for group, values, clocks in self._who(n) if not clocks}
            if extra.keys() - still:
                return None
        messages = self._left(begin, end, passing)
        if messages is None or not (messages or extra):
            return None
        groups = self.system.any_number
        waiting: Counter[str] = Counter()
        for (group, _), n in extra.items():
            waiting[groups[group].workflow] += n
        return Round(begin, end, messages, waiting, extra)

    def _left(self, begin: int, end: int, passing: Sequence[int]) -> dict[str, int] | None:
        """By channel: how many messages more there are."""
        states = self.states[begin : end + 1]
        skip = self._idle
        out: dict[str, int] = {}
        for c in self.channels:
            for length, slots in zip(c.lengths, c.slots, strict=True):
                kept = [[v for v in slot if v not in skip] for slot in slots]
                held = list(words(states, length, kept, (), False))
                left = left_by_round(held, Queue(c.in_order, c.chosen))
                if left is None or (left and any(not self.states[n][length] for n in passing)):
                    return None
                if left:
                    out[c.name] = out.get(c.name, 0) + left
        return out


__all__ = ["piled"]
