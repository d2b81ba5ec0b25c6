"""Rounds that leave messages behind: steps from a state to one that differs in nothing but further
messages in channels without a bound, so that they can be taken again and again (Karp and Miller,
1969).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..dsl.records import dataclass
from ..semantics.expr import TRUE, Op, Scalar, and_, const, le, var
from ..semantics.idle import idle, without
from ..semantics.system import ChannelInfo, Rule, RuleKind, TransitionSystem
from ..semantics.trace import Step, Trace
from ..semantics.values import evaluate
from .queued import Queue, left_by_round, words
from .session import Session
from .verdict import Refuted, Verdict

FIRST = 40  # states from which a pump is looked for
MOST_PUMPS = 300  # that are tried
AGAIN = 8  # rounds of a pump for which there must be room when it is replayed
GROWS = "more and more messages can be in `{}`: each round leaves {} there that nobody has taken"

Lower = Callable[[int], TransitionSystem]  # with room for so many messages
State = Sequence[Scalar]


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


def pumped(session: Session, made: Lower) -> tuple[TransitionSystem, dict[str, Verdict]] | None:
    """A pump that replays, with the system in which it does, and whose channels it fills."""
    channels = [c for c in session.system.open_channels if c.slots]
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
        found = _replayed(session, made, trace, left)
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
        [
            (key, tuple(c for c, _ in n.armed))
            for (key, _), n in zip(parted, graph.nodes, strict=True)
        ],
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
    kept: Sequence[int],
    view: Mapping[int, Scalar] | Sequence[Scalar],
    channels: Sequence[ChannelInfo],
) -> tuple[tuple[Scalar, ...], tuple[int, ...]]:
    """What a state is beside the messages in these channels, and how many those are."""
    inside = _inside(channels)
    key = tuple(view[v] for v in kept if v not in inside)
    return key, tuple(int(view[v]) for c in channels for v in c.lengths)


def _inside(channels: Sequence[ChannelInfo]) -> set[int]:
    """The variables of these channels."""
    slots = {v for c in channels for queue in c.slots for slot in queue for v in slot}
    turns = {v for c in channels for queue in c.turns for v in queue}
    return slots | turns | {v for c in channels for v in c.lengths}


def _left(session: Session, channels: Sequence[ChannelInfo], trace: Trace) -> dict[str, int] | None:
    """How many messages each round leaves in each channel; None where the round is none that can
    be taken again and again.

    Nothing but the messages in these channels differs after it (`queued` says when these may).
    Where messages grow old it takes no time, so that none is ever too old.
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
        if c.turns and _takes_time(system, trace):
            return None
        turns = c.turns or [()] * len(c.lengths)
        for length, slots, order in zip(c.lengths, c.slots, turns, strict=True):
            asks = c.asks and all(slot[-1] not in recording for slot in slots)
            kept = [[v for v in slot if v not in recording] for slot in slots]
            held = list(words(states, length, kept, order, asks))
            more = left_by_round(held, Queue(c.in_order, c.chosen))
            # What looks at how many there are may do something else in the next round.
            if more is None or (more > 0 and c.tested):
                return None
            out[c.name] = out.get(c.name, 0) + more
    return out if any(out.values()) else None


def _takes_time(system: TransitionSystem, trace: Trace) -> bool:
    """Whether some step of the round has to wait."""
    delays = [system.rules[s.rule].delay for s in trace.steps[trace.loop_at :]]
    return any(d is not None and (d.lo.op is not Op.CONST or d.lo.value != 0) for d in delays)


def _wider(narrow: TransitionSystem, wide: TransitionSystem) -> list[int] | None:
    """By rule, the same with more room: those by which messages grow too old are one for each
    slot."""
    old = [r for r in narrow.rules if not _by_slot(narrow, r)]
    new = [r for r in wide.rules if not _by_slot(wide, r)]
    if [r.name for r in old] != [r.name for r in new]:
        return None
    alike = {r.index: s.index for r, s in zip(old, new, strict=True)}
    for c, d in zip(narrow.channels, wide.channels, strict=True):
        mine, others = (
            [r.index for r in s.rules if r.channel == c.name and _by_slot(s, r)]
            for s in (narrow, wide)
        )
        if len(mine) != sum(map(len, c.turns)) or len(others) != sum(map(len, d.turns)):
            return None
        for few, many in zip(c.turns, d.turns, strict=True):
            alike |= dict(zip(mine[: len(few)], others[: len(few)], strict=True))
            mine, others = mine[len(few) :], others[len(many) :]
    return [alike[r.index] for r in narrow.rules]


def _by_slot(system: TransitionSystem, rule: Rule) -> bool:
    thread = system.threads[rule.thread]
    return rule.kind is RuleKind.TIMER and bool(rule.channel) and len(thread.points) == 1


def _bare(trace: Trace) -> Trace:
    """Without its times."""
    return replace(trace, steps=tuple(Step(s.rule, s.inputs) for s in trace.steps))


def _replayed(
    session: Session, made: Lower, trace: Trace, left: Mapping[str, int]
) -> tuple[TransitionSystem, dict[str, Verdict]] | None:
    """The run, with room for some more rounds, as one that goes on for ever."""
    room = (session.system.room or 0) + AGAIN * max(left.values())
    wide = made(room)
    old = {v.name: v.index for v in session.system.variables}
    initial: list[Scalar] = []
    for v in wide.variables:
        if v.name in old:
            initial.append(trace.initial[old[v.name]])
        elif v.init is not None:
            initial.append(evaluate(v.init, initial))
        else:
            return None
    rules = _wider(session.system, wide)
    if rules is None:
        return None
    own = session.of(wide)
    steps = tuple(replace(s, rule=rules[s.rule]) for s in trace.steps)
    lasso = replace(trace, initial=tuple(initial), steps=steps)
    assert trace.loop_at is not None
    replayed = own.replay(wide, replace(lasso, loop_at=None))
    timed = own.schedule(wide, replace(lasso, recurs=TRUE)) if replayed.ok else None
    if timed is None:
        return None
    aging = any(c.turns for c in wide.open_channels if left.get(c.name))
    if aging and len({s.time for s in timed.steps[trace.loop_at :]}) > 1:
        return None
    start = replayed.states[trace.loop_at]
    channels = [c for c in wide.open_channels if left.get(c.name)]
    recurs = and_(
        *(
            le(const(int(start[v])), var(v, wide.variables[v].sort))
            for c in channels
            for v in c.lengths
        )
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
            # Another order of the steps may leave less, and so may a round that begins elsewhere.
            return _bare(other) == _bare(lasso)

        found = own.confirm("search", message, lasso, sent.span, grows)
        if not isinstance(found, Refuted):
            return None
        verdicts[c.name] = found
    return wide, verdicts
