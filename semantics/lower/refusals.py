"""What is refused while a spec is lowered: it depends on what is known where it is run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from ...dsl import static_bounds
from ...dsl.errors import Diagnostic, Rejected, Span
from ...dsl.records import dataclass


def not_here(message: str, span: Span, fix: str) -> Rejected:
    """Of a form that can mean nothing there.  To be raised: the term around it is left out, and
    lowering goes on (see `Refusals`)."""
    return Rejected((Diagnostic("E0406", span, message, fix),))


def without_bounds(what: str, span: Span) -> Rejected:
    """The same, of what is written out and has no bounds where it is run."""
    return Rejected((static_bounds.without_bounds(what, span),))


@dataclass(eq=False, slots=True)
class Refusals:
    """All that one lowering has met: told at once, at the end."""

    found: dict[Diagnostic, None] = field(default_factory=dict)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """What is refused inside is noted, and the rest of it left out."""
        try:
            yield
        except Rejected as refused:
            self.note(refused)

    def note(self, refused: Rejected) -> None:
        self.found.update(dict.fromkeys(refused.diagnostics))

    def tell(self) -> None:
        """Raises `Rejected`, in source order, when there is something to tell."""
        if self.found:
            raise Rejected(tuple(sorted(self.found, key=lambda d: (d.span.line, d.span.col))))
