"""Evidence that two workflows do the same, from all that they do: for certificates.

Steps of a state are (what is seen, target); the first states come by what a run begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import assert_never

from ...semantics.claimed import OUTCOME, UNDER, Side
from ...semantics.evidence import Answered, Classes, Compared, Coupled, Differing, Followed
from ...semantics.expr import FALSE, TRUE, Expr, Op, and_, const, not_, or_
from ...semantics.smtlib import literal, text
from ...semantics.walks import substitute
from .acyclic import bisimilar
from .behaviour import Exploring
from .coupling import Coupling, Pair
from .findings import Fails
from .formula import All, Can, Forever, Formula, Not, Until
from .internal import contract
from .lts import INTERNAL, made
from .runs import OutOfReach
from .symbolic import Moves, Place

Steps = Sequence[Sequence[tuple[str, int]]]
Starts = Mapping[str, tuple[Sequence[int], Sequence[int]]]
MOST = 200_000  # states, in all sets together
MOST_PAIRS = 900  # of places


def candidates(
    kind: str, under: str, left: Steps, right: Steps, starts: Starts
) -> Iterator[Compared]:
    """The shortest first; whoever keeps one has it checked."""
    if kind != "upgrade":
        yield classes(left, right, under == UNDER[0])
    if kind == "upgrade" or under in UNDER[2:]:
        forth = followed(left, right, ((s, ys) for xs, ys in starts.values() for s in xs))
        back = None
        if forth is not None and kind == "equivalent":
            back = followed(right, left, ((s, xs) for xs, ys in starts.values() for s in ys))
        if forth is not None and (back is not None or kind != "equivalent"):
            yield Followed(forth, back or ())
    if under == OUTCOME and kind != "upgrade":
        yield Answered()


def inductions(
    left: Side, right: Side, under: str, seconds: float, inclusion: bool = False
) -> Iterator[Coupled]:
    """Bisimulations over data of any values (or simulations), of the systems as they are."""
    sides = [Exploring(s.system, s.view) for s in (left, right)]
    free = sides[0].free() | sides[1].free()
    for side in sides:
        side.also = free
    ways = ((True, False),) if under == UNDER[0] else ((False, False), (True, False), (False, True))
    for steps, settled in ways:
        try:
            one, other = (side.moves(settled) for side in sides)
            found = Coupling(one, other, steps, seconds, inclusion)
            found.run()
            yield _written(found, unsettled(found) if settled else found.known)
        except OutOfReach:
            continue


def _written(found: Coupling, related: Mapping[Pair, Sequence[Expr]]) -> Coupled:
    def name(e: Expr) -> str:
        return f"a{e.index}"

    def placed(place: Place) -> tuple[str, ...]:
        return tuple(literal(const(x)) for x in place)

    pairs = tuple(
        (placed(one), placed(other), tuple(text(e, name) for e in conds))
        for (one, other), conds in related.items()
    )
    return Coupled((tuple(found.left.plain), tuple(found.right.plain)), pairs)


def unsettled(found: Coupling) -> dict[Pair, Sequence[Expr]]:
    """The relation with the places inside of what `Settled` takes as one step: there two states are
    related if they are where they settle.  Raises OutOfReach: too many."""
    sides = found.left, found.right
    ends = [
        {
            p: list(_ends(found, side, p))
            for pair in found.known
            for p in _inside(side, pair[number])
        }
        for number, side in enumerate(sides)
    ]
    if len(ends[0]) * len(ends[1]) > MOST_PAIRS:
        raise OutOfReach("too many pairs of places")
    out: dict[Pair, Sequence[Expr]] = dict(found.known)
    for (one, mine), (other, yours) in product(ends[0].items(), ends[1].items()):
        if (one, other) in out:
            continue
        conds = []
        for (c, u, p), (d, w, q) in product(mine, yours):
            there = found.known.get((p, q))
            then = FALSE if there is None else _put(and_(*there), {**u, **w})
            conds.append(or_(not_(and_(c, d)), then))
        if all(c is not FALSE for c in conds):
            out[one, other] = conds
    return out


def _inside(side: Moves, place: Place) -> Iterator[Place]:
    """A place, where steps lead from it, and what is passed on from there."""
    todo = [place, *(m.target for m in Moves.moves(side, place))]
    seen = set(todo)
    for p in todo:  # grows while it is gone through
        yield p
        for m in side.silent(p):
            if m.target not in seen:
                seen.add(m.target)
                todo.append(m.target)


End = tuple[Expr, Mapping[int, Expr], Place]


def _ends(found: Coupling, side: Moves, place: Place, most: int = 20) -> Iterator[End]:
    """Where internal steps lead that are taken at once: when, with which data, to which place."""
    silent = side.silent(place)
    if not silent or not most:
        yield TRUE, {}, place
        return
    for m in silent:
        step = found.one(side, m)
        for cond, updates, end in _ends(found, side, m.target, most - 1):
            after = {v: _put(e, step.updates) for v, e in updates.items()}
            yield and_(step.cond, _put(cond, step.updates)), {**step.updates, **after}, end


def _put(term: Expr, values: Mapping[int, Expr]) -> Expr:
    return substitute(term, lambda n: values.get(n.index, n) if n.op is Op.VAR else n)


def classes(left: Steps, right: Steps, strong: bool) -> Classes:
    """The coarsest bisimulation, strong or branching."""
    shift = len(left)
    edges = [(s, a, t) for s, out in enumerate(left) for a, t in out]
    edges += [(s + shift, a, t + shift) for s, out in enumerate(right) for a, t in out]
    both = made(shift + len(right), 0, edges)
    if strong:
        return Classes(tuple(bisimilar(both, False)))
    contracted = contract(both)
    block = bisimilar(contracted.lts, True)
    return Classes(tuple(block[p] for p in contracted.part))


def followed(
    left: Steps, right: Steps, starts: Iterable[tuple[int, Iterable[int]]]
) -> tuple[tuple[int, tuple[int, ...]], ...] | None:
    """Where the right one may stand, by where the left one stands after the same run; None where
    it has no such run, or there are too many."""
    quiet = _Quiet(right)
    todo = [(s, quiet.closed(frozenset(others))) for s, others in starts]
    found = dict.fromkeys(todo)
    size = 0
    while todo:
        s, here = todo.pop()
        size += len(here)
        if not here or size > MOST:
            return None
        after: dict[str, set[int]] = {}
        for t in here:
            for label, u in right[t]:
                after.setdefault(label, set()).add(u)
        for label, t in left[s]:
            then = here
            if label != INTERNAL:
                then = quiet.closed(frozenset(after.get(label, ())))
            if (t, then) not in found:
                found[t, then] = None
                todo.append((t, then))
    return tuple(sorted((s, tuple(sorted(here))) for s, here in found))


class _Quiet:
    """States with what is reached by internal steps."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.known: dict[frozenset[int], frozenset[int]] = {}

    def closed(self, states: frozenset[int]) -> frozenset[int]:
        found = self.known.get(states)
        if found is None:
            seen = set(states)
            todo = list(states)
            while todo:
                for label, t in self.steps[todo.pop()]:
                    if label == INTERNAL and t not in seen:
                        seen.add(t)
                        todo.append(t)
            found = self.known[states] = frozenset(seen)
        return found


