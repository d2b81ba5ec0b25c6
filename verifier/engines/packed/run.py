"""Breadth-first search over packed states, with fewer interleavings and up to symmetry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from ....semantics.expr import FALSE, Scalar, Sort
from ....semantics.system import Obligation, TransitionSystem
from ....semantics.trace import Trace
from ..common import concerns, is_state, touched
from ..search_compile import compile_state, compile_step
from ..search_reduce import Reducer
from ..search_space import Space, State, Unsupported
from ..search_terms import NOTHING
from ..search_trace import Path, realize
from ..slice import Slice
from .layout import WIDTHS, Layout, Overflow
from .python import Expand, Test, compile_group, compile_packed
from .rules import Group, pack_rules
from .symmetry import Family, Symmetry, symmetry

MOST_RULES = 4_000
CHUNK = 512  # states between two looks at the clock

# By the value of a field: how to go on from there, and what its steps may break.
Table = Sequence[tuple[Expand, Test | None] | None]


@dataclass(frozen=True, slots=True)
class Reductions:
    ample: bool = False
    symmetry: bool = False


@dataclass(slots=True)
class Outcome:
    """As `search_run.Search` keeps it: runs that break goals, and why others were not decided."""

    found: dict[int, Trace] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    stop: str = ""
    states: int = 0
    transitions: int = 0
    depth: int = 0


class PackedSearch:
    """One search; raises Unsupported where data is not finite and whole.

    `space` is that of the cone, if it has been made.  With `at_ends` the goals, which are about
    states, are looked at only where no step can be taken.
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
    ) -> None:
        if len(cone.system.rules) > MOST_RULES:
            raise Unsupported("too many rules for a search of packed states")
        self.system, self.cone, self.goals = system, cone, goals
        self.max_states, self.deadline, self.together = max_states, deadline, together
        self.about: dict[int, AbstractSet[int]] | None = None  # what a goal about states reads
        self.at_ends = at_ends
        self.space = space or Space(cone.system, cone.variables)
        kept = self.space.kept
        if self.space.symbolic or any(
            cone.system.variables[v].sort not in (Sort.BOOL, Sort.INT) for v in kept
        ):
            raise Unsupported("data that is not finite and whole")
        self.booleans = frozenset(v for v in kept if cone.system.variables[v].sort is Sort.BOOL)
        self.symmetry = symmetry(self.space, goals) if reductions.symmetry else Symmetry()
        self.reducer: Reducer | None = None
        if reductions.ample and cone.system.excluded is FALSE:
            # (Leaving interleavings out loses no state without a step.)
            self.reducer = Reducer(cone.system, [] if at_ends else goals)
            if not any(self.reducer.local.values()):
                self.reducer = None
        self.open = set(range(len(goals)))
        self.out = Outcome()

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
            try:
                self._search(Layout(self.space.system, self._order(), level))
                return self.out
            except Overflow:
                self.open = set(range(len(self.goals)))
                self.out = Outcome()
        raise Unsupported("numbers grow too large")

    def _order(self) -> list[int]:
        """Blocks without gaps, then the others."""
        first = [v for family in self.symmetry.families for block in family for v in block]
        inside = set(first)
        return first + [v for v in self.space.kept if v not in inside]

    # --- the loop ---------------------------------------------------------------------------

    def _search(self, layout: Layout) -> None:
        self.layout = layout
        self.sorts = [Family(layout, blocks) for blocks in self.symmetry.families]
        self.groups = pack_rules(self.space, layout, self.goals)
        self.states: list[int] = []
        self.parents: list[int] = []
        self.seen: dict[int, int] = {}
        self.compile()
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
                    self.report_state(len(self.states) - 1)
        begin = 0
        while begin < len(self.states) and self.open:
            end = len(self.states)
            for at in range(begin, end, CHUNK):
                if not self.open:
                    break
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
        self.local: list[tuple[int, int, frozenset[int], Table]] = []
        if self.reducer is not None:
            at = {offset: table for offset, mask, table in self.tables if mask}
            for thread, points in self.reducer.local.items():
                location = self.space.system.threads[thread].location
                if points and location in layout.fields:
                    f = layout.fields[location]
                    table_of = at.get(f.offset)
                    if table_of is not None:
                        chosen = frozenset(int(p) for p in points)
                        self.local.append((f.offset, f.mask, chosen, table_of))

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
        local: Sequence[tuple[int, int, frozenset[int], Table]],
        out: list[int],
        broken: list[tuple[int, int]],
        wrong: list[int],
    ) -> int:
        """Takes the steps of one thread alone, if that is enough here; how many there were.

        What is put off stays enabled in their targets.  If those are all expanded later (numbers
        are in order of expansion), it is not put off for ever.
        """
        states, seen = self.states, self.seen
        for offset, mask, points, table in local:
            at = s >> offset & mask
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

    # --- violations -------------------------------------------------------------------------

    def violations(self, wrong: Sequence[int], broken: Sequence[tuple[int, int]]) -> None:
        before = len(self.open)
        for node in wrong:
            self.report_state(node)
        for goal, state in broken:
            if goal in self.open:
                self.report_step(goal, self.seen[state])
        if len(self.open) < before and self.open:
            self.compile()

    def report_state(self, node: int) -> None:
        path, values = self.concrete(node)
        as_stored = self.layout.unpack(self.states[node], self.space.kept, self.booleans)
        for state in (values, as_stored):
            for goal in sorted(self.open):
                if is_state(self.goals[goal]):
                    test = compile_state([self.goals[goal].cond], self.space.slots)
                    if not test(state):
                        self.report(goal, path if state is values else None)

    def report_step(self, suspect: int, node: int) -> None:
        """A step from here breaks a goal."""
        path, values = self.concrete(node)
        for goal in sorted(self.open):
            if is_state(self.goals[goal]):
                continue
            test = compile_step([self.goals[goal]], self.space.slots)
            for move in self.space.moves(State(values, NOTHING)):
                if concerns(self.goals[goal], move.rule) and not test(
                    values, move.inputs, move.target.values
                ):
                    self.report(goal, path.then(move.rule.index, move.inputs))
                    break
        if suspect in self.open:
            self.report(suspect, None)

    def report(self, goal: int, path: Path | None) -> None:
        """Closes a goal: with a run, or where its mirror image has one, without."""
        trace = None
        if self.cone.exact and path is not None:
            left = max(0.2, min(5.0, self.deadline - time.monotonic()))
            trace = realize(self.system, path, self.goals[goal], None, int(left * 1000))
        self.open.discard(goal)
        if trace is None:
            self.out.failed[goal] = (
                "a possible violation could not be made a run"
                if self.cone.exact
                else "not shown by the slice"
            )
        else:
            self.out.found[goal] = trace
            if self.together is not None:
                mates = {g for g in self.open if self.together[g] == self.together[goal]}
                self.give_up(mates, "another goal of the claim is broken")
        if goal in self.symmetry.moved:
            # What is left must be symmetric, so images are looked for no longer.
            self.give_up(self.open & self.symmetry.moved, "its mirror image is broken")

    def give_up(self, goals: set[int], why: str) -> None:
        """Also of all that an exchange may make one of these goals."""
        if goals & self.symmetry.moved:
            goals = goals | (self.open & self.symmetry.moved)
        self.out.failed.update(dict.fromkeys(goals, why))
        self.open -= goals

    def raw(self, values: Sequence[Scalar]) -> int:
        return self.layout.pack(dict(zip(self.space.kept, values, strict=True)))

    def concrete(self, node: int) -> tuple[Path, tuple[Scalar, ...]]:
        """A run to a state of this orbit, step by step from an initial state."""
        nodes = [node]
        while self.parents[nodes[-1]] >= 0:
            nodes.append(self.parents[nodes[-1]])
        wanted = [self.states[n] for n in reversed(nodes)]
        values = next(
            s.values
            for s in self.space.initial()
            if self.canonical(self.raw(s.values)) == wanted[0]
        )
        path = Path(
            {
                v: value
                for v, value in zip(self.space.kept, values, strict=True)
                if self.system.variables[v].init is None
            }
        )
        for state in wanted[1:]:
            move = next(
                m
                for m in self.space.moves(State(values, NOTHING))
                if self.canonical(self.raw(m.target.values)) == state
            )
            path = path.then(move.rule.index, move.inputs)
            values = move.target.values
        return path, values
