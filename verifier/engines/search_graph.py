"""Questions about the whole reachable graph: who is stuck, can it end, what can run, lassos.

With symbolic data a node stands for many states and an edge only for some of them.  What *may*
happen follows all edges; what *must* be possible follows sets of edges (a step with all its
outcomes) that every state of the node has.  A refutation needs that something may not happen
any more, a proof that it must be possible; in between the answer is open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op, Scalar
from ...semantics.system import TransitionSystem
from ...semantics.trace import Trace
from .search_compile import compile_state
from .search_space import Move, Space, State
from .search_trace import Path, realize

EXCLUDED = -1  # as a target: runs that do not count
CUT_OFF = (
    "somebody is stuck, but it was not decided whether a run in which this is so counts "
    "(an `assume`, or a channel without a bound, may cut it off)"
)
SPLIT = -1  # as a rule: the node is the union of its targets


class Edge(NamedTuple):
    """`sure`: every state of the source can take this step, with one of its outcomes."""

    rule: int
    inputs: tuple[Scalar | None, ...]
    target: int
    sure: bool


@dataclass(frozen=True)
class Graph:
    """The reachable graph; node numbers are in breadth-first order."""

    system: TransitionSystem
    space: Space
    nodes: Sequence[State]
    edges: Sequence[Sequence[Edge]]
    frontier: frozenset[int]  # nodes whose steps were not explored
    path: Callable[[int], Path]
    first: Mapping[int, tuple[int, Move]]  # where a rule fires first

    @property
    def complete(self) -> bool:
        return not self.frontier

    @property
    def concrete(self) -> bool:
        """No symbolic data anywhere."""
        return not self.space.symbolic

    def holds(self, node: int, expr: Expr) -> bool | None:
        """Whether a condition holds in all states of a node (True) or in none (False)."""
        state = self.nodes[node]
        term = self.space.term(expr, state)
        if term.op is Op.CONST:
            return bool(term.value)
        terms = self.space.terms
        for answer, part in ((True, terms.negate(term)), (False, term)):
            both = terms.extend(state.condition, part)
            if both is None or terms.possible(both) is False:
                return answer
        return None

    def where(self, expr: Expr) -> set[int]:
        """The nodes at which a condition holds, if it reads no symbolic data."""
        test = compile_state([expr], self.space.slots)
        return {n for n, state in enumerate(self.nodes) if test(state.values)}

    def back(self, wanted: set[int], barred: Collection[int]) -> set[int]:
        """The wanted nodes, and those from which they may be reached without one of `barred`."""
        before: Mapping[int, Sequence[int]] = self.before
        found = set(wanted)
        queue = list(found)
        everything = len(self.nodes) + (EXCLUDED in found) - len(barred)
        while queue and len(found) < everything:
            for source in before.get(queue.pop(), ()):
                if source not in found and source not in barred:
                    found.add(source)
                    queue.append(source)
        return found

    def at(self, node: int, location: int) -> int:
        """A location's value."""
        return int(self.nodes[node].values[self.space.slots[location]])

    @cached_property
    def before(self) -> Mapping[int, Sequence[int]]:
        """Predecessors."""
        out: dict[int, list[int]] = {}
        for node, edges in enumerate(self.edges):
            for edge in edges:
                out.setdefault(edge.target, []).append(node)
        return out

    @cached_property
    def discounted(self) -> frozenset[int]:
        """Nodes from which every run comes to a false `assume`: none of these counts."""
        if EXCLUDED not in self.before:
            return frozenset()
        left = {n: len(edges) for n, edges in enumerate(self.edges) if any(e.sure for e in edges)}
        out: set[int] = set()
        queue = [EXCLUDED]
        while queue:
            for source in self.before[queue.pop()]:
                left[source] = left.get(source, 0) - 1
                if left[source] == 0 and source not in self.frontier:
                    out.add(source)
                    if source in self.before:
                        queue.append(source)
        return frozenset(out)

    @cached_property
    def uncertain(self) -> set[int]:
        """Nodes from which some run may come to a false `assume`."""
        return reaching(self, {EXCLUDED}) - {EXCLUDED}

    @cached_property
    def cyclic(self) -> bool:
        return any(len(c) > 1 for c in components(self)) or any(
            e.target == n for n, edges in enumerate(self.edges) for e in edges
        )

    def trace(self, node: int) -> Trace | None:
        """A run to a node."""
        return realize(self.system, self.path(node))


