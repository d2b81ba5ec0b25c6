"""`stability`: is the loop of a controller and its declared plant stable?

The plant answers the capacity u with the metric m: `lag m' + m = gain u`.  With u constant between
two instants of the law, h seconds apart, that is exactly

    m(k+1) = a m(k) + gain (1 - a) u(k),   a = exp(-h / lag)   (a = 0 without a lag)

and the law of `semantics.lower.control` around its working point is linear.  Their loop is stable
if all roots of its characteristic polynomial lie inside the unit circle: Jury's criterion (Jury
1962; Åström and Wittenmark, "Computer-Controlled Systems", 3.3), by the recursion of Schur and
Cohn.  All numbers are exact fractions but for a, which lies in an interval that is known exactly;
a sign that the interval leaves open is an open question.  Bounds and rounding are no part of the
linear loop.

Steps up and down: with the metric at rest after each, a step must not take the metric across the
band between the two levels, or the two chase each other.
"""

from __future__ import annotations

import cmath
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Scalar
from ...semantics.lower.control import period
from ...semantics.system import Control, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.values import evaluate
from ...semantics.walks import variables
from ..engines.common import domain
from ..session import Session
from ..verdict import Proved, Refuted, Result, Unknown, Verdict
from .controlled import within

MOST_VALUES = 2_000  # combinations of parameters
TERMS = 60  # of the series of exp
SHOWN = 8  # instants of a response that diverges

Interval = tuple[Fraction, Fraction]


class Border(Exception):
    """A sign that cannot be told: the loop is on the border of being stable, or very near."""


def stability(session: Session) -> Iterator[Result]:
    """A line for each controller."""
    system = session.system
    for c in system.controls:
        verdict = _verdict(session, c)
        undeclared = c.plant is None and isinstance(verdict, Unknown)
        yield Result("stability", c.name, verdict, c.span, warning=undeclared)


def _verdict(session: Session, c: Control) -> Verdict:
    system = session.system
    rivals = [o.name for o in system.controls if o.resource == c.resource and o is not c]
    if rivals:
        both = f"`{c.name}` and `{rivals[0]}` both set the capacity of {c.resource}"
        return _refuted(c, f"{both}: each takes back what the other does", "two controllers")
    values = _parameters(session, c)
    if values is None:
        return Unknown("structure", "it depends on a parameter with too many values")
    found: Proved | None = None
    for state in values:
        first = evaluate(c.first, state)
        lo, hi = evaluate(c.lo, state), evaluate(c.hi, state)
        if not lo <= first <= hi:
            message = f"the capacity of {c.resource} begins at {first}, outside {lo}..{hi}"
            return _refuted(c, message + _where(system, c, state), "out of bounds")
        if c.plant is None:
            return Unknown("structure", "no plant is declared: `plant gain 0.2 lag 5s`")
        said = _law(system, c, state) if c.gains else _steps(system, c, state)
        if not isinstance(said, Proved):
            return said
        found = said
    if found is None:
        return Proved("structure", "no parameters are possible: there is no run")
    apart = sorted({_period(c, state) for state in values})
    span = _s(apart[0]) if len(apart) == 1 else f"{_s(apart[0])} to {_s(apart[-1])}"
    kept = f"the capacity stays within {within(system, c)}, and actions are {span} s apart or more"
    return Proved(found.engine, f"{found.how}; {kept}", found.figure)


def _refuted(c: Control, message: str, figure: str, notes: tuple[str, ...] = ()) -> Refuted:
    return Refuted("structure", message, Trace(()), c.span, figure, notes=notes)


# --- parameters --------------------------------------------------------------------------------


def _terms(c: Control) -> list[Expr]:
    out = [
        *c.gains,
        c.first,
        c.lo,
        c.hi,
        c.every,
        c.cooldown,
        *(s.amount for s in c.steps),
        *(s.level for s in c.steps),
    ]
    out += [] if c.target is None else [c.target]
    return out + ([] if c.plant is None else [*c.plant])


def _period(c: Control, state: Sequence[Scalar]) -> Fraction:
    return period(Fraction(evaluate(c.every, state)), Fraction(evaluate(c.cooldown, state)))


def _parameters(session: Session, c: Control) -> list[tuple[Scalar, ...]] | None:
    """States with each combination of values of the parameters that it depends on; None: too many
    to try."""
    system = session.system
    read = sorted(variables(_terms(c)))
    zero: tuple[Scalar, ...] = tuple(v.lo or 0 for v in system.variables)
    choices = [domain(system.variables[v], MOST_VALUES) for v in read]
    if any(d is None for d in choices):
        return None
    size = 1
    for d in choices:
        size *= len(d or ())
    if size > MOST_VALUES:
        return None
    stated = [e for e in session.structure.constants() if variables([e]) <= set(read)]
    out: list[tuple[Scalar, ...]] = []
    for chosen in product(*(d or () for d in choices)):
        state = list(zero)
        for v, value in zip(read, chosen, strict=True):
            state[v] = value
        if all(evaluate(e, state) is True for e in stated):
            out.append(tuple(state))
    return out


