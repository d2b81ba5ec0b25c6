"""Which steps a proof rests on: the others could be anything.

A claim about states or steps is decided by the rules of its cone of influence.  Where a proof left
an invariant behind, only those of them count that write something which it or the claim mentions:
any other step keeps it without a look at what the step does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..dsl.errors import Span
from ..dsl.records import dataclass
from ..semantics.evidence import Evidence, Inductive, Part, Peaks, States
from ..semantics.system import Obligation, TransitionSystem
from ..semantics.walks import variables
from .checks.obligations import Claim, claims
from .engines.common import is_state, touched, written
from .engines.slice import slice_for
from .verdict import Proved, Result

STATED = ("invariant", "always", "requires", "ensures", "assert", "property")


@dataclass(frozen=True, slots=True)
class Rests:
    """What was proved, and the rules that the proof rests on."""

    check: str
    name: str
    engine: str
    rules: frozenset[int]

    @property
    def stated(self) -> bool:
        """The spec says it, no built-in check."""
        return self.check in STATED


@dataclass(frozen=True, slots=True)
class Step:
    """One place of the source, with the rules that it became."""

    what: str
    span: Span
    rules: frozenset[int]


def rests(
    system: TransitionSystem, results: Iterable[Result], checks: Sequence[str]
) -> list[Rests]:
    """For each proved claim about states or steps; `checks` are the kinds of those there are."""
    groups = {(c.check, c.name, c.warning): c for c in claims(system, checks)}
    out = []
    for r in results:
        claim = groups.get((r.check, r.name, r.warning))
        if claim is not None and isinstance(r.verdict, Proved):
            rules = _rules(system, claim, r.verdict.evidence)
            out.append(Rests(r.check, r.name, r.verdict.engine, rules))
    return out


def steps(system: TransitionSystem) -> list[Step]:
    """The places that can be run, in the order of the source."""
    found: dict[tuple[str, Span], set[int]] = {}
    for place in system.places:
        found.setdefault((place.what, place.span), set()).update(place.rules)
    out = [Step(what, span, frozenset(rules)) for (what, span), rules in found.items()]
    return sorted(out, key=lambda s: (s.span.line, s.span.col))


def _rules(system: TransitionSystem, claim: Claim, parts: Sequence[Part]) -> frozenset[int]:
    evidence = {k: p.evidence for p in parts for k in p.goals}
    out: set[int] = set()
    for k, goal in enumerate(claim.goals):
        out |= _of_goal(system, goal, evidence.get(k))
    return frozenset(out)


def _of_goal(system: TransitionSystem, goal: Obligation, evidence: Evidence | None) -> set[int]:
    cone = {r.index for r in slice_for(system, [goal]).system.rules}
    mentioned = touched(goal.cond) if is_state(goal) else set()
    match evidence:
        case Inductive(facts) if not facts.shapes:
            mentioned |= variables(facts.invariants)
        case Peaks(used):
            mentioned |= {used}
        case States(kept):
            mentioned |= set(kept)
        case _:
            return cone
    rules = system.rules
    about = {goal.rule} if goal.rule is not None else set()
    return about | {i for i in cone if written(rules[i]) & mentioned}
