"""Nodes of a timed graph up to the exchange of alike branches and instances, clocks included.

What may be exchanged is said by `packed.symmetry`, checked term by term with all delays; so the
image of a run is a run, and one node stands for all of its images (Emerson and Sistla 1996; for
clocks Hendriks, Behrmann, Larsen, Niebert, Vaandrager 2004, "Adding symmetry reduction to Uppaal").
Blocks are sorted by their values, then by what their clocks wait for and show; where that does not
tell two apart their order is left open, which costs nodes but is no error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...dsl.records import dataclass
from ...semantics.expr import Op
from ...semantics.system import Obligation, Rule, TimeLimit, TransitionSystem
from ...semantics.walks import variables
from .confluence import Clock, Node, clock_of
from .packed.symmetry import Block, symmetry
from .search_space import Space, Unsupported
from .tracked import Tracked
from .zones import rearranged


@dataclass(frozen=True, slots=True)
class _Family:
    """`slots` of each block in a state; `names` of its clocks, the same for those that are images
    of each other; `clocks` the other way round."""

    slots: Sequence[Sequence[int]]
    names: Mapping[Clock, tuple[int, int]]  # block, name
    clocks: Mapping[tuple[int, int], Clock]


class Alike:
    """Of a tracked system; `goal` is to be the same after any exchange, and so are the `rules`
    together."""

    def __init__(self, tracked: Tracked, goal: Obligation, rules: frozenset[int]) -> None:
        self.families: list[_Family] = []
        self.images: list[Mapping[int, int]] = []  # of rules, by exchanges that are used
        try:
            found = symmetry(Space(tracked.system, tracked.kept), [goal], clocks=True)
        except Unsupported:
            return
        for blocks, images in zip(found.families, found.images, strict=True):
            family = _family(tracked, blocks, images)
            kept = all((i in rules) == (k in rules) for image in images for i, k in image.items())
            if family is not None and kept:
                self.families.append(family)
                self.images += images

    def one(self, node: Node) -> Node:
        """The node that stands for it."""
        for family in self.families:
            node = _sorted(family, node)
        return node

    def orbit(self, rules: Iterable[int]) -> set[int]:
        """With all that exchanges make of these rules."""
        out = set(rules)
        size = -1
        while size < len(out):
            size = len(out)
            for image in self.images:
                out |= {image[r] for r in out if r in image}
        return out


def first_of_each(system: TransitionSystem, limits: Sequence[TimeLimit]) -> list[TimeLimit]:
    """One limit of each kind of alike instances: an exchange makes it any of the others."""
    if len(limits) < 2:
        return list(limits)
    try:
        tracked = Tracked(system, results=False)
        goals = [Obligation(x.check, x.name, x.owed, x.message, x.span) for x in limits]
        space = Space(system, {*tracked.kept, *variables([x.owed for x in limits])})
        found = symmetry(space, goals, clocks=True)
    except Unsupported:
        return list(limits)
    places = {
        v: (k, block, at)
        for k, family in enumerate(found.families)
        for block, variables_ in enumerate(family)
        for at, v in enumerate(variables_)
    }
    out: dict[object, TimeLimit] = {}
    for number, limit in enumerate(limits):
        read = sorted(variables([limit.owed]))
        blocks = {places[v][:2] for v in read if v in places}
        kind: object = number
        if len(blocks) == 1 and limit.within.op is Op.CONST:
            own = [(places[v][0], places[v][2]) if v in places else v for v in read]
            kind = (limit.within.value, *own)
        out.setdefault(kind, limit)
    return list(out.values())


def _family(
    tracked: Tracked, blocks: Sequence[Block], images: Sequence[Mapping[int, int]]
) -> _Family | None:
    rules = {r.index: r for r in tracked.system.rules}
    names: dict[Clock, tuple[int, int]] = {}
    for at, image in enumerate(images):
        mine, others = set(blocks[at]), set(blocks[at + 1])
        for i, k in image.items():
            if rules[i].delay is None or (i == k and not _reads(rules[i]) & (mine | others)):
                continue
            clock, other = clock_of(rules[i]), clock_of(rules[k])
            if clock == other:
                continue  # of what both take part in
            if bool(_reads(rules[i]) & mine) == bool(_reads(rules[i]) & others):
                return None
            if _reads(rules[i]) & others:
                continue  # told by its image
            if at == 0:
                names.setdefault(clock, (0, len(names)))
            if clock not in names or names.get(other, (at + 1, names[clock][1])) != (
                at + 1,
                names[clock][1],
            ):
                return None
            names[other] = (at + 1, names[clock][1])
    clocks = {name: clock for clock, name in names.items()}
    if len(clocks) < len(names):
        return None
    return _Family([[tracked.slots[v] for v in b] for b in blocks], names, clocks)


def _reads(rule: Rule) -> set[int]:
    return variables([rule.guard])


def _sorted(family: _Family, node: Node) -> Node:
    state, armed, zone = node.state, node.armed, node.zone
    mine: list[list[tuple[object, ...]]] = [[] for _ in family.slots]
    for k, (clock, bounds) in enumerate(armed, 1):
        name = family.names.get(clock)
        if name is not None:
            shows = (zone[k][0], zone[0][k])
            mine[name[0]].append((name[1], bounds, *shows))
    keys = [
        (*(state[s] for s in slots), tuple(sorted(clocks)))
        for slots, clocks in zip(family.slots, mine, strict=True)
    ]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    if all(a == b for a, b in enumerate(order)):
        return node
    values = list(state)
    place = [0] * len(order)
    for new, old in enumerate(order):
        place[old] = new
        for s, t in zip(family.slots[new], family.slots[old], strict=True):
            values[s] = state[t]
    renamed = []
    for k, (clock, bounds) in enumerate(armed, 1):
        name = family.names.get(clock)
        if name is not None:
            clock = family.clocks[place[name[0]], name[1]]
        renamed.append((clock, bounds, k))
    renamed.sort()
    out = tuple((clock, bounds) for clock, bounds, _ in renamed)
    return Node(tuple(values), out, rearranged(zone, [k for *_, k in renamed]))
