"""A workflow lowered as far as runs have come: what lies behind stands as a call of its own.

Lowering is by recursion over the syntax, and a part has a say only once control is at it.  So where
no such call can be started, the steps are those of the whole workflow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from ...dsl import ast
from ...dsl.errors import Span
from ...semantics.expr import Expr, Op, Scalar
from ...semantics.lower import lower
from ...semantics.system import Rule, RuleKind, TransitionSystem
from ...semantics.walks import fold

T = TypeVar("T")
NAME = "rest of the term"  # no activity can be called so
FIRST = 60  # operators that are opened at once; each time twice as many


Placed = tuple[list[Rule], dict[Scalar | None, list[Rule]]]


class Reached(Exception):
    """A run has come to what is not lowered yet."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Lazily:
    """`spec` runs one workflow only, whose term is of `;`, `if`, `while`, and steps."""

    def __init__(self, spec: ast.Spec, workflow: str) -> None:
        self.spec, self.workflow = spec, workflow
        self.parts: dict[int, int] = {}  # how much of a node is open, by identity
        self.rests: list[tuple[ast.Term, int]] = []  # the node, and from which part on
        self.more = FIRST
        self._known: TransitionSystem | None = None
        self._placed: Placed = ([], {})
        body = next(w.body for w in spec.workflows if w.name == workflow)
        self._open(body, 0)

    @property
    def system(self) -> TransitionSystem:
        if self._known is None:
            self.rests.clear()
            bodies = tuple(
                replace(w, body=self._cut(w.body)) if w.name == self.workflow else w
                for w in self.spec.workflows
            )
            rest = ast.Activity(NAME)
            spec = replace(
                self.spec, workflows=bodies, activities=(*self.spec.activities, rest), items=()
            )
            self._known = lower(spec)
            self._placed = _placed(self._known)
        return self._known

    def rules(self, state: Sequence[Scalar]) -> Sequence[Rule]:
        """Those that may be taken there."""
        return self.at(state[self.location()])

    def at(self, place: Scalar | None) -> Sequence[Rule]:
        """The rules that may be taken where control is there."""
        always, placed = self._placed
        return placed.get(place, always)

    def location(self) -> int:
        """The variable that says where control is."""
        system = self.system
        return system.threads[system.instances[0].root].location

    def reached(self, rule: Rule) -> None:
        """Raises `Reached` where a rule goes beyond what is lowered."""
        if self.beyond(rule):
            raise Reached(rule.span.line - 1)

    def beyond(self, rule: Rule) -> bool:
        """Whether it does."""
        return rule.kind is RuleKind.START and NAME in rule.activity

    def opening(self, found: Callable[[], T]) -> T:
        """What is found; more is lowered wherever a run comes to what is not."""
        while True:
            try:
                return found()
            except Reached as beyond:
                self.open(beyond.number)

    def show(self, parts: Iterable[tuple[ast.Term, int]]) -> None:
        """That a run is to go through these, and through so many of their parts."""
        for node, most in parts:
            if most > self.parts.get(id(node), 0):
                self.parts[id(node)] = most
                self._known = None

    def open(self, number: int) -> None:
        node, first = self.rests[number]
        self._open(node, first)
        self.more *= 2
        self._known = None

    def _open(self, node: ast.Term, first: int) -> None:
        left = self.more
        todo = deque([(node, first)])
        while todo and left > 0:
            node, first = todo.popleft()
            left -= 1
            kids = tuple(_kids(node))
            most = len(kids)
            if isinstance(node, ast.Seq):
                most = min(most, first + max(4, left // 4))
            self.parts[id(node)] = max(most, self.parts.get(id(node), 0), 1)
            todo.extend((k, 0) for k in kids[first:most] if not _leaf(k))

    def _cut(self, t: ast.Term) -> ast.Term:
        if _leaf(t):
            return t
        shown = self.parts.get(id(t), 0)
        if not shown:
            return self._rest(t, 0)
        match t:
            case ast.Seq(parts=parts):
                kept = tuple(self._cut(p) for p in parts[:shown])
                rest = () if shown >= len(parts) else (self._rest(t, shown),)
                return replace(t, parts=(*kept, *rest))
            case ast.If():
                orelse = None if t.orelse is None else self._cut(t.orelse)
                return replace(t, then=self._cut(t.then), orelse=orelse)
            case ast.While():
                return replace(t, body=self._cut(t.body))
        raise TypeError(type(t).__name__)

    def _rest(self, t: ast.Term, first: int) -> ast.Term:
        self.rests.append((t, first))
        number = len(self.rests)
        return ast.Call(NAME, span=Span(t.span.file, number, 1, number, 1))


def _placed(system: TransitionSystem) -> Placed:
    """Rules that may be taken anywhere; and by place these with those that are taken there."""
    always, placed = places(system.rules, system.threads[system.instances[0].root].location)
    return always, {p: [*rules, *always] for p, rules in placed.items()}


def places(
    rules: Sequence[Rule], location: int
) -> tuple[list[Rule], dict[Scalar | None, list[Rule]]]:
    """Rules that may be taken wherever that control is; and by place those that are taken there."""
    memo: dict[int, frozenset[Scalar] | None] = {}

    def build(node: Expr, args: Sequence[frozenset[Scalar] | None]) -> frozenset[Scalar] | None:
        """The places where it may hold; None: any."""
        if node.op is Op.EQ:
            for a, b in (node.args, node.args[::-1]):
                if a.op is Op.VAR and a.index == location and b.value is not None:
                    return frozenset((b.value,))
        known = [x for x in args if x is not None]
        if node.op is Op.AND and known:
            return frozenset.intersection(*known)
        if node.op is Op.OR and len(known) == len(args):
            return frozenset().union(*known)
        return None

    where = [fold(r.guard, build, memo) for r in rules]
    always = [r for r, at in zip(rules, where, strict=True) if at is None]
    placed: dict[Scalar | None, list[Rule]] = {}
    for rule, at in zip(rules, where, strict=True):
        for place in at or ():
            placed.setdefault(place, []).append(rule)
    return always, placed


def _leaf(t: ast.Term) -> bool:
    return not isinstance(t, ast.Seq | ast.If | ast.While)


def _kids(t: ast.Term) -> Iterator[ast.Term]:
    match t:
        case ast.Seq(parts=parts):
            yield from parts
        case ast.If():
            yield t.then
            if t.orelse is not None:
                yield t.orelse
        case ast.While():
            yield t.body
