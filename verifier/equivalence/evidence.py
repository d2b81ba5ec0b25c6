"""Evidence that two workflows do the same, from all that they do: for certificates.

Steps of a state are (what is seen, target); the first states come by what a run begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...semantics.claimed import OUTCOME, UNDER, Side
from ...semantics.evidence import Answered, Classes, Compared, Coupled, Followed
from ...semantics.expr import Expr, const
from ...semantics.smtlib import literal, text
from .behaviour import Exploring
from .coupling import Coupling
from .internal import contract
from .lts import INTERNAL, made
from .partition import refine
from .runs import OutOfReach
from .symbolic import Place

Steps = Sequence[Sequence[tuple[str, int]]]
Starts = Mapping[str, tuple[Sequence[int], Sequence[int]]]
MOST = 200_000  # states, in all sets together


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


def inductions(left: Side, right: Side, under: str, seconds: float) -> Iterator[Coupled]:
    """Bisimulations over data of any values, of the systems as they are."""
    sides = [Exploring(s.system, s.view) for s in (left, right)]
    free = sides[0].free() | sides[1].free()
    for side in sides:
        side.also = free
    for steps in (True,) if under == UNDER[0] else (False, True):
        try:
            one, other = (side.moves(False) for side in sides)
            found = Coupling(one, other, steps, seconds)
            found.run()
        except OutOfReach:
            continue
        yield _written(found)


def _written(found: Coupling) -> Coupled:
    def name(e: Expr) -> str:
        return f"a{e.index}"

    def placed(place: Place) -> tuple[str, ...]:
        return tuple(literal(const(x)) for x in place)

    pairs = tuple(
        (placed(one), placed(other), tuple(text(e, name) for e in conds))
        for (one, other), conds in found.known.items()
    )
    return Coupled((tuple(found.left.plain), tuple(found.right.plain)), pairs)


def classes(left: Steps, right: Steps, strong: bool) -> Classes:
    """The coarsest bisimulation, strong or branching."""
    shift = len(left)
    edges = [(s, a, t) for s, out in enumerate(left) for a, t in out]
    edges += [(s + shift, a, t + shift) for s, out in enumerate(right) for a, t in out]
    both = made(shift + len(right), 0, edges)
    if strong:
        return Classes(tuple(refine(both, False).block))
    contracted = contract(both)
    block = refine(contracted.lts, True).block
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
