"""What is left to be checked, cut into tasks that may be done in different processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum

from ..dsl import ast
from ..dsl.errors import Span
from ..dsl.records import dataclass
from ..semantics.expr import FALSE
from ..semantics.system import RuleKind, TimeLimit, TransitionSystem
from .checks import (
    beginnings,
    blocking,
    conflicts,
    contracts,
    coverage,
    ending,
    events,
    limits,
    liveness,
    loops,
    messages,
    obligations,
    otherwise,
    outcomes,
    timeouts,
    vacuity,
)
from .checks.anysize import AnySize
from .checks.obligations import Claim
from .chosen import allowed
from .session import Session
from .verdict import Proved, Result, Unknown, Verdict

OVER = "the time budget was used up (--timeout)"
NEVER_BEGUN = "the time budget was used up before it began (--timeout)"
PROPERTY = "property "
LIMIT = "limit "  # then check and name
EARLY = 0.1  # for what clocks alone decide, before the engines
CLAIMS = 0.7  # of the time for claims; the rest is for runs at random, and for trivial reasons


class Kind(StrEnum):
    CLAIMS = "safety"
    CONTRACTS = "contracts"
    WHOLE = "whole"
    LIVENESS = "liveness"
    LIMIT = "limit"
    TIMEOUTS = "timeouts"


@dataclass(frozen=True, slots=True)
class Task:
    """`name` is a whole check's, or a property's after PROPERTY; `members` are positions of claims.

    Tasks of one `group` see what those before them have learnt, so one process does them, one
    after the other.  `needs` names the whole checks whose verdicts must be there.
    """

    kind: Kind
    group: str
    name: str = ""
    members: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    weight: float = 1.0  # in sharing out the time

    @property
    def title(self) -> str:
        return self.name.removeprefix(PROPERTY).removeprefix(LIMIT) or self.kind.value


# What follows from what, or is a case of it.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "terminates": ("deadlock_free",),
    "can_finish": ("deadlock_free", "terminates"),
    "starvation_free": ("deadlock_free", "terminates"),
    "messages": ("deadlock_free",),
    "timing_independent": ("deadlock_free",),
    "deterministic": ("deadlock_free", "timing_independent"),
}
# By whom one graph, or one comparison of runs, is used; the others are by themselves.
GROUPS: Mapping[str, str] = {
    "deadlock_free": "graph",
    "terminates": "graph",
    "can_finish": "graph",
    "starvation_free": "graph",
    "messages": "graph",
    "timing_independent": "runs",
    "deterministic": "runs",
}


@dataclass(slots=True)
class Found:
    """Of a task: verdicts by position of a claim, or by name; and other lines of the table."""

    verdicts: dict[int | str, Verdict] = field(default_factory=dict)
    lines: tuple[Result, ...] = ()
    seconds: float = 0.0
    done: bool = True  # False: what is sure so far


Tell = Callable[[Found], None]


class Checks:
    """Does tasks of one system.  `known` has verdicts on claims, by position, that others made;
    `remembered` knows of whole checks that were proved before."""

    def __init__(
        self,
        session: Session,
        spec: ast.Spec,
        claims: Sequence[Claim],
        top: Span,
        remembered: Callable[[str], Verdict | None],
    ) -> None:
        self.session = session
        self.spec = spec
        self.claims = claims
        self.known: dict[int, Verdict] = {}
        self.remembered = remembered
        self.top = top
        self._sessions: dict[str, Session] = {}

    def perform(
        self,
        task: Task,
        whole: Mapping[str, Verdict],
        tell: Tell,
        until: Callable[[], float] | None = None,
    ) -> Found:
        """`whole` has the verdicts that the task needs; `tell` hears what is sure before the end;
        `until` says until when it may take."""
        since = time.monotonic()
        session = self._sessions.setdefault(task.group, self.session.beside())
        session.until = until
        found = Found()
        match task.kind:
            case Kind.CLAIMS:
                found.verdicts |= self._decided(session, task.members, tell)
            case Kind.CONTRACTS:
                found.lines = tuple(self._contracts(session))
            case Kind.WHOLE:
                known = self.remembered(task.name)
                found.verdicts[task.name] = known or self._whole(session, task.name, whole)
                if task.name == "terminates":
                    found.lines = tuple(self._measures(session))
            case Kind.LIVENESS:
                name = task.name.removeprefix(PROPERTY)
                found.verdicts[task.name] = self._property(session, name, whole["terminates"])
            case Kind.TIMEOUTS:
                found.lines = tuple(self._timeouts(session))
            case Kind.LIMIT:
                found.verdicts[task.name] = self._limit(session, task.name)
        chosen = session.options.engines
        found.verdicts = {k: allowed(chosen, v) for k, v in found.verdicts.items()}
        found.lines = tuple(
            replace(r, verdict=r.verdict and allowed(chosen, r.verdict)) for r in found.lines
        )
        found.seconds = time.monotonic() - since
        return found

    # --- claims ----------------------------------------------------------------------------

    def _decided(
        self, session: Session, members: Sequence[int], tell: Tell
    ) -> dict[int | str, Verdict]:
        groups = [self.claims[i] for i in members]
        verdicts: dict[int, Verdict] = {
            k: self.known[i] for k, i in enumerate(members) if i in self.known
        }
        left = [k for k in range(len(groups)) if k not in verdicts]

        def settled(found: Mapping[int, Verdict]) -> None:
            if found:
                tell(Found({members[left[k]]: v for k, v in found.items()}, done=False))

        with session.limit(), session.slot(EARLY):
            told = otherwise.at_random(
                session, groups, {k: _unasked(session, groups[k]) for k in left}
            )
        settled({left.index(k): v for k, v in told.items()})
        verdicts |= told
        left = [k for k in left if k not in told]
        with session.slot(CLAIMS):
            more = obligations.decide(session, [groups[k] for k in left], settled)
        verdicts |= {k: more[n] for n, k in enumerate(left)}
        verdicts |= otherwise.by_clocks(session, groups, verdicts)
        with session.limit():
            verdicts |= otherwise.at_random(session, groups, verdicts)
            verdicts |= vacuity.warned(session, self.spec, groups, verdicts)
        return {i: verdicts[k] for k, i in enumerate(members)}

    def _contracts(self, session: Session) -> Iterator[Result]:
        with session.limit() as limit:
            yield from contracts.satisfiable(session)
            yield from beginnings.never_passed(session)
        if limit.late:
            yield Result("contracts", "others", Unknown("portfolio", OVER), self.top)

    def _property(self, session: Session, name: str, terminates: Verdict) -> Verdict:
        """About what comes at last: it rests on whether runs end."""
        goals = [g for g in session.system.liveness if g.name == name]
        with session.limit():
            size = AnySize(session)
            verdict = liveness.property_holds(
                session, goals, terminates, lambda: size.found(lambda a: a.comes(name, {}))
            )
            claim = Claim("property", name, tuple(g.at_end for g in goals))
            return vacuity.warned(session, self.spec, [claim], {0: verdict}).get(0, verdict)
        return Unknown("portfolio", OVER)

    def _timeouts(self, session: Session) -> Iterator[Result]:
        with session.limit() as limit:
            yield from timeouts.timeouts(session, self.spec, self.top)
        if limit.late:
            yield Result("timeouts", "", Unknown("portfolio", OVER), self.top)

    def _limit(self, session: Session, name: str) -> Verdict:
        """What may be owed for some time only."""
        with session.limit():
            return limits.held(session, self.spec, limits_by_line(session.system)[name])
        return Unknown("portfolio", OVER)

    # --- the whole system ------------------------------------------------------------------

    def _whole(self, session: Session, check: str, known: Mapping[str, Verdict]) -> Verdict:
        with session.limit():
            return _whole(session, check, known)
        return Unknown("portfolio", OVER)

    def _measures(self, session: Session) -> Iterator[Result]:
        """What the spec says that falls with every round, and is not seen to."""
        with session.limit():
            for loop in session.system.loops:
                since = time.monotonic()
                why = loops.unproved_measure(session, loop)
                if why:
                    verdict, seconds = Unknown("ranking", why), time.monotonic() - since
                    yield Result("terminates", "decreases", verdict, loop.span, True, seconds)


def limits_by_line(system: TransitionSystem) -> dict[str, list[TimeLimit]]:
    """By the name of their task: those of one line of the table together."""
    out: dict[str, list[TimeLimit]] = {}
    for limit in system.limits:
        out.setdefault(f"{LIMIT}{limit.check} {limit.name}", []).append(limit)
    return out


def _whole(s: Session, check: str, known: Mapping[str, Verdict]) -> Verdict:
    if s.left() <= 0:
        return Unknown("portfolio", NEVER_BEGUN)
    match check:
        case "atomicity":
            return events.atomicity(s)
        case "deadlock_free":
            return blocking.deadlock_free(s)
        case "terminates":
            return ending.terminates(s, known["deadlock_free"])
        case "can_finish":
            return ending.can_finish(s, known["deadlock_free"], known["terminates"])
        case "starvation_free":
            needed = known["deadlock_free"], known["terminates"]
            size = AnySize(s)
            return liveness.starvation_free(
                s, *needed, lambda: size.found(lambda a: a.whole("starvation_free", {}))
            )
        case "messages":
            return messages.messages(s, known["deadlock_free"])
        case "no_dead_code":
            return coverage.no_dead_code(s)
        case "race_free":
            return conflicts.race_free(s)
        case "timing_independent":
            calm = _calm(s)
            return _aside(s, calm, outcomes.timing_independent(calm, known["deadlock_free"]))
        case "deterministic":
            calm, timing = _calm(s), known["timing_independent"]
            return _aside(s, calm, outcomes.deterministic(calm, known["deadlock_free"], timing))
    raise AssertionError(check)


NO_CRASH = "runs in which nobody crashes: a crash is the environment's"


def _calm(session: Session) -> Session:
    """Without crashes: what one loses, and when, is no matter of who is faster."""
    rules = session.system.rules
    if not any(r.kind is RuleKind.CRASH for r in rules):
        return session
    up = tuple(replace(r, guard=FALSE) if r.kind is RuleKind.CRASH else r for r in rules)
    return session.of(replace(session.system, rules=up))


def _aside(session: Session, calm: Session, verdict: Verdict) -> Verdict:
    if calm is session or not isinstance(verdict, Proved):
        return verdict
    return replace(verdict, how=f"{verdict.how} ({NO_CRASH})", evidence=())


def _unasked(session: Session, claim: Claim) -> Verdict:
    """Unknown of a claim that something never comes to its time, which is soon seen in runs with
    clocks, and late by the order of steps; else as if it were decided."""
    rules = session.system.rules
    by_clock = any(
        g.cond is FALSE and g.rule is not None and rules[g.rule].delay is not None
        for g in claim.goals
    )
    return Unknown("", "") if by_clock else Proved("", "")
