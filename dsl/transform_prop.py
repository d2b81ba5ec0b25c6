"""Rules of properties and of an activity's clauses."""

from __future__ import annotations

from typing import Any

from . import ast
from .changed import maker
from .errors import Span
from .transform_base import Option, RuleBase
from .transform_term import _option, _wrap

_DISTRIBUTIONS = {"normal": 2, "exponential": 1, "uniform": 2}
# An activity may have several of these; of each other clause one.
_REPEATED = ("uses", "needs", "reads", "writes", "ensures", "fails")


class PropertyRules(RuleBase):
    on_invariant, on_always = _wrap(ast.Invariant), _wrap(ast.Always)
    on_requires, on_ensures = _wrap(ast.Requires), _wrap(ast.Ensures)
    on_assume_eventually, on_deadline = _wrap(ast.AssumeEventually), _wrap(ast.Deadline)
    on_expect_refuted = _wrap(ast.ExpectRefuted)

    def on_check_name(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_check(self, kids: list[Any], span: Span) -> Any:
        return ast.CheckOn(tuple(kids), span=span)

    def on_place(self, kids: list[Any], span: Span) -> Any:
        return "".join(kids)

    def on_skip_check(self, kids: list[Any], span: Span) -> Any:
        return ast.SkipCheck(kids[0], kids[2], kids[1], span=span)

    def on_never_after(self, kids: list[Any], span: Span) -> Any:
        return ("never_after", kids[0], kids[1], None)

    def on_precedes(self, kids: list[Any], span: Span) -> Any:
        return ("precedes", kids[0], kids[1], None)

    def on_leads_to(self, kids: list[Any], span: Span) -> Any:
        # `q leads_to p`: the trigger is q, the goal p.
        return ("leads_to", kids[1], kids[0], kids[2])

    def on_eventually(self, kids: list[Any], span: Span) -> Any:
        return ("eventually", kids[0], None, None)

    def on_property(self, kids: list[Any], span: Span) -> Any:
        name, (kind, p, q, within) = kids
        return ast.Pattern(name, kind, p, q, within, span=span)

    def on_under(self, kids: list[Any], span: Span) -> Any:
        known = ("bisimulation", "branching", "failures", "trace", "outcome")
        if kids[0] not in known:
            self.error(
                "E0122", span, f"unknown equivalence `{kids[0]}`", f"one of {', '.join(known)}"
            )
        return kids[0]

    def on_observing(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_equivalent(self, kids: list[Any], span: Span) -> Any:
        name, left, right, under, observing = kids
        return ast.Equivalent(
            "equivalent", name, left, right, under or "", observing or (), span=span
        )

    def on_refines(self, kids: list[Any], span: Span) -> Any:
        name, left, right, under, observing = kids
        return ast.Equivalent("refines", name, left, right, under or "", observing or (), span=span)

    def on_upgrade(self, kids: list[Any], span: Span) -> Any:
        return ast.Equivalent("upgrade", *kids, span=span)

    def on_law(self, kids: list[Any], span: Span) -> Any:
        name, variables, left, right, under = kids
        return ast.Law(name, variables, left, right, under or "", span=span)

    def on_law_term(self, kids: list[Any], span: Span) -> Any:
        return ast.Choice(tuple(kids), span=span)

    def on_law_par(self, kids: list[Any], span: Span) -> Any:
        return ast.Par(tuple(kids), span=span)

    def on_law_seq(self, kids: list[Any], span: Span) -> Any:
        return ast.Seq(tuple(kids), span=span)

    # --- clauses of an activity ------------------------------------------------------------------

    on_uses, on_takes_clause = _option("uses"), _option("takes")
    on_needs, on_reads, on_writes = _option("needs"), _option("reads"), _option("writes")
    on_do, on_activity_ensures, on_activity_retry = (
        _option("do"),
        _option("ensures"),
        _option("retry"),
    )
    on_timeout, on_timeout_schedule = _option("timeout"), _option("timeout_schedule")
    on_heartbeat, on_beats, on_undo_clause = (
        _option("heartbeat"),
        _option("beats"),
        _option("undo"),
    )
    on_undone_when, on_idempotent_by = _option("undone_when"), _option("idempotent_by")
    on_at_least_once, on_activity_priority = _option("at_least_once"), _option("priority")

    def on_activity_fails(self, kids: list[Any], span: Span) -> Any:
        return Option("fails", tuple(kids), span)

    def on_fail_clause(self, kids: list[Any], span: Span) -> Any:
        return ast.FailClause(*kids, span=span)

    def on_takes_range(self, kids: list[Any], span: Span) -> Any:
        return maker(ast.Takes)(span, kids[0], kids[1])

    def on_takes_one(self, kids: list[Any], span: Span) -> Any:
        match kids[0]:
            case ast.Apply(name, args) if name in _DISTRIBUTIONS:
                if len(args) != _DISTRIBUTIONS[name]:
                    self.error(
                        "E0305",
                        span,
                        f"`{name}` takes {_DISTRIBUTIONS[name]} arguments, not {len(args)}",
                    )
                    return ast.Takes(None, None, name, args, span=span)
                lo, hi = args if name == "uniform" else (None, None)
                return ast.Takes(lo, hi, name, args, span=span)
            case value:
                return ast.Takes(value, value, span=span)

    def on_undo_block(self, kids: list[Any], span: Span) -> Any:
        return ast.Undo("block", kids[0], span=span)

    def on_undo_call(self, kids: list[Any], span: Span) -> Any:
        return ast.Undo("call", kids[0], kids[1], span=span)

    def on_undo_skip(self, kids: list[Any], span: Span) -> Any:
        return ast.Undo("skip", span=span)

    def on_undo_none(self, kids: list[Any], span: Span) -> Any:
        return ast.Undo("none", span=span)

    def on_runs_string(self, kids: list[Any], span: Span) -> Any:
        return (kids[0],)

    on_runs_name = on_runs_string

    def on_runs_list(self, kids: list[Any], span: Span) -> Any:
        return tuple(k for k in kids if k is not None)

    def on_runs(self, kids: list[Any], span: Span) -> Any:
        kind, *words = kids
        known = ("shell", "http", "python", "container")
        if kind not in known:
            self.error("E0122", span, f"unknown runner `{kind}`", f"one of {', '.join(known)}")
        return Option("runs", ast.Runs(kind, tuple(w for ws in words for w in ws), span=span), span)

    def on_activity(self, kids: list[Any], span: Span) -> Any:
        name, params, returns, *clauses = kids
        doc = self.doc()
        several: dict[str, Any] = dict.fromkeys(_REPEATED, ())
        single = []
        for clause in clauses:
            if clause is None:
                continue
            if clause.name in ("needs", "ensures"):
                several[clause.name] += (clause.value,)
            elif clause.name in several:
                several[clause.name] += clause.value
            else:
                single.append(clause)
        rest = self.once(single, f"the activity `{name}`")
        rest["at_least_once"] = "at_least_once" in rest
        return maker(ast.Activity)(span, name, params or (), returns, **several, **rest, doc=doc)
