"""Runs that never end and never come to the same state again, as recurrent sets (`turns`).

Ways round that bring all threads back to where they are come from the rules alone, data kept as
terms.  Of one that can be gone several times in a row, the conditions on the data under which it is
taken are closed one after the other: what the way does not keep is strengthened by what it adds to
a side of a comparison (a bound that moves away stays away), until all is kept or nothing helps.
Then a run to such a state is searched for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from ...dsl.records import dataclass
from ...semantics.expr import (
    FALSE,
    NUMBERS,
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    eq,
    inp,
    le,
    lt,
    mul,
    neg,
    not_,
    or_,
    sub,
    var,
)
from ...semantics.symbolic import Answer, Encoder, Smt, is_valid
from ...semantics.system import Loop, Obligation, TransitionSystem
from ...semantics.trace import Step, Trace
from ...semantics.values import evaluate, fire
from ...semantics.walks import postorder, substitute
from ..prompt import is_fair
from .common import put
from .search_graph import Graph
from .turns import constant, pinned, recurs
from .ways import Control, Way, Ways, controls

MOST_CASES = 6  # ways in which the conditions of one round can hold
DEEP = 4  # rounds in a row, before it is believed that there may be more
STRONGER = 3
SHORT = 8  # steps of a round that is shown twice


def recurrences(
    system: TransitionSystem, loop: Loop, graph: Graph, seconds: float
) -> Iterator[Trace]:
    """Runs with a recurrent set, fair ones; `graph` need not be complete."""
    if system.in_order:
        return
    until = time.process_time() + seconds
    ways = Ways(system)
    for control in controls(system, loop, graph):
        for way in ways.closed(control, until):
            for found in _sets(way, until):
                if time.process_time() > until:
                    return
                trace = _run(system, control, found)
                if trace is not None:
                    yield trace


# --- closed sets -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Set:
    """`parts` together are kept by the way, whose answers are constants."""

    parts: tuple[Expr, ...]
    steps: tuple[tuple[int, tuple[Scalar, ...]], ...]


def _sets(way: Way, until: float) -> Iterator[_Set]:
    answers = _answers(way)
    if answers is None:
        return
    given = [constant(x, s) for x, s in zip(answers, way.answers, strict=True)]

    def fixed(e: Expr) -> Expr:
        return substitute(e, lambda n: given[n.index] if n.op is Op.INPUT else n)

    values = {v: fixed(e) for v, e in way.values.items()}
    conditions = [c for c in map(fixed, way.conditions) if c is not TRUE]
    others = [c for c in map(fixed, way.others) if c.op is not Op.CONST]
    if FALSE in conditions:
        return
    ends = [*(k for _, k in way.steps[1:]), len(answers)]
    steps = tuple((r, tuple(answers[k:end])) for (r, k), end in zip(way.steps, ends, strict=True))
    smt, encode = Smt(1000), Encoder()
    later: list[dict[int, Expr]] = [{}]
    for _ in range(DEEP):
        for c in conditions:
            smt.add(encode(put(c, later[-1])))
        later.append({v: put(e, later[-1]) for v, e in values.items()})
    for _ in range(MOST_CASES):
        if time.process_time() > until or smt.check() is not Answer.SAT:
            return
        state = _state(smt, encode, [*conditions, *others, *values.values()], later[DEEP - 1])
        if state is None:
            return
        parts: list[Expr] = []
        for c in conditions:
            _literals(c, state, parts)
        for c in others:
            _literals(c, state, parts)
        parts = _distinct(parts)
        kept = _kept(parts, values, state)
        if kept is not None:
            yield _Set(tuple(kept), steps)
        again = [put(p, later[DEEP - 1]) for p in parts]
        smt.add(encode(not_(and_(*again))))


def _answers(way: Way) -> list[Scalar] | None:
    """The same for each round, so that there can be three."""
    if not way.answers:
        return []
    smt, encode = Smt(1000), Encoder()
    values: Mapping[int, Expr] = {}
    for _ in range(3):
        for c in way.conditions:
            smt.add(encode(put(c, values)))
        values = {v: put(e, values) for v, e in way.values.items()}
    if smt.check() is not Answer.SAT:
        return None
    found = [smt.value(encode(inp(k, s)), s) for k, s in enumerate(way.answers)]
    out = [x for x in found if x is not None]
    return out if len(out) == len(found) else None


class _State(dict[int, Scalar]):
    """What the solver left open is 0."""

    def __missing__(self, key: int) -> Scalar:
        return 0


def _state(
    smt: Smt, encode: Encoder, terms: Sequence[Expr], values: Mapping[int, Expr]
) -> _State | None:
    state = _State()
    for n in postorder(terms):
        if n.op is Op.VAR:
            value = smt.value(encode(values.get(n.index, n)), n.sort)
            if value is None:
                return None
            state[n.index] = value
    return state


def _literals(e: Expr, state: _State, out: list[Expr], want: bool | None = None) -> None:
    """Comparisons and flags that are so in the state, and because of which the condition is what
    it is there."""
    want = bool(_value(e, state)) if want is None else want
    match e.op:
        case Op.CONST:
            return
        case Op.NOT:
            _literals(e.args[0], state, out, not want)
        case Op.AND | Op.OR:
            if want == (e.op is Op.AND):
                for a in e.args:
                    _literals(a, state, out, want)
            else:
                cause = next(a for a in e.args if _value(a, state) == want)
                _literals(cause, state, out, want)
        case Op.ITE:
            test = bool(_value(e.args[0], state))
            _literals(e.args[0], state, out, test)
            _literals(e.args[1 if test else 2], state, out, want)
        case Op.EQ if e.args[0].sort is Sort.BOOL:
            for a in e.args:
                _literals(a, state, out, bool(_value(a, state)))
        case Op.EQ if want or e.args[0].sort not in NUMBERS:
            out.append(e if want else not_(e))
        case Op.EQ:
            a, b = e.args
            out.append(lt(a, b) if _value(a, state) < _value(b, state) else lt(b, a))
        case Op.LE | Op.LT if not want:
            a, b = e.args
            out.append(lt(b, a) if e.op is Op.LE else le(b, a))
        case _:
            out.append(e if want else not_(e))


def _value(e: Expr, state: _State) -> Scalar:
    return evaluate(e, state)  # type: ignore[arg-type]


def _distinct(parts: Sequence[Expr]) -> list[Expr]:
    return list({repr(p): p for p in parts}.values())


def _kept(parts: Sequence[Expr], values: Mapping[int, Expr], state: _State) -> list[Expr] | None:
    """The parts, and more that is so in the state, so that the way keeps all of them."""
    parts = list(parts)
    for _ in range(STRONGER):
        given = [not_(p) for p in parts]
        lost = [p for p in parts if not is_valid(or_(put(p, values), *given), 500)]
        if not lost:
            return _needed(parts)
        more: list[Expr] = []
        for p in lost:
            if p.op not in (Op.LE, Op.LT):
                return None
            low, high = p.args
            room = sub(high, low)
            grows = sub(put(room, values), room)
            nothing = const(Fraction(0) if grows.sort is Sort.REAL else 0)
            grown = le(nothing, _collected(grows))
            if not _value(grown, state):
                return None
            if grown.op is not Op.CONST:
                more.append(grown)
        before = len(parts)
        parts = _distinct([*parts, *more])
        if len(parts) == before:
            return None
    return None


def _collected(e: Expr) -> Expr:
    """A sum with what cancels left out."""
    count: dict[str, int | Fraction] = {}
    terms: dict[str, Expr] = {}
    total: int | Fraction = 0
    stack: list[tuple[int | Fraction, Expr]] = [(1, e)]
    while stack:
        c, x = stack.pop()
        if x.op is Op.ADD:
            stack += ((c, a) for a in x.args)
        elif x.op is Op.NEG:
            stack.append((-c, x.args[0]))
        elif x.op is Op.CONST and x.value is not None:
            total += c * x.value
        elif x.op is Op.MUL and x.args[0].op is Op.CONST and x.args[0].value is not None:
            stack.append((c * x.args[0].value, x.args[1]))
        elif x.op is Op.MUL and x.args[1].op is Op.CONST and x.args[1].value is not None:
            stack.append((c * x.args[1].value, x.args[0]))
        else:
            key = repr(x)
            terms[key], count[key] = x, count.get(key, 0) + c
    number = Fraction if e.sort is Sort.REAL else int
    out: list[Expr] = []
    for key in sorted(terms):
        c = count[key]
        if c:
            x = terms[key]
            out.append(x if c == 1 else neg(x) if c == -1 else mul(const(number(c)), x))
    if total or not out:
        out.append(const(number(total)))
    return add(*out)


def _needed(parts: Sequence[Expr]) -> list[Expr]:
    """Without those that follow from the others."""
    out = list(parts)
    for p in reversed(parts):
        rest = [q for q in out if q is not p]
        if is_valid(or_(p, *(not_(q) for q in rest)), 200):
            out = rest
    return out


# --- the run ---------------------------------------------------------------------------------


def _run(system: TransitionSystem, control: Control, found: _Set) -> Trace | None:
    """The shortest run to the set, and once or twice round; where a round leads back to where it
    began, it is a plain one."""
    from .search import Violated, explore

    places = [
        eq(var(t.location, Sort.INT), const(p))
        for t, p in zip(system.threads, control, strict=True)
    ]
    there = and_(*places, *found.parts)
    goal = Obligation("terminates", "", not_(there), "", system.threads[0].span)
    result = explore(system, [goal], max_states=20_000, seconds=1.5)
    finding = result.findings[0]
    if not isinstance(finding, Violated):
        return None
    stem = finding.trace
    around = tuple(Step(r, answers) for r, answers in found.steps)
    states = [stem.initial]
    for step in stem.steps:
        states.append(fire(system.rules[step.rule], states[-1], step.inputs))
    at = len(stem.steps)
    steps = (*stem.steps, *around)
    if len(around) <= SHORT:
        steps, at = (*steps, *around), at + len(around)
        for step in around:
            states.append(fire(system.rules[step.rule], states[-1], step.inputs))
    bare = Trace(stem.initial, steps, at)
    same = pinned(system, bare, states[-1])
    said = _needed([p for q in found.parts if (p := put(q, same)) is not TRUE])
    if any(n.sort is Sort.STACK for n in postorder(said)):
        return None  # no certificate could say it
    trace = Trace(stem.initial, steps, at, and_(*said))
    if not recurs(system, trace):
        return None
    for step in around:
        states.append(fire(system.rules[step.rule], states[-1], step.inputs))
    if states[at] == states[-1]:
        once = states[len(stem.steps)] == states[-1]
        trace = Trace(stem.initial, steps, at)
        if once:
            trace = Trace(stem.initial, (*stem.steps, *around), len(stem.steps))
    return trace if is_fair(system, around, states[at:-1]) else None


__all__ = ["recurrences", "recurs"]
