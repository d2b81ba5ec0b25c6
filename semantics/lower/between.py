"""Two specs that are compared as wholes, or a workflow of each: what is claimed of them.

The options are text, as `equiv` takes them and certificates keep them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...dsl import ast
from ...dsl.records import dataclass
from ..claimed import Claimed, Side, Terms
from ..observing import View, in_both
from ..system import TransitionSystem
from .alone import alone, silent
from .differing import compared_terms
from .world import lower

KINDS = ("equivalent", "refines")


@dataclass(frozen=True, slots=True)
class Options:
    """`workflow`: one of each spec, `A` or `A,B`; `observing`: `x,y`; `rename`: `a=b,c=d`, of the
    first spec; `hide`: `a,b`; "": none."""

    workflow: str = ""
    observing: str = ""
    rename: str = ""
    hide: str = ""

    @property
    def observed(self) -> tuple[str, ...]:
        return _names(self.observing)

    @property
    def renamed(self) -> Mapping[str, str]:
        return dict(x.split("=", 1) for x in _names(self.rename))

    @property
    def hidden(self) -> frozenset[str]:
        return frozenset(_names(self.hide))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def chosen(specs: Sequence[ast.Spec], workflow: str) -> list[ast.Spec]:
    """What is looked at of each.  Raises `Rejected`; ValueError for as many names as there are no
    specs."""
    wanted: list[str | None] = [*_names(workflow)] or [None]
    if len(wanted) == 1:
        wanted *= len(specs)
    return [silent(s) if w is None else alone(s, w) for s, w in zip(specs, wanted, strict=True)]


def alike(specs: Sequence[ast.Spec]) -> list[TransitionSystem]:
    """Their rules; with as many instances where there may be any number of them."""
    systems = [lower(s) for s in specs]
    several = [len(a.members) for s in systems for a in s.any_number]
    if len(set(several)) <= 1 and all(s.any_number for s in systems) is bool(several):
        return systems
    return [lower(s, (1, max(several))) if several else lower(s) for s in specs]


def between(specs: Sequence[ast.Spec], kind: str, under: str, options: Options) -> Claimed:
    """That two specs (as `chosen`) are equivalent, or that the second refines the first."""
    first, second = specs
    turned = kind == "refines"

    def sides() -> tuple[Side, Side]:
        left, right = alike(specs)
        watched = options.observed
        observed = watched or in_both(left, right)
        one = Side(left, View(observed, watched, options.renamed, options.hidden))
        other = Side(right, View(observed, watched, {}, options.hidden))
        return (other, one) if turned else (one, other)

    def terms() -> Sequence[Terms] | None:
        if options.rename or options.hide:
            return None
        return compared_terms(*((second, first) if turned else (first, second)))

    return Claimed(kind, under, _says(turned, under, options), "", sides, terms)


def _says(turned: bool, under: str, options: Options) -> str:
    what = "the second refines the first" if turned else "the two are equivalent"
    said = {"workflow": options.workflow, "observing": options.observing}
    said |= {"rename": options.rename, "hide": options.hide}
    return "; ".join([f"{what} under {under}", *(f"{k} {v}" for k, v in said.items() if v)])
