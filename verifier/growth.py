"""Channels without a bound: is there one all the same, or can a run put more and more into them?

The rules need room for some number of messages.  As long as no send ever finds its channel full,
a channel with that room is one without a bound; so that claim is put first, for one room after the
other, and what else is proved counts only where it is proved.  Where it fails, a *pump* is looked
for: steps from a state to one that differs in nothing but further messages (Karp and Miller, 1969),
so that they can be taken again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..semantics.expr import FALSE, Scalar, and_, const, le, not_, or_, var
from ..semantics.idle import idle, without
from ..semantics.system import ChannelInfo, Obligation, RuleKind, TransitionSystem
from ..semantics.trace import Step, Trace
from ..semantics.values import evaluate
from .session import Options, Replay, Schedule, Session, Simulate
from .verdict import Proved, Refuted, Unknown, Verdict

ROOMS = (1, 2, 4, 8)
PART = 0.5  # of the time, for this question
FIRST = 40  # states from which a pump is looked for
MOST_PUMPS = 300  # that are tried
AGAIN = 8  # rounds of a pump for which there must be room when it is replayed
GROWS = "more and more messages can be in `{}`: each round leaves {} there that nobody has taken"
FULL = "there is no room for a message"

Lower = Callable[[int], TransitionSystem]  # with room for so many messages
State = Sequence[Scalar]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The system with the room that is needed, and what is known of each channel without a
    bound."""

    system: TransitionSystem
    growth: Mapping[str, Verdict]


def open_channels(system: TransitionSystem) -> list[ChannelInfo]:
    return [c for c in system.channels if c.full is not None]


def fitted(
    lower: Lower,
    options: Options,
    replay: Replay,
    schedule: Schedule,
    simulate: Simulate | None = None,
) -> Fitted:
    """Tries one room after the other, each for a part of the time."""
    options = replace(options, timeout=options.timeout * PART)
    first: Session | None = None
    found: dict[str, Verdict] = {}
    for room in ROOMS:
        system = lower(room)
        session = Session(system, options, replay, schedule, simulate)
        if first is None:
            first = session
        session.begin = first.begin
        with session.slot(1 / 2):
            found = _within(session, room)
        if all(isinstance(v, Proved) for v in found.values()):
            return Fitted(system, found)
        pumped = _pumped(session, lower, [n for n, v in found.items() if not isinstance(v, Proved)])
        if pumped is not None:
            system, refuted = pumped
            return Fitted(system, {**{n: _open(v) for n, v in found.items()}, **refuted})
        if session.left() <= 0.1:
            break
    return Fitted(system, {n: _open(v, room) for n, v in found.items()})


def _open(verdict: Verdict, room: int = 0) -> Verdict:
    """Of a room that others may have filled nothing is said."""
    if isinstance(verdict, Unknown) and verdict.why:
        return verdict
    seen = f"; a run was found in which {room} are not enough" if room else ""
    return Unknown("search", f"whether it grows without bound was not decided{seen}")


def assumed(system: TransitionSystem, growth: Mapping[str, Verdict]) -> TransitionSystem:
    """The system without the runs in which a channel without a bound is full: they do not count.
    Where it is proved that there are none, the system itself."""
    full = [
        c.full
        for c in open_channels(system)
        if c.full is not None and not isinstance(growth.get(c.name), Proved)
    ]
    return replace(system, excluded=or_(system.excluded, *full)) if full else system


def lifted(session: Session, verdict: Verdict) -> Verdict:
    """What was proved of runs in which no channel is full says nothing about the others."""
    growth = session.growth
    grown = [n for n, v in growth.items() if not isinstance(v, Proved)]
    if not grown or isinstance(verdict, Unknown):
        return verdict
    if isinstance(verdict, Refuted):
        runs = [t for t in (verdict.trace, verdict.second) if t is not None and t.initial]
        if all(session.counts(session.replay(session.system, t).states) for t in runs):
            return verdict
        return Unknown(verdict.engine, "the run that was found waits for room, which there is")
    refuted = any(isinstance(growth[n], Refuted) for n in grown)
    why = "which grows without bound" if refuted else "whose growth was not decided"
    names = ", ".join(f"`{n}`" for n in grown)
    return Unknown(
        verdict.engine, f"it was proved only as far as the rules have room in {names}, {why}"
    )


# --- is the room enough? -----------------------------------------------------------------------


