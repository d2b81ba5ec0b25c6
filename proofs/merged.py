"""Two terms of `;`, `if` and `while` that do the same: a relation between what is left of them.

Between two actions every test may change, so what is decided by the values of tests is decided for
all of them: the terms are deterministic, and what holds of the relation holds of the smallest
equivalence around it (Hopcroft and Karp 1971; Smolka et al. 2020, Theorem 5.1).  A test may be
another one in other words, and some values cannot be had at once: what solvers say of it.  Where
nothing runs beside the terms, tests keep their values until a step changes what they read: some
pairs have to do the same for the values only with which a run comes to them (`kept`).

Rests on it that the rules of such terms do what is read here (`_Reading.next`), as tests compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from ..dsl import ast
from ..dsl.records import dataclass
from ..semantics.claimed import UNDER, Terms, Tests
from ..semantics.evidence import Merged
from ..semantics.expr import FALSE, Expr, eq, not_
from .derived import Part, form, taken
from .facts import Wrong
from .kept import Kept, Listed, Values, given, literals
from .solvers import Solvers

MOST = 2_000_000  # ways through the tests of one instant, in all
Done = tuple[str, str, int]  # how it goes on, the label, and what is then left


def merged(terms: Terms, under: str, evidence: Merged, solvers: Solvers) -> None:
    """`Wrong` where the two may do different things under this equivalence."""
    taken(terms, evidence)
    if any(not 0 <= k < n for n, (_, _, kids) in enumerate(evidence.terms) for k in kids):
        raise Wrong("a term comes before a part of it")
    saying = _Saying(terms, solvers)
    reading = _Reading(evidence, saying.meant(evidence.meant))
    roots = reading.left_to_do(evidence.left, 0), reading.left_to_do(evidence.right, 0)
    same = _Same()
    for one, other in evidence.pairs:
        reading.known(one, other)
        same.merge(one, other)
    kept = saying.kept(evidence.kept)
    if same.find(roots[0]) != same.find(roots[1]) and not (kept and kept.at_start(*roots)):
        raise Wrong("nothing says that the two terms do the same")
    for one, other, *known in (*((x, y, (), ()) for x, y in evidence.pairs), *evidence.kept):
        reading.known(one, other)
        for values, mine, yours in reading.both(one, other, given(*known)):
            if mine[:2] == yours[:2]:
                if same.find(mine[2]) == same.find(yours[2]):
                    continue
                if kept and kept.after(values, mine[1], mine[2], yours[2]):
                    continue
            if {mine[0], yours[0]} == {"waits", "goes round"}:
                reading.mixed = True
            elif not saying.never(values):
                raise Wrong("two that are to do the same do different things")
    # (Where a round may end without a step, a step of its own ends it.)
    level = UNDER[0]
    if roots[0] != roots[1] and (reading.silent or reading.rounds()):
        if not terms.alone:
            raise Wrong("what is beside them may write what a loop tests, between two rounds")
        level = UNDER[3] if reading.mixed else UNDER[2]
    if UNDER.index(under) < UNDER.index(level):
        raise Wrong(f"that they do the same is shown under {level} only")


class _Same:
    """Which are related, directly or by way of others."""

    def __init__(self) -> None:
        self.up: dict[int, int] = {}

    def find(self, x: int) -> int:
        while (up := self.up.get(x, x)) != x:
            self.up[x] = x = self.up.get(up, up)
        return x

    def merge(self, x: int, y: int) -> None:
        self.up[self.find(x)] = self.find(y)


@dataclass
class _Saying:
    """What tests say."""

    terms: Terms
    solvers: Solvers
    tests: Tests | None = None
    conditions: dict[str, Expr] = field(default_factory=dict)

    def read(self) -> Tests:
        if self.tests is None:
            written = dict(_parts(self.terms, "test"))
            self.tests = self.terms.tests([t for t in written.values() if isinstance(t, ast.Expr)])
            if self.tests is None:
                raise Wrong("it is not known what the tests say")
            self.conditions = dict(zip(written, self.tests.conditions, strict=True))
        return self.tests

    def kept(self, listed: Sequence[Listed]) -> Kept | None:
        """What is said of values that tests keep; None: nothing."""
        if not listed:
            return None
        done = dict(_parts(self.terms, "act"))
        found = self.terms.steps([t for t in done.values() if isinstance(t, ast.Term)])
        if found is None:
            raise Wrong("it is not known what steps do to the tests")
        updates = dict(zip(done, found.updates, strict=True))
        tests = self.read()
        return Kept(self.solvers, tests, self.conditions, updates, found.steady, listed)

    def meant(self, given: Sequence[tuple[str, str, str]]) -> Mapping[str, tuple[str, bool]]:
        """`Wrong` where a test does not say what it is said to."""
        out: dict[str, tuple[str, bool]] = {}
        for label, other, how in given:
            always = self.read().always
            positive = how == "same"
            if how not in ("same", "opposite"):
                raise Wrong("a test is neither the same nor the opposite")
            here = self.conditions[label]
            goal = here if not other else eq(here, self.conditions[other])
            if other and not positive:
                goal = eq(here, not_(self.conditions[other]))
            elif not positive:
                goal = not_(here)
            if label in out or not self.solvers.proves([always], goal):
                raise Wrong(f"`{label}` may say something else")
            out[label] = other, positive
        return out

    def never(self, values: Mapping[str, bool]) -> bool:
        """Whether tests surely never have these values."""
        always = self.read().always
        return self.solvers.proves([always, *literals(self.conditions, values)], FALSE)


@dataclass
class _Reading:
    """Rests are numbers: 0 is nothing, another one a term and a rest."""

    evidence: Merged
    meant: Mapping[str, tuple[str, bool]]
    silent: bool = False
    mixed: bool = False
    ways: int = 0

    def __post_init__(self) -> None:
        self.rests = [(-1, 0), *self.evidence.rests]
        self.number = {r: n for n, r in enumerate(self.rests)}
        for n, (term, rest) in enumerate(self.rests[1:], 1):
            if not (0 <= term < len(self.evidence.terms) and 0 <= rest < n):
                raise Wrong("a rest is none")

    def known(self, *rests: int) -> None:
        if not all(0 <= r <= len(self.evidence.rests) for r in rests):
            raise Wrong("there is no such rest")

    def left_to_do(self, term: int, rest: int) -> int:
        found = self.number.setdefault((term, rest), len(self.rests))
        if found == len(self.rests):
            self.rests.append((term, rest))
        return found

    def both(self, one: int, other: int, given: Values) -> Iterator[tuple[Values, Done, Done]]:
        """What two do next, for all values of the tests that they ask for beside the given ones."""
        todo = [given]
        while todo:
            values = todo.pop()
            self.ways += 1
            if self.ways > MOST:
                raise Wrong("too many ways through the tests")
            found = [self.next(x, values) for x in (one, other)]
            asked = next((label for how, label, _ in found if how == "asks"), None)
            if asked is None:
                yield values, found[0], found[1]
            else:
                todo += ({**values, asked: False}, {**values, asked: True})

    def next(self, rest: int, values: Values) -> Done:
        """What is done next where tests have these values; which test is to be known first."""
        begun: set[int] = set()  # rounds of this instant
        while rest:
            term, after = self.rests[rest]
            op, label, kids = self.evidence.terms[term]
            match op:
                case "skip":
                    rest = after
                case "seq":
                    for part in reversed(kids):
                        after = self.left_to_do(part, after)
                    rest = after
                case "if" | "while":
                    value = self.true(kids[0], values)
                    if isinstance(value, str):
                        return "asks", value, 0
                    if op == "if":
                        rest = self.left_to_do(kids[1 if value else 2], after)
                    elif not value:
                        rest = after
                    elif rest in begun:
                        self.silent = True
                        return "goes round", "", 0
                    else:
                        begun.add(rest)
                        rest = self.left_to_do(kids[1], rest)
                case "act":
                    return "acts", label, after
                case "fail":
                    return "fails", label, 0
                case "stuck":
                    return "waits", "", 0
                case _:
                    raise Wrong("a term is not of `;`, `if` and `while`")
        return "ends", "", 0

    def true(self, test: int, values: Values) -> bool | str:
        """Its value, or the atomic test that decides it."""
        op, label, kids = self.evidence.terms[test]
        match op:
            case "true" | "false":
                return op == "true"
            case "test":
                name, positive = self.meant.get(label, (label, True))
                if not name:
                    return positive
                return values[name] is positive if name in values else name
            case "not":
                value = self.true(kids[0], values)
                return value if isinstance(value, str) else not value
            case "and" | "or":
                for kid in kids:
                    value = self.true(kid, values)
                    if isinstance(value, str) or value is (op == "or"):
                        return value
                return op == "and"
        raise Wrong("a test is none")

    def rounds(self) -> bool:
        """Whether the body of some loop may end without a step of its own."""
        ends: list[bool] = []
        for op, _, kids in self.evidence.terms:
            inner = [ends[k] for k in kids]
            if op == "while" and inner[1]:
                return True
            last = op == "seq" and (not inner or inner[-1])
            ends.append(op in ("skip", "while") or last or (op == "if" and any(inner[1:])))
        return False


def _parts(terms: Terms, kind: str) -> Iterator[tuple[str, Part]]:
    todo: list[Part] = [terms.left, terms.right]
    while todo:
        part = todo.pop()
        op, label, parts = form(part)
        if op == kind:
            yield label, part
        todo.extend(parts)
