"""Why two terms do the same, for certificates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....semantics.claimed import Terms
from ....semantics.evidence import Derivation, Merged
from . import guarded, normal
from .decide import Cube, TooMany
from .machine import Meant
from .pairing import Sides
from .reaching import Reaching
from .read import read
from .specs import Two
from .store import Store

Pairs = tuple[Sides, ...]


def evidence(terms: Terms, under: str) -> Iterator[Derivation | Merged]:
    """The cheapest first."""
    laws = derivation(terms, under)
    if laws is not None:
        yield laws
    found = merged(terms)
    if found is not None:
        yield found


def merged(terms: Terms) -> Merged | None:
    """That both do the same as guarded terms; where nothing runs beside them, for the values that
    tests keep."""
    two = Two(terms)
    same = two.alike()
    if same is not None:
        return _merged(two, same.rests, same.pairs, same.meant)
    return _kept(two) if terms.alone else None


def _kept(two: Two) -> Merged | None:
    """Of the terms as they are written: a certificate is about those."""
    if not guarded.guarded(two.store, two.left, two.right):
        return None
    m = two.machine
    try:
        reaching = Reaching(m, m.state(two.left), m.state(two.right), two.known())
        if not reaching.same():
            return None
        sure, kept = reaching.why()
    except TooMany:
        return None
    rests, pairs = m.rests([*sure, *(pair for pair, _ in kept)])
    always, some = pairs[: len(sure)], pairs[len(sure) :]
    cubes = [cube for _, cube in kept]
    return _merged(two, rests, tuple(_spanning(always)), two.meant, zip(some, cubes, strict=True))


def derivation(terms: Terms, under: str) -> Derivation | None:
    """That laws make one of the two of the other."""
    s, level = Store(), under.replace("bisimulation", "strong")
    found = normal.equal(s, read(s, terms.left), read(s, terms.right), level)
    if found is None:
        return None
    steps = tuple((t.law, t.before, t.after) for t in found.steps)
    return Derivation(_written(s), found.left, found.right, steps)


def _written(s: Store) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    return tuple((str(o), n, k) for o, n, k in zip(s.op, s.label, s.kids, strict=True))


def _merged(
    two: Two, rests: Pairs, pairs: Pairs, meant: Meant, kept: Iterable[tuple[Sides, Cube]] = ()
) -> Merged:
    same = []
    for label, other in sorted(meant.items()):
        name, positive = ("", other) if isinstance(other, bool) else other
        same.append((label, name, "same" if positive else "opposite"))
    values = tuple(
        (*pair, tuple(n for n, v in cube if v), tuple(n for n, v in cube if not v))
        for pair, cube in kept
    )
    terms = _written(two.store)
    return Merged(terms, two.left, two.right, rests, pairs, tuple(same), values)


def _spanning(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Of pairs so many that the others follow, by way of others."""
    up: dict[int, int] = {}

    def find(x: int) -> int:
        while (above := up.get(x, x)) != x:
            up[x] = x = up.get(above, above)
        return x

    for x, y in pairs:
        if find(x) != find(y):
            up[find(x)] = find(y)
            yield x, y
