"""Branches and instances that may be exchanged: blocks of variables, alike up to their names.

Candidates come from threads whose rules look alike; that exchanging two neighbours maps the system
and its goals to themselves is then checked term by term, so the guess need not be sound.  States
that differ by such exchanges are one: the blocks are sorted (Emerson and Sistla 1996; Ip and Dill
1996, "Better verification through symmetry").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from ....dsl.records import dataclass
from ....semantics.expr import FALSE, Expr, Op
from ....semantics.system import Obligation, Rule, Thread, TransitionSystem
from ....semantics.walks import variables
from ..common import is_state, touched, written
from ..search_space import Space
from .layout import Layout

MOST_RULES = 2_000
MOST_WORK = 200_000  # rules that are looked at, over all pairs of neighbours
COMMUTATIVE = (Op.AND, Op.OR, Op.ADD, Op.MUL, Op.EQ)

T = TypeVar("T")
Block = tuple[int, ...]  # variables
Exchange = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Symmetry:
    """Families of blocks; those of one may be put in any order.  No variable is in two.

    All goals together are the same after any exchange; `moved` are those that become another one.
    With clocks, `images` has for each two neighbours of a family which rule becomes which.
    """

    families: tuple[list[Block], ...] = ()
    moved: frozenset[int] = frozenset()
    images: tuple[list[Mapping[int, int]], ...] = ()


def symmetry(space: Space, goals: Sequence[Obligation], clocks: bool = False) -> Symmetry:
    """What may be exchanged in the system without a change of the goals; with `clocks`, neither of
    how long anything takes."""
    system = space.system
    if len(system.rules) > MOST_RULES:
        return Symmetry()
    families = _families(system)
    if not families or sum(map(len, families)) * len(system.rules) > MOST_WORK:
        return Symmetry()
    checker = _Checker(space, goals, clocks)
    rules: dict[int, list[Rule]] = {}
    for r in system.rules:
        rules.setdefault(r.thread, []).append(r)
    out: list[list[Block]] = []
    images: list[list[Mapping[int, int]]] = []
    threads: set[int] = set()
    used: set[int] = set()
    for family in families:
        if threads & {t for tree in family for t in tree}:
            continue  # they lie in blocks that are exchanged as a whole
        for run, trees in _runs(checker, rules, family):
            mine = {v for block in run for v in block}
            found = checker.images(run) if clocks else []
            if not mine & used and found is not None:
                used |= mine
                threads |= trees
                out.append(run)
                images.append(found)
    moved = frozenset(checker.moved) if out else frozenset[int]()
    return Symmetry(tuple(out), moved, tuple(images))


def _runs(
    checker: _Checker, rules: Mapping[int, Sequence[Rule]], family: Sequence[Sequence[int]]
) -> Iterator[tuple[list[Block], set[int]]]:
    """Stretches of neighbours that may be exchanged, and their threads."""
    run: list[Block] = []
    trees: set[int] = set()
    for first, second in pairwise(family):
        exchange = _Matching(checker, rules).of(first, second)
        fits = exchange is not None and (not run or set(run[-1]) == set(exchange))
        if exchange is None or not fits or not checker.invariant(exchange):
            if run:
                yield run, trees
            run, trees = [], set()
            continue
        if not run:
            run = [tuple(exchange)]
        run.append(tuple(exchange[v] for v in run[-1]))
        trees |= {*first, *second}
    if run:
        yield run, trees


def _families(system: TransitionSystem) -> list[list[list[int]]]:
    """Sibling threads, with all below them, that have as many rules of the same kinds; the
    outermost first."""
    below: dict[int, list[int]] = {}
    for t in system.threads:
        if t.parent is not None:
            below.setdefault(t.parent, []).append(t.id)
    kinds: dict[int, list[str]] = {}
    for r in system.rules:
        kinds.setdefault(r.thread, []).append(r.kind)
    depth: dict[int, int] = {}
    shapes: dict[tuple[object, ...], list[list[int]]] = {}
    for t in system.threads:
        depth[t.id] = 0 if t.parent is None else depth[t.parent] + 1
        tree = _tree(t, below)
        shape = tuple(tuple(kinds.get(m, ())) for m in tree)
        shapes.setdefault((depth[t.id], t.parent, t.fork, t.after, shape), []).append(tree)
    alike = [trees for trees in shapes.values() if len(trees) > 1]
    return sorted(alike, key=lambda trees: depth[trees[0][0]])


def _tree(thread: Thread, below: Mapping[int, Sequence[int]]) -> list[int]:
    found = [thread.id]
    for t in found:
        found += below.get(t, ())
    return found


class _Matching:
    """Guesses which variables of one tree of threads stand for which of another."""

    def __init__(self, checker: _Checker, rules: Mapping[int, Sequence[Rule]]) -> None:
        self.system, self.rules, self.mentioned = checker.space.system, rules, checker.mentioned
        self.inside = checker.kept
        self.points = {t.location: len(t.points) for t in self.system.threads}
        self.conditions = [
            ("state" if is_state(g) else "step", touched(g.cond), g.cond) for g in checker.goals
        ]
        self.out: dict[int, int] = {}

    def of(self, first: Sequence[int], second: Sequence[int]) -> dict[int, int] | None:
        """Disjoint variables on both sides, or None."""
        threads = self.system.threads
        for t, u in zip(first, second, strict=True):
            self.pair(threads[t].location, threads[u].location)
        for t, u in zip(first, second, strict=True):
            for r, q in zip(self.rules.get(t, ()), self.rules.get(u, ()), strict=True):
                self.rule(r, q)
        self.others({*first, *second})
        targets = set(self.out.values())
        if targets & self.out.keys() or len(targets) < len(self.out):
            return None
        return self.out or None

    def rule(self, r: Rule, q: Rule) -> None:
        self.walk(r.guard, q.guard)
        self.walk(r.relation, q.relation)
        self.updates(r, q)

    def others(self, trees: set[int]) -> None:
        """What goes with the trees elsewhere, as the undo of what is done there: rules of one
        kind, and goals, that mention variables which stand for each other."""
        rest = [r for r in self.system.rules if r.thread not in trees]
        size = -1
        while size < len(self.out):
            size = len(self.out)
            for r, q in self.images([(r.kind, self.mentioned[r.index], r) for r in rest]):
                self.rule(r, q)
            for c, d in self.images(self.conditions):
                self.walk(c, d)

    def images(self, items: Iterable[tuple[str, set[int], T]]) -> Iterator[tuple[T, T]]:
        """Pairs of one kind that mention variables which stand for each other."""
        both = self.both()
        places: dict[tuple[str, frozenset[int]], list[T]] = {}
        for kind, mentioned, item in items:
            mine = frozenset(mentioned & both.keys())
            if mine:
                places.setdefault((kind, mine), []).append(item)
        for (kind, mine), some in places.items():
            image = frozenset(both[v] for v in mine)
            alike = places.get((kind, image), ())
            # From the first tree to the second, so that blocks of several pairs are the same.
            if mine <= self.out.keys() and len(some) == len(alike):
                yield from zip(some, alike, strict=True)

    def pair(self, a: int, b: int) -> None:
        known = a == b or a in self.out or self.out.get(b) == a
        if known or a not in self.inside or b not in self.inside:
            return
        one, two = self.system.variables[a], self.system.variables[b]
        sizes = self.points.get(a), self.points.get(b)  # they have to fit in the same places
        if (one.sort, one.kind, one.lo, one.hi, sizes[0]) == (
            two.sort,
            two.kind,
            two.lo,
            two.hi,
            sizes[1],
        ):
            self.out[a] = b

    def updates(self, r: Rule, q: Rule) -> None:
        mine, other = dict(r.updates), dict(q.updates)
        both = self.both()
        reads = {w: frozenset(variables([e]) & both.keys()) for w, e in other.items()}
        left = []
        for v, e in mine.items():
            image = frozenset(both[x] for x in variables([e]) if x in both)
            w: int | None = v
            if v in both:
                w = both[v]
            elif image and reads.get(v) != image:
                w = next((w for w in other if reads[w] == image and w not in both), None)
            if w is not None and w in other:
                self.pair(v, w)
                self.walk(e, other.pop(w))
            else:
                left.append(v)
        for v, w in zip(left, list(other), strict=False):
            self.pair(v, w)
            self.walk(mine[v], other[w])

    def both(self) -> dict[int, int]:
        """The exchange, in both directions."""
        return {**{b: a for a, b in self.out.items()}, **self.out}

    def walk(self, a: Expr, b: Expr) -> None:
        stack = [(a, b)]
        seen: set[tuple[int, int]] = set()
        while stack:
            x, y = stack.pop()
            if (id(x), id(y)) in seen or x.op is not y.op or len(x.args) != len(y.args):
                continue
            seen.add((id(x), id(y)))
            if x.op in (Op.VAR, Op.POST):
                self.pair(x.index, y.index)
            stack.extend(zip(x.args, y.args, strict=True))


class _Checker:
    """Numbers terms so that equal ones up to the order of arguments have equal numbers."""

    def __init__(self, space: Space, goals: Sequence[Obligation], clocks: bool) -> None:
        self.space = space
        self.clocks = clocks
        self.goals = goals
        self.kept = set(space.kept)
        self.numbers: dict[tuple[object, ...], int] = {}
        self.rules = {r.index: r for r in space.system.rules}
        self.mentioning: dict[int, set[int]] = {}
        self.mentioned: dict[int, set[int]] = {}
        for r in space.system.rules:
            reads = variables([e for _, e in r.updates])
            mine = touched(r.guard) | touched(r.relation) | written(r) | reads
            self.mentioned[r.index] = mine
            for v in mine:
                self.mentioning.setdefault(v, set()).add(r.index)
        plain = _Names(self, {})
        self.plain = {i: plain.rule(r) for i, r in self.rules.items()}
        self.others = plain.others()
        self.asked = plain.asked(self.plain)
        self.moved: set[int] = set()  # goals that an exchange makes another one

    def invariant(self, exchange: Exchange) -> bool:
        """Does exchanging these variables map the rules, the start and the goals to themselves?"""
        both = {**exchange, **{b: a for a, b in exchange.items()}}
        names = _Names(self, both)
        # Rules that mention none of them are mapped to themselves.
        some = set().union(*(self.mentioning.get(v, set()) for v in both))
        mapped = {i: names.rule(self.rules[i]) for i in some}
        if Counter(mapped.values()) != Counter(self.plain[i] for i in some):
            return False
        asked = names.asked({**self.plain, **mapped})
        if names.others() != self.others or Counter(asked) != Counter(self.asked):
            return False
        self.moved |= {k for k, (a, b) in enumerate(zip(asked, self.asked, strict=True)) if a != b}
        return True

    def images(self, run: Sequence[Block]) -> list[Mapping[int, int]] | None:
        """Which rule becomes which where neighbours are exchanged; None where that is not sure, or
        the ends of one attempt become those of several."""
        plain: dict[tuple[object, ...], int] = {}
        twice: set[tuple[object, ...]] = set()
        for i, key in self.plain.items():
            if key in plain:
                twice.add(key)
            plain[key] = i
        out: list[Mapping[int, int]] = []
        for first, second in pairwise(run):
            both = {
                **dict(zip(first, second, strict=True)),
                **dict(zip(second, first, strict=True)),
            }
            names = _Names(self, both)
            some = set().union(*(self.mentioning.get(v, set()) for v in both))
            keys = {i: names.rule(self.rules[i]) for i in some if self.rules[i].guard is not FALSE}
            if twice & set(keys.values()):
                return None
            image = {i: plain[key] for i, key in keys.items()}
            groups = {(self.rules[i].group, self.rules[k].group) for i, k in image.items()}
            if len({a for a, _ in groups}) < len(groups) or len({b for _, b in groups}) < len(
                groups
            ):
                return None
            out.append(image)
        return out


class _Names:
    """The system read with variables exchanged."""

    def __init__(self, checker: _Checker, names: Exchange) -> None:
        self.checker, self.names = checker, names
        self.memo: dict[int, int] = {}
        self.alive: list[Expr] = []  # identities are used again once a term is gone

    def number(self, e: Expr) -> int:
        memo, names, numbers = self.memo, self.names, self.checker.numbers
        self.alive.append(e)
        stack = [e]
        while stack:
            node = stack[-1]
            if id(node) in memo:
                stack.pop()
                continue
            open_ = [a for a in node.args if id(a) not in memo]
            if open_:
                stack += open_
                continue
            stack.pop()
            args = [memo[id(a)] for a in node.args]
            if node.op in COMMUTATIVE:
                args.sort()
            value: object = node.value
            if node.op in (Op.VAR, Op.POST):
                value = names.get(node.index, node.index)
            key = (node.op, node.sort, type(value), value, *args)
            memo[id(node)] = numbers.setdefault(key, len(numbers))
        return memo[id(e)]

    def rule(self, r: Rule) -> tuple[object, ...]:
        names, kept = self.names, self.checker.kept
        delay: tuple[object, ...] = ()
        if self.checker.clocks and r.delay is not None:
            ends = r.delay.lo, r.delay.hi
            delay = (r.kind, r.error, *(None if e is None else self.number(e) for e in ends))
        return (
            delay,
            self.number(r.guard),
            self.number(r.relation),
            tuple((i.sort, i.lo, i.hi, str(i.type)) for i in r.inputs),
            frozenset(
                (names.get(v, v), self.number(e))
                for v, e in r.updates
                if v in kept and not (e.op is Op.VAR and e.index == v)
            ),
        )

    def others(self) -> tuple[object, ...]:
        """The start and the excluded states."""
        checker, names = self.checker, self.names
        system = checker.space.system
        starts = Counter(
            (names.get(v, v), None if init is None else self.number(init))
            for v, init in ((v, system.variables[v].init) for v in checker.kept)
        )
        return starts, self.number(system.initial), self.number(system.excluded)

    def asked(self, rules: Mapping[int, tuple[object, ...]]) -> list[tuple[object, ...]]:
        """The goals; `rules` as they read here."""
        return [
            ("state", self.number(g.cond))
            if is_state(g)
            else ("step", None if g.rule is None else rules.get(g.rule), self.number(g.cond))
            for g in self.checker.goals
        ]


class Family:
    """Equal stretches of a state that may be put in any order."""

    def __init__(self, layout: Layout, blocks: Sequence[Sequence[int]]) -> None:
        self.width = layout.widths[blocks[0][0]]
        self.mask = (1 << self.width) - 1
        self.offsets = [layout.fields[b[0]].offset for b in blocks]
        self.keep = ~sum(self.mask << o for o in self.offsets)

    def canonical(self, state: int) -> int:
        mask = self.mask
        parts = [state >> o & mask for o in self.offsets]
        ordered = sorted(parts)
        if ordered == parts:
            return state
        state &= self.keep
        for o, part in zip(self.offsets, ordered, strict=True):
            state |= part << o
        return state
