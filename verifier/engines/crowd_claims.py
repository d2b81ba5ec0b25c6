"""What is claimed of a system with a crowd (`crowd`): of one instance, of fixed ones, of all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, and_, eq
from ...semantics.phrases import LEFT, ORPHAN
from ...semantics.system import Liveness, Obligation, TransitionSystem, Variable
from ...semantics.walks import fold, rebuild, variables
from .common import conjuncts
from .crowd_control import Group
from .crowd_moves import nobody_but

# How the lowering ends the message of what must hold when all instances have ended.
AFTER_THE_END = ("after the end", "when every instance has ended", LEFT)


@dataclass(frozen=True, slots=True)
class Claims:
    """`mine`: variables of `members` of a crowd; `names`: what tells one from another one."""

    system: TransitionSystem
    mine: Collection[int]
    members: Collection[int]
    groups: Sequence[Group]
    counters: Sequence[Sequence[Expr]]
    names: Mapping[int, Expr]
    variables: Sequence[Variable]

    def obligations(self) -> tuple[tuple[Obligation, ...], set[tuple[str, str]]]:
        """Those of `a`, of fixed instances, and of what is shared; the others mirror those of `a`
        or speak of several at once."""
        out: list[Obligation] = []
        lost: set[tuple[str, str]] = set()
        for goal in self.system.obligations:
            if goal.rule is not None and self.system.rules[goal.rule].instance in self.members:
                continue
            if goal.message.endswith(AFTER_THE_END):
                goal = replace(goal, cond=self._after_the_end(goal.cond))
            if goal.message == ORPHAN:
                goal = replace(goal, cond=self._one_asks(goal.cond))
            parts = []
            for part in conjuncts(goal.cond) or [TRUE]:
                seen = variables([part]) | variables([part], Op.POST)
                spoken = {self.variables[v].instance for v in seen & set(self.mine)}
                if not spoken:
                    parts.append(part)
                elif len(spoken) > 1 or any(
                    self.variables[v].instance is not None for v in seen - set(self.mine)
                ):
                    lost.add((goal.check, goal.name))
            if parts:
                unless = goal.unless
                if unless is not None and variables([unless]) & set(self.mine):
                    unless = None
                out.append(replace(goal, cond=and_(*parts), unless=unless))
        return tuple(out), lost

    def liveness(self, lost: set[tuple[str, str]]) -> tuple[Liveness, ...]:
        """What is owed to `a`, to fixed instances, and to all."""
        out = []
        for goal in self.system.liveness:
            if variables([goal.owed]) & set(self.mine):
                if variables([goal.owed]) - set(self.mine):
                    lost.add(("property", goal.name))
                continue  # (otherwise like what is owed to `a`)
            at_end = replace(goal.at_end, cond=self._after_the_end(goal.at_end.cond))
            if variables([at_end.cond]) & set(self.mine):
                lost.add(("property", goal.name))
            out.append(replace(goal, at_end=at_end))
        return tuple(out)

    def _after_the_end(self, cond: Expr) -> Expr:
        """That a member has ended becomes: all of the crowd have."""

        roots = {
            g.tracked[g.root]: (g, counters)
            for g, counters in zip(self.groups, self.counters, strict=True)
            if g.root is not None
        }
        first = {i.id: i.completed for i in self.system.instances}

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            if node.op is Op.EQ and node.args[0].op is Op.VAR and node.args[1].op is Op.CONST:
                if node.args[0].index in roots:
                    group, counters = roots[node.args[0].index]
                    over = nobody_but(counters, group.over(self.system))
                    return over if node.args[1].value == first[group.instance] else FALSE
            return node if not node.args else rebuild(node, args)

        return fold(cond, build)

    def _one_asks(self, cond: Expr) -> Expr:
        """That an answer reaches its asker: to be shown of `a`, so of each; not of the crowd."""

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            for part in node.args if node.op is Op.AND else ():
                name = next((self.names[x.index] for x in part.args if _in(x, self.names)), None)
                if part.op is Op.EQ and name is not None:
                    return eq(next(x for x in part.args if not _in(x, self.names)), name)
            return node if not node.args else rebuild(node, args)

        return fold(cond, build)


def _in(x: Expr, names: Mapping[int, Expr]) -> bool:
    return x.op is Op.VAR and x.index in names
