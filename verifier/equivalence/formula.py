"""Formulas of Hennessy and Milner: what tells two states apart that are not bisimilar.

`Can(a, f)`: a step a to a state of which f holds.  `Until(g, a, f)`: the same after any number of
internal steps through states of which g holds, this one among them (De Nicola and Vaandrager 1995);
an internal step may be no step at all.  `Forever(g)`: internal steps without end, through such
states only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...dsl.records import dataclass
from .internal import Contracted
from .lts import TAU, Adjacency, Lts, adjacency
from .partition import Partition


@dataclass(frozen=True, slots=True)
class Not:
    of: Formula


@dataclass(frozen=True, slots=True)
class All:
    """Of nothing: true."""

    of: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Can:
    label: str
    then: Formula


@dataclass(frozen=True, slots=True)
class Until:
    through: Formula
    label: str
    then: Formula


@dataclass(frozen=True, slots=True)
class Forever:
    through: Formula


Formula = Not | All | Can | Until | Forever
TRUE = All(())


def all_of(parts: Iterable[Formula]) -> Formula:
    """Each part once; of one part, the part itself."""
    seen: dict[int, Formula] = {id(p): p for p in parts if p is not TRUE}
    return next(iter(seen.values())) if len(seen) == 1 else All(tuple(seen.values()))


Pair = tuple[int, int]
Plan = tuple[tuple[Pair, ...], Callable[[Callable[[int, int], Formula]], Formula]]


class _Telling:
    """Formulas for pairs of states, made bottom up; each holds of the left state only.

    The states of one block after k rounds agree on all formulas made for pairs that come apart by
    round k, so that one formula is made for two blocks.
    """

    def __init__(self, lts: Lts, partition: Partition) -> None:
        self.lts, self.partition = lts, partition
        self.out: Adjacency = adjacency(lts.states, lts.source)
        self.known: dict[tuple[int, int, int], Formula] = {}

    def formula(self, left: int, right: int) -> Formula:
        """Raises ValueError where nothing tells the two apart."""
        stack: list[Pair] = [(left, right)]
        plans: dict[tuple[int, int, int], Plan] = {}
        while stack:
            pair = stack[-1]
            key = self._key(*pair)
            if key in self.known:
                stack.pop()
                continue
            plan = plans.get(key)
            if plan is None:
                plan = plans[key] = self._plan(*pair)
            missing = [p for p in plan[0] if self._key(*p) not in self.known]
            if missing:
                stack.extend(missing)
                continue
            self.known[key] = plan[1](self._get)
            stack.pop()
        return self._get(left, right)

    def _get(self, left: int, right: int) -> Formula:
        return self.known[self._key(left, right)]

    def _key(self, left: int, right: int) -> tuple[int, int, int]:
        rounds = self.partition.parted(left, right)
        if rounds is None:
            raise ValueError("the states are alike")
        return rounds, self.partition.at(left, rounds), self.partition.at(right, rounds)

    def _plan(self, left: int, right: int) -> Plan:
        """What is to be known first, and how the formula is made of it."""
        rounds = self.partition.parted(left, right)
        assert rounds is not None
        mine, yours = self._shown(left, rounds - 1), self._shown(right, rounds - 1)
        best: Plan | None = None
        for one, other, a, b in ((mine, yours, left, right), (yours, mine, right, left)):
            for label, block in one.keys() - other.keys():
                target = one[label, block]
                plan = self._told(b, label, target, rounds - 1, a)
                if best is None or len(plan[0]) < len(best[0]):
                    best = plan if a == left else _negated(plan)
            if best is not None:
                return best
        raise AssertionError("the states came apart for no reason")

    def _shown(self, state: int, rounds: int) -> dict[tuple[int, int], int]:
        """Label and block of each step, with where it leads."""
        lts, at = self.lts, self.partition.at
        return {
            (lts.label[k], at(lts.target[k], rounds)): lts.target[k] for k in self.out.of(state)
        }

    def _told(self, other: int, label: int, target: int, rounds: int, state: int) -> Plan:
        """`state` has a step to `target` as `other` has none."""
        lts = self.lts
        rivals = self._ones(
            (lts.target[k] for k in self.out.of(other) if lts.label[k] == label), rounds
        )
        pairs = tuple((target, t) for t in rivals)
        name = lts.labels[label]
        return pairs, lambda get: Can(name, all_of(get(*p) for p in pairs))

    def _ones(self, states: Iterable[int], rounds: int) -> list[int]:
        """One of each block."""
        return list({self.partition.at(s, rounds): s for s in states}.values())


class _TellingInternally(_Telling):
    """The same for branching bisimulation, over contracted cycles of internal steps."""

    def __init__(self, contracted: Contracted, partition: Partition) -> None:
        super().__init__(contracted.lts, partition)
        self.divergence = contracted.divergence

    def _inside(self, state: int, rounds: int) -> tuple[list[int], list[int]]:
        """What is reached by internal steps in its block, and where these leave the block."""
        at, lts = self.partition.at, self.lts
        block = at(state, rounds)
        inside, outside = {state: None}, dict[int, None]()
        todo = [state]
        while todo:
            s = todo.pop()
            for k in self.out.of(s):
                t = lts.target[k]
                if lts.label[k] != TAU:
                    continue
                if at(t, rounds) != block:
                    outside[t] = None
                elif t not in inside:
                    inside[t] = None
                    todo.append(t)
        return list(inside), list(outside)

    def _shown(self, state: int, rounds: int) -> dict[tuple[int, int], int]:
        at, lts = self.partition.at, self.lts
        block = at(state, rounds)
        return {
            (lts.label[k], at(lts.target[k], rounds)): lts.target[k]
            for s in self._inside(state, rounds)[0]
            for k in self.out.of(s)
            if lts.label[k] != TAU or at(lts.target[k], rounds) != block
        }

    def _told(self, other: int, label: int, target: int, rounds: int, state: int) -> Plan:
        lts = self.lts
        inside, outside = self._inside(other, rounds)
        # Beyond its block the other one may do as it likes: it is no longer on the way.
        ways = [(state, t) for t in self._ones(outside, rounds)]
        if label == self.divergence:
            return tuple(ways), lambda get: Forever(all_of(get(*p) for p in ways))
        steps = (lts.target[k] for s in inside for k in self.out.of(s) if lts.label[k] == label)
        rivals = self._ones(steps, rounds)
        if label == TAU:
            # No step at all is an internal step as well.
            rivals = self._ones((*rivals, other), rounds)
        pairs = [(target, t) for t in rivals]
        name = lts.labels[label]
        return (*ways, *pairs), lambda get: Until(
            all_of(get(*p) for p in ways), name, all_of(get(*p) for p in pairs)
        )


def _negated(plan: Plan) -> Plan:
    needs, make = plan

    def negated(get: Callable[[int, int], Formula]) -> Formula:
        made = make(get)
        return made.of if isinstance(made, Not) else Not(made)

    return needs, negated


def telling(lts: Lts, partition: Partition, left: int, right: int) -> Formula:
    """Holds of `left`, not of `right`, of the least depth; for strong bisimulation.

    Cleaveland 1990, of the rounds of the refinement.  ValueError: the two are bisimilar.
    """
    return _Telling(lts, partition).formula(left, right)


def telling_internally(
    contracted: Contracted, partition: Partition, left: int, right: int
) -> Formula:
    """The same for branching bisimulation that preserves divergence (Korver 1991), with Until and
    Forever; as deep as the rounds of the refinement.  The states are those of `contracted`."""
    return _TellingInternally(contracted, partition).formula(left, right)


def telling_first(
    contracted: Contracted, partition: Partition, label: str, target: int, rivals: Iterable[int]
) -> Formula:
    """A first step `label` to `target` that none of `rivals` is like."""
    made = _TellingInternally(contracted, partition)
    ones = {partition.block[t]: t for t in rivals}.values()
    return Can(label, all_of([made.formula(target, t) for t in ones]))
