"""Two steps that the order of matters for data, in the last state of a run, by plain evaluation.

Both can be taken there at one instant, and then: what one writes keeps the other from being taken,
or changes what it does, or other data are left when the order is turned round.  Or one of them
ends what runs, and the other, which can be taken before, changes what is read in the meantime.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice, product

from ..semantics.expr import Expr, Op, Scalar
from ..semantics.system import Input, Rule, RuleKind, TransitionSystem, VarKind
from ..semantics.values import evaluate, fits, relation_holds
from ..semantics.walks import variables
from .conflicts import DATA
from .runs import Run
from .states import domain

MOST_ANSWERS = 64  # of one step

State = Sequence[Scalar]
Answer = tuple[Scalar, ...]


def race(run: Run) -> bool:
    """Is there such a pair in the state where the run is?"""
    rules = run.system.rules
    able = [rules[i] for i in sorted({*run.urgent, *run.since}) if rules[i].kind not in NOBODYS]
    writes = [r for r in able if _data(run.system, r)]
    return any(
        a.thread != b.thread and _against(run, a, b)
        for a in writes
        for b in able
        if b not in writes or a.index < b.index
    )


# What a crash loses is a matter of the properties.
NOBODYS = (RuleKind.CRASH,)


def _against(run: Run, a: Rule, b: Rule) -> bool:
    system, state = run.system, run.state
    answers = [list(islice(_answers(r, state), MOST_ANSWERS)) for r in (a, b)]
    if not all(answers):
        return False
    times = [_window(run, r) for r in (a, b)]
    if any(w is None for w in times):
        return False
    (first, until), (first_b, until_b) = (w for w in times if w is not None)
    ends = [t for t in (until, until_b) if t is not None]
    at_once = not ends or max(first, first_b) <= min(ends)
    return any(
        (at_once and _ordered(system, state, (a, x), (b, y)))
        or (b.delay is not None and _read_meanwhile(system, state, b, (a, x)))
        or (a.delay is not None and _read_meanwhile(system, state, a, (b, y)))
        for x, y in product(*answers)
    )


def _window(run: Run, rule: Rule) -> tuple[Fraction, Fraction | None] | None:
    """From when until when it can be taken, if nothing else happens before."""
    first, last = run.now, run.until
    if rule.index not in run.urgent:
        begun, low, high = run.since[rule.index]
        first = max(first, begun + low)
        if high is not None:
            last = begun + high if last is None else min(last, begun + high)
    return None if last is not None and last < first else (first, last)


def _answers(rule: Rule, state: State) -> Iterator[Answer]:
    """What the environment may answer; of very many values only the ends."""
    for given in product(*map(_some, rule.inputs)):
        if all(map(fits, rule.inputs, given)) and relation_holds(rule, state, given):
            yield given


def _some(declared: Input) -> Sequence[Scalar]:
    values = domain(declared, MOST_ANSWERS)
    if values is not None:
        return values
    ends = [e for e in (declared.lo, declared.hi) if e is not None]
    return list(dict.fromkeys([*ends, 0, 1]))


def _data(system: TransitionSystem, rule: Rule) -> list[tuple[int, Expr]]:
    """What it writes of what users declare; the time by the clock does not count, at one instant
    all set the same."""
    return [
        (v, e)
        for v, e in rule.updates
        if system.variables[v].kind in DATA
        and not (e.op is Op.INPUT and rule.inputs[e.index].clock)
    ]


def _after(state: State, updates: Sequence[tuple[int, Expr]], given: Answer) -> list[Scalar]:
    out = list(state)
    for v, e in updates:
        out[v] = evaluate(e, state, given)
    return out


def _ordered(
    system: TransitionSystem, state: State, one: tuple[Rule, Answer], two: tuple[Rule, Answer]
) -> bool:
    """Does it matter which of the two steps comes first?"""
    if one[0].transaction and two[0].transaction:
        durable = {v.index for v in system.variables if v.durable}
    else:
        durable = set()
    data = [[u for u in _data(system, r) if u[0] not in durable] for r, _ in (one, two)]
    left = []
    for (first, x), (then, y), mine, other in (
        (one, two, data[0], data[1]),
        (two, one, data[1], data[0]),
    ):
        middle = _after(state, mine, x)
        if _does(system, first, then, y, state, middle, x):
            return True
        left.append(_after(middle, other, y))
    return any(left[0][v] != left[1][v] for updates in data for v, _ in updates)


def _does(
    system: TransitionSystem,
    first: Rule,
    then: Rule,
    given: Answer,
    state: State,
    middle: State,
    answer: Answer,
) -> bool:
    """Do the data that the first step writes keep the other from being taken, or change it?"""
    control = [
        (v, e) for v, e in first.updates if system.variables[v].kind not in (*DATA, VarKind.GHOST)
    ]
    behind = _after(state, control, answer)
    both = list(behind)
    for v, (x, y) in enumerate(zip(state, middle, strict=True)):
        if x != y:
            both[v] = y
    # What control alone would do to it is no matter of data.
    if evaluate(then.guard, behind) is True and evaluate(then.guard, both) is not True:
        return True
    if relation_holds(then, state, given) != relation_holds(then, middle, given):
        return True
    return any(
        evaluate(e, state, given) != evaluate(e, middle, given)
        for v, e in then.updates
        if system.variables[v].kind not in (*DATA, VarKind.GHOST)
    )


def _read_meanwhile(
    system: TransitionSystem, state: State, runs: Rule, other: tuple[Rule, Answer]
) -> bool:
    assert runs.delay is not None
    bounds = [runs.delay.lo, *([] if runs.delay.hi is None else [runs.delay.hi])]
    read = variables(bounds) | set(runs.reads)
    return any(
        v in read and evaluate(e, state, other[1]) != state[v] for v, e in _data(system, other[0])
    )
