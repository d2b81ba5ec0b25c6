"""The order of steps inside each part of a system, where parts only get in each other's way.

Parts are groups of instances that share no data but what does not show an order: variables that
all who touch them only add to, or only set to one constant.  Fix an environment.  If

1. nobody but who claims a resource looks at its use, so that a claim only puts a step off;
2. nobody waits for a claim for ever (`deadlock_free`), and no run is infinite;
3. which sides of `+` can move does not depend on a claim that may have to wait;

then what a part does in a complete run of the whole is a complete run of that part by itself,
where no claim is refused but any step may be put off, as in the untimed view; in the timed view, a
step that claims may be put off as long as one likes, as if that were one more duration of the
environment's.  So if all complete runs of each part by itself end alike, whatever the durations
(`engines.confluence`), then all of the whole do: what several parts add up is the sum of what each
adds.

`timeouts`: the time-out of an attempt is an answer of the environment like any other end, because
its clock starts when the attempt does, and durations are answers (for `deterministic`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from ...semantics.expr import FALSE, TRUE, Op, and_, const
from ...semantics.system import Delay, Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.walks import variables
from ..engines.bisimilar import merge
from ..engines.confluence import Confluence, Finding
from ..engines.tracked import Tracked, Unsupported
from ..session import Session
from ..verdict import Proved, Verdict
from .footprints import commuting
from .independence import choices_matter, claims
from .loops import ends

MOST_STATES = 20_000
MOST_WORK = 100_000  # rules that are looked at, for each part all
SECONDS = 2.0

HOW = (
    "instances share nothing that shows an order, claims only put steps off, and in each by itself "
    "no two steps that one environment leaves open lead to different results, whichever comes first"
)
TIMED = ", at any instant at which both can be taken"


def alike(
    session: Session,
    deadlock: Verdict,
    timeouts: bool,
    all_end: Callable[[], bool] | None = None,
) -> Proved | None:
    """All complete runs of one environment end alike; None: not known.  `all_end`: do loops?"""
    system = session.system
    if system.excluded is not FALSE or system.reads_clock or choices_matter(session):
        return None
    contended = session.structure.contended()
    if contended and not isinstance(deadlock, Proved):
        return None
    if timeouts and not _fixed(system):
        return None
    free = granted(system)
    if free is None:
        return None
    how = HOW
    states = 0
    split = parts(free)
    if len(split) * len(system.rules) > MOST_WORK:
        return None
    for part in split:
        alone = only(free, part)
        late = put_off(alone, contended)
        for view, timed, merged in (
            (alone, False, False),
            (late, True, False),
            (alone, False, True),
            (late, True, True),
        ):
            found = _confluent(session, view, timed, timeouts, merged)
            if found is not None:
                how = HOW + TIMED if timed else how
                break
        if found is None:
            return None
        states += found.states
        if found.loops:
            over = all(ends(session, x) for x in system.loops) if all_end is None else all_end()
            if not over:
                return None
    return Proved("search", how, f"{states} states")


def _confluent(
    session: Session, part: TransitionSystem, timed: bool, timeouts: bool, merged: bool
) -> Finding | None:
    """`ties` of the part is not set: here no durations but those of an attempt with a time-out
    decide between its ends."""
    try:
        tracked = Tracked(part, formal=merged)
        # What nobody looks at any more may be left behind in two ways.
        if merged and not merge(tracked, min(SECONDS, session.share(0.05))):
            return None
        graph = Confluence(tracked, timed)
        seconds = min(SECONDS, session.share(0.05))
        found = graph.run(seconds, MOST_STATES, 1, ends=not timeouts)
    except Unsupported:
        return None
    return found if found.independent(timed) else None


def _fixed(system: TransitionSystem) -> bool:
    """Does no state change how long attempts with a time-out may take?"""
    late = {r.group for r in system.rules if r.kind is RuleKind.TIMEOUT}
    delays = [r.delay for r in system.rules if r.group in late and r.delay is not None]
    return not variables([e for d in delays for e in (d.lo, d.hi) if e is not None])


def granted(system: TransitionSystem) -> TransitionSystem | None:
    """The system with all claims granted at once; None if somebody else looks at their use."""
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    out: list[Rule] = []
    for r in system.rules:
        guard = claims(system, r, used)
        if guard is None or used & _looked_at(system, r):
            return None
        mine, rest = guard
        out.append(replace(r, guard=and_(*rest)) if mine else r)
    return replace(system, rules=tuple(out), ties=False)


def put_off(system: TransitionSystem, contended: Collection[int]) -> TransitionSystem:
    """Whoever claims one of these may have to wait, for any time."""

    def waits(r: Rule) -> Rule:
        if not any(u in contended for u, _ in r.gains):
            return r
        return replace(r, delay=Delay(r.delay.lo if r.delay else const(Fraction(0)), None))

    return replace(system, rules=tuple(waits(r) for r in system.rules))


def _looked_at(system: TransitionSystem, rule: Rule) -> set[int]:
    """What it reads, but for its guard and for the values of what nobody reads."""
    terms = [rule.relation]
    if rule.delay is not None:
        terms += [e for e in (rule.delay.lo, rule.delay.hi) if e is not None]
    aside = (VarKind.GHOST, VarKind.USED)
    terms += [e for v, e in rule.updates if system.variables[v].kind not in aside]
    return variables(terms) | variables([rule.relation], Op.POST)


def parts(system: TransitionSystem) -> list[list[int]]:
    """Instances, those that share data together."""
    group = {i.id: i.id for i in system.instances}

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    touching: dict[int, dict[object, set[int]]] = {}
    for instance, v, how in _touches(system):
        touching.setdefault(v, {}).setdefault(how, set()).add(instance)
    for found in touching.values():
        if found.keys() == {"read"} or found.keys() == {"add"}:
            continue
        if len(found) == 1 and all(isinstance(how, tuple) for how in found):
            continue  # set to one constant
        first, *others = [i for instances in found.values() for i in instances]
        for other in others:
            group[root(other)] = root(first)
    out: dict[int, list[int]] = {}
    for i in group:
        out.setdefault(root(i), []).append(i)
    return list(out.values())


def _touches(system: TransitionSystem) -> Iterator[tuple[int, int, object]]:
    """(instance, variable, how): "read", "add", ("set", constant), "write"."""
    aside = {v.index for v in system.variables if v.kind in (VarKind.GHOST, VarKind.USED)}
    for i in system.instances:
        for v in (system.threads[i.root].location, i.error, *i.observed):
            yield i.id, v, "read"
        for v in variables([i.active]):
            yield i.id, v, "read"
    for r in system.rules:
        reads = _looked_at(system, replace(r, own=(), bundle=None)) | variables([r.guard])
        for v, e in r.updates:
            if v in aside:
                continue
            amount = commuting(v, e)
            if amount is not None:
                reads |= variables([amount])
                yield r.instance, v, "add"
            elif e.op is Op.CONST:
                yield r.instance, v, ("set", e.value)
            else:
                reads |= variables([e])
                yield r.instance, v, "write"
        for v in reads - aside:
            yield r.instance, v, "read"


def only(system: TransitionSystem, part: Sequence[int]) -> TransitionSystem:
    """Nobody else takes a step, and nothing else is looked at."""
    rules = tuple(
        r
        if r.instance in part
        else replace(
            r, guard=FALSE, relation=TRUE, inputs=(), own=(), bundle=None, delay=None, group=None
        )
        for r in system.rules
    )
    return replace(
        system, rules=rules, instances=tuple(i for i in system.instances if i.id in part)
    )
