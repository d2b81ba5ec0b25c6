"""Who is unfinished, and who waits for what, at a node of the reachable graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ...semantics.expr import Expr, Op, Sort, and_, const, eq, not_, or_, var
from ...semantics.system import Instance, PointKind, Rule, Thread, TransitionSystem, VarKind
from ...semantics.walks import postorder
from .admission import Numbers
from .common import conjuncts
from .mailbox import place_alone
from .search_compile import compile_state
from .search_graph import SPLIT, Graph

Reading = Callable[[int], bool | None]


class Threads:
    """Which threads are unfinished at a node, and which of them wait for resources only."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.system = graph.system
        self.rules: dict[int, frozenset[int]] = {}
        rules: dict[int, list[Rule]] = {}
        for rule in self.system.rules:
            rules.setdefault(rule.thread, []).append(rule)
        kinds = [v.kind for v in self.system.variables]
        self._unclaimed: dict[int, Reading] = {}
        self._without: dict[int, Expr] = {}  # who would have a step but for resources or messages
        self._known: dict[int, tuple[set[int], set[int]]] = {}
        self.children: dict[int, list[int]] = {}
        self._moving: dict[int, set[int]] | None = None
        for thread in self.system.threads:
            mine = rules.get(thread.id, [])
            self.rules[thread.id] = frozenset(r.index for r in mine)
            self._without[thread.id] = or_(*(without_waits(self.system, r, kinds) for r in mine))
            self._unclaimed[thread.id] = self._reading(self._without[thread.id])
            if thread.parent is not None:
                self.children.setdefault(thread.parent, []).append(thread.id)
        self._ended = [self._reading(ended(self.system, i)) for i in self.system.instances]

    def _reading(self, expr: Expr) -> Reading:
        graph = self.graph
        if graph.space.is_symbolic(expr):
            return lambda node: graph.holds(node, expr)
        test = compile_state([expr], graph.space.slots)
        return lambda node: test(graph.nodes[node].values)

    def kind(self, thread: Thread, node: int) -> PointKind:
        return thread.points[self.graph.at(node, thread.location)].kind

    def ended(self, node: int, instance: int) -> bool | None:
        """Whether an instance is over, or does not exist."""
        return self._ended[instance](node)

    def waiting(self, node: int, thread: Thread) -> tuple[bool, bool]:
        """(surely waiting, perhaps unfinished).

        A thread is perhaps unfinished while control is at the fork that it belongs to (of a
        root: while its instance has not ended) and it is not at an end; control may have passed
        on from there without a step, so this alone says little.  It surely waits when it would
        have a step but for resources or messages.
        """
        if self.kind(thread, node) in (PointKind.END, PointKind.FAILED):
            return False, False
        over = self.ended(node, thread.instance)
        if over is True:
            return False, False
        surely = over is False and self._unclaimed[thread.id](node) is True
        if thread.parent is None or thread.fork is None:
            return surely, True
        above = self.system.threads[thread.parent].location
        return surely, surely or self.graph.at(node, above) == thread.fork

    def waits(self, thread: Thread, among: Collection[int]) -> set[int]:
        """Those of the nodes at which it surely waits."""
        if self.graph.concrete:
            return self._everywhere(thread)[0].intersection(among)
        return {n for n in among if self.waiting(n, thread)[0]}

    def unfinished(self, thread: Thread, among: Collection[int]) -> set[int]:
        """Those of the nodes at which it is perhaps unfinished."""
        if self.graph.concrete:
            return self._everywhere(thread)[1].intersection(among)
        return {n for n in among if self.waiting(n, thread)[1]}

    def _everywhere(self, thread: Thread) -> tuple[set[int], set[int]]:
        """`waiting` at all nodes of a concrete graph, by one test of each."""
        if thread.id not in self._known:
            at = var(thread.location, Sort.INT)
            over = [p.id for p in thread.points if p.kind in (PointKind.END, PointKind.FAILED)]
            instance = self.system.instances[thread.instance]
            going = and_(
                *(not_(eq(at, const(p))) for p in over), not_(ended(self.system, instance))
            )
            asks = self._without[thread.id]
            perhaps = going
            if thread.parent is not None and thread.fork is not None:
                above = self.system.threads[thread.parent].location
                forked = eq(var(above, Sort.INT), const(thread.fork))
                perhaps = and_(going, or_(asks, forked))
            self._known[thread.id] = (
                self.graph.where(and_(going, asks)),
                self.graph.where(perhaps),
            )
        return self._known[thread.id]

    def over(self, instance: Instance) -> tuple[set[int], set[int]]:
        """The nodes at which an instance is surely over, and perhaps, or does not exist."""
        if self.graph.concrete:
            found = self.graph.where(ended(self.system, instance))
            return found, found
        answers = [self.ended(n, instance.id) for n in range(len(self.graph.nodes))]
        return (
            {n for n, answer in enumerate(answers) if answer is True},
            {n for n, answer in enumerate(answers) if answer is not False},
        )

    def below(self, thread: int) -> set[int]:
        """The threads that a thread may fork, and theirs."""
        out: set[int] = set()
        todo = [thread]
        while todo:
            for child in self.children.get(todo.pop(), ()):
                out.add(child)
                todo.append(child)
        return out

    def moving(self, thread: int) -> set[int]:
        """The nodes at which some state of the node has a step of the thread."""
        if self._moving is None:
            owner = {r.index: r.thread for r in self.system.rules}
            self._moving = {}
            for node, edges in enumerate(self.graph.edges):
                for edge in edges:
                    if edge.rule != SPLIT:
                        self._moving.setdefault(owner[edge.rule], set()).add(node)
        return self._moving.get(thread, set())

    def rules_of(self, thread: int) -> frozenset[int]:
        return self.rules[thread]


def ended(system: TransitionSystem, instance: Instance) -> Expr:
    """The instance is over, or does not exist."""
    location = var(system.threads[instance.root].location, Sort.INT)
    return or_(
        not_(instance.active),
        eq(location, const(instance.completed)),
        eq(location, const(instance.failed)),
    )


def without_waits(system: TransitionSystem, rule: Rule, kinds: Sequence[VarKind]) -> Expr:
    """A guard without what asks for resources or waits for messages."""
    place = place_alone(system, rule)
    return without_claims(rule, kinds) if place is None else place


def without_claims(rule: Rule, kinds: Sequence[VarKind]) -> Expr:
    """A guard without the conjuncts that ask for resources, or for the rule's turn to ask."""
    numbers = Numbers()
    turn = {numbers(part) for part in conjuncts(rule.turn)}
    return and_(
        *(
            part
            for part in conjuncts(rule.guard)
            if not (turn and numbers(part) in turn)
            and not any(
                n.op is Op.VAR and kinds[n.index] is VarKind.USED for n in postorder([part])
            )
        )
    )