def _where(system: TransitionSystem, c: Control, state: Sequence[Scalar]) -> str:
    read = sorted(variables(_terms(c)))
    said = ", ".join(f"{system.variables[v].name} = {state[v]}" for v in read)
    return f" where {said}" if said else ""


# --- gains --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loop:
    """`a` of the plant, and its b = gain (1 - a)."""

    a: Interval
    gain: Fraction
    kp: Fraction
    ki: Fraction
    kd: Fraction
    h: Fraction

    def polynomial(self) -> list[Interval]:
        """The characteristic polynomial, the highest power first, without common factors."""
        kp, ki, kd, h = self.kp, self.ki, self.kd, self.h
        one = _exact(Fraction(1))
        b = _times(_minus(one, self.a), _exact(self.gain))
        if not ki and not kd:
            return [one, _minus(_times(b, _exact(kp)), self.a)]
        plant = [one, _minus(_exact(Fraction(0)), self.a)]
        # The law is n(z) / d(z).
        if not kd:  # kp + ki h z / (z - 1)
            d, n = [1, -1], [kp + ki * h, -kp]
        elif not ki:  # kp + kd / h (z - 1) / z
            d, n = [1, 0], [kp + kd / h, -kd / h]
        else:
            d, n = [1, -1, 0], [kp + ki * h + kd / h, -kp - 2 * kd / h, kd / h]
        left = _product(plant, [_exact(Fraction(x)) for x in d])
        right = [_times(b, _exact(Fraction(x))) for x in n]
        right = [_exact(Fraction(0))] * (len(left) - len(right)) + right
        return [_plus(x, y) for x, y in zip(left, right, strict=True)]


def _law(system: TransitionSystem, c: Control, state: Sequence[Scalar]) -> Verdict:
    assert c.plant is not None
    gain, lag = (Fraction(evaluate(e, state)) for e in c.plant)
    h = _period(c, state)
    kp, ki, kd = (Fraction(evaluate(g, state)) for g in c.gains)
    a = _exact(Fraction(0)) if lag == 0 else exponential(-h / lag)
    loop = Loop(a, gain, kp, ki, kd, h)
    polynomial = loop.polynomial()
    middle = [(lo + hi) / 2 for lo, hi in polynomial]
    largest = max((abs(r) for r in roots([float(x) for x in middle])), default=0.0)
    where = _where(system, c, state)
    try:
        if inside(polynomial):
            how = "all poles of the closed loop lie inside the unit circle"
            return Proved("structure", how, f"largest pole {largest:.3f}")
    except Border:
        why = f"the closed loop is on the border of being stable, or too near to tell{where}"
        return Unknown("structure", f"{why} (largest pole {largest:.6f})")
    conditions = tuple(jury(middle))
    response = ", ".join(f"{e:.3g}" for e in errors(loop, SHOWN))
    notes = (
        *conditions,
        f"poles at {', '.join(_root(r) for r in roots([float(x) for x in middle]))}",
        f"how far the metric is from its target, every {_s(h)} s: {response}",
    )
    return _refuted(
        c, f"the closed loop is not stable{where}", f"largest pole {largest:.3f}", notes
    )


def jury(p: Sequence[Fraction]) -> Iterator[str]:
    """The conditions that fail, with their numbers."""
    n = len(p) - 1
    at_one = sum(p)
    at_minus = sum(x * (-1) ** (n - k) for k, x in enumerate(p)) * (-1) ** n
    text = " + ".join(f"{float(x):.4g} z^{n - k}" for k, x in enumerate(p))
    yield f"characteristic polynomial p(z) = {text}"
    if at_one <= 0:
        yield f"Jury: p(1) = {float(at_one):.4g}, and should be above 0"
    if at_minus <= 0:
        yield f"Jury: (-1)^{n} p(-1) = {float(at_minus):.4g}, and should be above 0"
    table = list(p)
    while len(table) > 1:
        if abs(table[-1]) >= abs(table[0]):
            low, high = float(abs(table[-1])), float(abs(table[0]))
            yield f"Jury: |{low:.4g}| should be less than |{high:.4g}|"
            return
        table = [table[0] * table[i] - table[-1] * table[-1 - i] for i in range(len(table) - 1)]


def errors(loop: Loop, count: int) -> list[float]:
    """How far the metric of the linear loop is from its target, 1 at first."""
    a, b = float(sum(loop.a) / 2), 0.0
    b = (1 - a) * float(loop.gain)
    m, total, before, out = -1.0, 0.0, None, []
    for _ in range(count):
        e = -m
        out.append(abs(e))
        total += e
        slope = 0.0 if before is None else e - before
        u = float(loop.kp) * e + float(loop.ki * loop.h) * total + float(loop.kd / loop.h) * slope
        before = e
        m = a * m + b * u
    return out


def inside(p: Sequence[Interval]) -> bool:
    """All roots lie inside the unit circle (Schur and Cohn).  Raises `Border`."""
    table = list(p)
    while len(table) > 1:
        head, last = table[0], table[-1]
        if not _less(_absolute(last), _absolute(head)):
            return False
        table = [
            _minus(_times(head, table[i]), _times(last, table[-1 - i]))
            for i in range(len(table) - 1)
        ]
    return True


