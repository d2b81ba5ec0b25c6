"""Values that tests keep: what a step makes of them, as solvers say.

Data changes by steps only, and a step changes what its effect writes (`semantics.claimed.Effects`);
so of a pair of rests it is enough that the two do the same for the values with which a run comes to
it.  That is an invariant by induction over the steps (Floyd 1967): it holds where a run begins,
and each step leads from values that are listed to values that are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..dsl.records import dataclass
from ..semantics.claimed import Tests
from ..semantics.expr import Expr, Op, and_, not_, or_, var
from ..semantics.walks import substitute, variables
from .facts import Wrong
from .solvers import Solvers

Values = dict[str, bool]
Listed = tuple[int, int, Sequence[str], Sequence[str]]  # two rests; tests that are true, and false


def given(true: Sequence[str], false: Sequence[str]) -> Values:
    return {**dict.fromkeys(true, True), **dict.fromkeys(false, False)}


def literals(conditions: Mapping[str, Expr], values: Mapping[str, bool]) -> list[Expr]:
    """Tests, or their opposites, as they have these values."""
    found = sorted(values.items())
    return [conditions[n] if value else not_(conditions[n]) for n, value in found]


@dataclass
class Kept:
    """`conditions`: what tests say; `updates`: what steps write (None: anything), both by label;
    `listing`: with which values a run may come to two rests."""

    solvers: Solvers
    tests: Tests
    conditions: Mapping[str, Expr]
    updates: Mapping[str, Mapping[int, Expr | None]]
    steady: frozenset[int]
    listing: Sequence[Listed]

    def __post_init__(self) -> None:
        self.listed: dict[tuple[int, int], list[Values]] = {}
        for one, other, true, false in self.listing:
            if not {*true, *false} <= self.conditions.keys():
                raise Wrong("what is kept is no test")
            self.listed.setdefault((one, other), []).append(given(true, false))
        self.data = {n: variables([e]) for n, e in self.conditions.items()}
        terms = (self.tests.always, *self.conditions.values(), *self._written())
        self.behind = 1 + max(variables(terms), default=0)

    def _written(self) -> Iterator[Expr]:
        for made in self.updates.values():
            yield from (e for e in made.values() if e is not None)

    def at_start(self, one: int, other: int) -> bool:
        """Whether a run surely begins with values that are listed for the two."""
        first = dict(self.tests.initially)
        listed = self.listed.get((one, other), ())
        goal = self._one_of(literals(self.conditions, values) for values in listed)
        put = substitute(goal, lambda n: first.get(n.index, n) if n.op is Op.VAR else n)
        return self.solvers.proves([self.tests.always], put)

    def after(self, values: Mapping[str, bool], label: str, one: int, other: int) -> bool:
        """Whether a step from such values surely leads to some that are listed for the two."""
        listed = self.listed.get((one, other), ())
        made = self.updates[label]
        lasts = {n for n in values if self.data[n] <= self.steady - made.keys()}
        left = [
            {n: v for n, v in then.items() if n not in lasts}
            for then in listed
            if all(values[n] is v for n, v in then.items() if n in lasts)
        ]
        if not all(left):  # (what is to be so is so, and lasts)
            return True

        def then(n: Expr) -> Expr:
            if n.op is not Op.VAR or n.index in self.steady - made.keys():
                return n
            known = made.get(n.index) if n.index in self.steady else None
            return var(n.index + self.behind, n.sort) if known is None else known

        goal = self._one_of(literals(self.conditions, after) for after in left)
        always = self.tests.always
        premises = [always, substitute(always, then), *literals(self.conditions, values)]
        return self.solvers.proves(premises, substitute(goal, then))

    def _one_of(self, cubes: Iterable[Sequence[Expr]]) -> Expr:
        return or_(*(and_(*c) for c in cubes))
