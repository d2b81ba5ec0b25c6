"""Channels without a bound: is there one all the same, or can a run put more and more into them?

The rules need room for some number of messages.  As long as no send ever finds its channel full,
a channel with that room is one without a bound; so that claim is put first, for one room after the
other, and what else is proved counts only where it is proved.  Where it fails, a *pump* is looked
for: steps from a state to one that differs in nothing but further messages (Karp and Miller, 1969),
so that they can be taken again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..dsl import ast
from ..dsl.records import dataclass
from ..semantics.evidence import Runs
from ..semantics.expr import FALSE, not_, or_
from ..semantics.idle import idle, without
from ..semantics.lower import lower
from ..semantics.system import Obligation, TransitionSystem
from .pumps import pumped
from .session import Options, Replay, Schedule, Session, Simulate
from .verdict import Proved, Refuted, Unknown, Verdict

ROOMS = (1, 2, 4, 8)
PART = 0.5  # of the time, for this question
REST = 0.25  # of the time, for runs that refute something else, where it is not proved
FULL = "there is no room for a message"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The system with the room that is needed, and what is known of each channel without a
    bound."""

    system: TransitionSystem
    growth: Mapping[str, Verdict]

    def left(self, options: Options, seconds: float) -> Options:
        """With the time that is left for all else after so many seconds: there is little else to
        be found where a channel may grow."""
        sure = all(isinstance(v, Proved) for v in self.growth.values())
        left = options.timeout - seconds
        sure = sure or bool(self.system.any_number)  # (there the room is no matter for a crowd)
        most = left if sure else min(left, options.timeout * REST)
        return replace(options, timeout=max(1.0, most))


def fitted(
    spec: ast.Spec,
    system: TransitionSystem,
    options: Options,
    replay: Replay,
    schedule: Schedule,
    simulate: Simulate | None = None,
) -> Fitted:
    """Of a system with any room: tries one after the other, each for a part of the time."""
    if system.room is None:
        return Fitted(system, {})

    def made(room: int) -> TransitionSystem:
        return lower(spec, room=room)

    options = replace(options, timeout=options.timeout * PART)
    if system.any_number:
        from .checks.anynumber import AnyNumber
        from .checks.inbounds import bounded

        session = Session(made(1), options, replay, schedule, simulate)
        sure = bounded(AnyNumber(session, spec))
        if sure is not None:
            return Fitted(
                made(max(room for _, room in sure.values())), {n: v for n, (v, _) in sure.items()}
            )
    first: Session | None = None
    found: dict[str, Verdict] = {}
    for number, room in enumerate(ROOMS):
        system = made(room)
        session = Session(system, options, replay, schedule, simulate)
        if first is None:
            first = session
        session.begin = first.begin
        with session.slot(1 / (len(ROOMS) - number)):
            with session.slot(1 / 2):
                found = _within(session, room)
            if all(isinstance(v, Proved) for v in found.values()):
                if session.system.any_number:
                    found = {n: _few(session, v, room) for n, v in found.items()}
                return Fitted(system, found)
            filled = pumped(session, made)
        if filled is not None:
            system, refuted = filled
            return Fitted(system, {**{n: _open(v) for n, v in found.items()}, **refuted})
        if session.left() <= 0.1:
            break
    return Fitted(system, {n: _open(v, room) for n, v in found.items()})


def _few(session: Session, verdict: Verdict, room: int) -> Verdict:
    most = max(len(g.members) for g in session.system.any_number)
    return Unknown(
        verdict.engine,
        f"whether it grows without bound was not decided; up to {most} instances leave no more "
        f"than {room} messages there",
    )


def _open(verdict: Verdict, room: int = 0) -> Verdict:
    """That some room is not enough says nothing about the next; that it is enough for this channel
    counts only where it is for all, because who waits for room in another sends less to this."""
    if isinstance(verdict, Proved):
        return Unknown(verdict.engine, "whether it grows was not decided, as another channel may")
    what = "a run fills" if isinstance(verdict, Refuted) else "a run may fill"
    seen = f"; {what} the room for {room} messages that was tried last" if room else ""
    return Unknown("search", f"whether it grows without bound was not decided{seen}")


def assumed(system: TransitionSystem, growth: Mapping[str, Verdict]) -> TransitionSystem:
    """The system without the runs in which a channel without a bound is full: they do not count.
    Where it is proved that there are none, the system itself."""
    full = [
        c.full
        for c in system.open_channels
        if c.full is not None and not isinstance(growth.get(c.name), Proved)
    ]
    return replace(system, excluded=or_(system.excluded, *full)) if full else system


def lifted(session: Session, verdict: Verdict) -> Verdict:
    """What was proved of runs in which no channel is full says nothing about the others."""
    from .checks import liveness

    growth = session.growth
    grown = [n for n, v in growth.items() if not isinstance(v, Proved)]
    if not grown or isinstance(verdict, Unknown):
        return verdict
    if isinstance(verdict, Refuted):
        runs = [t for t in (verdict.trace, verdict.second) if t is not None and t.initial]
        if all(session.counts(session.replay(session.system, t).states) for t in runs):
            return verdict
        return Unknown(verdict.engine, "the run that was found waits for room, which there is")
    if _by_runs(session, verdict) or verdict.how == liveness.NOBODY:
        return verdict
    refuted = any(isinstance(growth[n], Refuted) for n in grown)
    why = "which grows without bound" if refuted else "whose growth was not decided"
    names = ", ".join(f"`{n}`" for n in grown)
    return Unknown(
        verdict.engine, f"it was proved only as far as the rules have room in {names}, {why}"
    )


def _by_runs(session: Session, verdict: Proved) -> bool:
    """Whether runs show it in which no channel is full."""
    shown = [p.evidence for p in verdict.evidence]
    runs = [t for e in shown if isinstance(e, Runs) for t in e.runs]
    if not shown or not all(isinstance(e, Runs) for e in shown):
        return False
    return all(session.counts(session.replay(session.system, t).states) for t in runs)


# --- is the room enough? -----------------------------------------------------------------------


def _within(session: Session, room: int) -> dict[str, Verdict]:
    """Does a send always find room?"""
    from .checks import obligations, readings

    channels = session.system.open_channels
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
            verdict = readings.decided(bare, claim.goals) or verdict
        if isinstance(verdict, Proved):
            said = f"never more than {room} message{'s' * (room > 1)} in `{c.name}`"
            verdict = replace(verdict, how=f"{said}: {verdict.how}", figure="", evidence=())
        out[c.name] = verdict
    return out
