"""Terms as text of another language that has whole numbers and truth values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op, Scalar, Sort
from ...semantics.system import TransitionSystem
from ...semantics.words import in_words
from .finite import NotFinite

MOST_TEXT = 50_000  # characters of one term


@dataclass(frozen=True, slots=True)
class Notation:
    """How a language writes operators: between their arguments, or around them (`{}` for each)."""

    language: str
    true: str
    false: str
    between: Mapping[Op, str]
    around: Mapping[Op, str]

    def constant(self, value: Scalar) -> str:
        if isinstance(value, bool):
            return self.true if value else self.false
        return str(value) if value >= 0 else f"({value})"

    def joined(self, op: Op, parts: Sequence[str]) -> str:
        return f" {self.between[op]} ".join(parts)

    def text(self, node: Expr, args: Sequence[str], inputs: Sequence[Scalar] = ()) -> str:
        """Of one node; `inputs` are the answers of the environment.  Raises `NotFinite`."""
        op = node.op
        if op is Op.CONST:
            assert node.value is not None
            return self.constant(node.value)
        if op is Op.VAR:
            return f"v{node.index}"
        if op is Op.INPUT and node.index < len(inputs):
            return self.constant(inputs[node.index])
        if op in (Op.AND, Op.OR) and not args:
            return self.constant(op is Op.AND)
        if op in self.between:
            return f"({self.joined(op, args)})"
        if op in self.around:
            return self.around[op].format(*args)
        raise NotFinite(f"the operator {op.value} has no counterpart in {self.language}")


def must_be_plain(system: TransitionSystem, node: Expr) -> None:
    """Raises `NotFinite` where it is neither a whole number nor a truth value."""
    if node.sort not in (Sort.BOOL, Sort.INT):
        words = in_words(system, node, 60)
        raise NotFinite(f"{words} is not a whole number or a truth value ({node.sort.value})")


def must_be_short(characters: int) -> None:
    """Raises `NotFinite` of a term whose text is too long."""
    if characters > MOST_TEXT:
        raise NotFinite(
            f"a condition or value of more than {MOST_TEXT} characters",
            fix="split it, or leave out what it is about (`--only NAME` exports one claim)",
        )
