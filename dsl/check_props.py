"""Properties, of a workflow or of the file."""

from __future__ import annotations

from typing import Any

from . import ast
from .changed import replace
from .check_calls import Context
from .check_terms import TermChecker
from .names import BUILT_CHECKS, Scope
from .types import BOOL


class PropertyChecker:
    def __init__(self, terms: TermChecker) -> None:
        self.terms, self.x, self.report = terms, terms.x, terms.report
        self.symbols = terms.symbols

    def property(self, p: ast.Item, scope: Scope, beside: tuple[ast.Property, ...]) -> Any:
        """The property, checked; `beside` are the properties that `expect refuted` may name."""
        match p:
            case ast.Invariant() | ast.Requires() | ast.Ensures() | ast.AssumeEventually():
                return replace(p, cond=self.x.expr(p.cond, scope, BOOL))
            case ast.Always():
                with self.x.words("next"):
                    return replace(p, cond=self.x.expr(p.cond, scope, BOOL))
            case ast.Pattern():
                with self.report.known_elsewhere(self.reach(p)):
                    return replace(
                        p,
                        p=self.x.expr(p.p, scope, BOOL),
                        q=self.terms.maybe(p.q, scope, BOOL),
                        within=self.terms.maybe_time(p.within, scope),
                    )
            case ast.CheckOn():
                for name in p.names:
                    self.check_name(name, p)
            case ast.SkipCheck():
                self.check_name(p.name, p)
                if not p.reason.strip():
                    self.report.error("E0121", p.span, "a skipped check needs a reason")
            case ast.ExpectRefuted():
                self.expected(p, beside)
            case ast.Deadline():
                if self.x.workflow is None and len(self.symbols.workflows) > 1:
                    self.report.error(
                        "E0406",
                        p.span,
                        "`deadline` of which workflow?",
                        "put it into the workflow",
                    )
                return replace(p, duration=self.terms.span_of_time(p.duration, scope))
            case ast.Equivalent():
                for name in (p.left, p.right):
                    self.symbols.used.add(name)
                    if name not in self.symbols.workflows:
                        self.report.unknown(
                            "E0201", p.span, "workflow", name, self.symbols.workflows
                        )
                known = [
                    *self.x.shapes.get(p.left, {}),
                    *self.x.shapes.get(p.right, {}),
                    *self.symbols.values,
                ]
                for name in p.observing:
                    if name not in known:
                        self.report.unknown("E0201", p.span, "variable", name, known)
                if p.kind == "refines" and p.under in ("bisimulation", "branching"):
                    self.report.error(
                        "E0406",
                        p.span,
                        f"`refines` is not known under {p.under}",
                        "it is under trace, failures and outcome",
                    )
            case ast.Law():
                for name in dict.fromkeys(p.metavariables):
                    if p.metavariables.count(name) > 1:
                        what = f"`{name}` stands twice in `forall`"
                        self.report.error("E0202", p.span, what, "name each term once")
                ctx = Context(metavariables=frozenset(p.metavariables))
                with self.report.without_warnings():  # that a part never runs may be the point
                    left, right = (self.terms.term(t, scope, ctx) for t in (p.left, p.right))
                return replace(p, left=left, right=right)
            case _:
                pass
        return p

    def reach(self, p: ast.Pattern) -> dict[str, str]:
        """What to do where a name is meant that a quantifier of the other side binds."""
        out = {}
        for e in (p.p, p.q):
            if isinstance(e, ast.Quantifier):
                said = f"`{e.kind} {e.var}` ends before `{p.kind.removeprefix('never_')}`"
                d = e.domain
                mend = "quantify on each side"
                if isinstance(d, ast.Name) and d.name in self.symbols.workflows:
                    mend = f"put the property into `workflow {d.name}`, where it is said of each"
                out[e.var] = f"{said}: {mend}"
        return out

    def check_name(self, name: str, p: ast.Node) -> None:
        if name not in BUILT_CHECKS:
            known = sorted(BUILT_CHECKS)
            self.report.unknown("E0206", p.span, "check", name, known)

    def expected(self, p: ast.ExpectRefuted, beside: tuple[ast.Property, ...]) -> None:
        if p.name in self.report.damage.properties:
            return  # it could not be read
        own = {getattr(q, "name", "") for q in beside if not isinstance(q, ast.SkipCheck)}
        of_workflows = {
            getattr(q, "name", "")
            for w in self.symbols.workflows.values()
            for q in w.properties
            if not isinstance(q, ast.SkipCheck | ast.ExpectRefuted)
        }
        resources = set(self.symbols.resources)
        known = (own | of_workflows | resources | BUILT_CHECKS) - {""}
        # A name that only other `expect refuted` lines speak of is no property.
        real = {
            getattr(q, "name", "")
            for q in beside
            if isinstance(q, ast.Invariant | ast.Always | ast.Pattern | ast.Equivalent | ast.Law)
        }
        if p.name not in real | of_workflows | resources | BUILT_CHECKS:
            self.report.unknown(
                "E0201", p.span, "property, check or resource", p.name, sorted(known - {p.name})
            )
