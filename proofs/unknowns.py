"""What of a system decides its results, and what is only passed on to them.

Numbers that are only passed on and added up need no values: they are unknowns, and what is made of
them are sums, which are alike if they are so for all values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from ..dsl.records import dataclass
from ..semantics.expr import FALSE, Expr, Op, Scalar, Sort
from ..semantics.system import Rule, TransitionSystem, VarKind
from ..semantics.walks import variables

Key = tuple[object, ...]  # what is asked, and for which time


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of unknowns, each so often, and a number."""

    terms: frozenset[tuple[Key, int]]
    rest: Scalar = 0

    def __add__(self, other: object) -> object:
        terms = Counter(dict(self.terms))
        if isinstance(other, Sum):
            for key, n in other.terms:
                terms[key] += n
            return _summed(terms, self.rest + other.rest)
        assert isinstance(other, int) or hasattr(other, "numerator")
        return _summed(terms, self.rest + other)  # type: ignore[operator]

    __radd__ = __add__

    def __neg__(self) -> object:
        return Sum(frozenset((key, -n) for key, n in self.terms), -self.rest)


def _summed(terms: Mapping[Key, int], rest: Scalar) -> object:
    kept = frozenset((key, n) for key, n in terms.items() if n)
    return Sum(kept, rest) if kept else rest


class Passed:
    """`seen`: what is observed; `kept`: all that it depends on; `hard`: variables, and `chosen`
    inputs (by rule), whose values decide something: in tests, or in more than sums."""

    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self.rules = [r for r in system.rules if r.guard is not FALSE]
        self.seen = {v for i in system.instances for v in (*i.observed, i.error)}
        self.seen |= {v.index for v in system.variables if v.kind is VarKind.SHARED}
        self.kept = sorted(self._kept())
        self.slots = {v: k for k, v in enumerate(self.kept)}
        self.chosen: set[tuple[int, int]] = set()
        self.hard = self._hard()

    def _kept(self) -> set[int]:
        out = {t.location for t in self.system.threads} | self.seen
        for r in self.rules:
            out |= variables([r.guard, r.relation])
        by = {v.index: [v.init] if v.init is not None else [] for v in self.system.variables}
        for r in self.rules:
            for v, e in r.updates:
                by[v].append(e)
        todo = [*out]
        while todo:
            for v in variables(by[todo.pop()]) - out:
                out.add(v)
                todo.append(v)
        return out

    def _hard(self) -> set[int]:
        """Variables whose values decide something: in tests, or in more than sums."""
        made: dict[int, list[tuple[Rule | None, Expr]]] = {}
        for declared in self.system.variables:
            if declared.index in self.slots and declared.init is not None:
                made.setdefault(declared.index, []).append((None, declared.init))
        hard = {t.location for t in self.system.threads}
        for rule in self.rules:
            hard |= variables([rule.guard, rule.relation])
            self.chosen |= {(rule.index, k) for k in variables([rule.relation], Op.INPUT)}
            for v, e in rule.updates:
                if v in self.slots:
                    made.setdefault(v, []).append((rule, e))

        def decide(by: Rule | None, terms: list[Expr]) -> set[int]:
            """The values in these terms do."""
            if by is not None:
                self.chosen |= {(by.index, k) for k in variables(terms, Op.INPUT)}
            new = variables(terms) - hard
            hard.update(new)
            return new

        for by, e in (m for found in made.values() for m in found):
            decide(by, [*_tested(e)])
        todo = [*hard]
        while todo:
            for by, e in made.get(todo.pop(), ()):
                todo += decide(by, [e])
        return hard


def unknown(key: Key) -> Scalar:
    return Sum(frozenset(((key, 1),)))  # type: ignore[return-value]


def _tested(e: Expr) -> Iterator[Expr]:
    """The parts of a term that are more than passed on, or added up."""
    if e.op in (Op.ADD, Op.NEG):
        yield from (p for a in e.args for p in _tested(a))
    elif e.op is Op.ITE:
        yield e.args[0]
        yield from (p for a in e.args[1:] for p in _tested(a))
    elif e.op not in (Op.VAR, Op.INPUT, Op.CONST) or e.sort is Sort.STACK:
        yield e
