"""Turns steps into events for a log, in batches; without a log it only counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..semantics.expr import Scalar
from ..semantics.system import EventKind
from .clock import Tick
from .compile import Emitter, Row, Term, changes_text, inputs_text, plain_rows
from .log import RunEnd, RunInfo, Sink
from .plan import Plan

if TYPE_CHECKING:
    from .run import RunOptions

_BATCH = 4000


def first_rows(plan: Plan, initial: Sequence[Scalar]) -> list[Row]:
    """What a log begins with, as `events.initial_events` has it."""
    system = plan.system
    everything = changes_text(list(enumerate(initial)))
    rows: list[Row] = [
        (
            0,
            "0",
            None,
            EventKind.SNAPSHOT_CREATED.value,
            system.name,
            -1,
            "[]",
            everything,
            "initial",
        )
    ]
    emit = plan.compiler.events(system.initial_events, -1)
    emit(initial, (), 1, "0", "[]", rows.append)
    return rows


class Recorder:
    """The events of one run."""

    def __init__(
        self,
        plan: Plan,
        log: Sink | None,
        scheduler: str,
        options: RunOptions,
        initial: Sequence[Scalar],
    ) -> None:
        self.events = 0
        self._plan = plan
        self._clock = plan.clock
        self._log = log
        self._counts: list[int | Term | None] = [None] * len(plan.system.rules)
        self._emitters: list[Emitter | None] = [None] * len(plan.system.rules)
        self._seen = bytearray(len(plan.system.rules))
        self._tick: Tick = 0
        self._time = "0"
        self._rows: list[Row] = first_rows(plan, initial)
        self.events = len(self._rows)
        if log is not None:
            noted: dict[str, object] = dict(options.noted)
            if options.set_values:
                noted["set"] = list(options.set_values)
            if options.until is not None:
                noted["until"] = str(options.until)
            log.begin(
                RunInfo(
                    options.source,
                    options.spec_sha256,
                    options.seed,
                    scheduler,
                    noted,
                    tuple(v.name for v in plan.system.variables),
                )
            )
        else:
            self._rows.clear()

    def record(self, rule: int, inputs: tuple[Scalar, ...], now: Tick, state: list[Scalar]) -> None:
        """The events of the step that is about to fire."""
        if self._log is None:
            count = self._counts[rule]
            if count is None:
                made = self._plan.compiler.counter(self._plan.system.rules[rule])
                count = self._counts[rule] = made
            self.events += count if isinstance(count, int) else count(state, inputs)
            return
        if now != self._tick:
            self._tick = now
            self._time = str(self._clock.seconds(now))
        rows = self._rows
        given = inputs_text(inputs) if inputs else "[]"
        self.events = self._emit(rule, inputs, state, given)
        if len(rows) >= _BATCH:
            self._log.append(rows)
            rows.clear()

    def _emit(self, rule: int, inputs: tuple[Scalar, ...], state: list[Scalar], given: str) -> int:
        append = self._rows.append
        emit = self._emitters[rule]
        if emit is None:
            made = self._plan.system.rules[rule]
            if not self._seen[rule]:
                # Most rules of a large system fire once: see `plain_step`.
                self._seen[rule] = 1
                last = plain_rows(made, self.events, self._time, given, self._rows.extend)
                if last is not None:
                    return last
            emit = self._emitters[rule] = self._plan.compiler.emitter(made)
        return emit(state, inputs, self.events, self._time, given, append)

    def finish(self, end: RunEnd) -> None:
        """Write what is left, and the end."""
        if self._log is not None:
            self._log.append(self._rows)
            self._rows.clear()
            self._log.end(end)
