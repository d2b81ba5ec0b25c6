"""Two specs that differ in terms only: what the laws of terms say of them, before any rule is made.

Used only where one term may stand for another (`lower.differing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import get_args

from ....dsl import ast
from ....dsl.collector import uncollected
from ....dsl.records import dataclass
from ....dsl.walk import nodes_of
from ....semantics.claimed import Terms
from ....semantics.joins import WIDEST
from ....semantics.lower.differing import (
    differing,
    one_term,
    plain_terms,
)
from . import guarded, normal
from .decide import TooMany
from .images import Change
from .machine import ENDS, ROUND, WAITS, Machine, Meant
from .passed import passed
from .reaching import Knowing, Reaching
from .read import read
from .store import Op, Store
from .tests import Conditions, conditions

LARGE = 20_000  # operators, behind which there are too many states whatever they are
LEVELS = ("bisimulation", "branching", "failures", "trace")  # from fine to coarse


@dataclass(frozen=True, slots=True)
class Said:
    """They are equivalent under `level` and all that is coarser.  `laws`: how often each was used;
    `guarded`: pairs of states of guarded terms that were merged."""

    level: str
    laws: tuple[tuple[str, int], ...] = ()
    guarded: int = 0
    operators: int = 0  # of the larger one
    kept: bool = False  # since tests keep their values while nothing writes what they read
    unlike: bool = True  # written differently

    @property
    def in_sagas(self) -> str:
        """The finest level in a saga, for terms that may have to be undone; "" if not known."""
        if not self.unlike:
            return self.level
        if self.guarded or not all(law in normal.IN_SAGAS for law, _ in self.laws):
            return ""
        under = (normal.IN_SAGAS[law] for law, _ in self.laws)
        found = (LEVELS[0] if u == "strong" else u for u in under)
        return max((self.level, *found), key=LEVELS.index)

    def __str__(self) -> str:
        if self.guarded:
            alike = f"both are guarded terms, and {self.guarded} pairs of states are alike"
            return alike + (", as far as what is tested can change" if self.kept else "")
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
    least: int = 0  # so much is seen of such a run at least
    # What each of the two terms goes through, and how many of its parts.
    parts: tuple[tuple[tuple[ast.Term, int], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What terms say; where that is nothing, `suggested` are runs on which the two may part.
    `operators`: of the larger term, `states`: of control, about so many of it."""

    said: Said | None
    suggested: Callable[[], Iterator[Suggested]] = lambda: iter(())
    operators: int = 0
    states: int = 0


def said(old: ast.Spec, new: ast.Spec) -> Said | None:
    """Of specs without properties (`lower.alone`); None: nothing, they may be equivalent or not."""
    return looked(old, new).said


def looked(old: ast.Spec, new: ast.Spec) -> Looked:
    """The same, and how they may differ."""
    with uncollected():
        return _looked(old, new)


def _looked(old: ast.Spec, new: ast.Spec) -> Looked:
    pairs = differing(old, new)
    if pairs is None:  # (they are declared differently: how large they are counts all the same)
        return Looked(None, operators=max(map(_size, (old, new))))
    worst, states = Said(LEVELS[0]), 0
    for terms in pairs:
        two = Two(terms)
        states = max(states, two.states)
        found = compared(two)
        if found is None and terms.alone:
            found = two.kept()
        if found is None:
            if not terms.alone:
                return Looked(None, operators=two.operators, states=states)
            return Looked(None, two.suggested, two.operators, states)
        if LEVELS.index(found.level) >= LEVELS.index(worst.level):
            worst = found
    return Looked(worst, operators=worst.operators, states=states)


def _size(spec: ast.Spec) -> int:
    """About how many operators its workflows have."""
    kinds = get_args(ast.Term)
    found = [nodes_of(w).found for w in spec.workflows]
    return sum(len(nodes) for of in found for kind, nodes in of.items() if kind in kinds)


