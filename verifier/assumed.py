"""What the spec assumes, and which of it a proof may rest on: `requires` of arguments that are
left open, and `assume`.

A proof by structure looks at what claims say only; other proofs may use whatever bears upon the
variables in their cone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..dsl import ast
from ..dsl.format_expr import AND, QUANTIFIER, expr
from ..dsl.records import dataclass
from ..dsl.walk import walk
from ..semantics.expr import FALSE, Op
from ..semantics.system import RuleKind, TransitionSystem, VarKind
from ..semantics.walks import variables
from .session import Session
from .verdict import Proved, Result, Verdict

# Rule by rule, or with a run as the evidence: no assumption is used.
WITHOUT = frozenset({"atomicity", "contracts", "no_dead_code"})
MOST_WORK = 10_000  # rules times lines of the table, to look for cones in
# Of runs that go on for ever.
LIVE = frozenset({"terminates", "starvation_free", "property"})
OF_CLAIMS = frozenset({"resources", "borrows", "deadlock_free"})
# What a structural proof of the check says of others, if they are proved.
FROM: Mapping[str, tuple[str, ...]] = {
    "starvation_free": ("terminates",),
    "property": ("terminates",),
    "terminates": ("deadlock_free",),
    "can_finish": ("deadlock_free", "terminates"),
    "timing_independent": ("deadlock_free",),
    "deterministic": ("deadlock_free", "timing_independent"),
}


@dataclass(frozen=True, slots=True)
class Assumption:
    """`reads`: the variables on which it bears; `cuts`: it ends runs, wherever control is."""

    text: str
    reads: frozenset[int]
    cuts: bool = False
    live: bool = False  # it leaves out runs that go on for ever
    outside: bool = False  # no term says it: structure counts on it, too


def assumptions(spec: ast.Spec, system: TransitionSystem) -> tuple[Assumption, ...]:
    """In the order of the file: of workflows, then of the whole file, then `assume`."""
    return (
        *_requires(spec, system),
        *_assumes(spec, system),
        *_awaited(spec, system),
        *_from_outside(spec, system),
    )


def _from_outside(spec: ast.Spec, system: TransitionSystem) -> Iterator[Assumption]:
    """A receive from the environment ends at some time, as an activity without an upper bound."""
    asked = {r.channel for r in system.rules if r.kind is RuleKind.RECEIVE and r.delay is not None}
    for c in spec.channels:
        if c.environment and any(name.split("[")[0] == c.name for name in asked):
            text = f"who waits for a message from `{c.name}` gets one at last ({c.span})"
            yield Assumption(text, frozenset(), live=True, outside=True)


def _awaited(spec: ast.Spec, system: TransitionSystem) -> Iterator[Assumption]:
    reads: dict[object, set[int]] = {}
    for e, span in system.eventually:
        reads.setdefault(span, set()).update(variables([e]))
    for node in walk(spec):
        if isinstance(node, ast.AssumeEventually) and node.span in reads:
            text = f"`assume eventually {expr(node.cond)}` ({node.span})"
            yield Assumption(text, frozenset(reads[node.span]), live=True)


def _requires(spec: ast.Spec, system: TransitionSystem) -> Iterator[Assumption]:
    """Parts that speak of an argument that the system gives are proved, not assumed."""
    open_: dict[str, dict[str, set[int]]] = {}
    for v in system.variables:
        if v.kind is VarKind.ARG and v.init is None and v.instance is not None:
            i = system.instances[v.instance]
            name = re.match(r"\w*", v.name[len(i.name) + 1 :])
            assert name is not None
            open_.setdefault(i.workflow, {}).setdefault(name[0], set()).add(v.index)
    for w in spec.workflows:
        free = open_.get(w.name, {})
        for p in w.properties:
            parts = _conjuncts(p.cond) if isinstance(p, ast.Requires) else []
            mine = [part for part in parts if _names(part) & free.keys()]
            reads = frozenset(x for e in mine for n in _names(e) & free.keys() for x in free[n])
            if mine:
                text = " and ".join(expr(e, AND if parts[1:] else QUANTIFIER) for e in mine)
                yield Assumption(f"`requires {text}` of {w.name} ({p.span})", reads)
    for p in spec.properties:
        if isinstance(p, ast.Requires):
            names = _names(p.cond)
            whole = (v for v in system.variables if v.instance is None)
            reads = frozenset(v.index for v in whole if re.split(r"\W", v.name)[0] in names)
            yield Assumption(f"`requires {expr(p.cond)}` ({p.span})", reads)


def _names(e: ast.Expression) -> set[str]:
    return {n.name for n in walk(e) if isinstance(n, ast.Name)}


def _conjuncts(e: ast.Expression) -> list[ast.Expression]:
    if isinstance(e, ast.Binary) and e.op == "and":
        return [*_conjuncts(e.left), *_conjuncts(e.right)]
    return [e]


def _assumes(spec: ast.Spec, system: TransitionSystem) -> Iterator[Assumption]:
    if system.excluded is FALSE:
        return
    ghosts = variables([system.excluded])
    reads: dict[object, set[int]] = {}
    for r in system.rules:
        if any(v in ghosts for v, _ in r.updates):
            reads.setdefault(r.span, set()).update(variables([r.guard]))
    for node in walk(spec):
        if isinstance(node, ast.Assume) and node.span in reads:
            text = f"`assume {expr(node.cond)}` ({node.span})"
            yield Assumption(text, frozenset(reads[node.span]), cuts=True)


class Used:
    """Which assumptions the proofs of one system may rest on."""

    def __init__(self, session: Session, spec: ast.Spec) -> None:
        self.session = session
        self.all = assumptions(spec, session.system)
        self.lines = len({(o.check, o.name) for o in session.system.obligations})

    def by(self, result: Result, verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
        """`verdicts` are those of whole checks so far, from which others follow."""
        if not self.all or not isinstance(result.verdict, Proved):
            return ()
        found = self._by(result.check, result.name, result.verdict, verdicts)
        return tuple(dict.fromkeys(a.text for a in self.all if a.text in found))

    def _by(
        self, check: str, name: str, verdict: Proved, verdicts: Mapping[str, Verdict]
    ) -> set[str]:
        if check in WITHOUT:
            return set()
        if set(verdict.engine.split(", ")) != {"structure"}:
            cone = self._cone(check, name)
            given = [a for a in self.all if not a.live or check in LIVE]
            return {a.text for a in given if cone is None or a.live or a.reads & cone}
        found = {a.text for a in self.all if a.outside and check in LIVE}
        if check in OF_CLAIMS:
            claimed = self._claimed()
            given = [a for a in self.all if not a.cuts and not a.live]
            found |= {a.text for a in given if a.reads & claimed}
        for other in FROM.get(check, ()):
            before = verdicts.get(other)
            if isinstance(before, Proved):
                found |= self._by(other, "", before, verdicts)
        return found

    def _cone(self, check: str, name: str) -> frozenset[int] | None:
        """The variables that matter for a claim; None: any may."""
        from .engines.slice import slice_for

        system = self.session.system
        goals = [o for o in system.obligations if (o.check, o.name) == (check, name)]
        if not goals or len(system.rules) * self.lines > MOST_WORK:
            return None
        return slice_for(replace(system, excluded=FALSE), goals).variables

    def _claimed(self) -> set[int]:
        """What the amounts of claims and capacities read."""
        system = self.session.system
        amounts = [e for r in system.rules for _, e in r.gains if e.op is not Op.CONST]
        return variables([*amounts, *(r.capacity for r in system.resources)])
