"""Two specs that differ in terms only: what the laws of terms say of them, before any rule is made.

Used only where one term may stand for another (`lower.differing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import get_args

from ....dsl import ast
from ....dsl.walk import walk
from ....semantics.claimed import Read
from ....semantics.evidence import Derivation, Merged
from ....semantics.joins import WIDEST
from ....semantics.lower.differing import alone_runs, differing_in, plain_terms, tests, writes
from . import guarded, normal
from .apart import Knowing, differences, reached
from .decide import TooMany
from .guarded import Meant
from .read import read
from .store import Op, Store
from .tests import Conditions, conditions

LEVELS = ("bisimulation", "branching", "failures", "trace")  # from fine to coarse


@dataclass(frozen=True, slots=True)
class Said:
    """They are equivalent under `level` and all that is coarser.  `laws`: how often each was used;
    `guarded`: pairs of states of guarded terms that were merged."""

    level: str
    laws: tuple[tuple[str, int], ...] = ()
    guarded: int = 0
    operators: int = 0  # of the larger one

    def __str__(self) -> str:
        if self.guarded:
            return f"both are guarded terms, and {self.guarded} pairs of states are alike"
        if not self.laws:
            return "both are the same term"
        used = ", ".join(f"{law} ({n})" if n > 1 else law for law, n in self.laws)
        return f"both have one normal form, by the laws {used}"


@dataclass(frozen=True, slots=True)
class Suggested:
    """A run on which two terms may part: activities that are started one after the other, and
    whose run it is (0 or 1).  `over`: it comes to its end then without another start."""

    word: tuple[str, ...]
    side: int
    over: bool
    # What each of the two terms goes through, and how many of its parts.
    parts: tuple[tuple[tuple[ast.Term, int], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What terms say; where that is nothing, `suggested` are runs on which the two may part.
    `operators`: of the larger term."""

    said: Said | None
    suggested: Callable[[], Iterator[Suggested]] = lambda: iter(())
    operators: int = 0


def said(old: ast.Spec, new: ast.Spec) -> Said | None:
    """Of specs without properties (`lower.alone`); None: nothing, they may be equivalent or not."""
    return looked(old, new).said


def looked(old: ast.Spec, new: ast.Spec) -> Looked:
    """The same, and how they may differ."""
    pairs = differing_in(old, new)
    if pairs is None:
        return Looked(None)
    single = alone_runs(old) is not None
    worst = Said(LEVELS[0])
    for mine, yours in pairs:
        two = Two(mine.body, yours.body, partial(tests, old, mine.name))
        found = compared(two, single)
        if found is None:
            if not single or len(pairs) > 1:
                return Looked(None, operators=two.operators)
            return Looked(None, partial(two.suggested, old, mine), two.operators)
        if LEVELS.index(found.level) >= LEVELS.index(worst.level):
            worst = found
    return Looked(worst, operators=worst.operators)


class Two:
    """Two terms, and how their tests are read."""

    def __init__(self, left: ast.Term, right: ast.Term, tests: Read) -> None:
        self.tests = tests
        self.store = s = Store()
        self.sources: dict[int, ast.Term | ast.Expression] = {}
        self.nodes: dict[int, list[ast.Term]] = {}
        self.left, self.right = (read(s, t, self.sources, self.nodes) for t in (left, right))
        self.operators = max(s.operators(self.left), s.operators(self.right))

    @cached_property
    def conditions(self) -> Conditions | None:
        s = self.store
        written = {
            s.label[t]: e
            for t, e in self.sources.items()
            if s.op[t] is Op.TEST and isinstance(e, get_args(ast.Expression))
        }
        return conditions(self.tests, written)

    @cached_property
    def meant(self) -> Meant:
        return {} if self.conditions is None else self.conditions.meant()

    def alike(self) -> guarded.Same | None:
        """As guarded terms: first by the names of tests, then by what they say."""
        s, a, b = self.store, self.left, self.right
        if not guarded.guarded(s, a, b):
            return None
        try:
            found = guarded.compare(s, a, b)
            known = self.conditions if isinstance(found, guarded.Differ) else None
            if known is not None:
                if self.meant:
                    found = guarded.compare(s, a, b, meant=self.meant)
                if isinstance(found, guarded.Differ) and not _possible(found, known):
                    found = guarded.compare(s, a, b, known.feasible, meant=self.meant)
        except TooMany:
            return None
        return found if isinstance(found, guarded.Same) else None

    def suggested(self, spec: ast.Spec, workflow: ast.Workflow) -> Iterator[Suggested]:
        """Runs on which the two may part, the shortest first.  `workflow` has the first of them."""
        s, a, b = self.store, self.left, self.right
        if not guarded.guarded(s, a, b):
            return
        calls: dict[str, str | None] = {}
        written: dict[str, frozenset[str]] = {}
        reads: dict[str, frozenset[str]] = {}
        for t, e in self.sources.items():
            if s.op[t] is Op.ACT:
                calls[s.label[t]] = e.name if isinstance(e, ast.Call) else None
                written[s.label[t]] = writes(spec, workflow, e)
            elif s.op[t] is Op.TEST:
                reads[s.label[t]] = frozenset(n.name for n in walk(e) if isinstance(n, ast.Name))
        known = Knowing(lambda action, test: not written[action] & reads[test])
        if self.conditions is not None:
            start = self.conditions.at_start(reads)
            known = replace(known, feasible=self.conditions.feasible, start=start)
        try:
            machine = guarded.Machine(s, (a, b), meant=self.meant)
            for found in differences(machine, machine.state(a), machine.state(b), known):
                parts = tuple(
                    tuple((n, most) for t, most in through.items() for n in self.nodes.get(t, ()))
                    for through in (reached(machine, root, found) for root in (a, b))
                )
                for one in _suggested(found, calls):
                    yield replace(one, parts=parts)
        except TooMany:
            return


