"""Reductions -> syntax tree.  One method `on_RULE` per rule (or alias) of grammar.lark."""

from __future__ import annotations

from .transform_control import ControlRules
from .transform_expr import ExprRules
from .transform_item import ItemRules
from .transform_term import TermRules


class Builder(ExprRules, TermRules, ControlRules, ItemRules):
    """All rules; each takes the children of a reduction and the span it covers."""
