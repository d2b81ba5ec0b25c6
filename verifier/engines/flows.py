"""Where values flow: what control and results depend on, and what has too many values for that."""

from __future__ import annotations

from collections.abc import Sequence

from ...semantics.expr import Expr, Op, Sort
from ...semantics.system import Rule, TransitionSystem
from ...semantics.walks import variables
from .common import domain
from .polynomial import is_polynomial


class Flows:
    """Of the rules of a system, without POST in their relations."""

    def __init__(self, system: TransitionSystem, rules: Sequence[Rule]) -> None:
        self.system = system
        self.rules = rules

    def control(self) -> set[int]:
        """What guards, relations, delays and assumptions read."""
        out = {self.system.threads[i.root].location for i in self.system.instances}
        out |= variables([self.system.excluded, *(i.active for i in self.system.instances)])
        for r in self.rules:
            out |= variables([r.guard, r.relation])
            if r.delay is not None:
                out |= variables([r.delay.lo, *([r.delay.hi] if r.delay.hi is not None else [])])
        return out

    def closure(self, start: set[int]) -> set[int]:
        """With everything that their values are computed from."""
        sources: dict[int, set[int]] = {}
        for r in self.rules:
            for v, e in r.updates:
                if not (e.op is Op.VAR and e.index == v):
                    sources.setdefault(v, set()).update(variables([e]))
        for variable in self.system.variables:
            if variable.init is not None:
                sources.setdefault(variable.index, set()).update(variables([variable.init]))
        out, stack = set(start), list(start)
        while stack:
            for v in sources.get(stack.pop(), ()):
                if v not in out:
                    out.add(v)
                    stack.append(v)
        return out

    def wide(self, matters: set[int]) -> set[int]:
        """Variables that may receive a value which is not enumerated."""
        free = [v for v in self.system.variables if v.init is None and v.index in matters]
        out = {v.index for v in free if domain(v) is None}
        flows: dict[int, set[int]] = {}
        for r in self.rules:
            open_ = {k for k, i in enumerate(r.inputs) if domain(i) is None}
            for v, e in r.updates:
                if open_ & variables([e], Op.INPUT):
                    out.add(v)
                for source in variables([e]):
                    flows.setdefault(source, set()).add(v)
        for variable in self.system.variables:
            if variable.init is not None:
                for source in variables([variable.init]):
                    flows.setdefault(source, set()).add(variable.index)
        stack = list(out)
        while stack:
            for v in flows.get(stack.pop(), ()):
                if v not in out:
                    out.add(v)
                    stack.append(v)
        return out

    def formal(self, numbers: set[int], wide: set[int]) -> frozenset[int]:
        """Those of the numbers whose values are polynomials in the arguments among them."""
        values: dict[int, list[Expr]] = {}
        for r in self.rules:
            for v, e in r.updates:
                values.setdefault(v, []).append(e)
        out = {v for v in numbers if self.system.variables[v].sort is not Sort.BOOL}
        while True:
            fits = {v for v in out if self._is_formal(v, values.get(v, ()), out, wide)}
            if fits == out:
                return frozenset(out)
            out = fits

    def _is_formal(self, v: int, values: Sequence[Expr], formal: set[int], wide: set[int]) -> bool:
        init = self.system.variables[v].init
        if init is not None and init.op is not Op.VAR and variables([init]) & formal:
            return False
        given = [*values, *([init] if init is not None else [])]
        return all(
            not variables([e], Op.INPUT)
            and not variables([e]) & (wide - formal)
            and is_polynomial(e, formal)
            for e in given
        )


__all__ = ["Flows"]
