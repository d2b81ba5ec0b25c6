"""`timing_independent` and `deterministic`: does the result depend on who is faster?

Proofs are structural: nobody shares data with anybody beside it, nothing is cancelled by a step
of another branch, and no choice looks at the clock or at a contended claim; then steps of different
threads commute, and every schedule of one environment ends alike.  Refutations are two runs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

from ...dsl.errors import Span
from ...semantics.expr import FALSE, Scalar, variables
from ...semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.trace import Trace
from ..engines.timed import Environment, Occurrence, Outcome, Pace, Schedules
from ..session import InternalError, Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from .conflicts import conflicts
from .walk import Walker

STATE = (VarKind.DATA, VarKind.SHARED, VarKind.HIDDEN)


def obstacle(session: Session) -> str:
    """Why the structural argument does not apply; "" if it does."""
    system = session.system
    structure = session.structure
    for r in system.rules:
        if r.kind in (RuleKind.TIMEOUT, RuleKind.INTERRUPT):
            return f"a timeout may decide at {r.span}"
    matters = cone(system)
    for group in _cancellations(session):
        why = _cancellation_matters(session, group, matters)
        if why:
            return why
    for conflict in conflicts(structure, STATE, locks=False):
        if conflict.variable not in matters:
            continue
        a, b = system.rules[conflict.first], system.rules[conflict.second]
        if a.bundle is not None and a.bundle is b.bundle:
            continue  # both lead to the same, as was just seen
        name = system.variables[conflict.variable].name
        return f"`{a.name}` and `{b.name}` may come in either order and share {name}"
    contended = structure.contended()
    for sides in system.choices:
        for side in sides:
            for index in side:
                r = system.rules[index]
                if r.kind in (RuleKind.TIMER, RuleKind.WAIT):
                    return f"a choice waits at {r.span}"
                if any(u in contended for u, _ in r.gains):
                    return f"which sides of a choice can move depends on others at {r.span}"
    return _looks_around(session)


def cone(system: TransitionSystem) -> set[int]:
    """Variables that can influence control or an observed result."""
    out = {v for i in system.instances for v in (*i.observed, i.error)}
    out |= {v.index for v in system.variables if v.kind is VarKind.SHARED}
    for r in system.rules:
        out |= variables([r.guard, r.relation])
        if r.delay is not None:
            out |= variables([r.delay.lo, *([r.delay.hi] if r.delay.hi is not None else [])])
    readers: dict[int, set[int]] = {}
    for r in system.rules:
        for v, e in r.updates:
            readers.setdefault(v, set()).update(variables([e]))
    stack = list(out)
    while stack:
        for v in readers.get(stack.pop(), ()):
            if v not in out:
                out.add(v)
                stack.append(v)
    return out


def _cancellations(session: Session) -> list[list[Rule]]:
    """Rules that cancel branches side by side, those with the same bundle together."""
    groups: dict[int, list[Rule]] = {}
    for r in session.system.rules:
        if r.bundle is not None and _cancels_others(session, r):
            groups.setdefault(id(r.bundle), []).append(r)
    return list(groups.values())


def _cancellation_matters(session: Session, group: list[Rule], matters: set[int]) -> str:
    """A cancellation is harmless if all that may cause it lead to the same, and nothing that
    the cancelled branches may have done by then can be seen."""
    system = session.system
    bundle = group[0].bundle
    assert bundle is not None
    location = {t.location: t.id for t in system.threads}
    killed = {location[v] for v, _ in bundle.updates if v in location}
    aside = {v.index for v in system.variables if v.kind is VarKind.USED} | location.keys()
    causes = {r.index for r in group}
    first = group[0]
    for r in group[1:]:
        if _effect(r, matters - aside) != _effect(first, matters - aside) or (
            _targets(r, location) != _targets(first, location)
        ):
            return f"it matters whether `{first.name}` or `{r.name}` comes first"
    for r in system.rules:
        if r.thread in killed and r.index not in causes:
            seen = {v for v, _ in r.updates} & (matters - aside)
            if seen:
                name = system.variables[min(seen)].name
                return f"`{first.name}` may come before or after `{r.name}`, which writes {name}"
    return ""


def _effect(rule: Rule, matters: set[int]) -> dict[int, object]:
    """Updates that matter; terms that are not constant are told apart by identity."""
    return {v: (e.value if not e.args else id(e)) for v, e in rule.own if v in matters}


def _targets(rule: Rule, location: dict[int, int]) -> dict[int, object]:
    return {v: (e.value if not e.args else id(e)) for v, e in rule.own if v in location}


def _cancels_others(session: Session, rule: Rule) -> bool:
    """Does the cancellation reach a thread that may run beside another that it reaches?"""
    assert rule.bundle is not None
    location = {t.location: t.id for t in session.system.threads}
    killed = [location[v] for v, _ in rule.bundle.updates if v in location]
    siblings: dict[tuple[int | None, int | None], int] = {}
    for t in killed:
        thread = session.system.threads[t]
        key = (thread.parent, thread.fork)
        siblings[key] = siblings.get(key, 0) + 1
    return any(n > 1 for n in siblings.values())


def _looks_around(session: Session) -> str:
    """Guards that read what is not their own: other threads' places, use of resources."""
    system = session.system
    location = {t.location: t.id for t in system.threads}
    family: dict[int, set[int]] = {}
    for t in system.threads:
        family[t.id] = {a for a, _ in session.structure.ancestors(t.id)} | set(t.after)
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    for r in system.rules:
        claimed = {u for u, _ in r.gains}
        for g in r.gains:
            for info in system.resources:
                if g[0] in (info.used, info.exclusive):
                    claimed |= {info.used} | ({info.exclusive} if info.exclusive else set())
        read = variables([r.guard, r.relation])
        if read & used - claimed:
            return f"`{r.name}` looks at the use of a resource"
        for v in read & location.keys():
            other = location[v]
            if other in family[r.thread] or r.thread in family[other]:
                continue
            if r.thread in {a for a, _ in session.structure.ancestors(other)}:
                continue
            return f"`{r.name}` looks at where another branch is"
    return ""


