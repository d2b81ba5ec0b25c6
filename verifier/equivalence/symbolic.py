"""Steps of a system whose data may have any values: control is explicit, data are terms.

A place gives a value to each variable that the search keeps explicit (`engines.search_space`); a
move leads from place to place where a condition on the data and the environment's inputs holds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from ...dsl.records import dataclass
from ...dsl.types import Str
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, and_, const, eq, not_, var
from ...semantics.observing import Observer
from ...semantics.shown import Unknown
from ...semantics.shown import shown as what_is_shown
from ...semantics.system import Input, Rule, TransitionSystem
from ...semantics.walks import fold, postorder, rebuild, substitute
from ..engines.common import domain
from ..engines.search_shape import split_on
from ..engines.search_space import Space
from .runs import OutOfReach

Place = tuple[Scalar, ...]  # of the plain variables, in their order
MOST_PARTS = 64  # of one rule at one place
MOST_KEPT = 4_000_000  # values of places that moves lead to


@dataclass(frozen=True, slots=True)
class Move:
    """`seen` is what kind of step it is ("" inside), `values` what is seen with it.  Terms are over
    the data before the step (VAR) and `inputs` (INPUT, by position)."""

    rule: Rule
    cond: Expr
    target: Place
    updates: Mapping[int, Expr]
    seen: tuple[str, ...]
    values: tuple[Expr, ...]
    inputs: tuple[Input, ...]
    arguments: tuple[Expr, ...] = ()  # of the activity, the key and the message of a channel


class Moves:
    """Of one system.  `until`: when there is no more time (as `time.monotonic`)."""

    def __init__(self, system: TransitionSystem, observer: Observer, kept: set[int]) -> None:
        self.until = math.inf
        self.system, self.observer = system, observer
        self.space = Space(system, kept)
        self.data = [v for v in self.space.kept if v in self.space.symbolic]
        self.plain = [v for v in self.space.kept if v not in self.space.symbolic]
        self._at = {v: k for k, v in enumerate(self.plain)}
        self._known: dict[Place, list[Move]] = {}
        self._kept = 0
        self._settling: dict[Place, list[Move]] = {}
        if any(isinstance(system.variables[v].type, Str) for v in self.data):
            raise OutOfReach("strings that are not known")

    def moves(self, place: Place) -> list[Move]:
        """All that may be possible there.  Raises OutOfReach."""
        found = self._known.get(place)
        if found is None:
            found = []
            for rule in self._rules(place):
                found += self._of(rule, place)
                if time.monotonic() > self.until:
                    raise OutOfReach(f"{len(self._known)} places were looked at")
            self._known[place] = found
            self._kept += len(found) * len(place)
            if self._kept > MOST_KEPT:
                raise OutOfReach(f"moves from {len(self._known)} places are too many to keep")
        return found

    def silent(self, place: Place) -> list[Move]:
        """Moves there that are taken at once with those that lead there: none."""
        return []

    def start(self, chosen: Mapping[int, Scalar]) -> tuple[Expr, list[Expr]]:
        """The condition on what is still free, and the values by number of variable."""
        values: list[Expr] = []
        for v in self.system.variables:
            if v.index in chosen:
                values.append(const(chosen[v.index]))
            elif v.init is None:
                values.append(var(v.index, v.sort))
            else:
                values.append(_read(v.init, values))
        excluded = _read(self.system.excluded, values)
        return and_(_read(self.space.system.initial, values), not_(excluded)), values

    def place(self, values: Sequence[Expr]) -> Place:
        """Raises OutOfReach where a value is not known."""
        out = []
        for v in self.plain:
            value = values[v].value
            if values[v].op is not Op.CONST or value is None:
                raise OutOfReach(f"`{self.system.variables[v].name}` depends on the arguments")
            out.append(value)
        return tuple(out)

    # --- one rule ----------------------------------------------------------------------------

    @cached_property
    def _by_place(self) -> list[Rule]:
        return [r for r in self.space.system.rules if r.guard is not FALSE]

    def _rules(self, place: Place) -> Iterator[Rule]:
        leaf = self._leaf(place)
        for rule in self._by_place:
            if substitute(rule.guard, leaf) is not FALSE:
                yield rule

    def _leaf(self, place: Place) -> Callable[[Expr], Expr]:
        def leaf(node: Expr) -> Expr:
            if node.op is Op.VAR and node.index in self._at:
                return const(place[self._at[node.index]])
            return node

        return leaf

    def _of(self, rule: Rule, place: Place) -> Iterator[Move]:
        leaf, memo = self._leaf(place), dict[int, Expr]()
        original = self.system.rules[rule.index]
        cond = and_(substitute(rule.guard, leaf, memo), substitute(rule.relation, leaf, memo))
        kept = set(self.space.kept)
        updates = {v: substitute(e, leaf, memo) for v, e in rule.updates if v in kept}
        if self.system.excluded is not FALSE:
            after = [
                updates.get(v.index, leaf(var(v.index, v.sort))) for v in self.system.variables
            ]
            cond = and_(cond, not_(_read(self.system.excluded, after)))
        plain = {v: e for v, e in updates.items() if v in self._at}
        shown = [substitute(s.term, leaf, memo) for s in original.seen]
        for part in self._parts(rule, cond, plain, updates, shown):
            yield from self._told(original, place, *part)

    def _parts(
        self,
        rule: Rule,
        cond: Expr,
        plain: Mapping[int, Expr],
        updates: Mapping[int, Expr],
        shown: list[Expr],
    ) -> Iterator[tuple[Expr, dict[int, Scalar], dict[int, Expr], list[Expr]]]:
        """Split until each plain variable gets a value."""
        keys = list(updates)
        todo = [(cond, [updates[v] for v in keys] + shown)]
        parts = 0
        while todo:
            cond, terms = todo.pop()
            if cond is FALSE:
                continue
            named = dict(zip(keys, terms, strict=False))
            open_ = next((named[v] for v in plain if named[v].op is not Op.CONST), None)
            if open_ is None:
                values = {v: named[v].value for v in plain}
                data = {v: e for v, e in named.items() if v not in plain}
                yield (
                    cond,
                    {v: x for v, x in values.items() if x is not None},
                    data,
                    terms[len(keys) :],
                )
                continue
            parts += 1
            if parts > MOST_PARTS:
                raise OutOfReach(f"too many cases of `{rule.name}`")
            for test, known in self._cases(rule, open_):
                put = {id(k): v for k, v in known}
                replaced = [_put(t, put) for t in terms]
                todo.append((and_(_put(cond, put), test), replaced))

    def _cases(
        self, rule: Rule, term: Expr
    ) -> Iterator[tuple[Expr, tuple[tuple[Expr, Expr], ...]]]:
        test = split_on(term)
        if test is not None:
            yield test, ((test, TRUE),)
            yield not_(test), ((test, FALSE),)
            return
        inputs = [n for n in _leaves(term) if n.op is Op.INPUT]
        values = domain(rule.inputs[inputs[0].index], MOST_PARTS) if inputs else None
        if values is None:
            raise OutOfReach(f"too many values in `{rule.name}`")
        for value in values:
            same = tuple((n, const(value)) for n in inputs if n.index == inputs[0].index)
            yield eq(inputs[0], const(value)), same

    def _told(
        self,
        rule: Rule,
        place: Place,
        cond: Expr,
        values: Mapping[int, Scalar],
        data: Mapping[int, Expr],
        shown: Sequence[Expr],
    ) -> Iterator[Move]:
        target = tuple(values.get(v, place[k]) for k, v in enumerate(self.plain))
        after = self.terms(target)
        after.update(data)
        before = self.terms(place)
        try:
            parts = list(what_is_shown(self.observer, rule, before, after, shown))
        except Unknown as error:
            raise OutOfReach(str(error)) from None
        for part in parts:
            met = and_(cond, part.cond)
            if met is not FALSE:
                yield Move(
                    rule, met, target, data, part.seen, part.values, rule.inputs, tuple(shown)
                )

    def terms(self, place: Place) -> dict[int, Expr]:
        """By variable that is kept, its value at a place or itself."""
        out = {v: const(x) for v, x in zip(self.plain, place, strict=True)}
        for v in self.data:
            out[v] = var(v, self.system.variables[v].sort)
        return out


def _read(expr: Expr, values: Sequence[Expr]) -> Expr:
    return substitute(expr, lambda n: values[n.index] if n.op is Op.VAR else n)


def _leaves(term: Expr) -> list[Expr]:
    return [n for n in postorder([term]) if not n.args]


def _put(term: Expr, known: Mapping[int, Expr]) -> Expr:
    """With these nodes (by identity) replaced."""

    def build(node: Expr, args: Sequence[Expr]) -> Expr:
        found = known.get(id(node))
        if found is not None:
            return found
        if all(x is y for x, y in zip(args, node.args, strict=True)):
            return node
        return rebuild(node, args)

    return fold(term, build)
