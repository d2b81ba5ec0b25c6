"""Claims about any number of instances (`w[*]`), from evidence on a few of them.

What is asked of the evidence is a question about one step, or two, with facts about one instance
or two.  Where all instances are alike (`alike`), the same evidence, said of each instance, of n of
them asks the same questions with names exchanged, so a few are enough; provided that nothing else
is used: of a question only the facts count that speak of nobody but those of whom the question
speaks.  What is said of all at once (`linking`: what is in use is the sum of what all hold) is
shown part by part, and answers no question (decision 27).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from functools import partial

from ..dsl import ast
from ..dsl.changed import replace
from ..dsl.records import dataclass
from ..semantics.atonce import looks_at_instances, unlike
from ..semantics.evidence import (
    Answered,
    Evidence,
    Facts,
    Inductive,
    Measure,
    Pairs,
    Part,
    Peaks,
    Progress,
    Rank,
    Runs,
    States,
    Trusted,
)
from ..semantics.expr import TRUE, Expr, Op, add, and_, const, ite, le
from ..semantics.system import Obligation, Point, Thread, TransitionSystem
from ..semantics.walks import variables
from .alike import Alike
from .check import WHOLE, Answer, Beside, Checked, Checker, Claims, Goals
from .facts import Prover, Wrong
from .plain import some_only
from .reading import Model, conjuncts
from .roomy import Roomy
from .shapes import Known, at
from .solvers import Solvers
from .there import all_there

MOST = 2  # of those of whom one fact speaks


class Near(Known):
    """Of a question, only what is known of those of whom it speaks; and that of what all hold these
    hold at most all."""

    def __init__(self, facts: Sequence[Expr], system: TransitionSystem, alike: Alike) -> None:
        super().__init__(facts, system)
        self.alike = alike
        self.spoken = [alike.members([f]) for f in self.facts]
        for v, found in self.above.items():
            self.above[v] = [k for k in found if self.spoken[k] <= {alike.member.get(v)}]

    def about(self, terms: Iterable[Expr]) -> list[Expr]:
        terms = [*terms]
        here = self.alike.members(terms)
        near = sorted({k for v in variables(terms) for k in self.index.all.get(v, ())})
        few = {k for k in near if len(self.spoken[k]) <= MOST}
        return [
            *(self.facts[k] for k in near if k in few and self.spoken[k] <= here),
            *(e for k in near if k not in few for e in self._at_most(k, here)),
        ]

    def _at_most(self, k: int, here: frozenset[int]) -> Iterator[Expr]:
        """Where a number is the sum of parts that are never negative: those of some are no more."""
        parts = self.sums[k][0] if k in self.sums else []
        total = [e for sign, e in parts if sign == 1]
        others = [e for sign, e in parts if sign != 1]
        if [e.op for e in total] == [Op.VAR] and all(map(_no_less_than_0, others)):
            mine = [e for e in others if self.alike.members([e]) <= here]
            yield le(add(const(0), *mine), total[0])


def _no_less_than_0(e: Expr) -> bool:
    ends = e.args[1:] if e.op is Op.ITE else (e,)
    return all(x.op is Op.CONST and isinstance(x.value, int) and x.value >= 0 for x in ends)


class OfEach(Prover):
    """What is said of some is said of all."""

    def __init__(self, system: TransitionSystem, solvers: Solvers) -> None:
        super().__init__(Model(replace(system, any_number=())), solvers)
        self.alike = Alike(system, self.key)
        self.knowing = partial(Near, alike=self.alike)

    def established(self, facts: Facts) -> Known:
        said = {
            self.key(image): image
            for f in facts.invariants
            for part in conjuncts(f)
            for image in self.all_of(part)
        }
        return super().established(Facts(tuple(said.values()), facts.shapes))

    def all_of(self, e: Expr) -> Iterable[Expr]:
        if len(self.alike.members([e])) > MOST:
            raise Wrong("a fact speaks of many instances at once")
        if variables([e]) & self.alike.numbers:
            raise Wrong("a fact speaks of how many there are")
        return self.alike.images(e)

    def written_out(self, shape: str, threads: Sequence[Thread]) -> list[Expr]:
        """What an instance holds is nothing at the start, and depends on nobody else's steps."""
        if shape.startswith("linking "):
            name = shape.removeprefix("linking ")
            mine = {v.index for v in self.model.system.variables if v.name == name}
            for t in self.model.system.threads:
                for p in t.points:
                    for v, amount in p.holds:
                        if v in mine and not self._own(t, p, amount):
                            raise Wrong("what one holds depends on what others do")
        return super().written_out(shape, threads)

    def _own(self, t: Thread, p: Point, amount: Expr) -> bool:
        shared = variables([amount]) - self.alike.member.keys()
        first = self.model.start(ite(at(t, (p.id,)), amount, const(0)))
        alone = self.alike.members([amount]) <= {t.instance} and shared <= self.alike.fixed
        return alone and first.op is Op.CONST and first.value == 0


