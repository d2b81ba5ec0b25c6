"""Of so many instances what holds of any number of them.

Where several instances of a workflow have too many states together to look at all, one of them
among any number of others that are counted (`anynumber`) may have few.  Runs of so many are runs of
any number, so what is proved of these holds of those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ...dsl import load_text
from ...dsl.errors import Rejected
from ...dsl.format import format_spec
from ...semantics.lower import lower
from ..session import Session
from ..verdict import Proved, Verdict

if TYPE_CHECKING:
    from .anynumber import AnyNumber

PART = 0.35  # of the time that is left


class AnySize:
    """Proofs of a system in which numbers of instances are given.  Made anew for each question: it
    keeps the time that there was when it was made."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def found(self, proof: Callable[[AnyNumber], Proved | None]) -> Verdict | None:
        """What is proved; None: nothing."""
        graph, _ = self.session.graph or (None, "")
        if (graph is not None and graph.complete) or self.session.left() <= 0:
            return None
        with self.session.slot(PART):
            any_number = self.any_number
            shown = None if any_number is None else proof(any_number)
        if shown is None:
            return None
        # (Evidence would be of other rules.)
        how = f"as of any number of instances, of which there are so many here: {shown.how}"
        return replace(shown, how=how, evidence=())

    @cached_property
    def any_number(self) -> AnyNumber | None:
        """The same with any number of each kind of which there are several."""
        from .anynumber import AnyNumber

        session, spec = self.session, self.session.spec
        if spec is None or spec.system is None:
            return None
        given = session.system
        # (How many messages there are, and which capacities are set, was asked of this system.)
        if given.any_number or given.open_channels or given.controls:
            return None
        several = tuple(
            replace(d, count=None, any_number=True)
            if d.count is not None and d.binder is None and d.arrive is None
            else d
            for d in spec.system.instances
        )
        if several == spec.system.instances:
            return None
        text = format_spec(replace(spec, system=replace(spec.system, instances=several), items=()))
        try:
            meant = load_text(text, spec.workflows[0].span.file)
            own = session.of(lower(meant, room=given.room))
        except Rejected:
            return None
        own.spec = meant
        return AnyNumber(own, meant)


__all__ = ["AnySize"]
