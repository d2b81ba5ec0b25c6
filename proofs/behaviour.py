"""All that an observer sees of a workflow, by plain evaluation of its rules: all, or nothing.

A state holds the variables that can matter for a step or for what is seen of one; states are
numbered as they are found, breadth first.  Time is not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product

from ..dsl.records import dataclass
from ..semantics.claimed import Side
from ..semantics.expr import FALSE, Expr, Op
from ..semantics.observing import INTERNAL, Act, Observer, needed, plain
from ..semantics.system import TransitionSystem, VarKind
from ..semantics.values import show
from ..semantics.walks import variables
from .facts import Wrong
from .reading import touched
from .states import State, View, domain

MOST = 50_000  # states
MOST_ANSWERS = 64  # for one input
FREE = VarKind.ARG, VarKind.PARAM
BEGIN = "begin with "
Start = tuple[dict[str, str], int]
Edges = Sequence[Sequence[tuple[Act, int]]]
Starts = Mapping[str, tuple[Sequence[int], Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`edges[s]` are the steps from state s; `starts` are first states with their arguments.
    `sole`: the answers of activities that have one only, where not all steps are there."""

    edges: Edges
    starts: list[Start]
    sole: Mapping[str, str] | None = None


def both(left: Side, right: Side) -> tuple[Behaviour, Behaviour]:
    """`Wrong` where one of them has too many states, or data without bounds."""
    shared = arguments(left, right)
    one, other = (_explored(s, kept(s, shared)) for s in (left, right))
    return one, other


def begun(left: Behaviour, right: Behaviour) -> dict[str, tuple[list[int], list[int]]]:
    """The first states by what a run begins with; an argument that one of the two does not have
    may have any value there.  One entry "" where there are no arguments."""
    out: dict[str, tuple[list[int], list[int]]] = {}
    for number, (own, other) in enumerate(((left, right), (right, left))):
        names = {n for a, _ in own.starts for n in a}
        more: dict[str, dict[str, None]] = {}
        for given, _ in other.starts:
            for n in given.keys() - names:
                more.setdefault(n, {})[given[n]] = None
        for given, state in own.starts:
            for chosen in product(*more.values()):
                whole = given | dict(zip(more, chosen, strict=True))
                text = ", ".join(f"{n} = {v}" for n, v in sorted(whole.items()))
                out.setdefault(text, ([], []))[number].append(state)
    return out


def arguments(*sides: Side) -> frozenset[str]:
    """Those that matter for one of them."""
    return frozenset(
        plain(side.system, v.name)
        for side in sides
        for v in side.system.variables
        if v.init is None and v.kind in FREE and v.index in kept(side, ())
    )


def kept(side: Side, arguments: Collection[str]) -> set[int]:
    """The variables that can matter, and these arguments."""
    system = side.system
    if system.reads_clock:
        raise Wrong("a step reads the clock, and times are not compared")
    kept = set(needed(Observer(system, side.view))) | set(_asked(system))
    for v in system.variables:
        if v.init is None and v.kind in FREE and plain(system, v.name) in arguments:
            kept.add(v.index)
    terms: dict[int, list[Expr]] = {v.index: [v.init] for v in system.variables if v.init}
    for rule in system.rules:
        for index, e in rule.updates:
            terms.setdefault(index, []).append(e)
    todo = list(kept)
    while todo:
        for more in variables(terms.get(todo.pop(), ())) - kept:
            kept.add(more)
            todo.append(more)
    return kept


def _asked(system: TransitionSystem) -> Iterator[int]:
    """What decides whether a run is one, and what is shown of its steps."""
    yield from touched(system.initial) | touched(system.excluded)
    for i in system.instances:
        yield from variables([i.active])
    for rule in system.rules:
        new = dict(rule.updates)
        for v in variables([rule.relation], Op.POST):
            yield from variables([new[v]]) if v in new else (v,)
        yield from variables([rule.guard, rule.relation, *(s.term for s in rule.seen)])


def _explored(side: Side, kept: set[int]) -> Behaviour:
    system = side.system
    most = max((len(r.inputs) for r in system.rules), default=0)
    view = View(system, tuple(sorted(kept)), frozenset(range(most)))
    observer = Observer(system, side.view)
    for moves in view.moves.values():
        for move in moves:
            if not move.all_seen or any(e is None for _, e in move.updates):
                raise Wrong(f"`{move.rule.name}` has too many values")
    _bounded(view)
    number: dict[State, int] = {}
    starts: list[Start] = []
    for state in view.first():
        given = {
            plain(system, v.name): show(v, view.full(state)[v.index], system.strings)
            for v in system.variables
            if v.kind in FREE and v.init is None and v.index in kept
        }
        starts.append((given, number.setdefault(state, len(number))))
    if not starts:
        raise Wrong("it has no run")
    edges: list[list[tuple[Act, int]]] = []
    for state in (order := list(number)):  # grows while it is gone through
        if len(order) > MOST:
            raise Wrong(f"more than {MOST} states")
        before, found = view.full(state), dict[tuple[Act, int], None]()
        for move, inputs, after in view.steps(state):
            if after not in number:
                number[after] = len(order)
                order.append(after)
            act = observer.act(move.rule, inputs, before, view.full(after))
            found[act, number[after]] = None
        edges.append(list(found))
    return Behaviour(edges, starts)


def _bounded(view: View) -> None:
    """Every answer is looked at."""
    for rule in view.system.rules:
        if rule.guard is not FALSE and any(domain(i, MOST_ANSWERS) is None for i in rule.inputs):
            raise Wrong(f"too many answers of `{rule.name}`")


def unfinished(b: Behaviour) -> Edges:
    """Without the steps that are its end."""
    return [[(a, t) for a, t in edges if a.outcome is None] for edges in b.edges]


def in_flight(old: Behaviour, new: Behaviour) -> Starts:
    """Where the two may begin with the same arguments, as far as both have them."""
    out: dict[str, tuple[list[int], list[int]]] = {}
    for n, (given, s) in enumerate(old.starts):
        others = [
            t for other, t in new.starts if all(given.get(k, x) == x for k, x in other.items())
        ]
        out[str(n)] = [s], others
    return out


def quiet(edges: Edges, states: Iterable[int]) -> set[int]:
    """With what is reached by internal steps."""
    found = set(states)
    todo = list(found)
    while todo:
        for act, t in edges[todo.pop()]:
            if act.text == INTERNAL and t not in found:
                found.add(t)
                todo.append(t)
    return found
