"""Values that satisfy a relation: the environment's answers, and a run's arguments.

Directed sampling first: bounds that the relation gives, its constants and their neighbours,
small numbers.  A solver only when that fails, so that most runs never load it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from random import Random

from ..dsl.types import Duration, Enum, Str
from ..semantics.expr import Expr, Op, Scalar, Sort, and_
from ..semantics.system import Input, Variable
from ..semantics.walks import postorder, variables
from .compile import Compiler, Term
from .plan import conjuncts

_TRIES = 24
_ENDS = 3  # of these with the ends of ranges, where they are asked for
_SPREAD = 9  # how far from a bound a number is looked for, when the other side is open


class _Part:
    """Unknowns that some conjunct ties together; drawn independently of other parts."""

    def __init__(self, unknowns: list[int], relation: Sequence[Expr], compiler: Compiler) -> None:
        self.unknowns = unknowns
        self.relation = and_(*relation)
        self.holds: Term = compiler.term(self.relation)
        self.lower: dict[int, list[Term]] = {k: [] for k in unknowns}
        self.upper: dict[int, list[Term]] = {k: [] for k in unknowns}
        self.hints: dict[int, list[Term]] = {k: [] for k in unknowns}
        for conjunct in relation:
            self._bound(conjunct, compiler)
        for node in postorder(relation):
            self._hint(node, compiler)

    def _bound(self, part: Expr, compiler: Compiler) -> None:
        """`input <= e` and its like, e without inputs: necessary, so they cut the range."""
        swap = part.op is Op.NOT
        node = part.args[0] if swap else part
        if node.op not in (Op.LE, Op.LT, Op.EQ) or (swap and node.op is Op.EQ):
            return
        for side, (mine, other) in enumerate((node.args, node.args[::-1])):
            if mine.op is not Op.INPUT or variables([other], Op.INPUT):
                continue
            term = compiler.term(other)
            if node.op is Op.EQ or (side == 0) != swap:
                self.upper[mine.index].append(term)
            if node.op is Op.EQ or (side == 0) == swap:
                self.lower[mine.index].append(term)

    def _hint(self, node: Expr, compiler: Compiler) -> None:
        if node.op not in (Op.LE, Op.LT, Op.EQ) or node.args[0].sort is Sort.BOOL:
            return
        for known, unknown in (node.args, node.args[::-1]):
            inside = variables([unknown], Op.INPUT)
            if inside and not variables([known], Op.INPUT):
                term = compiler.term(known)
                for k in inside:
                    self.hints[k].append(term)


class Sampler:
    """Draws values for `declared` that satisfy `relation` (over INPUT terms and the state)."""

    def __init__(
        self,
        declared: Sequence[Input | Variable],
        relation: Expr,
        compiler: Compiler,
        strings: int = 0,
    ) -> None:
        self.declared = declared
        self._strings = strings
        self._parts: list[_Part] = []
        self._ground: list[Term] = []  # conjuncts without inputs
        owner = list(range(len(declared)))

        def find(k: int) -> int:
            while owner[k] != k:
                owner[k] = owner[owner[k]]
                k = owner[k]
            return k

        parts = conjuncts(relation)
        inside = [sorted(variables([p], Op.INPUT)) for p in parts]
        for tied in inside:
            for k in tied[1:]:
                owner[find(k)] = find(tied[0])
        members: dict[int, list[int]] = {}
        for k in range(len(declared)):
            members.setdefault(find(k), []).append(k)
        of: dict[int, list[Expr]] = {root: [] for root in members}
        for part, tied in zip(parts, inside, strict=True):
            if tied:
                of[find(tied[0])].append(part)
            else:
                self._ground.append(compiler.term(part))
        for root, unknowns in members.items():
            self._parts.append(_Part(unknowns, of[root], compiler))

    def draw(
        self,
        state: Sequence[Scalar],
        random: Random,
        fixed: Mapping[int, Scalar] | None = None,
        lean: float | None = None,
    ) -> tuple[Scalar, ...] | None:
        """A solution, with the values in `fixed` kept; None when there is none (or none found).

        `lean`: the chance that a number with two ends is the larger one, else the smaller one
        (None: any number between, often near them).
        """
        if not all(g(state, ()) for g in self._ground):
            return None
        answer: list[Scalar] = [0] * len(self.declared)
        for k, value in (fixed or {}).items():
            answer[k] = value
        return (
            tuple(answer)
            if all(self._draw(p, state, random, fixed or {}, answer, lean) for p in self._parts)
            else None
        )

    def _draw(
        self,
        part: _Part,
        state: Sequence[Scalar],
        random: Random,
        fixed: Mapping[int, Scalar],
        answer: list[Scalar],
        lean: float | None,
    ) -> bool:
        open_ = [k for k in part.unknowns if k not in fixed]
        ranges = {}
        for k in open_:
            low, high = self._range(part, k, state)
            if low is not None and high is not None and low > high:
                return False
            ranges[k] = (low, high, [h(state, ()) for h in part.hints[k]])
        for attempt in range(_TRIES if open_ else 1):
            for k in open_:
                low, high, hints = ranges[k]
                if lean is not None and attempt < _ENDS and low is not None and high is not None:
                    answer[k] = high if random.random() < lean else low
                else:
                    answer[k] = self._guess(k, low, high, hints if attempt else [], random)
            if part.holds(state, answer):
                return True
        if not open_:
            return False
        from .solve import solve

        values = solve(self.declared, open_, part.relation, state, answer, self._strings)
        for k, value in (values or {}).items():
            answer[k] = value
        return values is not None

    def _range(
        self, part: _Part, k: int, state: Sequence[Scalar]
    ) -> tuple[Scalar | None, Scalar | None]:
        low, high = limits(self.declared[k], self._strings)
        lows = [low] if low is not None else []
        highs = [high] if high is not None else []
        lows += [t(state, ()) for t in part.lower[k]]
        highs += [t(state, ()) for t in part.upper[k]]
        return reduce(max, lows) if lows else None, reduce(min, highs) if highs else None

    def _guess(
        self, k: int, low: Scalar | None, high: Scalar | None, hints: list[Scalar], random: Random
    ) -> Scalar:
        declared = self.declared[k]
        if declared.sort is Sort.BOOL:
            return random.random() < 0.5
        value: int | Fraction
        if hints and random.random() < 0.6:
            value = hints[int(random.random() * len(hints))] + int(random.random() * 3) - 1
        elif low is not None and high is not None:
            # Often near the ends: that is where workflows go wrong.
            width, top = int(high - low), False
            if width > 3 * _SPREAD and random.random() < 0.7:
                width, top = _SPREAD, random.random() < 0.5
            if declared.sort is Sort.REAL and width < _SPREAD:
                value = low + (high - low) * Fraction(int(random.random() * 9), 8)
            else:
                step = int(random.random() * (width + 1))
                value = high - step if top else low + step
        elif low is not None:
            value = low + _far(random)
        elif high is not None:
            value = high - _far(random)
        else:
            value = int(random.random() * (_SPREAD + 2)) - (1 if hints else 0)
        if low is not None:
            value = max(value, low)
        if high is not None:
            value = min(value, high)
        if declared.sort is Sort.REAL:
            return Fraction(value)
        return int(value)


def _far(random: Random) -> int:
    """How far from a bound that has no other side: mostly near, sometimes in the hundreds."""
    place = random.random()
    reach = _SPREAD + 1 if place < 0.5 else 100 if place < 0.8 else 1000
    return int(random.random() * reach)


def limits(declared: Input | Variable, strings: int) -> tuple[Scalar | None, Scalar | None]:
    """The range that the declaration alone gives; bools as None."""
    low: Scalar | None = declared.lo
    high: Scalar | None = declared.hi
    if declared.sort is Sort.BOOL:
        return None, None
    if isinstance(declared.type, Enum):
        low = 0 if low is None else low
        high = len(declared.type.values) - 1 if high is None else high
    elif isinstance(declared.type, Str):
        # One more than the table: some string that the spec does not mention.
        low, high = 0, strings
    elif isinstance(declared.type, Duration) and low is None:
        low = 0
    return low, high
