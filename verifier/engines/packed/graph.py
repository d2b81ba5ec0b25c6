"""The reachable graph, from a search in machine code: arrays of states and edges."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

from ....semantics.expr import Expr, Scalar, Sort
from ....semantics.system import TransitionSystem
from ..search_graph import EXCLUDED, Edge, Graph
from ..search_space import Move, Space, State
from ..search_terms import NOTHING
from ..search_trace import Path
from .c_search import Printed
from .layout import WORD, Field, Layout
from .native import NOBODY, Library, Native, address
from .python import compile_packed

KEPT = 2_000_000  # edges; where there are more, each is read again whenever it is asked for

Label = tuple[int, tuple[Scalar, ...]]  # a rule and its inputs


class PackedGraph(Graph):
    """A `Graph` over arrays."""

    reverse: _Reverse
    library: Library  # whose code goes through the arrays; its own memory is given back

    @staticmethod
    def of(system: TransitionSystem, space: Space, layout: Layout, native: Native) -> PackedGraph:
        """What the search has found so far; its memory may then be given back."""
        view = native.view
        count, done, edges = view.count, view.done, view.edges
        words = native.printed.words
        labels = _labels(native.printed)
        nodes = _States(_copied("Q", view.states, count * words), words, layout, space)
        begins = _copied("Q", view.first, done + 1 if done else 0)
        steps = _Edges(
            begins,
            _copied("I", view.targets, edges),
            _copied("I", view.labels, edges),
            labels,
            count,
        )
        reverse = _Reverse(*native.reverse(), count)
        parents = _copied("I", view.parents, count)
        first: dict[int, int] = {}
        for label, node in enumerate(native.met(len(labels))):
            if node != NOBODY:
                rule = labels[label][0]
                first[rule] = min(node, first.get(rule, NOBODY))
        found = PackedGraph(
            system,
            space,
            nodes,
            steps,
            frozenset(range(done, count)),
            _Paths(system, space, nodes, steps, parents),
            _First(space, nodes, steps, first),
        )
        native.library.empty()
        object.__setattr__(found, "reverse", reverse)
        object.__setattr__(found, "library", native.library)
        return found

    def where(self, expr: Expr) -> set[int]:
        states: _States = self.nodes  # type: ignore[assignment]
        test = compile_packed([expr], states.layout)
        return {n for n, state in enumerate(states.packed()) if test(state)}

    def back(self, wanted: set[int], barred: Collection[int]) -> set[int]:
        count = len(self.nodes)
        marks = bytearray(count + 1)
        for mark, nodes in ((1, wanted), (2, barred)):
            for node in nodes:
                marks[count if node == EXCLUDED else node] = mark
        queue = array("I", bytes(4 * (count + 1)))
        begins, sources = self.reverse.begins, self.reverse.sources
        self.library.back(
            address(begins), address(sources), address(marks), address(queue), count + 1
        )
        found = {n for n, mark in enumerate(marks) if mark == 1}
        if count in found:
            found.remove(count)
            found.add(EXCLUDED)
        return found

    @cached_property
    def before(self) -> Mapping[int, Sequence[int]]:
        return self.reverse


def _labels(printed: Printed) -> list[Label]:
    out: list[Label] = []
    for rule, _ in printed.labels:
        out += [(rule.rule.index, inputs) for inputs in rule.choices or ((),)]
    return out


def _copied(kind: str, pointer: Any, size: int) -> array[int]:
    """An array of its own (`I` has 32 bits and `Q` 64 wherever there is such a compiler)."""
    out = array(kind)
    if size:
        out.frombytes(ctypes.string_at(pointer, size * out.itemsize))
    return out


class _States(Sequence[State]):
    def __init__(self, words: array[int], width: int, layout: Layout, space: Space) -> None:
        self._words, self._width, self.layout = words, width, layout
        self._count = len(words) // width
        self._values = _reader([layout.fields[v] for v in space.kept], space, width)
        self._known: list[State | None] | None = [None] * self._count
        if self._count > KEPT // 4:
            self._known = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> State: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[State]: ...
    def __getitem__(self, at: int | slice) -> State | Sequence[State]:
        if isinstance(at, slice):
            return [self[k] for k in range(*at.indices(self._count))]
        if self._known is None:
            return self._of(at)
        state = self._known[at]
        if state is None:
            state = self._known[at] = self._of(at)
        return state

    def packed(self) -> Iterable[int]:
        """Each as one number."""
        words, width = self._words, self._width
        if width == 1:
            return words
        parts = (words[k::width] for k in range(width))
        return (sum(w << WORD * k for k, w in enumerate(ws)) for ws in zip(*parts, strict=True))

    def _of(self, node: int) -> State:
        if not -self._count <= node < self._count:
            raise IndexError(node)
        return State(self._values(self._words, node % self._count * self._width), NOTHING)

    def __iter__(self) -> Iterator[State]:
        return map(self.__getitem__, range(self._count))


def _reader(
    fields: Sequence[Field], space: Space, width: int
) -> Callable[[array[int], int], tuple[Any, ...]]:
    """`f(words, at)`: the values of the state that begins there."""
    parts = []
    for f in fields:
        word, shift = divmod(f.offset, WORD)
        text = f"w{word} >> {shift} & {f.mask:#x}" if shift else f"w{word} & {f.mask:#x}"
        if space.system.variables[f.variable].sort is Sort.BOOL:
            text = f"({text}) == 1"
        elif f.low:
            text = f"({text}) + ({f.low})"
        parts.append(text)
    lines = [f"    w{k} = words[at + {k}]" for k in range(width)]
    source = "\n".join(["def f(words, at):", *lines, f"    return ({', '.join(parts)},)"])
    env: dict[str, Any] = {}
    exec(compile(source, "<states>", "exec"), env)
    reader: Callable[[array[int], int], tuple[Any, ...]] = env["f"]
    return reader


class _Edges(Sequence[Sequence[Edge]]):
    def __init__(
        self,
        begins: array[int],
        targets: array[int],
        labels: array[int],
        names: Sequence[Label],
        count: int,
    ) -> None:
        self.begins, self.targets, self.labels = begins, targets, labels
        self._rules = [rule for rule, _ in names]
        self._inputs = [inputs for _, inputs in names]
        self._count = count
        keeps = len(targets) <= KEPT
        self._known: list[list[Edge] | None] | None = [None] * count if keeps else None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Sequence[Edge]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Sequence[Edge]]: ...
    def __getitem__(self, at: int | slice) -> Sequence[Edge] | Sequence[Sequence[Edge]]:
        if isinstance(at, slice):
            return [self[k] for k in range(*at.indices(self._count))]
        if self._known is None:
            return self._of(at)
        found = self._known[at]
        if found is None:
            found = self._known[at] = self._of(at)
        return found

    def _of(self, node: int) -> list[Edge]:
        if not -self._count <= node < self._count:
            raise IndexError(node)
        at = node % self._count
        if at + 1 >= len(self.begins):
            return []  # it was not expanded
        rules, inputs, new = self._rules, self._inputs, tuple.__new__
        begin, end = self.begins[at], self.begins[at + 1]
        return [
            new(Edge, (rules[k], inputs[k], EXCLUDED if t == NOBODY else t, True))
            for t, k in zip(self.targets[begin:end], self.labels[begin:end], strict=True)
        ]

    def __iter__(self) -> Iterator[Sequence[Edge]]:
        return map(self.__getitem__, range(self._count))


class _Reverse(Mapping[int, Sequence[int]]):
    """Predecessors, by node; only nodes that have some are in it."""

    def __init__(self, begins: array[int], sources: array[int], count: int) -> None:
        self.begins, self.sources, self._count = begins, sources, count

    def __getitem__(self, node: int) -> Sequence[int]:
        at = self._count if node == EXCLUDED else node
        if not 0 <= at <= self._count:
            raise KeyError(node)
        found = self.sources[self.begins[at] : self.begins[at + 1]]
        if not found:
            raise KeyError(node)
        return found

    def get(self, node: int, default: Any = None) -> Any:
        at = self._count if node == EXCLUDED else node
        return self.sources[self.begins[at] : self.begins[at + 1]] or default

    def __iter__(self) -> Iterator[int]:
        nodes: Iterable[int] = (*range(self._count), EXCLUDED)
        return (n for n in nodes if n in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Paths:
    """The rules from an initial state to a node."""

    def __init__(
        self,
        system: TransitionSystem,
        space: Space,
        nodes: _States,
        edges: _Edges,
        parents: array[int],
    ) -> None:
        self._system, self._space, self._nodes = system, space, nodes
        self._edges, self._parents = edges, parents

    def __call__(self, node: int) -> Path:
        back: list[Edge] = []
        while self._parents[node] != NOBODY:
            parent = self._parents[node]
            back.append(next(e for e in self._edges[parent] if e.target == node))
            node = parent
        values = dict(zip(self._space.kept, self._nodes[node].values, strict=True))
        free = {v: x for v, x in values.items() if self._system.variables[v].init is None}
        back.reverse()
        return Path(free, tuple(e.rule for e in back), tuple(e.inputs for e in back))


class _First(Mapping[int, tuple[int, Move]]):
    """By rule, where it fires first, and how."""

    def __init__(
        self, space: Space, nodes: _States, edges: _Edges, where: Mapping[int, int]
    ) -> None:
        self._space, self._nodes, self._edges, self._where = space, nodes, edges, where

    def __getitem__(self, rule: int) -> tuple[int, Move]:
        node = self._where[rule]
        allowed = [e for e in self._edges[node] if e.rule == rule and e.target != EXCLUDED]
        found = {(e.inputs, self._nodes[e.target].values) for e in allowed}
        return node, next(
            m
            for m in self._space.moves(self._nodes[node])
            if m.rule.index == rule and (m.inputs, m.target.values) in found
        )

    def __contains__(self, rule: object) -> bool:
        return rule in self._where

    def __iter__(self) -> Iterator[int]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)
