"""The search in machine code that keeps the graph, beside one in Python."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ....semantics.expr import Sort
from ....semantics.system import TransitionSystem
from ..search_graph import Graph
from ..search_space import Space
from .beside import Beside, Machine
from .layout import WIDTHS, Layout, Overflow
from .rules import pack_rules
from .run import MOST_RULES

if TYPE_CHECKING:
    from .c_search import Program
    from .native import Native


class GraphSearch:
    """Keeps the graph of a system whose data is finite and whole; `ready` and `run` while something
    else is done.  `stop`: why the graph is not complete.  `close` it in the end."""

    def __init__(
        self,
        system: TransitionSystem,
        space: Space,
        max_states: int,
        deadline: float,
        machine: Machine | None,
    ) -> None:
        self.system, self.space = system, space
        self.max_states, self.deadline = max_states, deadline
        # Whoever asks for a graph goes through it in Python: no more nodes than without.
        self.machine = machine and replace(machine, more=1)
        sorts = {space.system.variables[v].sort for v in space.kept}
        if len(space.system.rules) > MOST_RULES or space.symbolic or sorts - {Sort.BOOL, Sort.INT}:
            self.machine = None
        self.level = 0
        self.stop = ""
        self.depth = self.transitions = 0
        self._beside = Beside(self.machine, len(space.system.rules), deadline)
        self._layout: Layout | None = None

    def ready(self, states: int) -> Graph | None:
        """The graph, if there is machine code by now; another search is at so many states."""
        while self.level < len(WIDTHS):
            try:
                native = self._beside.ready(states, self.max_states, self._program)
                return None if native is None else self._run(native)
            except Overflow:  # also of an initial state
                self.close()
                self.level += 1
                self._beside = Beside(self.machine, len(self.space.system.rules), self.deadline)
        return None

    @property
    def begun(self) -> bool:
        """Whether there will be machine code soon."""
        return self._beside.begun

    def close(self) -> None:
        self._beside.close()

    def _program(self) -> Program:
        from .c_search import Program

        layout = Layout(self.space.system, self.space.kept, self.level)
        self._layout = layout
        groups = pack_rules(self.space, layout, [])
        return Program(layout, groups, 0, {}, self.space.excluded, edges=True)

    def _run(self, native: Native) -> Graph | None:
        """Raises Overflow.  None: a number does not fit in 64 bits."""
        from .graph import PackedGraph
        from .native import Code

        layout = self._layout
        assert layout is not None
        initial: dict[int, None] = {}
        for first in self.space.initial():
            if self.space.excluded_plain is None or not self.space.excluded_plain(first.values):
                initial[layout.pack(dict(zip(self.space.kept, first.values, strict=True)))] = None
        code = native.start(list(initial), ())
        while code is Code.MORE:
            if time.monotonic() > self.deadline:
                self.stop = "out of time"
                break
            code = native.run()
        if code is Code.WIDER:
            raise Overflow
        if code is Code.GIVE_UP:
            return None
        if code is Code.FULL:
            self.stop = f"more than {len(native.states)} states, which fill the memory"
        elif code is Code.MANY:
            self.stop = f"more than {native.most} states"
        self.depth, self.transitions = native.view.depth, native.view.transitions
        return PackedGraph.of(self.system, self.space, layout, self._beside.given())
