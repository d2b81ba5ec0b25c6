"""What is a time among the data of a system, and what is compared of times."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ...semantics.expr import FALSE, TRUE, Expr, Op, Sort, and_, not_, or_
from ...semantics.system import TransitionSystem
from ...semantics.walks import variables

NOW, START = -1, -2  # beside the stamps: the time of the step, and 0
Form = tuple[dict[int, Fraction], Fraction]  # factors, and what is added


class Unsuited(Exception):
    """Times are not only read and compared with constants."""


class Times:
    """`stamps` are only ever set to `now`, `spans` to a difference from it, and `fixed` never;
    `dropped` are made of times in another way.  `clocks`: by rule, the input that is its time."""

    def __init__(self, system: TransitionSystem, clocks: Mapping[int, int | None]) -> None:
        self.system = system
        written = {
            v
            for r in self.system.rules
            for v, e in r.updates
            if not (e.op is Op.VAR and e.index == v)
        }
        self.fixed = {
            v.index: Fraction(v.init.value or 0)
            for v in self.system.variables
            if v.sort is Sort.REAL
            and v.index not in written
            and v.init is not None
            and v.init.op is Op.CONST
        }
        self.stamps: set[int] = set()
        self.spans: set[int] = set()
        self.dropped: set[int] = set()
        self.stamps = self._stamps(clocks)
        self.spans = self._spans(clocks)
        self.dropped = self._times(clocks)

    def _stamps(self, inputs: Mapping[int, int | None]) -> set[int]:
        reals = {
            v.index
            for v in self.system.variables
            if v.sort is Sort.REAL
            and v.index != self.system.clock
            and v.init is not None
            and v.init.op is Op.CONST
            and v.init.value == 0
        }
        set_ = set()
        for r in self.system.rules:
            for v, e in r.updates:
                if v in reals:
                    if self.reset(v, e, inputs[r.index]) is None:
                        reals.discard(v)
                    else:
                        set_.add(v)
        return reals & set_

    def reset(self, v: int, e: Expr, clock: int | None) -> Expr | None:
        """When an update sets the variable to the time of the step, and else leaves it."""
        if e.op is Op.VAR and e.index == v:
            return FALSE
        if e.op is Op.INPUT and e.index == clock:
            return TRUE
        if e.op is Op.ITE:
            test, yes, no = e.args
            first, second = self.reset(v, yes, clock), self.reset(v, no, clock)
            if first is not None and second is not None:
                return or_(and_(test, first), and_(not_(test), second))
        return None

    def _spans(self, inputs: Mapping[int, int | None]) -> set[int]:
        reals = {
            v.index
            for v in self.system.variables
            if v.sort is Sort.REAL
            and v.index not in self.stamps
            and v.index != self.system.clock
            and v.init is not None
            and v.init.op is Op.CONST
        }
        set_ = set()
        for r in self.system.rules:
            for v, e in r.updates:
                if v in reals and not (e.op is Op.VAR and e.index == v):
                    set_.add(v)
                    if not self._is_span(v, e, inputs[r.index]):
                        reals.discard(v)
        return reals & set_

    def _is_span(self, v: int, e: Expr, clock: int | None) -> bool:
        if e.op is Op.ITE:
            return all(self._is_span(v, a, clock) for a in e.args[1:])
        if e.op is Op.VAR and e.index == v:
            return True
        try:
            self.since(e, clock)
        except Unsuited:
            return False
        return True

    def since(self, e: Expr, clock: int | None) -> tuple[int, Fraction]:
        """Of `now - s + c`: s and c."""
        factors, more = self._form(e, clock)
        minus = [k for k, f in factors.items() if f == -1]
        if factors.get(NOW) != 1 or len(factors) != 1 + len(minus) or len(minus) > 1:
            raise Unsuited
        return minus[0] if minus else START, more

    def _times(self, inputs: Mapping[int, int | None]) -> set[int]:
        """Variables beside the stamps that hold something made of times."""
        out: set[int] = {self.system.clock} if self.system.clock is not None else set()
        grown = -1
        while grown != len(out):
            grown = len(out)
            for r in self.system.rules:
                for v, e in r.updates:
                    if v not in out and v not in self.stamps | self.spans:
                        if e.sort is not Sort.BOOL and self._timed(e, inputs[r.index], out):
                            out.add(v)
        return out

    def _timed(self, e: Expr, clock: int | None, more: set[int]) -> bool:
        """Is its value one of times?  (Of an `if`, only what it may be.)"""
        if e.op is Op.ITE:
            return any(self._timed(a, clock, more) for a in e.args[1:])
        here = variables([e])
        return bool(here & (self.stamps | self.spans | more)) or (
            clock is not None and clock in variables([e], Op.INPUT)
        )

    def about_times(self, e: Expr, clock: int | None) -> bool:
        return bool(variables([e]) & (self.stamps | self.spans | self.dropped)) or (
            clock is not None and clock in variables([e], Op.INPUT)
        )

    def comparison(self, node: Expr, clock: int | None) -> tuple[int, int, Fraction, bool, bool]:
        """first - second, what it is compared with, whether that is the most (or the least) that it
        may be, and whether it may not be that itself."""
        a, b = (self._form(x, clock) for x in node.args)
        factors = {
            k: f
            for k in a[0].keys() | b[0].keys()
            if (f := a[0].get(k, Fraction(0)) - b[0].get(k, Fraction(0))) != 0
        }
        limit = b[1] - a[1]  # what the factors make is at most this
        size = {abs(f) for f in factors.values()}
        plus = [k for k, f in factors.items() if f > 0]
        minus = [k for k, f in factors.items() if f < 0]
        if size != {1} or len(plus) > 1 or len(minus) > 1:
            raise Unsuited

        first = plus[0] if plus else START
        second = minus[0] if minus else START
        strict = node.op is Op.LT
        if (first in self.spans or second in self.spans) and START not in (first, second):
            raise Unsuited
        if second in self.spans:  # -s <= d: s >= -d
            return second, START, -limit, False, strict
        if second == NOW:  # s - now <= d: now - s >= -d
            return NOW, first, -limit, False, strict
        stamps = first != NOW and first not in self.spans
        if stamps and (limit < 0 or (limit == 0 and first == START)):
            return second, first, -limit, False, strict
        return first, second, limit, True, strict

    def _form(self, e: Expr, clock: int | None) -> Form:
        match e.op:
            case Op.CONST:
                return {}, Fraction(e.value or 0)
            case Op.VAR if e.index in self.fixed:
                return {}, self.fixed[e.index]
            case Op.VAR if e.index in self.stamps | self.spans:
                return {e.index: Fraction(1)}, Fraction(0)
            case Op.INPUT if e.index == clock:
                return {NOW: Fraction(1)}, Fraction(0)
            case Op.NEG:
                factors, more = self._form(e.args[0], clock)
                return {k: -f for k, f in factors.items()}, -more
            case Op.ADD:
                out: dict[int, Fraction] = {}
                total = Fraction(0)
                for arg in e.args:
                    factors, more = self._form(arg, clock)
                    total += more
                    for k, f in factors.items():
                        out[k] = out.get(k, Fraction(0)) + f
                return out, total
        raise Unsuited


__all__ = ["NOW", "START", "Form", "Times", "Unsuited"]
