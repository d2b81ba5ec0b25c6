"""Invariants: true at the start, kept by every rule; and what follows from them.

A rule is asked about an invariant only if it writes one of its variables.  Of an equation between
sums only the parts are looked at that the rule changes: what it adds to both sides must be alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import cached_property

from ..dsl.records import dataclass
from ..semantics.evidence import Facts
from ..semantics.expr import FALSE, TRUE, Expr, Op, Sort, var
from ..semantics.system import Obligation, Thread, TransitionSystem, VarKind
from ..semantics.walks import fold, substitute, variables
from .held import Held
from .reading import Model, Step, pinned, settled
from .said import stays
from .shapes import RESTS, Known, below, linking
from .solvers import Solvers
from .sums import zero
from .truth import decided


class Wrong(Exception):
    """The evidence does not show its claim; says where."""


class Open(Exception):
    """The evidence is right as far as it goes; says what was not checked."""


@dataclass
class Prover:
    """Decides whether facts hold and what follows from them.  `Wrong` where they do not."""

    model: Model
    solvers: Solvers
    knowing: Callable[[Sequence[Expr], TransitionSystem], Known] = Known
    _keys: dict[tuple[object, ...], int] = field(default_factory=dict)
    _memo: dict[int, int] = field(default_factory=dict)
    _alive: list[Expr] = field(default_factory=list)
    _shown: dict[tuple[object, ...], Known] = field(default_factory=dict)

    @cached_property
    def tree(self) -> Held:
        """What the rules show by themselves: as much as they do."""
        most = Held(self.model.system, self.key, fresh=True)
        return most if most.steady else Held(self.model.system, self.key, fresh=False)

    # --- implication ------------------------------------------------------------------------

    def key(self, e: Expr) -> int:
        """Equal for terms that are written alike."""
        if (known := self._memo.get(id(e))) is not None:
            return known
        self._alive.append(e)  # the memo is by identity

        def build(node: Expr, args: Sequence[int]) -> int:
            inner = sorted(args) if node.op in (Op.AND, Op.OR, Op.ADD) else args
            found = (node.op, type(node.value), node.value, node.sort, *inner)
            return self._keys.setdefault(found, len(self._keys))

        return fold(e, build, self._memo)

    def implies(
        self, premises: Sequence[Expr], goal: Expr, hypotheses: Sequence[Expr] = ()
    ) -> bool:
        """Plainly, or by the solvers."""
        if goal.op is Op.CONST and goal.value:
            return True
        known = {self.key(p) for p in (*premises, *hypotheses)}
        if any(self.key(g) in known for g in (goal, *(goal.args if goal.op is Op.OR else ()))):
            return True
        plainly = decided(self.key, [*premises, *hypotheses], goal)
        return self.solvers.proves([*premises, *hypotheses], goal) if plainly is None else plainly

    def follows(self, step: Step, goal: Expr, known: Known) -> bool:
        """Does the goal, a condition on the state before the step, hold whenever it is taken?"""
        if goal is TRUE:
            return True
        # What is near is nearly always enough, and much less.
        data = not variables([goal]) & self.model.locations
        few = known.about([goal]) if data else known.above_of([goal, *step.premises])
        for near in (few, known.about([step.rule.guard, *step.premises, goal])):
            given = [p for f in near if (p := step.before(f)) is not TRUE]
            if self.implies(step.premises, goal, given):
                return True
        return False

    # --- facts ------------------------------------------------------------------------------

    def written_out(self, shape: str, threads: Sequence[Thread]) -> list[Expr]:
        """The facts that a shape stands for; of these threads, where it speaks of each."""
        system = self.model.system
        word, _, name = shape.partition(" ")
        used = [v.index for v in system.variables if v.kind is VarKind.USED and v.name == name]
        if shape in RESTS:
            return below(system, threads, RESTS[shape])
        if word == "linking" and used:
            return [linking(system, u) for u in used]
        raise Wrong(f"there is no shape `{shape}`")

    def established(self, facts: Facts) -> Known:
        """The facts, once they are shown to hold always: shapes one by one, each with the help of
        those before it, then the invariants together."""
        name = (facts.shapes, tuple(self.key(f) for f in facts.invariants))
        if name not in self._shown:
            for f in facts.invariants:
                if f.sort is not Sort.BOOL or any(variables([f], op) for op in (Op.POST, Op.INPUT)):
                    raise Wrong("an invariant is no condition on a state")
            system, shapes = self.model.system, facts.shapes
            new: Sequence[Expr] = facts.invariants
            if new:
                before = self.established(Facts((), shapes))
            elif self.tree.shows(shapes):  # each without the help of the others
                before = Known((), system)
                new = [f for s in shapes for f in self.written_out(s, system.threads)]
            else:
                before = self.established(Facts((), shapes[:-1]))
                new = self.written_out(shapes[-1], system.threads)
            known = self.knowing([*before.facts, *new], system)
            if len(known.sums) == len(before.sums) + len(new):
                known.placed = before.placed  # sums say nothing of places
            asked = set(range(len(before.facts), len(known.facts)))
            if facts.invariants:
                asked -= {k for k in asked if stays(self.tree, known.facts[k])}
            elif self.tree.shows(shapes[-1:]):
                asked = set()
            self._inductive(known, asked)
            self._shown[name] = known
        return self._shown[name]

    def _inductive(self, known: Known, new: set[int]) -> None:
        """Those in `new` are kept, where all hold before."""
        for k in new:
            if not self.implies(self.model.beginning, self.model.start(known.facts[k])):
                raise Wrong("an invariant may be false at the start")
        if not new:
            return
        written = sorted(variables(known.facts[k] for k in new))
        rules = {r.index: r for v in written for r in self.tree.writing.get(v, ())}
        for step in (s for k in sorted(rules) for s in self.model.cases(rules[k])):
            placed = self.placed(step, known)
            if placed is None:
                continue
            for k in sorted(known.index.concerned(placed.pins, placed.updates)):
                if k in new and not self._kept(placed, k, known):
                    raise Wrong(f"`{step.rule.name}` may break an invariant")

    def placed(self, step: Step, known: Known) -> Step | None:
        """The step with places fixed that follow from others: up the tree, then of those that it
        writes; None: it is never taken."""
        if id(step) not in known.placed:
            known.placed[id(step)] = self._placed(step, known)
        return known.placed[id(step)]

    def _placed(self, step: Step, known: Known) -> Step | None:
        pins = dict(step.pins)
        todo = [v for v in sorted(step.updates, reverse=True) if v in known.above and v not in pins]
        todo += [v for v in pins if v in known.above]
        while todo:
            for k in known.above[todo.pop()]:
                said = settled(known.facts[k], pins)
                if said is FALSE:
                    return None
                for v, e in pinned([said]).items():
                    pins[v] = e
                    if v in known.above:
                        todo.append(v)
        if len(pins) == len(step.pins):
            return step
        out = step.placed(pins)
        return None if any(p is FALSE for p in out.premises) else out

    def _kept(self, step: Step, k: int, known: Known) -> bool:
        if k in known.sums:
            # What the step adds to both sides is alike.
            parts, index = known.sums[k]
            terms: list[tuple[int, Expr]] = []
            for n in sorted(index.concerned(step.pins, step.updates)):
                sign, part = parts[n]
                terms += [(sign, step.after(part)), (-sign, step.before(part))]
            goal = zero(self.key, terms, known.facts[k].args[0].sort)
        else:
            goal = step.after(known.facts[k])
            if self.key(goal) == self.key(step.before(known.facts[k])):
                return True
        return goal is TRUE or self.follows(step, goal, known)

    # --- obligations ------------------------------------------------------------------------

    def goal(self, goal: Obligation, known: Known) -> None:
        """Does the obligation follow from what always holds?"""
        if goal.rule is None and not goal.every_step:
            if not self.implies([], goal.cond, known.about([goal.cond])):
                raise Wrong("the invariants do not imply it")
            return
        still = settled_still(goal.cond)
        resting = goal.every_step and self.implies([], still, known.about([still]))
        posts = variables([goal.cond], Op.POST)
        for step in self.model.steps:
            if not (goal.every_step or goal.rule == step.rule.index):
                continue
            if resting and not posts & step.updates.keys():
                continue
            placed = self.placed(step, known)
            if placed is not None and not self.follows(placed, placed.both(goal.cond), known):
                raise Wrong(f"`{step.rule.name}` may break it")


def settled_still(e: Expr) -> Expr:
    """A condition on a step, for one that changes nothing."""
    return substitute(e, lambda n: var(n.index, n.sort) if n.op is Op.POST else n)
