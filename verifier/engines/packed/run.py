"""Breadth-first search over packed states, with fewer interleavings and up to symmetry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from ....dsl.records import dataclass
from ....semantics.expr import FALSE, Sort
from ....semantics.system import Obligation, TransitionSystem
from ..common import is_state, touched
from ..search_reduce import Reducer
from ..search_space import Space, Unsupported
from ..slice import Slice
from .beside import Beside, Machine
from .layout import WIDTHS, Field, Layout, Overflow
from .python import Expand, Test, compile_group, compile_packed
from .reports import Nodes, Outcome, Reports
from .rules import Group, pack_rules
from .symmetry import Family, Symmetry, symmetry

if TYPE_CHECKING:
    from .c_search import Program
    from .native import Native

MOST_RULES = 4_000
CHUNK = 512  # states between two looks at the clock

# By the value of a field: how to go on from there, and what its steps may break.
Table = Sequence[tuple[Expand, Test | None] | None]


@dataclass(frozen=True, slots=True)
class Reductions:
    ample: bool = False
    symmetry: bool = False


class PackedSearch:
    """One search; raises Unsupported where data is not finite and whole.

    `space` is that of the cone, if it has been made.  With `at_ends` the goals, which are about
    states, are looked at only where no step can be taken.  It begins in Python and goes over to
    machine code as `machine` says (None: never).
    """

    def __init__(
        self,
        system: TransitionSystem,
        cone: Slice,
        goals: Sequence[Obligation],
        max_states: int,
        deadline: float,
        reductions: Reductions,
        together: Sequence[int] | None = None,
        at_ends: bool = False,
        space: Space | None = None,
        machine: Machine | None = None,
    ) -> None:
        if len(cone.system.rules) > MOST_RULES:
            raise Unsupported("too many rules for a search of packed states")
        self.goals = goals
        self.max_states, self.deadline, self.machine = max_states, deadline, machine
        self.about: dict[int, AbstractSet[int]] | None = None  # what a goal about states reads
        self.at_ends = at_ends
        self.space = space or Space(cone.system, cone.variables)
        kept = self.space.kept
        if self.space.symbolic or any(
            cone.system.variables[v].sort not in (Sort.BOOL, Sort.INT) for v in kept
        ):
            raise Unsupported("data that is not finite and whole")
        self.symmetry = symmetry(self.space, goals) if reductions.symmetry else Symmetry()
        self.reducer: Reducer | None = None
        if reductions.ample and cone.system.excluded is FALSE:
            # (Leaving interleavings out loses no state without a step.)
            self.reducer = Reducer(cone.system, [] if at_ends else goals)
            if not any(self.reducer.local.values()):
                self.reducer = None
        self._judging = (system, cone, goals, self.space, self.symmetry.moved, deadline, together)

    @property
    def reduces(self) -> bool:
        """Whether some states are left out."""
        return bool(self.symmetry.families) or self.reducer is not None

    @property
    def up_to(self) -> str:
        """What was left out, in words."""
        words = []
        if self.symmetry.families:
            words.append("the exchange of alike branches")
        if self.reducer is not None:
            words.append("the order of independent steps")
        return " and ".join(words)

    def run(self) -> Outcome:
        """Raises Unsupported if numbers grow too large for any field."""
        for level in range(len(WIDTHS)):
            self.reports = Reports(*self._judging)
            self.open = self.reports.open
            self.out = self.reports.out
            blocks = [block for family in self.symmetry.families for block in family]
            layout = Layout(self.space.system, self.space.kept, level, blocks)
            try:
                self._search(layout)
                return self.out
            except Overflow:
                continue
        raise Unsupported("numbers grow too large")

    # --- the loop ---------------------------------------------------------------------------

    def _search(self, layout: Layout) -> None:
        self.layout = layout
        self.sorts = [Family(layout, blocks) for blocks in self.symmetry.families]
        self.groups = pack_rules(self.space, layout, self.goals)
        self.states: list[int] = []
        self.parents: list[int] = []
        self.seen: dict[int, int] = {}
        self.compile()
        self.nodes = Nodes(layout, self.states, self.parents.__getitem__, self.canonical)
        everything = self.state_test(None)
        for first in self.space.initial():
            raw = layout.pack(dict(zip(self.space.kept, first.values, strict=True)))
            if self.excluded is not None and self.excluded(raw):
                continue
            state = self.canonical(raw)
            if state not in self.seen:
                self.seen[state] = len(self.states)
                self.states.append(state)
                self.parents.append(-1)
                if everything is not None and not self.at_ends and not everything(raw):
                    self.reports.report_state(self.nodes, len(self.states) - 1)
        self.initial = len(self.states)
        beside = Beside(self.machine, len(self.space.system.rules), self.deadline)
        try:
            self._levels(beside)
        finally:
            beside.close()

    def _levels(self, beside: Beside) -> None:
        """In Python, until the machine code is ready."""
        begin = 0
        while begin < len(self.states) and self.open:
            end = len(self.states)
            for at in range(begin, end, CHUNK):
                if not self.open:
                    break
                native = beside.ready(len(self.states), self.max_states, self.program)
                if native is not None and self._machine(native, beside):
                    return
                if len(self.states) > self.max_states:
                    self.out.stop = f"more than {self.max_states} states"
                elif time.monotonic() > self.deadline:
                    self.out.stop = "out of time"
                if self.out.stop:
                    break
                self.expand(at, min(end, at + CHUNK))
            if self.out.stop:
                break
            begin = end
            if begin < len(self.states):
                self.out.depth += 1
        self.out.states = len(self.states)
        self.out.by = beside.why

    def program(self) -> Program:
        """What is to be searched in machine code."""
        from .c_search import Program

        local = [(location, points) for location, points, _, _ in self.local]
        return Program(
            self.layout,
            self.groups,
            len(self.goals),
            {k: self.goals[k].cond for k in sorted(self.open) if is_state(self.goals[k])},
            self.space.excluded,
            self.symmetry.families,
            local,
            self.at_ends,
        )

    def _machine(self, native: Native, beside: Beside) -> bool:
        """The same search from its beginning: it soon comes to where Python is.  False: it had to
        be given up."""
        from .native import Code

        nodes = Nodes(self.layout, native.states, native.parent, self.canonical)
        code = native.start(self.states[: self.initial], sorted(self.open))
        while code in (Code.MORE, Code.REPORT) and self.open:
            if time.monotonic() > self.deadline:
                self.out.stop = "out of time"
                break
            code = native.run()
            if code is Code.REPORT:
                before = len(self.open)
                for node in native.wrong:
                    self.reports.report_state(nodes, node)
                for goal in native.broken:
                    if goal in self.open:
                        self.reports.report_step(nodes, goal, native.view.node)
                if len(self.open) == before:  # the two do not agree: Python has the last word
                    code = Code.GIVE_UP
                native.look_at(sorted(self.open))
        if code is Code.WIDER:
            raise Overflow
        if code is Code.GIVE_UP:
            self.compile()
            beside.why = "in Python: a number does not fit in 64 bits"
            return False
        if code is Code.FULL:
            self.out.stop = f"more than {len(native.states)} states, which fill the memory"
        elif code is Code.MANY:
            self.out.stop = f"more than {native.most} states"
        self.out.states = len(native.states)
        self.out.transitions = native.view.transitions
        self.out.machine = native.seconds
        self.out.depth = native.view.depth
        return True

    def canonical(self, state: int) -> int:
        for family in self.sorts:
            state = family.canonical(state)
        return state

    def compile(self) -> None:
        """Code for the goals that are open."""
        opened = frozenset(self.open)
        layout = self.layout
        self.tables: list[tuple[int, int, Table]] = []
        self.excluded = None
        if self.space.excluded is not FALSE:
            self.excluded = compile_packed([self.space.excluded], layout)
        tests: dict[frozenset[int], Test | None] = {}
        by_location: dict[int, list[Group]] = {}
        for group in self.groups:
            by_location.setdefault(-1 if group.location is None else group.location, []).append(
                group
            )
        for location, groups in by_location.items():
            table: dict[int, tuple[Expand, Test | None]] = {}
            for group in groups:
                writes = frozenset().union(*(r.writes for r in group.rules))
                if writes not in tests:
                    tests[writes] = None if self.at_ends else self.state_test(writes)
                entry = (compile_group(group, layout, opened), tests[writes])
                table[group.at] = entry
            if location < 0:
                self.tables.append((0, 0, [table[0]]))  # wherever
            else:
                f = layout.fields[location]
                self.tables.append((f.offset, f.mask, [table.get(k) for k in range(f.mask + 1)]))
        self.local: list[tuple[int, frozenset[int], Field, Table]] = []
        if self.reducer is not None:
            at = {offset: table for offset, mask, table in self.tables if mask}
            for thread, points in self.reducer.local.items():
                location = self.space.system.threads[thread].location
                if points and location in layout.fields:
                    f = layout.fields[location]
                    table_of = at.get(f.offset)
                    if table_of is not None:
                        chosen = frozenset(int(p) for p in points)
                        self.local.append((location, chosen, f, table_of))

    def state_test(self, writes: frozenset[int] | None) -> Test | None:
        """Of the open goals about states that what is written may break; None if there is none."""
        if self.about is None:
            self.about = {
                g: touched(goal.cond) for g, goal in enumerate(self.goals) if is_state(goal)
            }
        about = self.about
        parts = [
            self.goals[g].cond
            for g in sorted(self.open)
            if g in about and (writes is None or about[g] & writes)
        ]
        return compile_packed(parts, self.layout) if parts else None

    def expand(self, begin: int, end: int) -> None:
        """Follows all steps of these states."""
        states, parents, seen = self.states, self.parents, self.seen
        tables, excluded = self.tables, self.excluded
        canonical = self.canonical if self.sorts else None
        local = self.local
        broken: list[tuple[int, int]] = []
        wrong: list[int] = []
        out: list[int] = []
        steps = 0
        at_ends = self.state_test(None) if self.at_ends else None
        for node in range(begin, end):
            s = states[node]
            before = steps
            if local:
                taken = self.ample(node, s, local, out, broken, wrong)
                if taken:
                    steps += taken
                    continue
            for offset, mask, table in tables:
                entry = table[s >> offset & mask]
                if entry is None:
                    continue
                entry[0](s, out, broken)
                if out:
                    steps += len(out)
                    test = entry[1]
                    for n in out:
                        if excluded is not None and excluded(n):
                            continue
                        c = n if canonical is None else canonical(n)
                        if c not in seen:
                            seen[c] = len(states)
                            states.append(c)
                            parents.append(node)
                            if test is not None and not test(n):
                                wrong.append(seen[c])
                    out.clear()
            if at_ends is not None and steps == before and not at_ends(s):
                wrong.append(node)
        self.out.transitions += steps
        if wrong or broken:
            self.violations(wrong, broken)

    def ample(
        self,
        node: int,
        s: int,
        local: Sequence[tuple[int, frozenset[int], Field, Table]],
        out: list[int],
        broken: list[tuple[int, int]],
        wrong: list[int],
    ) -> int:
        """Takes the steps of one thread alone, if that is enough here; how many there were.

        What is put off stays enabled in their targets.  If those are all expanded later (numbers
        are in order of expansion), it is not put off for ever.
        """
        states, seen = self.states, self.seen
        for _, points, f, table in local:
            at = s >> f.offset & f.mask
            if at not in points:
                continue
            entry = table[at]
            if entry is None:
                continue
            kept = len(broken)
            entry[0](s, out, broken)
            targets = [self.canonical(n) for n in out] if self.sorts else out
            if out and all(seen.get(c, node + 1) > node for c in targets):
                test = entry[1]
                for n, c in zip(out, targets, strict=True):
                    if c not in seen:
                        seen[c] = len(states)
                        states.append(c)
                        self.parents.append(node)
                        if test is not None and not test(n):
                            wrong.append(seen[c])
                taken = len(out)
                out.clear()
                return taken
            out.clear()
            del broken[kept:]
        return 0

    def violations(self, wrong: Sequence[int], broken: Sequence[tuple[int, int]]) -> None:
        before = len(self.open)
        for node in wrong:
            self.reports.report_state(self.nodes, node)
        for goal, state in broken:
            if goal in self.open:
                self.reports.report_step(self.nodes, goal, self.seen[state])
        if len(self.open) < before and self.open:
            self.compile()
