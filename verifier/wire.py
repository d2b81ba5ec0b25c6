"""Verdicts between the processes that check one system.

Terms are compared by identity, so those of the system are sent as their number: both processes
have the system from before they parted, and number its terms alike.  Other terms are sent node by
node, shared parts once.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from ..dsl.errors import Span
from ..dsl.types import Type
from ..semantics.expr import EMPTY, FALSE, ONE, TRUE, ZERO, Expr, Op, Sort
from ..semantics.system import TransitionSystem

# A number of a term of the system, or a new node: operator, arguments by position among the nodes
# before it, sort, value.
Node = int | tuple[str, tuple[int, ...], str, object]


class Wire:
    """Encodes and decodes plain data in which terms occur."""

    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self._terms: list[Expr] | None = None
        self._numbers: dict[int, int] = {}

    def encode(self, value: object) -> bytes:
        """Raises what `pickle` raises where something else than plain data is in it."""
        out = io.BytesIO()
        pickler = _Pickler(out, self)
        pickler.dump(value)
        return pickle.dumps((pickler.nodes, out.getvalue()))

    def decode(self, data: bytes) -> Any:
        """What was encoded, terms of the system as they are in this process."""
        nodes, body = pickle.loads(data)
        return _Unpickler(io.BytesIO(body), self._made(nodes)).load()

    def terms(self) -> list[Expr]:
        """The constants that are compared by identity and all terms of the system, in the same
        order in each process."""
        if self._terms is None:
            self._terms = list(_reached([TRUE, FALSE, ZERO, ONE, EMPTY, self.system]))
            self._numbers = {id(e): k for k, e in enumerate(self._terms)}
        return self._terms

    def number(self, term: Expr) -> int | None:
        self.terms()
        return self._numbers.get(id(term))

    def _made(self, nodes: list[Node]) -> list[Expr]:
        made: list[Expr] = []
        for node in nodes:
            if isinstance(node, int):
                made.append(self.terms()[node])
            else:
                op, args, sort, value = node
                parts = tuple(made[k] for k in args)
                made.append(Expr(Op(op), parts, Sort(sort), value))  # type: ignore[arg-type]
        return made


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO, wire: Wire) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL)
        self.wire = wire
        self.nodes: list[Node] = []
        self._places: dict[int, int] = {}  # by identity of terms that the value keeps alive

    def persistent_id(self, value: object) -> int | None:
        return self._place(value) if type(value) is Expr else None

    def _place(self, term: Expr) -> int:
        todo = [term]
        while todo:
            top = todo[-1]
            if id(top) in self._places:
                todo.pop()
                continue
            number = self.wire.number(top)
            if number is None:
                missing = [a for a in top.args if id(a) not in self._places]
                if missing:
                    todo += missing
                    continue
                args = tuple(self._places[id(a)] for a in top.args)
                self.nodes.append((top.op.value, args, top.sort.value, top.value))
            else:
                self.nodes.append(number)
            self._places[id(top)] = len(self.nodes) - 1
            todo.pop()
        return self._places[id(term)]


class _Unpickler(pickle.Unpickler):
    def __init__(self, source: io.BytesIO, made: list[Expr]) -> None:
        super().__init__(source)
        self.made = made

    def persistent_load(self, place: int) -> Expr:
        return self.made[place]


def _reached(roots: list[object]) -> Iterator[Expr]:
    """The terms in plain data, and their parts; each once."""
    seen: set[int] = set()
    todo: list[object] = list(reversed(roots))
    while todo:
        value = todo.pop()
        if isinstance(value, Expr):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
                todo += value.args
        elif isinstance(value, Span | Type):
            continue
        elif isinstance(value, tuple | list):
            todo += value
        elif is_dataclass(value) and id(value) not in seen:
            seen.add(id(value))
            todo += (getattr(value, f.name) for f in fields(value))