def components(graph: Graph) -> list[list[int]]:
    """Strongly connected components, successors before predecessors."""
    return strong([[e.target for e in es if e.target >= 0] for es in graph.edges])


def strong(following: Sequence[Sequence[int]]) -> list[list[int]]:
    """The same of any graph, given by its successors (Tarjan, no recursion)."""
    n = len(following)
    order = [0] * n
    low = [0] * n
    on = bytearray(n)
    stack: list[int] = []
    out: list[list[int]] = []
    clock = 0
    for root in range(n):
        if order[root]:
            continue
        clock += 1
        order[root] = low[root] = clock
        stack.append(root)
        on[root] = 1
        work = [(root, 0)]
        while work:
            node, at = work.pop()
            targets = following[node]
            descend = -1
            while at < len(targets):
                target = targets[at]
                at += 1
                if not order[target]:
                    descend = target
                    break
                if on[target]:
                    low[node] = min(low[node], order[target])
            if descend >= 0:
                work.append((node, at))
                clock += 1
                order[descend] = low[descend] = clock
                stack.append(descend)
                on[descend] = 1
                work.append((descend, 0))
                continue
            if low[node] == order[node]:
                part: list[int] = []
                while True:
                    top = stack.pop()
                    on[top] = 0
                    part.append(top)
                    if top == node:
                        break
                out.append(part)
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[node])
    return out


def reaching(graph: Graph, wanted: Iterable[int]) -> set[int]:
    """Nodes from which one of `wanted` may be reached."""
    return graph.back(set(wanted), ())


def counting(graph: Graph, wanted: Iterable[int]) -> set[int]:
    """Nodes from which a run that counts may come to `wanted`, and all of which no run counts."""
    lost = graph.discounted
    return graph.back(set(wanted) - lost, lost) | lost


def surely(
    graph: Graph, wanted: Collection[int], rules: Collection[int], excluded: bool
) -> set[int]:
    """Nodes from all of whose states it must be possible to reach `wanted` or fire a rule.

    Backwards: a node is good when some step that all its states can take leads, with each of
    its outcomes, to good nodes; `excluded` says whether those are good of which no run counts.
    Where runs may go round for ever, a step with an outcome that does not count says nothing of
    states that have no other: they may take other steps, again and again.
    """
    lost = graph.discounted if excluded else frozenset()
    some = excluded and not graph.cyclic
    groups: list[tuple[int, set[int]]] = []
    waiting: dict[int, list[int]] = {}
    good = {*wanted, *lost}
    queue = list(good)

    def mark(node: int) -> None:
        if node not in good:
            good.add(node)
            queue.append(node)

    for node, edges in enumerate(graph.edges):
        steps: dict[tuple[object, ...], set[int]] = {}
        for edge in edges:
            if not edge.sure:
                continue
            if edge.rule in rules:
                mark(node)
                break
            steps.setdefault((edge.rule, edge.inputs), set()).add(edge.target)
        for targets in steps.values():
            if EXCLUDED in targets:
                if not some:
                    continue
                targets.discard(EXCLUDED)
            if not targets:
                mark(node)
            for target in targets:
                waiting.setdefault(target, []).append(len(groups))
            groups.append((node, set(targets)))
    while queue:
        done = queue.pop()
        for k in waiting.get(done, ()):
            node, targets = groups[k]
            targets.discard(done)
            if not targets:
                mark(node)
    return good
