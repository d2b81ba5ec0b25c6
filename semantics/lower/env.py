"""What names mean at a place, and what must hold for the expressions there to be defined."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import field

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ..expr import TRUE, Expr, Op, post
from ..walks import substitute
from .data import Value, transform


class NotConstant(Exception):
    """An expression had to be constant here; `span` says which."""

    def __init__(self, span: Span) -> None:
        super().__init__(str(span))
        self.span = span


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound workflow instance: its variables by name; `draft` answers state predicates."""

    instance: int
    variables: Mapping[str, Value]
    draft: object = None
    exists: Expr = TRUE


@dataclass(frozen=True, slots=True)
class Definedness:
    """What must hold where something is evaluated: of an expression, or of code in one step."""

    cond: Expr
    message: str
    span: Span
    check: str = "arithmetic"


@dataclass(frozen=True)  # (without slots: it is copied very often)
class Env:
    """What names mean at a place.

    `store` maps variables already assigned earlier in the same atomic step to their values.
    `predicate` answers state predicates; `instances`
    lists the instances of a workflow; `string` interns a literal.
    """

    names: Mapping[str, Value]  # constants, parameters, arguments, bound names, result
    variables: Mapping[str, Value]  # of the workflow, and shared
    string: Callable[[str], int]
    predicate: Callable[[ast.StatePredicate, Bound | None, bool], Expr]
    instances: Callable[[str], tuple[Bound, ...]]
    now: Callable[[Span], Expr]
    # What metrics measure, and what names mean there.
    metrics: Mapping[str, tuple[ast.Expression, Callable[[], Env]]] = field(default_factory=dict)
    bound: Mapping[str, Bound] = field(default_factory=dict)
    store: Mapping[int, Expr] = field(default_factory=dict)
    entry: Mapping[int, Expr] = field(default_factory=dict)  # what `old` reads instead
    own: Bound | None = None
    defined: list[Definedness] | None = None  # None: nothing partial may be read
    guard: Expr = TRUE
    after: bool = False  # inside next(..)

    def bind(self, **more: Value) -> Env:
        return replace(self, names=layered(self.names, more)) if more else self


def layered(names: Mapping[str, Value], more: dict[str, Value]) -> ChainMap[str, Value]:
    """`more` before `names`, which are not copied: a file may have very many."""
    outer = names if isinstance(names, ChainMap) else ChainMap(dict(names))
    return outer.new_child(more)


def read(env: Env, value: Value) -> Value:
    """The value in the current store (or, inside `next`, after the step)."""
    if env.after:
        return transform(value, after_step)
    if not env.store:
        return value
    store = env.store
    return transform(value, lambda e: store.get(e.index, e) if e.op is Op.VAR else e)


def after_step(e: Expr) -> Expr:
    return substitute(e, lambda x: post(x.index, x.sort) if x.op is Op.VAR else x)


def unasked(env: Env) -> Env:
    """To read once more what somebody has asked about, or what is only looked at for its names."""
    return replace(env, defined=[])


class collecting:
    """An environment that notes what must hold for the expressions to be defined."""

    __slots__ = ("env", "found")

    def __init__(self, env: Env) -> None:
        self.found: list[Definedness] = []
        # (As `replace` does, but nothing has to be looked up: this is done some times a call.)
        self.env = inner = object.__new__(Env)
        inner.__dict__.update(env.__dict__, defined=self.found)

    def __enter__(self) -> tuple[Env, list[Definedness]]:
        return self.env, self.found

    def __exit__(self, *_: object) -> None:
        pass
