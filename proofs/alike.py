"""Instances of which there may be any number, and which are alike: the rules of one are those of
another with names exchanged, and look at its own variables and at what all share.

The system of n such instances then has the rules of three, renamed; so a condition on one step, or
on two, with what is known of the instances that it speaks of, is the same question in each of these
systems (decision 27).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise, permutations, product

from ..semantics.expr import FALSE, Expr, Op, post, var
from ..semantics.system import Delay, Rule, RuleKind, Thread, TransitionSystem
from ..semantics.walks import fold, rebuild, variables
from .facts import Wrong
from .reading import conjuncts

FEWEST = 3  # a question is about a claim of two, and a step of another one

Moves = Mapping[int, int]  # instances, and for which each stands


class Alike:
    """Of a system in which all are there.  `Wrong` where they are not alike; says in what."""

    def __init__(self, system: TransitionSystem, key: Callable[[Expr], int]) -> None:
        self.system, self.key = system, key
        self.groups = [g.members for g in system.any_number]
        self.group = {m: members for members in self.groups for m in members}
        self.numbers = {g.number for g in system.any_number} - {None}
        self.member = {v.index: v.instance for v in system.variables if v.instance in self.group}
        roots = {i.root for i in system.instances}
        aside = {t.id: t.location for t in system.threads if t.parent is None and t.id not in roots}
        for r in system.rules:
            if r.thread in aside and self._touched(r) & self.member.keys() - {aside[r.thread]}:
                del aside[r.thread]
        self.serving = aside.keys()  # of a channel or a bucket, whatever they say
        for v in aside.values():
            self.member.pop(v, None)
        self.own: dict[int, list[int]] = {m: [] for m in self.group}
        for v, m in self.member.items():
            self.own[m].append(v)
        self.place = {v: k for mine in self.own.values() for k, v in enumerate(mine)}
        self.threads: dict[int, list[Thread]] = {m: [] for m in self.group}
        self.rules: dict[int, list[Rule]] = {m: [] for m in self.group}
        for t in system.threads:
            if t.id not in aside:
                self.threads.get(t.instance, []).append(t)
        for r in system.rules:
            if r.thread not in aside:
                self.rules.get(r.instance, []).append(r)
        self._check()

    # --- who is spoken of -------------------------------------------------------------------

    def members(self, terms: Iterable[Expr]) -> frozenset[int]:
        """Of the terms, those of which there may be any number."""
        terms = [*terms]
        seen = variables(terms) | variables(terms, Op.POST)
        return frozenset(m for v in seen if (m := self.member.get(v)) is not None)

    def members_of(self, thread: int) -> frozenset[int]:
        """Whose thread it is."""
        instance = self.system.threads[thread].instance
        return frozenset({instance} & self.group.keys() if thread not in self.serving else ())

    def first(self, members: Iterable[int]) -> bool:
        """Whether they are the first of their kinds."""
        found = {*members}
        return all(found & {*group} == {*group[: len(found & {*group})]} for group in self.groups)

    def renamed(self, e: Expr, moves: Moves) -> Expr:
        """With names exchanged; what is alike is written alike."""

        def build(n: Expr, args: Sequence[Expr]) -> Expr:
            if n.args:
                return rebuild(n, args)
            m = self.member.get(n.index) if n.op is Op.VAR or n.op is Op.POST else None
            if m is None or moves.get(m, m) == m:
                return n
            make = var if n.op is Op.VAR else post
            return make(self.own[moves[m]][self.place[n.index]], n.sort)

        return fold(e, build)

    def images(self, e: Expr) -> Iterator[Expr]:
        """What it says, of all of which it may be said."""
        found = self.members([e])
        parts = [tuple(m for m in group if m in found) for group in self.groups]
        ways = [permutations(g, len(p)) for g, p in zip(self.groups, parts, strict=True)]
        for chosen in product(*ways):
            moves = {
                m: n for p, c in zip(parts, chosen, strict=True) for m, n in zip(p, c, strict=True)
            }
            yield self.renamed(e, moves)

    def of_all(self, e: Expr) -> bool:
        """Whether it stays the same whoever is taken for whom."""
        return all(
            self.key(self.renamed(e, {a: b, b: a})) == self.key(self.renamed(e, {}))
            for group in self.groups
            for a, b in pairwise(group)
        )

    # --- whether they are alike -------------------------------------------------------------

    def _check(self) -> None:
        system = self.system
        if system.excluded is not FALSE:
            raise Wrong("runs in which an assumption is false do not count")
        if any(c.by_instances for c in system.channels):
            raise Wrong("a channel holds what so many instances send")
        if any(variables(self._terms(r)) & self.numbers for r in system.rules):
            raise Wrong("a step looks at how many there are")
        for r in system.rules:
            mine = {r.instance} & self.group.keys() if r.thread not in self.serving else set()
            seen = {self.member[v] for v in self._touched(r) if v in self.member}
            if not seen <= mine or system.threads[r.thread].instance != r.instance:
                raise Wrong(f"`{r.name}` looks at other instances")
        for group in self.groups:
            if len(group) < FEWEST:
                raise Wrong("there are too few to tell")
            first = self._all_of(group[0], group[0])
            for m in group[1:]:
                for what, one, other in zip(
                    ("variables", "threads", "steps", "ends"),
                    first,
                    self._all_of(m, group[0]),
                    strict=True,
                ):
                    if one != other:
                        raise Wrong(f"instances have different {what}")
        starts = conjuncts(system.initial)
        if any(len(self.members([p])) > 1 for p in starts):
            raise Wrong("what is known of the start is of several instances")
        known = {self.key(self.renamed(p, {})) for p in starts}
        if any(self.key(x) not in known for p in starts for x in self.images(p)):
            raise Wrong("what is known of the start is not of all instances")

    def _terms(self, r: Rule) -> list[Expr]:
        delay = [] if r.delay is None else [r.delay.lo, *([r.delay.hi] if r.delay.hi else [])]
        amounts = [e for _, e in (*r.holds, *r.gains)]
        return [r.guard, r.relation, *(e for _, e in r.updates), *delay, *amounts]

    def _touched(self, r: Rule) -> set[int]:
        terms = self._terms(r)
        seen = variables(terms) | variables(terms, Op.POST) | {v for v, _ in r.updates}
        return seen | {*r.reads} | {v for v, _ in (*r.holds, *r.gains)}

    def _all_of(self, m: int, first: int) -> tuple[object, ...]:
        """What an instance consists of, in the names of the first one."""
        moves = {m: first}
        system, threads, rules = self.system, self.threads[m], self.rules[m]
        position = {t.id: k for k, t in enumerate(threads)}
        number: dict[int | None, int] = {r.index: k for k, r in enumerate(rules)}

        def key(e: Expr | None) -> object:
            return None if e is None else self.key(self.renamed(e, moves))

        def named(v: int) -> int:
            return self.own[first][self.place[v]] if self.member.get(v) == m else v

        def held(found: Iterable[tuple[int, Expr]]) -> tuple[object, ...]:
            return tuple((named(v), key(e)) for v, e in found)

        def at(d: Delay | None, r: Rule) -> object:
            if d is None or (r.kind is RuleKind.TIMER and d.lo.op is Op.CONST):
                return d is None  # (they may come one after the other)
            return key(d.lo), key(d.hi)

        def thread(t: Thread) -> object:
            up = None if t.parent is None else position.get(t.parent)
            points = tuple((p.id, p.kind, held(p.holds)) for p in t.points)
            after = tuple(position.get(a) for a in t.after)
            return named(t.location), t.parent is None, up, t.fork, after, points

        groups: dict[int | None, int] = {}

        def rule(r: Rule) -> object:
            return (
                r.kind,
                position.get(r.thread),
                *map(key, (r.guard, r.relation, r.priority)),
                frozenset((named(v), key(e)) for v, e in r.updates),
                tuple((i.sort, i.type, i.lo, i.hi, i.clock) for i in r.inputs),
                at(r.delay, r),
                None if r.group is None else groups.setdefault(r.group, len(groups)),
                frozenset(map(named, r.reads)),
                held(r.holds),
                held(r.gains),
                (r.error, r.over_children),
            )

        declared = [
            (v.sort, v.type, v.kind, v.lo, v.hi, v.durable, key(v.init))
            for v in (system.variables[k] for k in self.own[m])
        ]
        steps: list[object] = [rule(r) for r in rules]
        steps += [self._choices(number), self._asked(m, number, moves)]
        ends = [
            (i.workflow, position.get(i.root), i.completed, i.failed, key(i.active))
            for i in system.instances
            if i.id == m
        ]
        return declared, [thread(t) for t in threads], steps, ends

    def _choices(self, number: Mapping[int | None, int]) -> frozenset[object]:
        """The sides of its choices."""
        found = [
            tuple(tuple(number.get(k) for k in side) for side in sides)
            for sides in self.system.choices
        ]
        return frozenset(sides for sides in found if any(k is not None for s in sides for k in s))

    def _asked(self, m: int, number: Mapping[int | None, int], moves: Moves) -> frozenset[object]:
        """What is claimed of its steps, and of itself."""
        return frozenset(
            (o.check, o.name, o.warning, o.every_step, number.get(o.rule, -1), key)
            for o in self.system.obligations
            if (number.keys() & {o.rule} if o.rule is not None else self.members([o.cond]) == {m})
            for key in [self.key(self.renamed(o.cond, moves))]
        )

    @cached_property
    def fixed(self) -> frozenset[int]:
        """What no step changes."""
        written = {v for r in self.system.rules for v, _ in r.updates}
        return frozenset(v.index for v in self.system.variables if v.index not in written)
