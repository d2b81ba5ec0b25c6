"""What is shown of one instance among any number of others that are counted (`engines.crowd`).

The others are looked at in several ways, the coarsest first: where they stand; what is known of the
ranges of their data; all that is finite of what they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from types import MappingProxyType

from ...dsl.errors import Span
from ...semantics.expr import FALSE, TRUE, Expr, Op, and_, var
from ...semantics.system import Obligation, TransitionSystem, VarKind
from ...semantics.walks import fold, postorder, rebuild, variables
from ..engines.admission import Numbers
from ..engines.common import Budget, in_domain
from ..engines.crowd import Crowd, Unsupported, asks_once, crowd
from ..engines.crowd_endless import Endless
from ..engines.crowd_graph import Graphs
from ..engines.held import with_steps
from ..engines.induction import ALL, LITTLE, NOTHING, Inductive, prove_invariants
from ..engines.search import Holds, explore
from ..engines.slice import slice_for, steps_stutter
from ..session import Session
from ..verdict import Proved
from . import loops

BY_CROWD = "of one instance among any number of others, which are counted"
STATES = 20_000
MOST_TESTS = 4  # of numbers of the crowd, in one claim

Goals = Callable[[Crowd], Sequence[Obligation] | None]


class InCrowd:
    """`free`: a system with exactly two members of each group of any number.  `turns`: it has more
    runs than are meant, because who may move does not wait for a turn in it; by rule, that it has
    its turn."""

    def __init__(
        self,
        session: Session,
        free: TransitionSystem,
        span: Span,
        turns: Mapping[int, Expr] | None = None,
        rooms: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.turns = turns or {}
        self.session = session
        self.free = free
        self.rooms = rooms  # of those that arrive, how many are under way at once at most
        self.span = span
        self.made: list[tuple[Crowd, Session]] = []
        self.all = False  # of the ways to look at the others
        self.tidy = False  # nobody asks while an older request of the same place is under way
        self.first: Crowd | None = None
        self.graphs: dict[bool, Graphs | None] = {}  # by whether they are coarse
        self.forever: dict[tuple[bool, bool], Endless | None] = {}
        try:
            self.first = crowd(free, rooms=rooms)
        except Unsupported:
            self.all = True
            return
        self.tidy = self._asks_once()
        self.made.append((self.first, session.of(self.first.system)))

    def _asks_once(self) -> bool:
        """Whether nobody asks while an older request of the same place is under way."""
        assert self.first is not None
        if not any(c.asks and c.slots and not c.turns for c in self.first.system.channels):
            return False
        made = crowd(self.free, tidy=True, rooms=self.rooms)
        session = self.session.of(made.system)
        goals = asks_once(made)
        out: list[Proved | None] = [None] * len(goals)
        if session.may("search"):
            out = [_searched(made, session, g) for g in goals]
        if None in out and session.may("induction"):
            _inductive(made, session, goals, out, NOTHING)
        if not goals or None in out:
            return False
        self.first = made
        return True

    def views(self) -> Iterator[tuple[Crowd, Session]]:
        """The system with the crowd, in all ways."""
        yield from self.made
        if not self.all:
            self.all = True
            for data in (False, True):
                found = self._ranged(data)
                if found is not None:
                    self.made.append(found)
                    yield found

    def _ranged(self, data: bool) -> tuple[Crowd, Session] | None:
        """Of each variable that stays in its range if all have done so before, that it does so:
        induction over all instances at once, for the first step that leaves a range is a step of
        somebody, and all are alike."""
        assert self.first is not None
        within = self.first.ranged
        while self.session.may("induction") and self.session.left() > 0:
            made = crowd(self.free, within, data, self.tidy, self.rooms)
            if data and made.tracked == self.first.tracked:
                return None
            session = self.session.of(made.system)
            declared = [made.system.variables[v] for v in sorted(within)]
            goals = [
                Obligation("arithmetic", "", in_domain(v, var(v.index, v.sort)), "", self.span)
                for v in declared
            ]
            budget = Budget(session.share(0.1))
            found = prove_invariants(made.system, made.invariants, goals, budget, NOTHING)
            answers = zip(declared, found.answers, strict=True)
            kept = frozenset(v.index for v, answer in answers if isinstance(answer, Inductive))
            if kept == within:
                return (made, session) if data or within else None
            within = kept
        return None

    def goals(
        self, of: Goals, guess: bool = True, search: bool = True, part: float = 0.15
    ) -> list[Proved | None]:
        """For each goal, why it holds.  `of`: the same goals of each system with a crowd, None
        where one of them cannot be said.  Without `guess` no invariants are made up."""
        out: list[Proved | None] = []
        for more in (NOTHING, LITTLE, ALL) if guess else (NOTHING,):  # the quick ways first
            for made, session in self.views():
                goals = of(made)
                if goals is None:
                    continue
                out = out or [None] * len(goals)
                if None not in out or session.left() <= 0:
                    return out
                if session.may("induction"):
                    _inductive(made, session, goals, out, more, part)
                if search and session.may("search") and not more:
                    for k, goal in enumerate(goals):
                        if out[k] is None and session.left() > 0:
                            out[k] = _searched(made, session, goal)
                if None not in out:
                    return out  # (before another view is made, which takes its time)
        return out

    def endless(self, asks: Callable[[Endless], bool], granting: bool = False) -> int:
        """Whether something is so of the runs that go on for ever, looked at more and more closely:
        the number of nodes that were enough for it, or 0."""
        if self.first is None or not self.session.may("search"):
            return 0
        for coarse in (True, False):
            key = granting, coarse
            if key not in self.forever:
                self.forever[key] = self._endless(granting, coarse)
            found = self.forever[key]
            if found is not None:
                try:
                    if asks(found):
                        return sum(len(g.nodes) for g in found.graphs)
                except Unsupported:  # out of time
                    self.forever[key] = None
        return 0

    def _endless(self, granting: bool, coarse: bool) -> Endless | None:
        assert self.first is not None
        seconds = self.session.share(0.1)
        try:
            if coarse not in self.graphs:
                self.graphs[coarse] = None
                self.graphs[coarse] = Graphs(self.free, self.first, seconds, coarse, self.turns)
            graphs = self.graphs[coarse]
            if graphs is None:
                return None
            linking = with_steps(self.free, self.session.of(self.free).linking)
            return Endless(graphs, linking, seconds, granting)
        except Unsupported:
            return None

    def ends(self) -> bool:
        """All loops of one instance end, whatever the others do."""
        return any(
            all(loops.ends(beside, x) for x in beside.system.loops) for _, beside in self.views()
        )


def _inductive(
    made: Crowd,
    session: Session,
    goals: Sequence[Obligation],
    out: list[Proved | None],
    guess: int,
    part: float = 0.15,
) -> None:
    left = [k for k, done in enumerate(out) if done is None]
    control = session.structure.never_entered() if len(made.system.rules) <= 2_000 else []
    candidates = [*made.invariants, *control]
    budget = Budget(session.share(part))
    found = prove_invariants(made.system, candidates, [goals[k] for k in left], budget, guess)
    for k, answer in zip(left, found.answers, strict=True):
        if isinstance(answer, Inductive):
            how = f"{BY_CROWD}{made.said}: it holds at the start, and every step keeps it"
            out[k] = Proved("induction", how)


def _whatever(cond: Expr, counters: frozenset[int]) -> Expr:
    """The condition, however many of the crowd are where."""
    numbers = Numbers()

    def test(e: Expr) -> int | None:
        asks = e.op in (Op.EQ, Op.LE, Op.LT) and not counters.isdisjoint(variables([e]))
        return numbers(e) if asks else None

    tests = sorted({k for e in postorder([cond]) if (k := test(e)) is not None})
    if not tests or len(tests) > MOST_TESTS:
        return cond

    def said(answers: Mapping[int, Expr]) -> Expr:
        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            k = test(node)
            if k is not None:
                return answers[k]
            return rebuild(node, args) if node.args else node

        return fold(cond, build)

    return and_(
        *(
            said(dict(zip(tests, answers, strict=True)))
            for answers in product((TRUE, FALSE), repeat=len(tests))
        )
    )


def _searched(made: Crowd, session: Session, goal: Obligation) -> Proved | None:
    """All states of its cone, what is in use of resources left open; at first, where those of the
    crowd are as well, so that each step of one of them is possible at any time."""
    system = made.system
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    everywhere = goal.every_step and not steps_stutter(goal)
    if everywhere and used:
        return None  # (of the steps outside of a cone nothing is known)
    whatever = replace(goal, cond=_whatever(goal.cond, made.counters))
    tries = [(whatever, used | made.counters), (goal, used | made.counters), (goal, used)]
    if everywhere:
        tries = [(goal, used)]
    elif whatever.cond is goal.cond:
        tries = tries[1:]
    for asked, cut in tries:
        found = explore(
            system,
            [asked],
            max_states=STATES,
            seconds=session.share(0.05),
            cone=None if everywhere else slice_for(system, [asked], cut),
        ).findings[0]
        if isinstance(found, Holds):
            how = f"{BY_CROWD}{made.said}: all {found.states} states that can matter"
            return Proved("search", how)
    return None