def _suggested(found: guarded.Differ, calls: Mapping[str, str | None]) -> Iterator[Suggested]:
    before = [calls[t.action] for t in found.run]
    for side, done in enumerate((found.left, found.right)):
        if done in (guarded.WAITS, guarded.ROUND):
            continue
        word = (*before, calls.get(done))
        named = tuple(n for n in word if n is not None)
        over = done == guarded.ENDS or (done not in calls and done.startswith("fail "))
        yield Suggested(named, side, over)


def _possible(found: guarded.Differ, known: Conditions) -> bool:
    return all(map(known.feasible, (*(t.tests for t in found.run), found.tests)))


def compared(two: Two, single: bool) -> Said | None:
    """`single`: nothing runs beside them.  The cheapest first."""
    s, a, b, size = two.store, two.left, two.right, two.operators
    wide = _wide(s, a, b)
    same: guarded.Same | None = None
    for under in ("strong", "branching", "trace"):
        if under == "trace" and same is not None and single:
            # (A round that ends with a step of its own may be the first step of all.)
            return Said("trace" if same.mixed else "failures", (), same.related, size)
        found = normal.equal(s, a, b, under)
        if found is not None:
            return _by_laws(found, under, wide, size)
        if under == "strong":
            same = two.alike()
            if same is not None and not (same.rounds or same.silent):
                return Said(LEVELS[0], (), same.related, size)
    return None


def by_laws(left: ast.Term, right: ast.Term) -> Said | None:
    """Of the sides of a law, for all terms in place of its names, wherever it stands."""
    if plain_terms((left, right)) is None:
        return None
    s = Store()
    a, b = read(s, left), read(s, right)
    for under in ("strong", "branching", "trace"):
        found = normal.equal(s, a, b, under)
        if found is not None:
            return _by_laws(found, under, _wide(s, a, b), s.operators(a))
    return None


def _by_laws(found: normal.Derivation, under: str, wide: str, size: int) -> Said:
    level = LEVELS[0] if under == "strong" else under
    used = tuple(sorted(Counter(t.law for t in found.steps).items()))
    return Said(_coarser(level, wide), used, operators=size)


def derivation(left: ast.Term, right: ast.Term, under: str) -> Derivation | None:
    """That laws make one of the two of the other, for a certificate."""
    s = Store()
    found = normal.equal(s, read(s, left), read(s, right), under.replace("bisimulation", "strong"))
    if found is None:
        return None
    terms = tuple((str(o), n, k) for o, n, k in zip(s.op, s.label, s.kids, strict=True))
    steps = tuple((t.law, t.before, t.after) for t in found.steps)
    return Derivation(terms, found.left, found.right, steps)


def merged(left: ast.Term, right: ast.Term, read_tests: Read) -> Merged | None:
    """That both do the same as guarded terms, for a certificate."""
    two = Two(left, right, read_tests)
    found = two.alike()
    if found is None:
        return None
    s = two.store
    terms = tuple((str(o), n, k) for o, n, k in zip(s.op, s.label, s.kids, strict=True))
    same = []
    for label, other in sorted(found.meant.items()):
        name, positive = ("", other) if isinstance(other, bool) else other
        same.append((label, name, "same" if positive else "opposite"))
    return Merged(terms, two.left, two.right, found.rests, found.pairs, tuple(same))


def _coarser(one: str, other: str) -> str:
    return max(one, other, key=LEVELS.index)


def _wide(s: Store, *roots: int) -> str:
    """The finest level that is left where a join over many branches is a step."""
    branches: dict[int, int] = {}
    passes: dict[int, bool] = {}
    level = LEVELS[0]
    for t in s.below(*roots):
        kids = s.kids[t]
        inner = [branches[k] for k in kids]
        op = s.op[t]
        branches[t] = sum(max(1, n) for n in inner) if op is Op.PAR else sum(inner)
        match op:
            case Op.SKIP | Op.WHILE | Op.OTHER:
                passes[t] = True
            case Op.SEQ | Op.PAR:
                passes[t] = all(passes[k] for k in kids)
            case Op.CHOICE:
                passes[t] = any(passes[k] for k in kids)
            case Op.IF:
                passes[t] = any(passes[k] for k in kids[1:])
            case _:
                passes[t] = False
        if op is Op.PAR and branches[t] > WIDEST:
            # Where it may be the first step of all, its root matters.
            level = _coarser(level, "failures" if passes[t] else "branching")
    return level
