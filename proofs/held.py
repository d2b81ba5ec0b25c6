"""What is in use of resources, as the tree of threads shows it: the sum of what threads hold where
they are (*linking*)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from ..semantics.evidence import Facts
from ..semantics.expr import Expr, Op, Sort, const, eq, ite, var
from ..semantics.system import Obligation, Rule, VarKind
from ..semantics.walks import variables
from .bounded import grown
from .sums import sum_of
from .tree import Places, Tree

Sum = Mapping[int, int]  # keys of parts, and how often each is there
Total = defaultdict[int, int]


def _nothing() -> Total:
    return defaultdict(int)


class Held(Tree):
    """With the resources."""

    def shows(self, shapes: Iterable[str]) -> bool:
        """Whether the facts that these shapes stand for are among what is shown here."""
        for shape in shapes:
            word, _, name = shape.partition(" ")
            mine = (
                [v.index for v in self.system.variables if v.name == name]
                if word == "linking"
                else []
            )
            if mine:
                if not all(map(self.linked, mine)):
                    return False
            elif not (self.steady and (shape == "quiet" or (shape == "fresh" and self.fresh))):
                return False
        return True

    def plainly(self, goal: Obligation, facts: Facts) -> bool:
        """Are facts and obligation shown here, and no solver needed?"""
        state = goal.rule is None and not goal.every_step and not facts.invariants
        return state and self.shows(facts.shapes) and self.follows(goal.cond)

    @cached_property
    def holders(self) -> dict[int, dict[int, dict[int, list[Expr]]]]:
        """By what is in use, by location, by point: the amounts."""
        out: dict[int, dict[int, dict[int, list[Expr]]]] = {}
        for t in self.system.threads:
            for p in t.points:
                for u, amount in p.holds:
                    mine = out.setdefault(u, {}).setdefault(t.location, {})
                    mine.setdefault(p.id, []).append(amount)
        return out

    def linked(self, used: int) -> bool:
        """What is in use of it is the sum of what the threads hold where they are."""
        return self.steady and used in self._linked

    @cached_property
    def _linked(self) -> set[int]:
        system = self.system
        out = {
            v.index
            for v in system.variables
            if v.kind is VarKind.USED and v.init is not None and v.init.op is Op.CONST
            if v.init.value == 0 and not any(0 in x for x in self.holders.get(v.index, {}).values())
        }
        amounts = {
            u: [e for x in held.values() for es in x.values() for e in es]
            for u, held in self.holders.items()
        }
        out -= {u for u, es in amounts.items() if variables(es) & self.writing.keys()}
        for r in system.rules:
            for u in self._unlinked(r):
                out.discard(u)
        return out

    def _unlinked(self, rule: Rule) -> Iterator[int]:
        """What the rule changes otherwise than the threads that it moves."""
        at, own = self.before[rule.index], self.sent[rule.index]
        gone = self.cancelled(rule.bundle)
        if at is None or own is None or gone is None:
            return
        wanted: defaultdict[int, Total] = defaultdict(_nothing)
        for v, p in (*own.items(), *gone.items()):
            if v not in self._held:
                continue
            sums = self._held[v]
            self._put(wanted, sums.get(p, {}), 1)
            old = at.get(v) or self.resting(v, at) or self.points[v]
            ways = [sums.get(q, {}) for q in old]
            if len(ways) == 1:
                self._put(wanted, ways[0], -1)
                continue
            here = var(v, Sort.INT)
            for u in {u for way in ways for u in way}:
                if all(way.get(u) == ways[0].get(u) for way in ways):
                    self._put(wanted, {u: ways[0][u]}, -1)
                    continue
                for q, es in self.holders[u][v].items():  # as much as it holds, wherever it is
                    now = eq(here, const(q))
                    self._add(wanted[u], [ite(now, e, const(0)) for e in es], -1)
        seen: set[int] = set()
        for u, e in rule.updates:
            if self.system.variables[u].kind is VarKind.USED:
                if u in seen:
                    yield u
                seen.add(u)
                more = self._grown(e, u)
                if more is not None:
                    wanted[u][-1] -= more
                    continue
                self._add(wanted[u], [e], -1)
                self._add(wanted[u], [var(u, Sort.INT)], 1)
        yield from (u for u, total in wanted.items() if any(total.values()))

    def _grown(self, e: Expr, used: int) -> int | None:
        """Many rules share what they write.  (Their terms live as long as the system.)"""
        if (name := (id(e), used)) not in self._more:
            self._more[name] = grown(e, used, exact=True)
        return self._more[name]

    @cached_property
    def _more(self) -> dict[tuple[int, int], int | None]:
        return {}

    @cached_property
    def _held(self) -> dict[int, dict[int, dict[int, Sum]]]:
        """By location, by point, by what is in use: the same amounts, summed up."""
        out: dict[int, dict[int, dict[int, Sum]]] = {}
        for u, held in self.holders.items():
            for v, points in held.items():
                for p, terms in points.items():
                    total = _nothing()
                    self._add(total, terms, 1)
                    found = {k: n for k, n in total.items() if n}
                    if found:
                        out.setdefault(v, {}).setdefault(p, {})[u] = found
        return out

    def _put(self, wanted: Mapping[int, Total], held: Mapping[int, Sum], sign: int) -> None:
        for u, parts in held.items():
            total = wanted[u]
            for k, n in parts.items():
                total[k] += sign * n

    def _add(self, total: Total, terms: list[Expr], sign: int) -> None:
        """Terms by their keys, the constant under -1."""
        for term in terms:
            for s, leaf in sum_of(term, sign):
                if leaf.op is Op.CONST and isinstance(leaf.value, int):
                    total[-1] += s * leaf.value
                else:
                    total[self.key(leaf)] += s

    def nothing_held(self, used: int, at: Places) -> bool:
        """Whether nobody holds any of it when threads are at these places."""
        for v, held in self.holders.get(used, {}).items():
            here = at.get(v) or self.resting(v, at)
            if here is None or here & held.keys():
                return False
        return self.linked(used)

    def follows(self, cond: Expr) -> bool:
        """Whether a disjunction holds always, since it says that nothing is in use, or says so of
        places where nothing is."""
        parts = cond.args if cond.op is Op.OR else (cond,)
        given = [p.args[0] for p in parts if p.op is Op.NOT]
        places = [self.where(e) for e in given]
        at = self.above(self._place(Expr(Op.AND, tuple(given), Sort.BOOL), places))
        if at is None:
            return self.steady
        return any(self._idle(p, at) for p in parts)

    def _idle(self, e: Expr, at: Places) -> bool:
        match e.op, e.args:
            case Op.EQ, (Expr(op=Op.VAR) as a, Expr(op=Op.CONST, value=0)):
                kind = self.system.variables[a.index].kind
                return kind is VarKind.USED and self.nothing_held(a.index, at)
            case Op.AND, _:
                return all(self._idle(a, at) for a in e.args)
        return False
