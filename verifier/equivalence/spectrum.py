"""The equivalences from finest to coarsest, and the question whether one holds."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from ...dsl.records import dataclass
from .acyclic import bisimilar, classes
from .formula import Formula, Not, telling, telling_first, telling_internally
from .internal import Contracted, contract
from .lts import Lts, distinct, union
from .partition import refine
from .runs import Limits, Related, compare


class Under(StrEnum):
    """Names as in a spec; each is finer than those after it."""

    STRONG = "bisimulation"
    BRANCHING = "branching"
    FAILURES = "failures"
    TRACE = "trace"


ALSO = {"strong": "bisimulation", "traces": "trace", "weak": "trace"}


@dataclass(frozen=True, slots=True)
class Alike:
    """`classes` of the states of both side by side, the right ones after the left ones (of a
    bisimulation); or the pairs of sets that were compared."""

    classes: tuple[int, ...] = ()
    pairs: tuple[tuple[frozenset[int], frozenset[int]], ...] = ()


@dataclass(frozen=True, slots=True)
class Apart:
    """Why not.  `formula` holds of the left one only.  Otherwise the run is one of the left one
    only (or, if not `left`, of the right one only); or, with `refused`, a run of both, after which
    that one may stop, offering no more than `offers`, where the other one cannot refuse all of
    `refused`."""

    formula: Formula | None = None
    run: tuple[str, ...] = ()
    left: bool = True
    refused: tuple[str, ...] | None = None
    offers: tuple[str, ...] = ()


def equivalent(left: Lts, right: Lts, under: Under, limits: Limits | None = None) -> Alike | Apart:
    """Raises OutOfReach (failures and traces)."""
    both, second = union(left, right)
    if under is Under.STRONG:
        found = classes(both, False)
        if found is not None and found[both.initial] == found[second]:
            return Alike(tuple(found))
        partition = refine(both, False)
        if partition.block[both.initial] == partition.block[second]:
            return Alike(tuple(partition.block))
        return Apart(telling(both, partition, both.initial, second))
    contracted = contract(both)
    if under is Under.BRANCHING:
        return _branching(both, second, contracted)
    return _runs(both, second, contracted, under, False, limits)


def included(left: Lts, right: Lts, under: Under, limits: Limits | None = None) -> Alike | Apart:
    """Is each run (and failure) of the left one one of the right one?  `under`: trace or failures.

    Raises OutOfReach.
    """
    both, second = union(left, right)
    return _runs(both, second, contract(both), under, True, limits)


def _branching(both: Lts, second: int, contracted: Contracted) -> Alike | Apart:
    part, block = contracted.part, classes(contracted.lts, True)
    if block is not None and not _apart_at_first(both, second, part, block):
        return Alike(tuple(block[p] for p in part))
    partition = refine(contracted.lts, True)
    block = partition.block
    p, q = part[both.initial], part[second]
    if block[p] != block[q]:
        return Apart(telling_internally(contracted, partition, p, q))
    first = _first(both, second, part, block)
    for one, other, negated in ((first[0], first[1], False), (first[1], first[0], True)):
        for a, b in sorted(one.keys() - other.keys()):
            rivals = [t for (label, _), t in other.items() if label == a]
            name = both.labels[a]
            formula = telling_first(contracted, partition, name, one[a, b], rivals)
            return Apart(Not(formula) if negated else formula)
    return Alike(tuple(block[p] for p in part))


def _apart_at_first(both: Lts, second: int, part: Sequence[int], block: Sequence[int]) -> bool:
    """Whether they are in different classes, or their first steps are not alike."""
    if block[part[both.initial]] != block[part[second]]:
        return True
    one, other = _first(both, second, part, block)
    return one.keys() != other.keys()


def _first(
    both: Lts, second: int, part: Sequence[int], block: Sequence[int]
) -> list[dict[tuple[int, int], int]]:
    """The first steps of the two: label and class of what they lead to, and one such part."""
    first: list[dict[tuple[int, int], int]] = [{}, {}]
    for s, a, t in zip(both.source, both.label, both.target, strict=True):
        for root, steps in zip((both.initial, second), first, strict=True):
            if s == root:
                steps.setdefault((a, block[part[t]]), part[t])
    return first


def _runs(
    both: Lts,
    second: int,
    contracted: Contracted,
    under: Under,
    inclusion: bool,
    limits: Limits | None,
) -> Alike | Apart:
    small, block = quotient(contracted, bisimilar(contracted.lts, True))
    left, right = (block[contracted.part[s]] for s in (both.initial, second))
    found = compare(small, left, right, under is Under.FAILURES, inclusion, limits)
    if isinstance(found, Related):
        return Alike(pairs=found.pairs)
    names = both.labels
    refused = None if found.refused is None else tuple(sorted(names[a] for a in found.refused))
    return Apart(
        None,
        tuple(names[a] for a in found.run),
        found.left,
        refused,
        tuple(sorted(names[a] for a in found.offers)),
    )


def quotient(contracted: Contracted, block: list[int]) -> tuple[Contracted, list[int]]:
    """One state for each block, and the state of each part.  Internal steps inside a block are left
    out, those that go on for ever are kept as a loop."""
    lts, n = contracted.lts, max(block, default=-1) + 1
    width = len(lts.labels)
    keys = (
        (block[s] * width + a) * n + block[t]
        for s, a, t in zip(lts.source, lts.label, lts.target, strict=True)
        if a or block[s] != block[t]
    )
    small = Lts(n, block[lts.initial], lts.labels, *distinct(keys, width, n))
    return Contracted(small, list(range(n)), contracted.divergence), block
