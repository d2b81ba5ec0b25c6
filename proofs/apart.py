"""Steps of different threads, two by two, from guards and the tree of threads alone.

*Persistence*: steps that can be taken in one state leave each other possible and give the same
state in either order.  Then all complete runs of one environment are permutations of one another
(Keller 1975; Mazurkiewicz 1977).  A part of a guard that looks at what is in use may be put off:
the steps without it are more, and if those are persistent, and every run comes to where all is
over, then the runs with it are some of theirs, and complete there.

Steps that differ only in the branch that takes them stand for one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..dsl.records import dataclass
from ..semantics.expr import FALSE, TRUE, Expr, Op, alike, and_, not_
from ..semantics.system import Rule, VarKind
from ..semantics.walks import fold, fold_early, rebuild, variables
from .facts import Prover, Wrong
from .reading import conjuncts
from .sums import sum_of
from .tree import Places

MOST_PAIRS = 200_000
MOST_ROUNDS = 4
Compared = tuple[Expr, Expr, bool, bool]


@dataclass(frozen=True, slots=True)
class Step:
    """A rule; `guard` without what is put off."""

    rule: Rule
    guard: Expr
    before: Places
    sends: dict[int, int]  # threads, by their location
    writes: dict[int, Expr]  # other variables, without ghosts
    reads: frozenset[int]  # to be possible, and for its answers and values
    own: int  # location of its thread


class Meeting:
    """Where threads are when two steps can be taken in one state, by the tree of threads."""

    def __init__(self, prover: Prover) -> None:
        self.prover, self.tree = prover, prover.tree
        if not self.tree.steady:
            raise Wrong("the tree of threads does not keep its branches in order")

    def exclude(self, a: Rule, b: Rule) -> bool:
        """Do their guards say that they never can be taken in one state?"""
        first, second = self.tree.before[a.index], self.tree.before[b.index]
        if first is None or second is None:
            return True
        return self.met((a.guard, first), (b.guard, second)) is None

    def met(
        self, a: tuple[Expr, Places], b: tuple[Expr, Places]
    ) -> tuple[dict[int, frozenset[int]], Expr, Expr] | None:
        """Where threads are when both guards hold, and what is left of them; None: they never
        do.  With each guard comes what `Tree.where` says of it."""
        small, large = sorted((a[1], b[1]), key=len)
        if any(v in large and not large[v] & points for v, points in small.items()):
            return None
        both = {v: points & large[v] if v in large else points for v, points in small.items()}
        here: dict[int, frozenset[int]] = {**large, **both}
        for _ in range(MOST_ROUNDS):
            known = self._narrowed(here)
            if known is None:
                return None
            first, second = self.read(a[0], known), self.read(b[0], known)
            parts = [*conjuncts(first), *conjuncts(second)]
            keys = {self.prover.key(p) for p in parts}
            if FALSE in parts or any(self.prover.key(not_(p)) in keys for p in parts):
                return None
            here = dict(known)
            more = {p.args[0].index: p.args[1].value for p in parts if self._place(p)}
            if not more:
                break
            for v, point in more.items():  # what is left says where a thread is
                here[v] = here.get(v, self.tree.points[v]) & {point}
        return here, first, second

    def _place(self, e: Expr) -> bool:
        match e.op, e.args:
            case Op.EQ, (Expr(op=Op.VAR) as a, Expr(op=Op.CONST)):
                return a.index in self.tree.points
        return False

    def _narrowed(self, at: Places) -> dict[int, frozenset[int]] | None:
        """With what the places of threads say of those above and below them."""
        above = self.tree.above(at)
        if above is None:
            return None
        here = dict(above)
        for v in sorted(above, key=lambda v: self.tree.thread[v].id):  # from above to below
            rest = self.tree.resting(v, here)
            if rest is not None:
                here[v] = here[v] & rest
            if not here[v]:
                return None
        return here

    def read(self, guard: Expr, here: Places) -> Expr:
        return self.reader(here)(guard)

    def reader(self, here: Places) -> Callable[[Expr], Expr]:
        """What is left of a condition where threads are at these places."""

        points, resting = self.tree.points, self.tree.resting

        def leaf(e: Expr) -> Expr | None:
            if e.op is Op.AND or e.op is Op.OR:
                return None
            if not e.args:
                return e
            a, b = e.args[0], e.args[-1]
            if e.op is Op.EQ and a.op is Op.VAR and b.op is Op.CONST and a.index in points:
                places = here.get(a.index) or resting(a.index, here)
                if places is None or (b.value in places and len(places) > 1):
                    return e
                return TRUE if b.value in places else FALSE
            return None

        def build(e: Expr, args: Sequence[Expr]) -> Expr:
            return e if e.args == tuple(args) else rebuild(e, args)  # (equal: the same terms)

        memo: dict[int, Expr] = {}  # (It is asked about terms that stay.)
        return lambda e: fold_early(e, leaf, build, memo)


class Apart(Meeting):
    """`put_off`: whether claims are left out of guards."""

    def __init__(self, prover: Prover, put_off: bool) -> None:
        super().__init__(prover)
        self.system = prover.model.system
        self.kinds = [v.kind for v in self.system.variables]
        fixed = {v.index for v in self.system.variables} - self.tree.writing.keys()
        used = {v for v, kind in enumerate(self.kinds) if kind is VarKind.USED}
        self.late = used | fixed if put_off else fixed  # what claims may look at
        self.used = used
        self.left_out = False
        self.steps: list[Step] = []
        for rule in self.system.rules:
            before, own = self.tree.before[rule.index], self.tree.sent[rule.index]
            gone = self.tree.cancelled(rule.bundle)
            if before is not None and own is not None and gone is not None:
                self.steps.append(self._step(rule, before, {**own, **gone}))
        self.added = self._added()

    def _step(self, rule: Rule, before: Places, sends: dict[int, int]) -> Step:
        guard = rule.guard
        if variables([guard]) & self.used & self.late:
            parts = [(p, variables([p])) for p in conjuncts(guard)]
            kept = [p for p, read in parts if not (read & self.used and read <= self.late)]
            self.left_out = self.left_out or len(kept) < len(parts)
            guard = and_(*kept)
        ghosts = VarKind.GHOST
        writes = {v: e for v, e in rule.updates if v not in sends and self.kinds[v] is not ghosts}
        delay = [e for e in (rule.delay.lo, rule.delay.hi) if e is not None] if rule.delay else []
        values = [x for v, e in writes.items() for x in _rest(v, e)]
        reads = variables([guard, rule.relation, *delay, *values]) | set(rule.reads)
        own = self.system.threads[rule.thread].location
        return Step(rule, guard, before, sends, writes, frozenset(reads), own)

    def _added(self) -> frozenset[int]:
        """Variables to which all only add, and that nobody looks at."""
        read = {v for s in self.steps for v in s.reads}
        set_ = {v for s in self.steps for v, e in s.writes.items() if not _adds(v, e)}
        return frozenset(v for s in self.steps for v in s.writes if v not in read | set_)

    # --- two steps ------------------------------------------------------------------------

    def meet(self, a: Step, b: Step) -> tuple[dict[int, frozenset[int]], Expr, Expr] | None:
        return self.met((a.guard, a.before), (b.guard, b.before))

    def never(self, a: Step, b: Step) -> bool:
        met = self.meet(a, b)
        return met is None or self.prover.implies([met[1], met[2]], FALSE)

    def commute(self, a: Step, b: Step) -> bool:
        """They never meet; or both stay possible, and their order does not matter."""
        met = self.meet(a, b)
        if met is None:
            return True
        here, first, second = met
        if self._keeps(a, b, here, [first, second]) and self._keeps(b, a, here, [first, second]):
            same = all(b.sends.get(v, p) == p for v, p in a.sends.items())
            both = (a.writes.keys() & b.writes.keys()) - self.added
            if same and all(self._alike(v, a.writes[v], b.writes[v]) for v in both):
                return True
        return self.prover.implies([first, second], FALSE)

    def _alike(self, v: int, x: Expr, y: Expr) -> bool:
        """The order of two writes does not matter."""
        equal = x.op is Op.CONST and self.prover.key(x) == self.prover.key(y)
        return equal or (_adds(v, x) and _adds(v, y))

    def _keeps(self, a: Step, b: Step, here: Places, given: list[Expr]) -> bool:
        """Is `b` after `a` as it was?"""
        if a.writes.keys() & b.reads:
            return False
        if not a.sends.keys() & b.reads:
            return True
        others = variables(
            [b.rule.relation, *(x for v, e in b.writes.items() for x in _rest(v, e))]
        )
        if others & a.sends.keys():
            return False
        after = {**here, **{v: frozenset((p,)) for v, p in a.sends.items()}}
        old, new = self.reader(here), self.reader(after)
        then = new(b.guard)
        if then is TRUE or self._weaker(b.guard, old, new):
            return True
        return self.prover.implies(given, then)

    def _weaker(
        self, guard: Expr, before: Callable[[Expr], Expr], after: Callable[[Expr], Expr]
    ) -> bool:
        """Does the guard hold after where it did before, part by part?"""

        def build(e: Expr, args: Sequence[Compared]) -> Compared:
            """What is left before and after, whether the one implies the other, and back."""
            if not e.args or self._place(e):
                x, y = before(e), after(e)
                forth = back = x is y
            else:
                x, y = rebuild(e, [a[0] for a in args]), rebuild(e, [a[1] for a in args])
                forth, back = (all(a[k] for a in args) for k in (2, 3))
                if e.op is Op.NOT:
                    forth, back = back, forth
                elif e.op not in (Op.AND, Op.OR):
                    forth = back = forth and back
            forth = forth or x is FALSE or y is TRUE
            return x, y, forth, back or y is FALSE or x is TRUE

        # (Of most parts one sees at once that they are as they were.)
        for part in guard.args if guard.op is Op.AND else (guard,):
            x, y = before(part), after(part)
            plain = x is FALSE or y is TRUE or alike(x, y)
            if not plain and not fold(part, build)[2]:
                return False
        return True


def _adds(v: int, e: Expr) -> bool:
    """Is it the variable and something that does not depend on it?"""
    parts = sum_of(e, 1)
    own = [s for s, x in parts if x.op is Op.VAR and x.index == v]
    return own == [1] and v not in variables(_without(v, e))


def _rest(v: int, e: Expr) -> list[Expr]:
    """What is read for a new value; the variable itself is not, where it is only added to."""
    return _without(v, e) if _adds(v, e) else [e]


def _without(v: int, e: Expr) -> list[Expr]:
    return [x for _, x in sum_of(e, 1) if not (x.op is Op.VAR and x.index == v)]
