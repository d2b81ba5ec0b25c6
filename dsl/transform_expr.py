"""Rules of expressions and of types as written."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from . import ast
from .changed import maker
from .errors import Span
from .transform_base import RuleBase
from .types import DURATION

FUNCTIONS: Final = frozenset(
    ["some", "min", "max", "abs", "is_some", "value", "size", "old", "next"]
)
PREDICATES: Final = frozenset(
    ["started", "running", "done", "failed", "times", "used", "free", "held", "len", "instances"]
)
UNITS: Final[dict[str, Fraction]] = {
    "d": Fraction(86400),
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
}
# A longer chain of one associative operator becomes a balanced tree, so that a long conjunction
# is no deep one; `format` prints it flat again.
CHAIN: Final = 8


@lru_cache(4096)
def duration(text: str) -> tuple[Fraction, bool]:
    """Seconds, and whether the units stand largest first, each at most once."""
    total, last, ordered = Fraction(0), Fraction(10**9), True
    number = unit = ""
    for char in text + "0":
        if char.isalpha():
            unit += char
            continue
        if unit:
            size = UNITS[unit]
            total += Fraction(number) * size
            ordered &= size < last
            last, number, unit = size, "", ""
        number += char
    return total, ordered


def fold(op: str, parts: list[Any]) -> Any:
    """`a op b op c` as a tree: to the left, or balanced when the chain is long."""
    if len(parts) > CHAIN:
        while len(parts) > 1:
            joined = [
                ast.Binary(op, a, b, span=a.span.to(b.span))
                for a, b in zip(parts[::2], parts[1::2], strict=False)
            ]
            parts = joined + parts[len(joined) * 2 :]
        return parts[0]
    tree = parts[0]
    for part in parts[1:]:
        tree = maker(ast.Binary)(tree.span.to(part.span), op, tree, part)
    return tree


def _binary(op: str) -> Callable[[RuleBase, list[Any], Span], Any]:
    def rule(self: RuleBase, kids: list[Any], span: Span) -> Any:
        self.height = min(len(kids) - 1, max(CHAIN, len(kids).bit_length()))
        return fold(op, kids)

    return rule


def _text(self: RuleBase, kids: list[Any], span: Span) -> Any:
    return kids[0]


def _list(self: RuleBase, kids: list[Any], span: Span) -> Any:
    return tuple(k for k in kids if k is not None)


class ExprRules(RuleBase):
    on_quantifier_kind = on_comparator = on_sum_operator = on_product_operator = _text
    on_disjunction, on_conjunction = _binary("or"), _binary("and")
    on_args = _list

    def on_int(self, kids: list[Any], span: Span) -> Any:
        return maker(ast.IntLit)(span, int(kids[0]))

    def on_negative_int(self, kids: list[Any], span: Span) -> Any:
        return ast.Unary("-", ast.IntLit(int(kids[0]), span=span), span=span)

    def on_real(self, kids: list[Any], span: Span) -> Any:
        return ast.RealLit(Fraction(kids[0]), span=span)

    def on_duration(self, kids: list[Any], span: Span) -> Any:
        value, ordered = duration(kids[0])
        if not ordered:
            self.error(
                "E0104",
                span,
                f"the units of `{kids[0]}` are not in order",
                "largest first, each once: `1h30m`",
            )
        return maker(ast.DurationLit)(span, value, kids[0], DURATION)  # (a literal has its type)

    def on_string(self, kids: list[Any], span: Span) -> Any:
        return ast.StrLit(kids[0], span=span)

    def on_true(self, kids: list[Any], span: Span) -> Any:
        return ast.BoolLit(True, span=span)

    def on_false(self, kids: list[Any], span: Span) -> Any:
        return ast.BoolLit(False, span=span)

    def on_none(self, kids: list[Any], span: Span) -> Any:
        return ast.NoneLit(span=span)

    def on_name(self, kids: list[Any], span: Span) -> Any:
        if kids[0] == "now":
            return ast.Now(span=span)
        return maker(ast.Name)(span, kids[0])

    def on_index(self, kids: list[Any], span: Span) -> Any:
        return ast.Index(kids[0], kids[1], span=span)

    def on_member(self, kids: list[Any], span: Span) -> Any:
        return ast.Member(kids[0], kids[1], span=span)

    def on_array(self, kids: list[Any], span: Span) -> Any:
        return ast.ArrayLit(_list(self, kids, span), span=span)

    def on_set(self, kids: list[Any], span: Span) -> Any:
        return ast.SetLit(_list(self, kids, span), span=span)

    def on_field(self, kids: list[Any], span: Span) -> Any:
        return (kids[0], kids[1])

    def on_record(self, kids: list[Any], span: Span) -> Any:
        return ast.RecordLit(tuple(kids), span=span)

    def on_negate(self, kids: list[Any], span: Span) -> Any:
        return ast.Unary("-", kids[0], span=span)

    def on_not_(self, kids: list[Any], span: Span) -> Any:
        return maker(ast.Unary)(span, "not", kids[0])

    def on_compare(self, kids: list[Any], span: Span) -> Any:
        return maker(ast.Binary)(span, kids[1], kids[0], kids[2])

    def on_contains(self, kids: list[Any], span: Span) -> Any:
        return ast.Binary("in", kids[0], kids[1], span=span)

    def on_implies(self, kids: list[Any], span: Span) -> Any:
        return ast.Binary("=>", kids[0], kids[1], span=span)

    def on_range(self, kids: list[Any], span: Span) -> Any:
        return ast.Range(kids[0], kids[1], span=span)

    def on_quantifier(self, kids: list[Any], span: Span) -> Any:
        return ast.Quantifier(kids[0], kids[1], kids[2], kids[3], span=span)

    def on_sum(self, kids: list[Any], span: Span) -> Any:
        return self._chain(kids, "+")

    def on_product(self, kids: list[Any], span: Span) -> Any:
        return self._chain(kids, "*")

    def _chain(self, kids: list[Any], associative: str) -> Any:
        if len(kids) > 2 * CHAIN and all(op == associative for op in kids[1::2]):
            self.height = max(CHAIN, len(kids).bit_length())
            return fold(associative, kids[::2])
        tree = kids[0]
        self.height = len(kids) // 2
        for op, part in zip(kids[1::2], kids[2::2], strict=True):
            tree = ast.Binary(op, tree, part, span=tree.span.to(part.span))
        return tree

    def on_apply(self, kids: list[Any], span: Span) -> Any:
        name, args = kids
        if name not in PREDICATES:
            return ast.Apply(name, args, span=span)
        match args:
            case (ast.Name(target),):
                return ast.StatePredicate(name, target, span=span)
            case (ast.Member(ast.Name(instance), target),):
                return ast.StatePredicate(name, target, instance, span=span)
            case (ast.Member(ast.Name(w), _) | ast.Member(ast.Index(ast.Name(w), _), _),):
                fix = f"quantify: `forall o in {w}: {name}(o.…)`"
            case _:
                fix = f"write `{name}(name)`"
        self.error("E0123", span, f"`{name}` speaks of one thing, given by its name", fix)
        return ast.StatePredicate(name, "", span=span)

    # --- types -----------------------------------------------------------------------------------

    def on_type_name(self, kids: list[Any], span: Span) -> Any:
        return ast.TypeName(kids[0], span=span)

    def on_range_type(self, kids: list[Any], span: Span) -> Any:
        if kids[0] != "int":
            self.error("E0110", span, f"only `int` takes a range, not `{kids[0]}`", "`int a..b`")
        return ast.RangeType(kids[1], kids[2], span=span)

    def on_field_type(self, kids: list[Any], span: Span) -> Any:
        return (kids[0], kids[1])

    def on_record_type(self, kids: list[Any], span: Span) -> Any:
        return ast.RecordType(tuple(kids), span=span)

    def on_array_type(self, kids: list[Any], span: Span) -> Any:
        return ast.ArrayType(kids[0], kids[1], span=span)

    def on_set_type(self, kids: list[Any], span: Span) -> Any:
        return ast.SetType(kids[0], span=span)

    def on_option_type(self, kids: list[Any], span: Span) -> Any:
        return ast.OptionType(kids[0], span=span)
