"""Terms of an instance that is one of many: when two are alike, and what they say of anybody."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field

from ...dsl.records import dataclass
from ...dsl.types import Bool, Int, Real, Type
from ...semantics.expr import FALSE, Expr, Op, Sort, and_, inp
from ...semantics.system import Input, Rule, Thread, TransitionSystem, Variable, VarKind
from ...semantics.walks import fold, rebuild, variables

TYPES: Mapping[Sort, Type] = {Sort.BOOL: Bool(), Sort.INT: Int(), Sort.REAL: Real()}
UNORDERED = (Op.AND, Op.OR, Op.ADD, Op.EQ)


class Unsupported(Exception):
    """The abstraction does not cover something in the rules."""


@dataclass(slots=True)
class Shapes:
    """Rules up to the names of what belongs to an instance: equal rules have equal shapes.

    `places`: whose a variable is, and its number among those.  What is the own instance's has
    another name than what is another one's.
    """

    places: Mapping[int, tuple[int, int]]
    numbers: dict[object, int] = field(default_factory=dict)
    memos: dict[int, dict[int, int]] = field(default_factory=dict)  # by instance

    def of(self, r: Rule) -> list[tuple[object, int]]:
        def number(node: Expr, args: Sequence[int]) -> int:
            of: object = node.value
            if node.op in (Op.VAR, Op.POST):
                of = self._name(node.index, r.instance)
            if node.op in UNORDERED:
                args = sorted(args)
            key = (node.op, node.sort, type(of), of, *args)
            return self.numbers.setdefault(key, len(self.numbers))

        memo = self.memos.setdefault(r.instance, {})
        updates = [(self._name(v, r.instance), fold(e, number, memo)) for v, e in r.updates]
        named = [("guard", r.guard), ("relation", r.relation)]
        return [*((name, fold(e, number, memo)) for name, e in named), *sorted(updates)]

    def _name(self, v: int, instance: int) -> tuple[int, int]:
        if v not in self.places:
            return (0, v)
        whose, number = self.places[v]
        return (1 if whose == instance else 2, number)


@dataclass(slots=True)
class Opened:
    """Reads what belongs to the member that takes the step: where a guard says where it is, that;
    otherwise any value (within the range in `ranged`, if it is there), the same throughout the
    step.

    `names`: what tells one member from another, and the one name that all of the crowd have.
    Whether a thing that has this name is the member's own is open; with `tidy` it is not.
    """

    mine: Collection[int]
    pins: Mapping[int, Expr]
    inputs: list[Input]
    ranged: Mapping[int, Variable] = field(default_factory=dict)
    names: Mapping[int, Expr] = field(default_factory=dict)
    tidy: bool = False
    known: dict[int, Expr] = field(default_factory=dict)
    tops: dict[tuple[int, Sort], Expr] = field(default_factory=dict)
    kept: list[Expr] = field(default_factory=list)  # keeps identities

    def __call__(self, e: Expr) -> Expr:
        if not variables([e]) & set(self.mine):
            return e
        if e.sort is Sort.STACK:
            raise Unsupported("a stack of a member is kept elsewhere")

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            if node.op is Op.VAR:
                if node.index not in self.mine or node.sort is Sort.STACK:
                    return node
                if node.index in self.names:
                    return self.names[node.index]
                return self.pins.get(node.index) or self.value(node.index, node.sort)
            if node.op is Op.TOP and variables([node]) & set(self.mine):
                return self._top(node)
            if any(a.op is Op.VAR and a.index in self.names for a in node.args):
                return self._named(node, args)
            return node if not node.args else rebuild(node, args)

        out = fold(e, build)
        if variables([out]) & set(self.mine):
            raise Unsupported("a stack of a member is looked at")
        return out

    def _named(self, node: Expr, args: Sequence[Expr]) -> Expr:
        if node.op is Op.EQ:
            return FALSE if self.tidy else and_(rebuild(node, args), self.fresh(Sort.BOOL))
        if node.op is Op.ITE:
            return rebuild(node, args)
        raise Unsupported("a step computes with what tells instances apart")

    def value(self, v: int, sort: Sort) -> Expr:
        if v not in self.known:
            self.known[v] = self.fresh(sort, self.ranged.get(v))
        return self.known[v]

    def _top(self, node: Expr) -> Expr:
        key = (id(node), node.sort)
        if key not in self.tops:
            self.kept.append(node)
            self.tops[key] = self.fresh(node.sort)
        return self.tops[key]

    def fresh(self, sort: Sort, like: Variable | None = None) -> Expr:
        """Any value, or any of the range of a variable."""
        if like is None:
            self.inputs.append(Input("of one of the others", sort, TYPES[sort]))
        else:
            self.inputs.append(Input("of one of the others", sort, like.type, like.lo, like.hi))
        return inp(len(self.inputs) - 1, sort)


def serves(t: Thread) -> bool:
    """It belongs to a channel or a bucket, and to no instance, whatever it says."""
    return t.parent is None and len(t.points) == 1


def owned(system: TransitionSystem, instance: int) -> list[Variable]:
    """The variables of an instance, in the same order as those of one that is alike."""
    aside = {t.location for t in system.threads if serves(t)}
    return [v for v in system.variables if v.instance == instance and v.index not in aside]


def names_of(system: TransitionSystem, one: int, other: int) -> dict[int, Expr]:
    """Of a member: what tells it from another one, and never changes; with its value."""
    out: dict[int, Expr] = {}
    for a, b in zip(owned(system, one), owned(system, other), strict=True):
        if b.kind is not VarKind.ARG or a.init is None or b.init is None:
            continue
        if a.init.op is Op.CONST and b.init.op is Op.CONST and a.init.value != b.init.value:
            out[b.index] = b.init
    written = {v for r in system.rules for v, _ in r.updates}
    if written & out.keys():
        raise Unsupported("what tells instances apart changes")
    return out


__all__ = ["Opened", "Shapes", "Unsupported", "names_of", "owned", "serves"]
