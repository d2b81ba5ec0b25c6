"""What structure says of resources: peaks that stay within capacity, nothing held after the end."""

from __future__ import annotations

from collections.abc import Sequence

from ...semantics.expr import Op, whole
from ...semantics.system import Obligation, ResourceInfo
from ..engines.common import touched
from ..engines.granting import compatible, guarded
from ..session import Session
from ..verdict import Proved


def by_structure(session: Session, goals: Sequence[Obligation]) -> dict[int, Proved]:
    """Verdicts by the position of the goal; also of those whose condition is constant."""
    return _Structural(session, goals).run()


class _Structural:
    def __init__(self, session: Session, goals: Sequence[Obligation]) -> None:
        self.session, self.goals = session, goals
        self.system = session.system
        self.verdicts: dict[int, Proved] = {}
        self.roots = {t.location for t in self.system.threads if t.parent is None}
        self.ends = {self.system.threads[i.root].location for i in self.system.instances}
        self.seen: dict[int, frozenset[int] | set[int]] = {}  # what a goal speaks of

    def run(self) -> dict[int, Proved]:
        structure = self.session.structure
        for k, goal in enumerate(self.goals):
            if goal.cond.op is Op.CONST and goal.cond.value is True:
                self.verdicts[k] = Proved("structure", "the condition is always true")
        about: dict[int, list[int]] = {}  # goals of all states by the resource that they speak of
        for k, goal in enumerate(self.goals):
            if goal.check in ("resources", "borrows") and goal.rule is None:
                self.seen[k] = touched(goal.cond)
                for index in self.seen[k] - self.roots:
                    about.setdefault(index, []).append(k)
        for r in self.system.resources:
            mine = about.get(r.used, [])
            self._conservation(r, mine)
            if r.exclusive is not None:
                self._borrows(r, mine)
                continue
            peak = structure.peak(r.used)
            capacity = whole(r.capacity)
            if peak is None or capacity is None or peak > capacity:
                self._grants(r, peak, mine)
                continue
            for k in mine:
                if _is_capacity(self.goals[k], r.used):
                    how = (
                        f"at most {peak} of the {capacity} units of {r.name} can be held at once, "
                        "whatever the order: maximum over the points of each thread, "
                        "sum over threads side by side"
                    )
                    self.verdicts[k] = Proved("structure", how, f"peak {peak} of {capacity}")
        return self.verdicts

    def _grants(self, r: ResourceInfo, peak: int | None, about: Sequence[int]) -> None:
        """An enforced pool: whoever takes units makes sure in the same step that they are free."""
        mine = [k for k in about if _is_capacity(self.goals[k], r.used)]
        initial = self.system.variables[r.used].init
        empty = initial is not None and initial.value == 0
        # (A capacity that is a parameter stays what it is, too.)
        bounds = self.session.structure.bounds(r.capacity)
        if not mine or not empty or bounds is None or bounds[0] < 0:
            return
        mine = [k for k in mine if bounds[1] <= _bound(self.goals[k], bounds[0])]
        if mine and r.enforced and guarded(self.session.structure.writing(r.used), r):
            capacity = bounds[1]
            most = capacity if peak is None else min(peak, capacity)
            how = (
                f"each step that takes units of {r.name} waits until they are free; none is forced"
            )
            for k in mine:
                self.verdicts[k] = Proved("structure", how, f"peak {most} of {capacity}")

    def _borrows(self, r: ResourceInfo, about: Sequence[int]) -> None:
        """An enforced lock: whoever borrows it makes sure in the same step that it may."""
        assert r.exclusive is not None
        both = {r.used, r.exclusive}
        mine = [k for k in about if self.seen[k] == both]
        starts = [self.system.variables[v].init for v in both]
        if not mine or not r.enforced or any(e is None or e.value != 0 for e in starts):
            return
        writing = {x.index: x for v in both for x in self.session.structure.writing(v)}
        if compatible(writing.values(), r):
            how = f"each step that borrows {r.name} waits until the borrow is compatible"
            for k in mine:
                self.verdicts[k] = Proved("structure", how)

    def _conservation(self, r: ResourceInfo, about: Sequence[int]) -> None:
        """Nothing is held after the end: points that are over hold nothing."""
        mine = {r.used} | ({r.exclusive} if r.exclusive is not None else set())
        for k in about:
            seen = self.seen[k]
            # Conditional on the end of every instance, as `system_properties` writes it.
            if not mine | self.ends <= seen or not self.goals[k].message.endswith("after the end"):
                continue
            if self.session.linking.conserved(mine):
                how = (
                    f"what is in use of {r.name} is the sum of what the branches hold where they "
                    "are, and a branch that is over holds nothing: checked for every step"
                )
                self.verdicts[k] = Proved("structure", how)


def _is_capacity(goal: Obligation, used: int) -> bool:
    """The claim that a pool stays within its capacity: not just any bound on its use."""
    cond = goal.cond
    return (
        goal.check == "resources"
        and goal.rule is None
        and cond.op is Op.LE
        and cond.args[0].op is Op.VAR
        and touched(cond) == {used}
    )


def _bound(goal: Obligation, otherwise: int) -> int:
    """The number that it names as the capacity."""
    bound = whole(goal.cond.args[1])
    return otherwise if bound is None else bound


def figure(session: Session, goal: Obligation) -> str:
    """The peak, for an enforced pool whose guard keeps it within capacity."""
    if goal.check != "resources" or goal.cond.op is not Op.LE:
        return ""
    for r in session.system.resources:
        capacity = whole(r.capacity)
        if _is_capacity(goal, r.used) and capacity is not None:
            peak = session.structure.peak(r.used)
            if peak is not None:
                return f"peak {min(peak, capacity)} of {capacity}"
    return ""
