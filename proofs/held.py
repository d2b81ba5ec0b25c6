"""What is in use of resources, as the tree of threads shows it: the sum of what threads hold where
they are (*linking*)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from ..semantics.evidence import Facts
from ..semantics.expr import Expr, Op, Sort, const, eq, ite, var, variables
from ..semantics.system import Obligation, Rule, VarKind
from .sums import sum_of
from .tree import Places, Tree


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
        of: dict[int, list[int]] = {}
        for u, held in self.holders.items():
            for v in held:
                of.setdefault(v, []).append(u)
        for r in system.rules:
            for u in self._unlinked(r, of):
                out.discard(u)
        return out

    def _unlinked(self, rule: Rule, of: Mapping[int, list[int]]) -> Iterator[int]:
        """What the rule changes otherwise than the threads that it moves."""
        at, own = self.before[rule.index], self.sent[rule.index]
        gone = self.cancelled(rule.bundle)
        if at is None or own is None or gone is None:
            return
        wanted: dict[int, Counter[int]] = {}
        for v, p in (*own.items(), *gone.items()):
            for u in of.get(v, ()):
                held = self.holders[u][v]
                total = wanted.setdefault(u, Counter())
                self._add(total, held.get(p, ()), 1)
                old = at.get(v) or self.resting(v, at) or self.points[v]
                ways = {frozenset(self._sum(held.get(q, ())).items()) for q in old}
                if len(ways) == 1:
                    self._add(total, held.get(next(iter(old)), ()), -1)
                else:  # as much as it holds, wherever it is
                    here = var(v, Sort.INT)
                    places = [(eq(here, const(q)), es) for q, es in held.items()]
                    for now, es in places:
                        self._add(total, [ite(now, e, const(0)) for e in es], -1)
        seen: set[int] = set()
        for u, e in rule.updates:
            if self.system.variables[u].kind is VarKind.USED:
                if u in seen:
                    yield u
                seen.add(u)
                self._add(wanted.setdefault(u, Counter()), [e], -1)
                self._add(wanted[u], [var(u, Sort.INT)], 1)
        yield from (u for u, total in wanted.items() if any(total.values()))

    def _sum(self, terms: list[Expr] | tuple[Expr, ...]) -> Counter[int]:
        out: Counter[int] = Counter()
        self._add(out, terms, 1)
        return Counter({k: n for k, n in out.items() if n})

    def _add(self, total: Counter[int], terms: list[Expr] | tuple[Expr, ...], sign: int) -> None:
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