@dataclass
class Each(Checker):
    """Of the system in which all are there.  `turns`: in the whole somebody waits for a turn."""

    turns: bool = False

    def __post_init__(self) -> None:
        whole, self.system = self.system, replace(self.system, any_number=())
        super().__post_init__()
        self.prover: OfEach = OfEach(whole, self.solvers)
        self.alike = self.prover.alike
        self.spread: dict[int, tuple[Measure, Measure]] = {}  # by identity

    def part(self, check: str, evidence: Evidence, goals: Goals, beside: Beside = ()) -> None:
        match evidence:
            case Inductive(facts):
                for goal in (g for whole in goals for g in self.parts(whole)):
                    if not self.prover.tree.plainly(goal, facts):
                        if len(self.alike.members([goal.cond])) > MOST:
                            raise Wrong("the claim is about many instances at once")
                        self.prover.goal(goal, self.prover.established(facts))
            case States(kept, _):
                here = {m for v in kept if (m := self.alike.member.get(v)) is not None}
                if len(here) > 1 or {*kept} & self.alike.numbers or not goals:
                    raise Wrong("the states are those of several instances")
                shown = [self._shown(g, here) for g in goals]
                super().part(check, evidence, shown, beside)
            case Measure():
                if id(evidence) not in self.spread:
                    self.spread[id(evidence)] = evidence, self._of_all(evidence)
                self.tried.shown(self.prover, self.spread[id(evidence)][1], check)
            case Peaks() | Runs() | Answered():
                raise Wrong("this evidence is of a few instances")
            case Progress() | Pairs() if self.turns and check != "race_free":
                raise Wrong("who may go on waits for its turn")
            case _:
                super().part(check, evidence, goals, beside)

    def parts(self, goal: Obligation) -> list[Obligation]:
        """What holds if each of them does; of one that speaks of all, each is looked at."""
        found = conjuncts(goal.cond)
        for p in found:
            if len(self.alike.members([p])) > MOST and not self._plain(p):
                raise Wrong("the claim is about many instances at once")
        return [replace(goal, cond=p) for p in found]

    def _plain(self, e: Expr) -> bool:
        """That something holds of what all share, when each by itself is somewhere."""
        parts = e.args if e.op is Op.OR else (e,)
        given = and_(*(p.args[0] for p in parts if p.op is Op.NOT))
        then = [p for p in parts if p.op is not Op.NOT]
        apart = all(len(self.alike.members([p])) <= 1 for p in conjuncts(given))
        return apart and self.alike.of_all(given) and not self.alike.members(then)

    def _shown(self, goal: Obligation, here: set[int]) -> Obligation:
        """What is to be shown of the one, so that it is shown of all."""
        parts = conjuncts(goal.cond)
        mine = [p for p in parts if self.alike.members([p]) <= here]
        images = (
            [self.alike.renamed(p, {}) for p in mine]
            if goal.rule is not None
            else [x for p in mine for x in self.alike.images(p)]
        )
        whole = [self.alike.renamed(p, {}) for p in parts]
        if not {*map(self.prover.key, whole)} <= {*map(self.prover.key, images)}:
            raise Wrong("the states are not of those of whom the claim speaks")
        return replace(goal, cond=and_(*mine))

    def _of_all(self, evidence: Measure) -> Measure:
        """Ranks and terms of the first of each kind become those of each, side by side."""
        out: list[Rank] = []
        threads = self.system.threads
        for c in evidence.components:
            if c.term is not None:
                of = self.alike.members([c.term])
                if variables([c.term]) & self.alike.numbers:
                    raise Wrong("a fact speaks of how many there are")
                shared = variables([c.term]) - self.alike.member.keys()
                if of and not shared <= self.alike.fixed:
                    raise Wrong("others may make a term of the measure fall")
            else:
                if c.thread is None or not 0 <= c.thread < len(threads):
                    raise Wrong("a rank of no thread")
                of = self.alike.members_of(c.thread)
            if len(of) > 1 or not self.alike.first(of):
                raise Wrong("a measure speaks of the first of each kind only")
            if not of:
                out.append(c)
            elif c.term is not None:
                out += [Rank(term=e) for e in self.alike.images(c.term)]
            else:
                assert c.thread is not None
                (m,) = of
                k = self.alike.threads[m].index(threads[c.thread])
                alike = [self.alike.threads[n][k].id for n in self.alike.group[m]]
                out += [replace(c, thread=t) for t in alike]
        return Measure(evidence.facts, tuple(out))


GROWTH = "whether more and more that arrive wait as time goes on is not looked at"


@dataclass
class OfAnyNumber(Checker):
    """`unlike`: names of properties that speak of several instances at once; `apart`: no step looks
    at how many there are."""

    unlike: frozenset[str] = frozenset()
    apart: bool = False
    why: str = ""  # why evidence on a few says nothing
    each: Each | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            if not self.apart:
                raise Wrong("a step may look at how many instances there are")
            turns = any(r.turn is not TRUE for r in self.system.rules)
            whole = all_there(self.system, self.prover.key)
            self.each = Each(whole, self.solvers, self.claimed, turns)
        except Wrong as wrong:
            self.why = str(wrong)

    def proof(self, check: str, name: str, goals: Goals, parts: Sequence[Part]) -> Checked:
        said = {id(o): k for k, o in enumerate(self.system.obligations)}
        trusted = all(isinstance(p.evidence, Trusted) for p in parts)
        told_apart = name in self.unlike or bool(goals and self.unlike and not name)
        few = some_only(self.system, check, goals, check in WHOLE)
        if self.each is None or trusted or told_apart or not few:
            return super().proof(check, name, goals, parts)
        alike = [self.each.system.obligations[said[id(g)]] for g in goals]
        found = self.each.proof(check, name, alike, parts)
        if check == "messages" and any(g.between is not None for g in self.system.any_number):
            return Checked(Answer.HOLEY, GROWTH)
        return found


def checker(spec: ast.Spec, system: TransitionSystem, solvers: Solvers, claimed: Claims) -> Checker:
    """Of the certificates of a spec, and of the system that it gives."""
    if not system.any_number:
        made = Roomy if system.open_channels else Checker
        return made(system, solvers, claimed)
    many = frozenset(g.workflow for g in system.any_number)
    apart = not looks_at_instances(spec, many)
    return OfAnyNumber(system, solvers, claimed, frozenset(unlike(spec, many)), apart)
