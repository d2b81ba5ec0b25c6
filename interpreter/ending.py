"""When a run is over, and who is left standing."""

from __future__ import annotations

from collections.abc import Sequence

from ..dsl.records import dataclass
from ..semantics.expr import FALSE, Expr, Op, Scalar
from ..semantics.system import PointKind, Thread, TransitionSystem
from ..semantics.values import evaluate
from ..semantics.walks import variables
from .compile import Term
from .plan import Plan


@dataclass(frozen=True, slots=True)
class Blocked:
    """A thread that cannot go on, and where it stands."""

    thread: Thread
    where: str


class Ends:
    """Which instances still run."""

    def __init__(self, system: TransitionSystem, state: Sequence[Scalar]) -> None:
        self.roots: dict[int, tuple[int, int]] = {}
        self._ended: dict[int, bool] = {}
        self.running = 0 if system.instances else -1  # nothing that could end
        for i in system.instances:
            if not evaluate(i.active, state):
                continue
            location = system.threads[i.root].location
            self.roots[location] = (i.completed, i.failed)
            self._ended[location] = state[location] in self.roots[location]
            self.running += not self._ended[location]

    def moved(self, location: int, state: Sequence[Scalar]) -> None:
        ended = state[location] in self.roots[location]
        if ended != self._ended[location]:
            self._ended[location] = ended
            self.running += -1 if ended else 1


class Watched:
    """A condition, split at its `or`s, read again only where a variable of it changed."""

    def __init__(self, plan: Plan, cond: Expr) -> None:
        self.terms: list[Term] = []
        self._by_variable: dict[int, list[Term]] = {}
        if cond is FALSE:
            return
        for part in cond.args if cond.op is Op.OR else (cond,):
            term = plan.compiler.term(part)
            self.terms.append(term)
            for v in variables([part]):
                self._by_variable.setdefault(v, []).append(term)

    def holds(self, changed: Sequence[tuple[int, Scalar]] | None, state: Sequence[Scalar]) -> bool:
        if changed is None:
            return any(t(state, ()) for t in self.terms)
        return any(t(state, ()) for v, _ in changed for t in self._by_variable.get(v, ()))


_RESTING = (PointKind.ENTRY, PointKind.END, PointKind.FAILED)


def blocked_threads(system: TransitionSystem, state: Sequence[Scalar]) -> tuple[Blocked, ...]:
    """Threads that stand before something, and wait for no child that does."""
    standing: list[tuple[Thread, str]] = []
    parents = set()
    for thread in system.threads:
        point = thread.points[int(state[thread.location])]
        if point.kind not in _RESTING:
            standing.append((thread, point.label or point.kind.value))
            if thread.parent is not None:
                parents.add(thread.parent)
    return tuple(Blocked(t, where) for t, where in standing if t.id not in parents)
