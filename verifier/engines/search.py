"""Breadth-first search: over packed states where all data is finite, else over explicit control and
symbolic data."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...dsl.records import dataclass
from ...semantics.system import Obligation, TransitionSystem
from ...semantics.trace import Trace
from .common import is_state, stutter
from .packed.beside import Machine
from .packed.graph_search import GraphSearch
from .packed.reports import Outcome
from .packed.run import PackedSearch, Reductions
from .search_graph import Graph
from .search_run import Pace, Search
from .search_space import Space, Unsupported
from .slice import Slice, steps_stutter, whole


@dataclass(frozen=True, slots=True)
class Violated:
    """`trace` was replayed on the whole system and breaks the goal with its last step."""

    trace: Trace


@dataclass(frozen=True, slots=True)
class Holds:
    """In every reachable state (or step); `states` nodes were enough to see it, `up_to` what; `by`:
    why it took long, if it did."""

    states: int
    up_to: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """Undecided; no violation within `depth` complete levels of steps."""

    reason: str
    depth: int


Finding = Violated | Holds | Open


@dataclass(slots=True)
class Exploration:
    """`findings` are in the order of the goals given."""

    findings: list[Finding]
    complete: bool
    states: int
    transitions: int
    depth: int
    seconds: float
    graph: Graph | None = None
    reason: str = ""


FIRST = 3_000  # states that are looked at before any is left out
PACKED = 20  # times as many packed states are seen in the same time as others
MOST = 2_000_000  # packed states in Python; each takes about 250 bytes
MACHINE = Machine()


def explore(
    system: TransitionSystem,
    goals: Sequence[Obligation],
    *,
    max_states: int = 200_000,
    seconds: float = 10.0,
    want_graph: bool = False,
    cone: Slice | None = None,
    reduce: bool = False,
    together: Sequence[int] | None = None,
    resigns: bool = False,
    machine: Machine | None = MACHINE,
) -> Exploration:
    """Searches for violations of the goals, shortest first.

    `cone` restricts the search to a slice made for these goals; without `cut` a violation there
    is completed to a run of the whole system, with it the slice can only show that goals hold.
    `together` numbers the claim that each goal is part of: of each claim one violation is enough,
    and its other goals then stay open.
    `reduce` leaves out interleavings (Peled's ample sets of one thread) and states that differ by
    the exchange of alike branches or instances only; a counterexample is then the shortest only
    if it was found without that in time, too.
    With `resigns` a graph is given up as soon as it cannot be whole in time.
    """
    begin = time.monotonic()
    used = whole(system) if cone is None or want_graph else cone
    call = _Call(system, used, goals, max_states, begin + seconds, reduce, together, machine)
    try:
        try:
            if not want_graph:
                return call.packed(begin)
            if goals:
                # A graph is dear: first, whether there are so few states.
                known = call.result(call.outcome(Reductions(), max_states), begin)
                if known.complete:
                    made = explore(
                        system, [], max_states=max_states, seconds=3 * seconds, want_graph=True
                    )
                    known.graph = made.graph
                    known.complete = made.complete
                return known
        except Unsupported:
            pass
        return call.symbolic(begin, seconds, want_graph, resigns)
    except Unsupported as reason:
        opens: list[Finding] = [Open(str(reason), 0) for _ in goals]
        return Exploration(opens, False, 0, 0, 0, time.monotonic() - begin, None, str(reason))


def findings(out: Outcome, goals: Sequence[Obligation], cone: Slice, up_to: str) -> list[Finding]:
    """One for each goal."""
    found: list[Finding] = []
    broken = out.found.keys() | out.failed.keys()
    held = {g.cond for k, g in enumerate(goals) if is_state(g) and k not in broken}
    for k, goal in enumerate(goals):
        # A slice leaves out the steps that write nothing of a goal: those must satisfy it anyway,
        # or another goal says that each state does.
        unsure = goal.every_step and not cone.everything
        unsure = unsure and stutter(goal.cond) not in held and not steps_stutter(goal)
        if k in out.found:
            found.append(Violated(out.found[k]))
        elif k in out.failed:
            found.append(Open(out.failed[k], out.depth))
        elif out.stop or unsure:
            why = ", ".join(filter(None, (out.stop, out.by))) if out.stop else ""
            found.append(Open(why or "steps outside the slice", out.depth))
        else:
            found.append(Holds(out.states, up_to, out.by))
    return found


def at_ends(
    system: TransitionSystem, goal: Obligation, *, max_states: int = 200_000, seconds: float = 10.0
) -> Finding:
    """Does the goal, about a state, hold in each reachable state in which no step can be taken?"""
    begin = time.monotonic()
    found: list[Finding] = [Open("not looked at", 0)]
    most = min(MOST, PACKED * max_states)
    for reductions, states in ((Reductions(), min(FIRST, most)), (Reductions(True, True), most)):
        try:
            search = PackedSearch(
                system,
                whole(system),
                [goal],
                states,
                begin + seconds,
                reductions,
                at_ends=True,
                machine=MACHINE,
            )
            out = search.run()
        except Unsupported as reason:
            return Open(str(reason), 0)
        found = findings(out, [goal], whole(system), search.up_to)
        if not isinstance(found[0], Open):
            break
    return found[0]


@dataclass(slots=True)
class _Call:
    system: TransitionSystem
    cone: Slice
    goals: Sequence[Obligation]
    max_states: int
    deadline: float
    reduce: bool
    together: Sequence[int] | None
    machine: Machine | None
    space: Space | None = None

    def packed(self, begin: float) -> Exploration:
        """Raises Unsupported."""
        most = min(MOST, PACKED * self.max_states)
        if not self.reduce:
            return self.result(self.outcome(Reductions(), most), begin)
        out = self.outcome(Reductions(), min(FIRST, most))
        if not out.stop or most <= FIRST:
            return self.result(out, begin)
        smaller = self.search(Reductions(True, True), most)
        if not smaller.reduces:
            return self.result(self.outcome(Reductions(), most), begin)
        out = smaller.run()
        if out.found or out.failed:
            # What stands there may be longer than need be, or the mirror image of another goal.
            plain = self.outcome(Reductions(), most)
            plain.found = {**out.found, **plain.found}
            done = self.result(plain, begin)
            if not out.stop:
                known = self.result(out, begin, smaller.up_to).findings
                done.findings = [
                    b if isinstance(a, Open) and isinstance(b, Holds) else a
                    for a, b in zip(done.findings, known, strict=True)
                ]
            return done
        return self.result(out, begin, smaller.up_to)

    def search(self, reductions: Reductions, most: int) -> PackedSearch:
        # The same states are looked at with and without reductions.
        if self.space is None:
            self.space = Space(self.cone.system, self.cone.variables)
        return PackedSearch(
            self.system,
            self.cone,
            self.goals,
            most,
            self.deadline,
            reductions,
            self.together,
            space=self.space,
            machine=self.machine,
        )

    def outcome(self, reductions: Reductions, most: int) -> Outcome:
        return self.search(reductions, most).run()

    def symbolic(
        self, begin: float, seconds: float, want_graph: bool, resigns: bool
    ) -> Exploration:
        """Raises Unsupported."""
        search = Search(
            self.system,
            self.cone,
            self.goals,
            self.max_states,
            self.deadline,
            want_graph,
            self.reduce,
            self.together,
        )
        # A short search of a large system would be over before it has looked at a state.
        search.deadline = time.monotonic() + seconds
        search.pace = Pace(time.process_time(), seconds) if resigns else None
        if want_graph and not self.goals:
            return self.graph(search, begin)
        search.run()
        return self.searched(search, begin)

    def graph(self, search: Search, begin: float) -> Exploration:
        """A graph without goals: in machine code, once that is there."""
        beside = GraphSearch(
            self.system, search.space, self.max_states, search.deadline, self.machine
        )
        search.beside = beside
        try:
            search.run()
        finally:
            beside.close()
        if search.graph is None:
            return self.searched(search, begin)
        states = len(search.graph.nodes)
        out = Outcome({}, {}, beside.stop, states, beside.transitions, beside.depth)
        done = self.result(out, begin)
        done.graph = search.graph
        return done

    def searched(self, search: Search, begin: float) -> Exploration:
        out = Outcome(
            search.found,
            search.failed,
            search.stop,
            len(search.nodes),
            search.transitions,
            search.depth,
        )
        done = self.result(out, begin)
        if search.edges is not None:
            done.graph = Graph(
                self.system,
                search.space,
                search.nodes,
                search.edges,
                frozenset(range(len(search.nodes))) - search.expanded,
                search.path,
                search.rules_seen,
            )
        return done

    def result(self, out: Outcome, begin: float, up_to: str = "") -> Exploration:
        """A finding for each goal."""
        seconds = time.monotonic() - begin
        return Exploration(
            findings(out, self.goals, self.cone, up_to),
            not out.stop,
            out.states,
            out.transitions,
            out.depth,
            seconds,
            None,
            out.stop,
        )
