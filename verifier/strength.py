"""What the properties of a spec notice: which small changes to it some check refutes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ..dsl import ast
from ..dsl.errors import Rejected
from ..dsl.mutants import Mutant
from ..dsl.records import dataclass
from .verdict import Refuted, Result, Unknown

Decide = Callable[[ast.Spec], Sequence[Result]]


@dataclass(frozen=True, slots=True)
class Judged:
    """`by`: what refutes the mutant and not the spec.  `doubt`: what became unknown.

    `rejected` is the message where the changed spec is none.
    """

    mutant: Mutant
    by: tuple[str, ...] = ()
    doubt: tuple[str, ...] = ()
    rejected: str = ""

    @property
    def noticed(self) -> bool:
        return bool(self.by or self.rejected)


def judged(found: Iterable[Mutant], decide: Decide, results: Sequence[Result]) -> Iterator[Judged]:
    """Each mutant against the `results` of the spec itself."""
    refuted = {_key(r) for r in results if isinstance(r.verdict, Refuted)}
    unknown = {_key(r) for r in results if isinstance(r.verdict, Unknown)}
    for mutant in found:
        try:
            now = decide(mutant.spec)
        except Rejected as error:
            yield Judged(mutant, rejected=error.diagnostics[0].message)
            continue
        by = [r for r in now if isinstance(r.verdict, Refuted) and _key(r) not in refuted]
        doubt = [
            r for r in now if isinstance(r.verdict, Unknown) and _key(r) not in unknown | refuted
        ]
        yield Judged(mutant, _names(by), _names(doubt))


def _key(r: Result) -> tuple[str, str, bool]:
    return r.check, r.name, r.warning


def _names(results: Sequence[Result]) -> tuple[str, ...]:
    # Errors before warnings: they are what stops a pipeline.
    ordered = sorted(results, key=lambda r: r.warning)
    return tuple(dict.fromkeys(f"{r.check}: {r.name}" if r.name else r.check for r in ordered))
