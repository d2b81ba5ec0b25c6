"""When a search goes over from Python to machine code, and why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ....dsl.records import dataclass
from ..search_space import Unsupported

# What only long searches need is loaded when one is long.
if TYPE_CHECKING:
    from .c_search import Printed, Program
    from .native import Compilation, Native

AFTER = 5_000  # states
COST = 0.004  # seconds that the compiler takes for a rule, about, and
BASE = 0.05  # for the rest; as long Python goes on before it is started
MEMORY = 500_000_000  # bytes; a state takes 30 to 60 in most systems
MORE = 10  # times as many states as Python may look at: each takes a tenth of time and memory
PACE = 150_000  # characters that are compiled in a second, by a machine that is busy
PART = 0.3  # of the time that is left, at most, for the compiler


@dataclass(frozen=True, slots=True)
class Machine:
    """The compiler is started after so many states, and once Python has taken as long as it will
    take.  `memory` is in bytes; `waits`: at once, and Python does not go on beside it."""

    after: int = AFTER
    more: int = MORE
    memory: int = MEMORY
    waits: bool = False
    level: str = "-O1"  # for the compiler: -O2 takes half as long again and is no faster


class Beside:
    """A search that is being compiled while another goes on; `close` it in the end."""

    def __init__(self, machine: Machine | None, rules: int, deadline: float) -> None:
        self.machine, self.deadline = machine, deadline
        self._begin = time.process_time()
        self._cost = 0.0 if machine is None or machine.waits else BASE + rules * COST
        self.why = ""  # the search is in Python
        self._compilation: Compilation | None = None
        self._native: Native | None = None
        self._program: tuple[Printed, int] | None = None

    def ready(self, states: int, most: int, program: Callable[[], Program]) -> Native | None:
        """The search in machine code, once: when it has been compiled.  Python is at so many
        states, and may look at `most`."""
        machine = self.machine
        if machine is None or self.why or self._native is not None or states < machine.after:
            return None
        if self._compilation is None and time.process_time() - self._begin < self._cost:
            return None
        from .native import Failed, Native

        try:
            if self._compilation is None:
                self._start(machine, program())
            assert self._compilation is not None and self._program is not None
            if machine.waits:
                self._compilation.wait(self.deadline - time.monotonic())
            if not self._compilation.ready():
                return None
            printed, goals = self._program
            library = self._compilation.library()
            self._native = Native(library, printed, goals, most * machine.more, machine.memory)
        except (Failed, Unsupported) as reason:
            self.why = f"in Python: {reason}"
        return self._native

    def _start(self, machine: Machine, program: Program) -> None:
        from .c_search import print_search
        from .native import Compilation, Failed

        printed = print_search(program)
        left = self.deadline - time.monotonic()
        if len(printed.text) / PACE > PART * left:
            raise Failed("there is too little time to compile the search")
        self._program = printed, program.goals
        self._compilation = Compilation(printed.text, machine.level)

    def given(self) -> Native:
        """The search in machine code, to keep."""
        native, self._native = self._native, None
        assert native is not None
        return native

    @property
    def begun(self) -> bool:
        """The compiler is at work."""
        return self._compilation is not None and not self.why

    def close(self) -> None:
        if self._compilation is not None:
            self._compilation.close()
        if self._native is not None:
            self._native.close()