def exponential(x: Fraction) -> Interval:
    """exp(x) for x <= 0, by its series at x / 2^n, which is squared n times."""
    halvings = 0
    y = -x
    while y > 1:
        y /= 2
        halvings += 1
    total, term = Fraction(0), Fraction(1)
    for k in range(TERMS):
        total += term
        term *= y / (k + 1)
    low, high = total, total + 2 * term  # of exp(y), 0 <= y <= 1
    for _ in range(halvings):
        low, high = _down(low * low), _up(high * high)
    return _down(1 / high), _up(1 / low)


SCALE = 10**40


def _down(x: Fraction) -> Fraction:
    return Fraction(x.numerator * SCALE // x.denominator, SCALE)


def _up(x: Fraction) -> Fraction:
    return -_down(-x)


def roots(p: Sequence[float]) -> list[complex]:
    """Of a polynomial of degree 3 at most, roughly (Durand and Kerner)."""
    n = len(p) - 1
    if n <= 0:
        return []
    monic = [x / p[0] for x in p]
    found = [cmath.rect(0.4 + 0.9 * k, 2.0 * k + 0.4) for k in range(1, n + 1)]
    for _ in range(500):
        for k in range(n):
            value = 0j
            for x in monic:
                value = value * found[k] + x
            below = complex(1)
            for j in range(n):
                if j != k:
                    below *= found[k] - found[j]
            if below != 0:
                found[k] -= value / below
    return sorted(found, key=abs, reverse=True)


def _root(r: complex) -> str:
    return f"{r.real:.3f}" if abs(r.imag) < 1e-6 else f"{r.real:.3f} {r.imag:+.3f}i"


# --- intervals ----------------------------------------------------------------------------------


def _exact(x: Fraction) -> Interval:
    return x, x


def _plus(x: Interval, y: Interval) -> Interval:
    return x[0] + y[0], x[1] + y[1]


def _minus(x: Interval, y: Interval) -> Interval:
    return x[0] - y[1], x[1] - y[0]


def _times(x: Interval, y: Interval) -> Interval:
    corners = [a * b for a in x for b in y]
    return min(corners), max(corners)


def _absolute(x: Interval) -> Interval:
    if x[0] >= 0:
        return x
    if x[1] <= 0:
        return -x[1], -x[0]
    return Fraction(0), max(-x[0], x[1])


def _less(x: Interval, y: Interval) -> bool:
    if x[1] < y[0]:
        return True
    if x[0] > y[1] or (x == y and x[0] == x[1]):
        return False
    raise Border


def _product(p: Sequence[Interval], q: Sequence[Interval]) -> list[Interval]:
    out = [_exact(Fraction(0))] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            out[i + j] = _plus(out[i + j], _times(x, y))
    return out


# --- steps --------------------------------------------------------------------------------------


def _steps(system: TransitionSystem, c: Control, state: Sequence[Scalar]) -> Verdict:
    """Up on one level, down on another, of one metric."""
    assert c.plant is not None
    ups = [s for s in c.steps if s.way == "up"]
    downs = [s for s in c.steps if s.way == "down"]
    plain = all(s.kind in ("above", "below") and s.metric == c.metric for s in c.steps)
    if len(ups) > 1 or len(downs) > 1 or not plain:
        return Unknown(
            "structure", "of steps, one up and one down on levels of its metric is known"
        )
    gain = Fraction(evaluate(c.plant[0], state))
    where = _where(system, c, state)
    for s in c.steps:
        sign = 1 if s.way == "up" else -1
        moves = gain * sign
        if (s.kind == "above" and moves > 0) or (s.kind == "below" and moves < 0):
            message = f"`step {s.way} on {s.detector}` takes the metric further away{where}"
            return _refuted(c, message, "wrong way")
    if not ups or not downs:
        return Proved("structure", "it steps one way only, and towards the level", "one way")
    up, down = ups[0], downs[0]
    levels = {s.kind: Fraction(evaluate(s.level, state)) for s in (up, down)}
    if len(levels) < 2:
        return Unknown("structure", "both steps are on the same side of a level")
    band = levels["above"] - levels["below"]
    sizes = [abs(gain) * Fraction(evaluate(s.amount, state)) for s in (up, down)]
    if all(size <= band for size in sizes):
        how = (
            f"no step takes the metric across the band of {_s(band)} between the levels "
            f"(it moves by {_s(max(sizes))} at most)"
        )
        return Proved("structure", how, f"band {_s(band)}")
    room = evaluate(c.hi, state) - evaluate(c.lo, state)
    if sizes[0] == sizes[1] and room >= Fraction(evaluate(up.amount, state)):
        message = f"the steps up and down chase each other for ever{where}"
        note = f"a step moves the metric by {_s(sizes[0])}, across the band of {_s(band)}"
        return _refuted(c, message, f"band {_s(band)}", (note,))
    return Unknown("structure", f"a step crosses the band between the levels{where}")


def _s(x: Fraction) -> str:
    return str(x.numerator) if x.denominator == 1 else f"{float(x):g}"
