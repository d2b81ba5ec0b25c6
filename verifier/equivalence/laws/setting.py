"""One side of a law as a spec: its text, checked and lowered with open processes for its names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ....dsl import load_text
from ....dsl.records import dataclass
from ....semantics.lower import lower
from ....semantics.lower.open import Open
from ....semantics.system import TransitionSystem

# One of each class that a law may name, and one of each that it does not.
ERRORS = {"E": "permanent", "F": "transient", "G": "permanent", "H": "transient"}
BUILT_IN = ("Timeout", "TooMany", "Interrupted")
STUCK = "wait until (false)"
WORKFLOW = "w"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the names of a law stand for.

    `open`: the metavariables.  `tests`: shared variables that are tests.  `errors`: all that
    there are.  `pools`: of one unit each.  `inside`: further text in the workflow.
    """

    open: Mapping[str, Open]
    tests: tuple[str, ...] = ()
    errors: tuple[str, ...] = tuple(ERRORS)
    pools: tuple[str, ...] = ()
    inside: str = ""
    kinds: Mapping[str, str] = field(default_factory=lambda: ERRORS)  # of errors

    @property
    def variables(self) -> tuple[str, ...]:
        """All shared variables that may change by themselves."""
        own = [b for o in self.open.values() for b in (o.first, o.later) if b]
        return tuple(dict.fromkeys((*self.tests, *own)))


def text(setting: Setting, term: str) -> str:
    """The spec whose one workflow does `term`."""
    own = [e for e in setting.errors if e not in BUILT_IN]
    lines = [f"error {e} {setting.kinds[e]}" for e in own]
    lines += [f"shared {b}: bool = false" for b in setting.variables]
    lines += [f"resource {m} : pool(1)" for m in setting.pools]
    lines.append(f"workflow {WORKFLOW} fails {', '.join(setting.errors)} {{")
    lines += [f"  activity {p} {{ fails {', '.join(setting.errors)} }}" for p in setting.open]
    lines.append(setting.inside)
    lines += [f"  run {{ {term} }}", "}", ""]
    return "\n".join(lines)


def system(setting: Setting, term: str) -> TransitionSystem:
    """Raises Rejected for a term that the language refuses."""
    return lower(load_text(text(setting, term), "law.wf"), open=setting.open)