def _within(session: Session, room: int) -> dict[str, Verdict]:
    """Does a send always find room?"""
    from .checks import intime, obligations

    channels = open_channels(session.system)
    claims = [
        obligations.Claim(
            "messages",
            c.name,
            (Obligation("messages", c.name, not_(c.full or FALSE), FULL, c.span),),
        )
        for c in channels
    ]
    found = obligations.decide(session, claims)
    out: dict[str, Verdict] = {}
    bare = session.of(without(session.system, idle(session.system)))
    for k, (c, claim) in enumerate(zip(channels, claims, strict=True)):
        verdict = found[k]
        if isinstance(verdict, Unknown):
            verdict = intime.holds(bare, claim.goals) or verdict
        if isinstance(verdict, Proved):
            said = f"never more than {room} message{'s' * (room > 1)} in `{c.name}`"
            verdict = replace(verdict, how=f"{said}: {verdict.how}", figure="", evidence=())
        out[c.name] = verdict
    return out


# --- pumps -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Explored:
    """A graph of states; `keys` are what must be the same before and after a round, `lengths` how
    many messages there are in the queues."""

    keys: Sequence[object]
    lengths: Sequence[tuple[int, ...]]
    steps: Sequence[Sequence[tuple[Step, int]]]
    run: Callable[[int], Trace | None]

    def pumps(self) -> Iterator[Trace]:
        """Rounds that may leave messages behind, those that begin early and are short first."""
        alike: dict[object, list[int]] = {}
        for n, key in enumerate(self.keys):
            alike.setdefault(key, []).append(n)
        tried = 0
        for n, key in enumerate(self.keys):
            mine = self.lengths[n]
            goals = {m for m in alike[key] if m != n and _more(mine, self.lengths[m])}
            if not goals:
                continue
            begun = self.run(n)
            tried += 1
            if begun is None:
                continue
            if tried > FIRST:
                return
            for path in self._to(n, goals):
                yield Trace(begun.initial, (*begun.steps, *path), loop_at=len(begun.steps))

    def _to(self, start: int, goals: set[int]) -> Iterator[list[Step]]:
        came: dict[int, tuple[int, Step] | None] = {start: None}
        queue = [start]
        for n in queue:
            for step, target in self.steps[n]:
                if target < 0 or target in came:
                    continue
                came[target] = n, step
                queue.append(target)
                if target in goals:
                    path = []
                    at = target
                    while (before := came[at]) is not None:
                        at, taken = before
                        path.append(taken)
                    yield path[::-1]


def _more(before: Sequence[int], after: Sequence[int]) -> bool:
    return before != after and all(a <= b for a, b in zip(before, after, strict=True))


def _pumped(
    session: Session, lower: Lower, names: Sequence[str]
) -> tuple[TransitionSystem, dict[str, Verdict]] | None:
    """A pump that replays, with the system in which it does, and whose channels it fills."""
    channels = [c for c in open_channels(session.system) if c.name in names and c.slots]
    if not channels:
        return None
    tried = 0
    for trace in _candidates(session, channels):
        tried += 1
        if tried > MOST_PUMPS or session.left() <= 0:
            return None
        left = _left(session, channels, trace)
        if left is None:
            continue
        found = _replayed(session, lower, trace, left)
        if found is not None:
            return found
    return None


def _candidates(session: Session, channels: Sequence[ChannelInfo]) -> Iterator[Trace]:
    for explored in (_by_clocks, _by_order):
        found = explored(session, channels)
        if found is not None:
            yield from found.pumps()


def _by_clocks(session: Session, channels: Sequence[ChannelInfo]) -> _Explored | None:
    from .checks import intime

    bare = session.of(without(session.system, idle(session.system)))
    graph = intime.timed_graph(bare)
    if graph is None:
        return None
    views = [graph.tracked.view(n.state) for n in graph.nodes]
    parted = [_parted(graph.tracked.kept, v, channels) for v in views]
    return _Explored(
        [(key, tuple(c for c, _ in n.armed)) for (key, _), n in zip(parted, graph.nodes)],
        [lengths for _, lengths in parted],
        [[(Step(a.rule, _given(a.inputs)), a.target) for a in arcs] for arcs in graph.arcs],
        graph.trace,
    )


def _by_order(session: Session, channels: Sequence[ChannelInfo]) -> _Explored | None:
    from .checks.graph import full_graph

    graph, _ = full_graph(session)
    if graph is None or not graph.concrete:
        return None
    kept = graph.space.kept
    values = [dict(zip(kept, n.values, strict=True)) for n in graph.nodes]
    parted = [_parted(kept, v, channels) for v in values]
    return _Explored(
        [key for key, _ in parted],
        [lengths for _, lengths in parted],
        [[(Step(e.rule, _given(e.inputs)), e.target) for e in edges] for edges in graph.edges],
        graph.trace,
    )


def _given(inputs: Sequence[Scalar | None]) -> tuple[Scalar, ...]:
    return tuple(x for x in inputs if x is not None)


def _parted(
    kept: Sequence[int], view: Mapping[int, Scalar] | Sequence[Scalar], channels: Sequence[ChannelInfo]
) -> tuple[tuple[Scalar, ...], tuple[int, ...]]:
    """What a state is beside the messages in these channels, and how many those are."""
    inside = _inside(channels)
    key = tuple(view[v] for v in kept if v not in inside)
    return key, tuple(int(view[v]) for c in channels for v in c.lengths)