def timing_independent(session: Session, deadlock: Verdict) -> Verdict:
    why = obstacle(session)
    if not why and isinstance(deadlock, Proved) and session.system.excluded is FALSE:
        return Proved(
            "structure",
            "steps of different branches share no data in either order, nothing is cancelled from "
            "beside, no choice depends on the clock or on a contended claim, and nobody is ever "
            "stuck: so steps commute and every schedule ends with the same result",
        )
    return _two_runs(session, why or "somebody may be stuck", durations=True)


def deterministic(session: Session, deadlock: Verdict, independent: Verdict) -> Verdict:
    if isinstance(independent, Proved):
        return Proved(
            "structure", "the result does not even depend on durations (`timing_independent`)"
        )
    del deadlock
    return _two_runs(session, obstacle(session), durations=False)


def _two_runs(session: Session, why: str, durations: bool) -> Verdict:
    """Looks for two runs of one environment (or of two that differ in durations) that part."""
    system = session.system
    if len(system.rules) > 3000:
        return Unknown("structure", why)
    walker = Walker(system)
    paces = _paces()
    for number in range(24):
        if session.left() <= 0:
            break
        rng = random.Random(session.options.seed * 7919 + number)
        initial = walker.start(rng)
        if initial is None:
            return Unknown("simulation", "no initial state was found")
        failing = (0.0, 0.5, 0.3, 1.0)[number % 4]
        results: dict[tuple[Scalar, ...], Outcome] = {}
        ends: dict[Occurrence, tuple[RuleKind, str, tuple[Scalar, ...]]] = {}
        for pace in paces if durations else [paces[number % len(paces)]]:
            # Durations may differ from one to the next, answers may not.
            environment = Environment(number, failing, pace, walker.answer, ends)
            schedules = Schedules(system, environment)
            found, _ = schedules.outcomes(initial, session.share(0.02), 4000)
            for outcome in found if not environment.broken else ():
                results.setdefault(outcome.result, outcome)
            if len(results) > 1:
                first, second, *_ = results.values()
                return _refuted(session, first, second, why, durations)
    return Unknown(
        "simulation", f"{why}; but no two runs of one environment with different results were found"
    )


def _paces() -> list[Pace]:
    def lowest(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        return lo

    def level(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        """The same for as many as possible."""
        whole = Fraction(-(-lo.numerator // lo.denominator))
        for value in (Fraction(1), Fraction(2), Fraction(5), whole):
            if lo <= value and (hi is None or value <= hi):
                return value
        return lo

    def highest(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        return hi if hi is not None else lo + 100

    def mixed(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        top = hi if hi is not None else lo + rng.choice([1, 10, 1000])
        return lo + (top - lo) * Fraction(rng.randrange(5), 4)

    return [level, lowest, mixed, highest, mixed]


def _refuted(
    session: Session, first: Outcome, second: Outcome, why: str, durations: bool
) -> Verdict:
    system = session.system
    for outcome in (first, second):
        replayed = session.replay(system, outcome.trace)
        if not replayed.ok:
            raise InternalError(f"a run of the schedule search does not replay: {replayed.why}")
    differ = _difference(system, first, second)
    same = "the same answers of the environment"
    if not durations:
        same += ", durations included,"
    message = f"with {same} two runs end differently: {differ}"
    span = system.instances[0].span
    notes = (f"cause: {why}",) if why else ()
    return Refuted(
        "simulation",
        message,
        first.trace,
        _parting(system, first.trace, second.trace) or span,
        f"{len(first.trace.steps)} and {len(second.trace.steps)} steps",
        second=second.trace,
        notes=notes,
    )


def _difference(system: TransitionSystem, first: Outcome, second: Outcome) -> str:
    names = [i.name for i in system.instances]
    a, b = first.result, second.result
    for k, name in enumerate(names):
        if a[k] != b[k]:
            words = [_end(system, k, x[k]) for x in (a, b)]
            return f"{name} {words[0]} or {words[1]}"
    schedules = Schedules(system, Environment(0, 0.0, lambda lo, hi, r: lo, lambda *_: None))
    for v, x, y in zip(schedules.observed, a[len(names) :], b[len(names) :], strict=True):
        if x != y:
            from ...semantics.values import show

            variable = system.variables[v]
            if variable.kind is VarKind.HIDDEN:
                return f"{variable.name}: {_error(system, x)} or {_error(system, y)}"
            shown = [show(variable, value, system.strings) for value in (x, y)]
            return f"{variable.name} is {shown[0]} or {shown[1]}"
    return "their results"


def _error(system: TransitionSystem, value: Scalar) -> str:
    return system.errors[int(value) - 1] if int(value) > 0 else "none"


def _end(system: TransitionSystem, instance: int, at: Scalar) -> str:
    i = system.instances[instance]
    return {i.completed: "completes", i.failed: "fails"}.get(int(at), "never ends")


def _parting(system: TransitionSystem, a: Trace, b: Trace) -> Span | None:
    for x, y in zip(a.steps, b.steps, strict=False):
        if x.rule != y.rule or x.inputs != y.inputs:
            return system.rules[x.rule].span
    return None


__all__ = ["Sequence", "deterministic", "timing_independent"]