class Two:
    """Two terms, and how their tests are read."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.store = s = Store()
        self.sources: dict[int, ast.Term | ast.Expression] = {}
        self.nodes: dict[int, list[ast.Term]] = {}
        both = terms.left, terms.right
        self.left, self.right = (read(s, t, self.sources, self.nodes) for t in both)
        self._reaching: Reaching | TooMany | None = None
        self.operators = max(s.operators(self.left), s.operators(self.right))

    @cached_property
    def states(self) -> int:
        """About how many states of control there are; 0 of terms that are large anyway."""
        s = self.store
        return 0 if self.operators > LARGE else max(map(s.states, (self.left, self.right)))

    @cached_property
    def conditions(self) -> Conditions | None:
        s = self.store
        written = {
            s.label[t]: e
            for t, e in self.sources.items()
            if s.op[t] is Op.TEST and isinstance(e, get_args(ast.Expression))
        }
        return conditions(self.terms.tests, written)

    @cached_property
    def meant(self) -> Meant:
        return {} if self.conditions is None else self.conditions.meant()

    @cached_property
    def forms(self) -> normal.Forms:
        """Both by the laws that hold under each equivalence."""
        return normal.forms(self.store, self.left, self.right)

    @cached_property
    def rounds(self) -> bool:
        """Of the terms as they are written, of which `alike` gives evidence."""
        return guarded.rounds(self.store, self.left, self.right)

    @cached_property
    def machine(self) -> Machine:
        """Of the terms as they are written, with what tests mean."""
        return Machine(self.store, (self.left, self.right), meant=self.meant)

    @cached_property
    def forms_named(self) -> Machine:
        """Of their normal forms, tests by their names only."""
        return Machine(self.store, (self.forms.left, self.forms.right))

    @cached_property
    def forms_machine(self) -> Machine:
        """The same with what tests mean."""
        if not self.meant:
            return self.forms_named
        return Machine(self.store, (self.forms.left, self.forms.right), meant=self.meant)

    def same(self) -> guarded.Same | None:
        """Whether they do the same as guarded terms: first by their normal forms, which are
        strongly bisimilar to them wherever they stand, and by what differs in these alone."""
        s, forms = self.store, self.forms
        if not guarded.guarded(s, self.left, self.right):
            return None
        try:
            found = guarded.same(s, forms.left, forms.right, self.rounds, self.forms_named)
        except TooMany:
            found = None
        if found is None or found.mixed:
            return None if self._apart() else self.alike()
        return found

    def _apart(self) -> bool:
        """Whether they surely do not do the same, if all tests may change at any time."""
        try:
            if self.terms.alone and (self.conditions is None or self.conditions.apart):
                reaching = self.reaching()  # (which is asked next where this says yes)
                if reaching is not None:
                    return reaching.parted
        except TooMany:
            pass
        try:
            a, b = self.forms.left, self.forms.right
            found = guarded.compare(self.store, a, b, machine=self.forms_machine)
        except TooMany:
            return False
        if isinstance(found, guarded.Same):
            return False
        return self.conditions is None or _possible(found, self.conditions)

    def alike(self) -> guarded.Same | None:
        """The same, with evidence: first by the names of tests, then by what they say."""
        s, a, b = self.store, self.left, self.right
        if not guarded.guarded(s, a, b):
            return None
        try:
            machine = Machine(s, (a, b))
            found = guarded.compare(s, a, b, machine=machine)
            known = self.conditions if isinstance(found, guarded.Differ) else None
            if known is not None:
                if self.meant:
                    machine = self.machine
                    found = guarded.compare(s, a, b, machine=machine)
                if isinstance(found, guarded.Differ) and not _possible(found, known):
                    found = guarded.compare(s, a, b, known.feasible, machine)
        except TooMany:
            return None
        return found if isinstance(found, guarded.Same) else None

    def kept(self) -> Said | None:
        """Whether they do the same since tests keep their values."""
        try:
            reaching = self.reaching()
            if reaching is None or not reaching.same():
                return None
        except TooMany:
            return None
        level = LEVELS[0]
        rounds = guarded.rounds(self.store, self.forms.left, self.forms.right)
        if reaching.mixed or reaching.silent or rounds:
            level = "trace" if reaching.mixed else "failures"
        return Said(level, (), max(1, len(reaching.before)), self.operators, kept=True)

    def reaching(self) -> Reaching | None:
        """How the two can part where nothing runs beside them.  Raises TooMany.

        Looked at are their normal forms: they do the same step by step, and what both have in
        common is one state.
        """
        s, a, b = self.store, self.forms.left, self.forms.right
        if not guarded.guarded(s, a, b):
            return None
        if self._reaching is None:
            machine, known = self.forms_machine, self.known()
            try:
                self._reaching = Reaching(machine, machine.state(a), machine.state(b), known)
            except TooMany as error:
                self._reaching = error
        if isinstance(self._reaching, TooMany):
            raise self._reaching
        return self._reaching

    def known(self) -> Knowing:
        s, conditions = self.store, self.conditions
        steps = {
            s.label[t]: e for t, e in self.sources.items() if isinstance(e, ast.Call | ast.Assign)
        }
        seen = {label: 2 if isinstance(e, ast.Call) else 0 for label, e in steps.items()}
        found = None
        if conditions is not None:
            found = self.terms.steps(list(steps.values()))
        if conditions is None or found is None:
            every = Change(frozenset(s.label[t] for t in self.sources if s.op[t] is Op.TEST))
            return Knowing(lambda action: every, weight=lambda action: seen[action])
        made = dict(zip(steps, found.updates, strict=True))
        changes: dict[str, Change] = {}

        def change(action: str) -> Change:
            if action not in changes:
                changes[action] = conditions.change(made[action], found.steady)
            return changes[action]

        start = conditions.at_start(conditions.known)
        return Knowing(change, conditions.feasible, start, lambda action: seen[action])

    def suggested(self) -> Iterator[Suggested]:
        """Runs on which the two may part, the shortest first."""
        s = self.store
        calls = {
            s.label[t]: e.name if isinstance(e, ast.Call) else None
            for t, e in self.sources.items()
            if s.op[t] is Op.ACT
        }
        try:
            reaching = self.reaching()
            if reaching is None:
                return
            for told in reaching.runs():
                found = told.found
                parts = tuple(
                    tuple((n, most) for t, most in through.items() for n in self.nodes.get(t, ()))
                    for through in (
                        passed(self.machine, root, found) for root in (self.left, self.right)
                    )
                )
                for one in _suggested(found, calls):
                    yield replace(one, parts=parts, least=told.least)
        except TooMany:
            return


def _suggested(found: guarded.Differ, calls: Mapping[str, str | None]) -> Iterator[Suggested]:
    before = [calls[t.action] for t in found.run]
    for side, done in enumerate((found.left, found.right)):
        if done in (WAITS, ROUND):
            continue
        word = (*before, calls.get(done))
        named = tuple(n for n in word if n is not None)
        over = done == ENDS or (done not in calls and done.startswith("fail "))
        yield Suggested(named, side, over)


def _possible(found: guarded.Differ, known: Conditions) -> bool:
    return all(map(known.feasible, (*(t.tests for t in found.run), found.tests)))


def compared(two: Two) -> Said | None:
    """The cheapest first."""
    s, size, forms = two.store, two.operators, two.forms
    wide = _wide(s, two.left, two.right)
    same: guarded.Same | None = None
    for under in ("strong", "branching", "trace"):
        if under == "trace" and same is not None and two.terms.alone:
            # (A round that ends with a step of its own may be the first step of all.)
            return Said("trace" if same.mixed else "failures", (), same.related, size)
        forms = normal.further(s, forms, under)
        if forms.left == forms.right:
            return _by_laws(forms, under, wide, size)
        if under == "strong":
            same = two.same()
            if same is not None and not (same.rounds or same.silent):
                return Said(LEVELS[0], (), same.related, size)
    return None


def by_laws(left: ast.Term, right: ast.Term) -> Said | None:
    """Of the sides of a law, for all terms in place of its names, wherever it stands."""
    if one_term(left, right):
        return Said(LEVELS[0], unlike=False)
    if plain_terms((left, right)) is None:
        return None
    s = Store()
    a, b = read(s, left), read(s, right)
    for under in ("strong", "branching", "trace"):
        found = normal.equal(s, a, b, under)
        if found is not None:
            return _by_laws(found, under, _wide(s, a, b), s.operators(a))
    return None


def _by_laws(found: normal.Derivation | normal.Forms, under: str, wide: str, size: int) -> Said:
    level = LEVELS[0] if under == "strong" else under
    used = tuple(sorted(Counter(t.law for t in found.steps).items()))
    return Said(_coarser(level, wide), used, operators=size)


def _coarser(one: str, other: str) -> str:
    return max(one, other, key=LEVELS.index)


def _wide(s: Store, *roots: int) -> str:
    """The finest level that is left where a join over many branches is a step."""
    if all(s.op[t] is not Op.PAR for t in s.below(*roots)):
        return LEVELS[0]
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
