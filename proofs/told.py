"""What two workflows do as far as a piece of evidence tells, of data with very many values.

A run, a refusal, an outcome and a formula speak of finitely many labels, and a label shows each
answer in full.  So of an answer with very many values only those matter that are written in the
evidence: with all others a step has a label that the evidence does not have.  Such a step stands
here as one of a label of its own, that leads nowhere.  States are found as they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ..dsl.types import Enum, Str
from ..semantics.claimed import Side
from ..semantics.evidence import Differing
from ..semantics.expr import FALSE, Op, Scalar, Sort
from ..semantics.observing import ENDS, INTERNAL, Act, Observer, plain
from ..semantics.system import Input, Rule, Variable
from ..semantics.values import show
from .behaviour import BEGIN, FREE, MOST, Behaviour, Start, arguments, kept
from .facts import Open, Wrong
from .states import State, View, domain

OTHERWISE = "another answer"  # no step has this label


def as_told(left: Side, right: Side, told: Differing) -> tuple[Behaviour, Behaviour]:
    """Both, as far as the evidence tells.  `Wrong` where they cannot be looked at so."""
    written = [
        *told.run,
        *told.refused,
        told.arguments,
        *(x for a, _, w in told.answers for x in (a, w)),
    ]
    written += [label for _, label, _ in told.formula]
    found = {int(n) for text in written for n in re.findall(r"\d+", text)}
    numbers = sorted({n for x in found for n in (x, -x)})
    shared = arguments(left, right)
    sides = [_Told(s, kept(s, shared), numbers) for s in (left, right)]
    begins = told.arguments or told.formula or (told.run and told.run[0].startswith(BEGIN))
    if not begins and any(s.given_many for s in sides):
        raise Wrong("it is not told what they begin with")
    if told.formula:
        labels = {label for _, label, _ in told.formula}
        depth = _depth(told.formula)
        one, other = (_near(s, labels, depth) for s in sides)
    else:
        one, other = (Behaviour(s, s.starts, _sole(sides)) for s in sides)
    return one, other


class _Told(Sequence[Any]):
    """Of one side: the steps of each state, by number, found when they are asked for."""

    def __init__(self, side: Side, kept: Collection[int], numbers: Sequence[int]) -> None:
        self.system, self.kept, self.numbers = side.system, kept, numbers
        self.observer = Observer(side.system, side.view)
        self.many = {r.index for r in self.system.rules if self._many(r)}
        most = max((len(r.inputs) for r in self.system.rules), default=0)
        self.view = View(
            self.system, tuple(sorted(kept)), frozenset(range(most)), values=self._values
        )
        for moves in self.view.moves.values():
            for move in moves:
                if not move.all_seen or any(e is None for _, e in move.updates):
                    raise Wrong(f"`{move.rule.name}` has too many values")
        self.order: list[State] = []
        self.number: dict[State, int] = {}
        self.known: dict[int, list[tuple[Act, int]]] = {}
        free = [v for v in self.system.variables if v.index in kept and _free(v)]
        self.given_many = any(domain(v) is None for v in free)
        self.starts: list[Start] = []
        for state in self.view.first():
            full = self.view.full(state)
            given = {
                plain(self.system, v.name): show(v, full[v.index], self.system.strings)
                for v in free
            }
            self.starts.append((given, self._number(state)))

    def _values(self, of: Variable | Input) -> Sequence[Scalar] | None:
        """All, or those that are written in the evidence."""
        found = domain(of)
        whole = of.sort is Sort.INT and not isinstance(of.type, Enum | Str)
        if found is not None or not whole or not (isinstance(of, Input) or _free(of)):
            return found
        low, high = of.lo, of.hi
        return [
            n for n in self.numbers if (low is None or low <= n) and (high is None or n <= high)
        ]

    def _many(self, rule: Rule) -> bool:
        """Whether some of its answers are left out.  `Wrong` where a label would not show them."""
        many = [n for n, i in enumerate(rule.inputs) if domain(i) is None]
        if rule.guard is FALSE or not many:
            return False
        name = self.observer.name(rule)
        said = {s.term.index for s in rule.seen if s.term.op is Op.INPUT}
        shown = (rule.activity and rule.kind in ENDS) or said >= set(many)
        if not name or not shown or name in self.observer.view.hide:
            raise Wrong(f"too many answers of `{rule.name}`")
        return True

    def _number(self, state: State) -> int:
        found = self.number.get(state)
        if found is None:
            if len(self.order) >= MOST:
                raise Open(f"that it refutes the claim was not checked: more than {MOST} states")
            found = self.number[state] = len(self.order)
            self.order.append(state)
        return found

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, at: Any) -> Any:
        found = self.known.get(at)
        if found is None:
            found = self.known[at] = list(dict.fromkeys(self._steps(self.order[at])))
        return found

    def _steps(self, state: State) -> Iterator[tuple[Act, int]]:
        before = self.view.full(state)
        for move, inputs, after in self.view.steps(state):
            act = self.observer.act(move.rule, inputs, before, self.view.full(after))
            yield act, self._number(after)
        for move, full in self.view.able(state):
            if move.rule.index in self.many:
                none = [0] * len(move.rule.inputs)
                asked = self.observer.act(move.rule, none, full, full).answered
                name = asked[0] if asked else ""
                yield Act(OTHERWISE, (name, OTHERWISE)), self._number(state)

    def ways(self) -> Iterator[tuple[str, str]]:
        """By activity, how it may end."""
        for rule in self.system.rules:
            if rule.activity and rule.kind in ENDS and rule.guard is not FALSE:
                name = self.observer.name(rule)
                shown = self.observer.view.rename.get(name, name)
                end = self.observer.ending(rule)
                yield from ((shown, end), *([(shown, OTHERWISE)] if rule.inputs else []))


def _free(v: Variable) -> bool:
    return v.kind in FREE and v.init is None


def _sole(sides: Sequence[_Told]) -> dict[str, str]:
    """Activities with one answer only."""
    ways: dict[str, set[str]] = {}
    for side in sides:
        for name, end in side.ways():
            ways.setdefault(name, set()).add(end)
    return {name: next(iter(ends)) for name, ends in ways.items() if len(ends) == 1}


def _depth(formula: Sequence[tuple[str, str, tuple[int, ...]]]) -> int:
    """How many steps that are seen a formula looks ahead."""
    out: list[int] = []
    for op, label, parts in formula:
        seen = op in ("can", "until") and label != INTERNAL
        out.append(seen + max((out[k] for k in parts if 0 <= k < len(out)), default=0))
    return out[-1]


def _near(side: _Told, labels: Collection[str], depth: int) -> Behaviour:
    """The states so many visible steps ahead, with the steps of these labels and internal ones."""
    found = {s: 0 for _, s in side.starts}
    edges: list[list[tuple[Act, int]]] = []
    layers: list[list[int]] = [[*found], *([] for _ in range(depth))]
    kept: dict[int, list[tuple[Act, int]]] = {}
    for far, layer in enumerate(layers):
        for s in layer:  # grows while it is gone through
            steps = side[s]
            mine = [
                x for x in steps if x[0].text == INTERNAL or (far < depth and x[0].text in labels)
            ]
            kept[s] = mine
            for act, t in mine:
                if t not in found:
                    found[t] = far + (act.text != INTERNAL)
                    layers[found[t]].append(t)
    edges = [kept.get(s, []) for s in range(len(side))]
    return Behaviour(edges, side.starts)