def _inside(channels: Sequence[ChannelInfo]) -> set[int]:
    """The variables of these channels."""
    slots = {v for c in channels for queue in c.slots for slot in queue for v in slot}
    return slots | {v for c in channels for v in c.lengths}


def _left(
    session: Session, channels: Sequence[ChannelInfo], trace: Trace
) -> dict[str, int] | None:
    """How many messages each round leaves in each channel; None where the round is none that can
    be taken again and again.

    Nothing but the messages in these channels differs after it.  Of each queue the messages that it
    takes out must be the same in every round: with `w` in it before, `v` put in and `x` taken out,
    `w v v v ..` and `x x x ..` are one word.  Both have a period, so they are one if they agree for
    the length of w, v and x together (Fine and Wilf, 1965).
    """
    system = session.system
    replayed = session.replay(system, replace(trace, loop_at=None))
    if not replayed.ok or trace.loop_at is None:
        return None
    states = replayed.states[trace.loop_at :]
    inside, recording = _inside(channels), session.idle
    first, last = states[0], states[-1]
    if any(
        a != b
        for v, (a, b) in enumerate(zip(first, last, strict=True))
        if v not in inside and v not in recording
    ):
        return None
    out: dict[str, int] = {}
    for c in channels:
        for length, slots in zip(c.lengths, c.slots, strict=True):
            kept = [[v for v in slot if v not in recording] for slot in slots]
            queue = [_word(s, length, kept) for s in states]
            put: list[object] = []
            taken: list[object] = []
            for old, new in zip(queue, queue[1:], strict=False):
                if len(new) >= len(old):
                    if new[: len(old)] != old:
                        return None
                    put += new[len(old) :]
                elif old[1:] == new:
                    taken.append(old[0])
                else:
                    return None
            more = len(put) - len(taken)
            # What looks at how many there are may do something else in the next round.
            if more < 0 or (more > 0 and c.tested):
                return None
            if not _same_word(queue[0], put, taken):
                return None
            out[c.name] = out.get(c.name, 0) + more
    return out if any(out.values()) else None


def _word(state: State, length: int, slots: Sequence[Sequence[int]]) -> list[object]:
    return [tuple(state[v] for v in slot) for slot in slots[: int(state[length])]]


def _same_word(before: list[object], put: list[object], taken: list[object]) -> bool:
    """Does each round take out what the first one does?"""
    if not taken:
        return True
    size = len(before) + len(put) + len(taken)
    given = (before + put * size)[:size]
    return given == (taken * size)[:size]


def _replayed(
    session: Session, lower: Lower, trace: Trace, left: Mapping[str, int]
) -> tuple[TransitionSystem, dict[str, Verdict]] | None:
    """The run, with room for some more rounds, as one that goes on for ever."""
    room = (session.system.room or 0) + AGAIN * max(left.values())
    wide = lower(room)
    old = {v.name: v.index for v in session.system.variables}
    initial: list[Scalar] = []
    for v in wide.variables:
        if v.name in old:
            initial.append(trace.initial[old[v.name]])
        elif v.init is not None:
            initial.append(evaluate(v.init, initial))
        else:
            return None
    if len(wide.rules) != len(session.system.rules):
        return None  # (messages that grow old have rules of their own)
    own = session.of(wide)
    lasso = replace(trace, initial=tuple(initial))
    assert trace.loop_at is not None
    replayed = own.replay(wide, replace(lasso, loop_at=None))
    if not replayed.ok:
        return None
    start = replayed.states[trace.loop_at]
    channels = [c for c in open_channels(wide) if left.get(c.name)]
    recurs = and_(
        *(le(const(int(start[v])), var(v, wide.variables[v].sort)) for c in channels for v in c.lengths)
    )
    lasso = replace(lasso, recurs=recurs)
    verdicts: dict[str, Verdict] = {}
    for c in channels:
        more = left[c.name]
        message = GROWS.format(c.name, f"{more} message{'s' * (more > 1)}")
        sent = next(
            wide.rules[s.rule]
            for s in lasso.steps[trace.loop_at :]
            if wide.rules[s.rule].channel == c.name
            and wide.rules[s.rule].kind in (RuleKind.SEND, RuleKind.STEP)
        )

        def grows(_: Sequence[State], other: Trace) -> bool:
            steps = [(s.rule, s.inputs) for s in other.steps]
            return steps == [(s.rule, s.inputs) for s in lasso.steps]

        found = own.confirm("search", message, lasso, sent.span, grows)
        if not isinstance(found, Refuted):
            return None
        verdicts[c.name] = found
    return wide, verdicts