def told(found: Fails) -> Differing | None:
    """What shows that two workflows differ, as it is written down."""
    if found.different is not None:
        d = found.different
        arguments = ", ".join(f"{n} = {v}" for n, v in d.environment.arguments)
        answers = tuple((name, n, answer) for (name, n), answer in d.environment.answers)
        again = -1 if d.environment.again is None else d.environment.again
        return Differing("outcome", _whose(d.left), d.run, (), d.outcome, arguments, answers, again)
    if found.apart is None:
        return None
    apart = found.apart
    if apart.formula is not None:
        return Differing("formula", "first", formula=tuple(_nodes(apart.formula)))
    if apart.refused is not None:
        return Differing("refusal", _whose(apart.left), apart.run, apart.refused)
    return Differing("run", _whose(apart.left), apart.run)


def _whose(left: bool) -> str:
    return "first" if left else "second"


Node = tuple[str, str, tuple[int, ...]]


def _nodes(formula: Formula) -> list[Node]:
    """Parts first, each once."""
    out: list[Node] = []
    number: dict[int, int] = {}
    todo = [formula]
    while todo:
        f = todo[-1]
        if id(f) in number:
            todo.pop()
            continue
        op, label, kids = _form(f)
        missing = [k for k in kids if id(k) not in number]
        if missing:
            todo += missing
            continue
        number[id(f)] = len(out)
        out.append((op, label, tuple(number[id(k)] for k in kids)))
        todo.pop()
    return out


def _form(f: Formula) -> tuple[str, str, tuple[Formula, ...]]:
    match f:
        case Not(of):
            return "not", "", (of,)
        case All(parts):
            return "all", "", parts
        case Can(label, then):
            return "can", label, (then,)
        case Until(through, label, then):
            return "until", label, (through, then)
        case Forever(through):
            return "forever", "", (through,)
    assert_never(f)
