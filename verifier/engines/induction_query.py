"""Single implications of an induction proof: small queries, answered once per shape.

A query is `premises and hypotheses => each of the conclusions`.  Only terms that a rule and its
conclusions mention go in (the frame).  Integers are read as reals first: an `unsat` of that
reading counts, anything else is asked again with integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op, Scalar
from ...semantics.symbolic import (
    Answer,
    Encoder,
    Smt,
    any_of,
    false_in,
    flag,
    implication,
    negated,
)
from ...semantics.walks import postorder

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Positions of the conclusions that were not shown, and of the hypotheses that were used.

    `sure`: a model was found for each that failed (not merely no answer).
    """

    failed: tuple[int, ...]
    used: tuple[int, ...]
    sure: bool = True


@dataclass(slots=True)
class Queries:
    """Asks the solver; remembers answers by shape, so that rules equal up to names share one."""

    milliseconds: int = 1000
    asked: int = 0
    shared: int = 0
    _answers: dict[Key, Outcome] = field(default_factory=dict)
    # Kept between questions: most hypotheses come again and again.
    _exact: Encoder = field(default_factory=Encoder)
    _relaxed: Encoder = field(default_factory=lambda: Encoder(relaxed=True))

    def check(
        self, premises: Sequence[Expr], hypotheses: Sequence[Expr], conclusions: Sequence[Expr]
    ) -> Outcome:
        """Which conclusions follow together: those that fail are not used, hypotheses are."""
        key = shape([premises, hypotheses, conclusions])
        found = self._answers.get(key)
        if found is not None:
            self.shared += 1
            return found
        outcome = self._batch(premises, hypotheses, conclusions)
        if not outcome.sure and len(conclusions) > 1:
            outcome = self._singly(premises, hypotheses, conclusions)
        self._answers[key] = outcome
        return outcome

    def _singly(
        self, premises: Sequence[Expr], hypotheses: Sequence[Expr], conclusions: Sequence[Expr]
    ) -> Outcome:
        failed: list[int] = []
        used: set[int] = set()
        sure = True
        for k, conclusion in enumerate(conclusions):
            one = self._batch(premises, hypotheses, [conclusion])
            if one.failed:
                failed.append(k)
                sure = sure and one.sure
            used.update(one.used)
        return Outcome(tuple(failed), tuple(sorted(used)), sure)

    def _batch(
        self, premises: Sequence[Expr], hypotheses: Sequence[Expr], conclusions: Sequence[Expr]
    ) -> Outcome:
        relaxed = _Question(premises, hypotheses, conclusions, self._relaxed, self.milliseconds)
        self.asked += 1
        if relaxed.check(range(len(conclusions))) is Answer.UNSAT:
            return Outcome((), relaxed.used())
        exact = _Question(premises, hypotheses, conclusions, self._exact, self.milliseconds)
        left = set(range(len(conclusions)))
        sure = True
        while left:
            self.asked += 1
            answer = exact.check(left)
            if answer is Answer.UNSAT:
                break
            false = exact.false(left) if answer is Answer.SAT else set()
            if not false:
                # No answer, or a model that Z3 cannot evaluate: nothing was shown.
                sure = False
                false = set(left)
            left -= false
        failed = tuple(k for k in range(len(conclusions)) if k not in left)
        return Outcome(failed, exact.used() if left else (), sure)

    def counterexample(
        self, premises: Sequence[Expr], hypotheses: Sequence[Expr], conclusion: Expr
    ) -> dict[int, Scalar] | None:
        """Values of the variables in a state where the step breaks the conclusion."""
        question = _Question(premises, hypotheses, [conclusion], self._exact, self.milliseconds)
        if question.check([0]) is not Answer.SAT:
            return None
        return question.state([*premises, *hypotheses, conclusion])


class _Question:
    def __init__(
        self,
        premises: Sequence[Expr],
        hypotheses: Sequence[Expr],
        conclusions: Sequence[Expr],
        encode: Encoder,
        milliseconds: int,
    ) -> None:
        self._solver = Smt(milliseconds)
        self._encode = encode
        self._solver.add(*map(self._encode, premises))
        self._given = [flag(f"h{k}") for k in range(len(hypotheses))]
        for name, hypothesis in zip(self._given, hypotheses, strict=True):
            self._solver.add(implication(name, self._encode(hypothesis)))
        self._broken = [flag(f"b{k}") for k in range(len(conclusions))]
        self._conclusions = [self._encode(c) for c in conclusions]
        for name, conclusion in zip(self._broken, self._conclusions, strict=True):
            self._solver.add(implication(name, negated(conclusion)))
        self._solver.add(any_of(self._broken))

    def check(self, left: Sequence[int] | set[int] | range) -> Answer:
        inside = set(left)
        off = [negated(b) for k, b in enumerate(self._broken) if k not in inside]
        return self._solver.check([*self._given, *off])

    def used(self) -> tuple[int, ...]:
        given = (name[1:] for name in self._solver.core() if name[0] == "h")
        return tuple(sorted(map(int, given)))

    def false(self, left: set[int]) -> set[int]:
        model = self._solver.model()
        return {k for k in left if false_in(model, self._conclusions[k])}

    def state(self, terms: Sequence[Expr]) -> dict[int, Scalar]:
        out: dict[int, Scalar] = {}
        for node in postorder(terms):
            if node.op is Op.VAR and node.index not in out:
                value = self._solver.value(self._encode(node), node.sort)
                if value is not None:
                    out[node.index] = value
        return out


def shape(parts: Sequence[Sequence[Expr]]) -> Key:
    """A key that is equal for queries which differ in the names of variables only."""
    names: dict[tuple[Op, int], int] = {}
    number: dict[int, int] = {}
    # Hash-consing on the way makes the key independent of how terms happen to be shared.
    known: dict[Key, int] = {}
    for node in postorder([e for part in parts for e in part]):
        if node.op in (Op.VAR, Op.POST, Op.INPUT):
            value: object = names.setdefault((node.op, node.index), len(names))
        else:
            value = node.value
        entry: Key = (node.op, node.sort, value, *(number[id(a)] for a in node.args))
        number[id(node)] = known.setdefault(entry, len(known))
    return (tuple(known), *(tuple(number[id(e)] for e in part) for part in parts))


def values_of(pins: Mapping[int, Expr]) -> dict[int, Scalar]:
    """Pinned variables as plain values."""
    return {v: c.value for v, c in pins.items() if c.value is not None}
