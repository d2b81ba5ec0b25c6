"""What a closed set of states shows of who can still move, and of which steps meet.

A step is *sure* where all that decides it can be seen: every run that comes to a state like that
can take it.  In time it may be that another clock rings first.  So what can be reached is a game:
who wants to come there chooses among steps that are ready, how an attempt ends, and how long what
has no longest time takes; which of the other clocks rings next is the choice of the other side.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import field

from ..dsl.records import dataclass
from ..semantics.expr import Scalar
from ..semantics.system import PointKind, Rule, RuleKind, Thread
from ..semantics.values import evaluate
from ..semantics.walks import variables
from .facts import Wrong
from .shapes import OVER
from .states import State, View, finishes, over
from .tree import children

MOST_WORK = 400_000  # states times threads
BESIDE = ("race_free", "timing_independent", "deterministic")  # pairs say the rest
WAITING = (PointKind.FORK, PointKind.UNWIND)  # for threads below


def of_whole(check: str, view: View, states: Collection[State]) -> None:
    """`Wrong` where the states, which no run leaves, do not show a check of the whole system."""
    if check in BESIDE:
        return
    try:
        finishes(view, states)
    except Wrong:
        match check:
            case "deadlock_free" | "messages":
                all_move(view, states)
            case "can_finish":
                all_may_end(view, states)
            case _:
                raise


def meeting(view: View, states: Iterable[State]) -> set[tuple[int, int]]:
    """Pairs of rules, the smaller index first, that may both be enabled in one of the states."""
    out: set[tuple[int, int]] = set()
    for state in states:
        able = sorted({m.rule.index for m, _ in view.able(state)})
        out.update((a, b) for k, a in enumerate(able) for b in able[k + 1 :])
    return out


def all_may_end(view: View, states: Collection[State]) -> None:
    """From every state an end of all instances can be reached."""
    game = _Game(view, states)
    if len(game.won([s for s in states if over(view, s)], lambda rule, changed: False)) < len(
        game.turns
    ):
        raise Wrong("from some state no end can surely be reached")


def all_move(view: View, states: Collection[State]) -> None:
    """Wherever a thread waits, a state can be reached in which it moves, or is moved: so nobody is
    in a set of threads that only wait for each other."""
    system = view.system
    if len(states) * len(system.threads) > MOST_WORK:
        raise Wrong("the states are too many to look at each thread")
    game = _Game(view, states)
    below: dict[int, list[Thread]] = {}
    for (parent, _), found in children(system).items():
        below.setdefault(parent, []).extend(found)
    for t in system.threads:

        def moves(rule: Rule, changed: frozenset[int], t: Thread = t) -> bool:
            return rule.thread == t.id or view.slots[t.location] in changed

        good = game.won((), moves)
        for state in states:
            if state not in good and _waits(view, view.full(state), t, below.get(t.id, ())):
                raise Wrong(f"{t.name} may be stuck")


def _waits(view: View, full: Sequence[Scalar], t: Thread, below: Iterable[Thread]) -> bool:
    """Does it stand before a step, and not only wait for threads below it which are under way?"""
    system = view.system
    point = t.points[int(full[t.location])]
    instance = system.instances[t.instance]
    known = variables([instance.active]) <= view.slots.keys()
    if point.kind in OVER or (known and evaluate(instance.active, full) is not True):
        return False
    if point.kind is PointKind.ENTRY:
        if t.parent is None:  # (Beside the roots: whether somebody is up.)
            return t.id == instance.root
        return full[system.threads[t.parent].location] == t.fork
    if point.kind in WAITING:
        rest = (PointKind.ENTRY, *OVER)
        return not any(
            c.fork == point.id and c.points[int(full[c.location])].kind not in rest for c in below
        )
    return True


Chosen = tuple[Rule, State, frozenset[int]]  # a step: where it leads, the slots that it changes


@dataclass
class _Turn:
    """What may come next in a state.  Of each clock one step is chosen by who wants to come
    somewhere, and which clock it is by the other side."""

    ready: list[Chosen] = field(default_factory=list)  # surely, and take no time: one of them
    clocks: list[list[Chosen]] = field(default_factory=list)
    free: list[Chosen] = field(default_factory=list)  # surely, and whenever one likes
    rings: bool = False  # some of the clocks surely does


class _Game:
    """What can be reached, whichever clock rings first.  (A crash need not come.)"""

    def __init__(self, view: View, states: Collection[State]) -> None:
        if view.system.in_order:
            raise Wrong("a scheduler need not take the steps that there are")
        if any(t.location not in view.slots for t in view.system.threads):
            raise Wrong("the states leave out where somebody is")
        self.view = view
        self.turns = {s: self._turn(s) for s in states}
        self.before: dict[State, list[State]] = {}
        for state, turn in self.turns.items():
            for _, after, _ in (
                c for found in (turn.ready, turn.free, *turn.clocks) for c in found
            ):
                self.before.setdefault(after, []).append(state)

    def _turn(self, state: State) -> _Turn:
        out = _Turn()
        clocks: dict[object, list[Chosen]] = {}
        maybe: list[Chosen] = []
        for move, _, after in self.view.steps(state):
            rule = move.rule
            changed = frozenset(
                k for k, (x, y) in enumerate(zip(state, after, strict=True)) if x != y
            )
            step = rule, after, changed
            sure = move.all_seen and all(e is not None for _, e in move.updates)
            if not sure:
                maybe.append(step)
            elif rule.delay is None:
                out.ready.append(step)
            elif rule.kind is RuleKind.CRASH:
                continue
            elif rule.delay.hi is None:
                out.free.append(step)
            else:
                clocks.setdefault(_clock(rule), []).append(step)
        out.rings = bool(clocks)
        # (What may come besides comes when the other side likes.)
        out.clocks = [*clocks.values(), *([c] for c in maybe if c[0].kind is not RuleKind.CRASH)]
        return out

    def won(
        self, ends: Iterable[State], there: Callable[[Rule, frozenset[int]], bool]
    ) -> set[State]:
        """States from which one of the ends can be reached, or a step like that be taken."""
        found = set(ends)

        def good(steps: Sequence[Chosen]) -> bool:
            return any(after in found or there(rule, changed) for rule, after, changed in steps)

        def wins(turn: _Turn) -> bool:
            if turn.ready:
                return good(turn.ready)
            mine = turn.rings or good(turn.free)
            return mine and all(good(c) for c in turn.clocks)

        todo = [*found, *(s for s, turn in self.turns.items() if s not in found and wins(turn))]
        found.update(todo)
        while todo:
            for state in self.before.get(todo.pop(), ()):
                if state not in found and wins(self.turns[state]):
                    found.add(state)
                    todo.append(state)
        return found


def _clock(rule: Rule) -> object:
    """Steps of which the environment chooses one when it rings: ends of one attempt that take the
    same time."""
    assert rule.delay is not None
    if rule.group is None or rule.kind is RuleKind.TIMEOUT:
        return rule.index
    hi = rule.delay.hi
    return rule.group, repr(rule.delay.lo), None if hi is None else repr(hi)
