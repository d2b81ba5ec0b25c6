"""Environments, metrics, detectors and controllers: from parse rules to nodes."""

from __future__ import annotations

from typing import Any

from . import ast
from .errors import Span
from .transform_base import Option, RuleBase
from .transform_term import _option, _wrap


class ControlRules(RuleBase):
    on_amount = _wrap(ast.Amount)
    on_environment_kind = _option("kind")
    on_controller_target, on_controller_pid = _option("target"), _option("pid")
    on_controller_acts, on_controller_plant = _option("acts"), _option("plant")
    on_controller_every, on_controller_cooldown = _option("every"), _option("cooldown")

    def on_environment_capacity(self, kids: list[Any], span: Span) -> Any:
        return Option("capacity", ast.Amount(*kids, span=span), span)

    def on_environment_limit(self, kids: list[Any], span: Span) -> Any:
        return Option("limit", ast.Amount(*kids, span=span), span)

    def on_environment(self, kids: list[Any], span: Span) -> Any:
        name, *entries = kids
        kinds = [e for e in entries if e is not None and e.name == "kind"]
        for extra in kinds[1:]:
            self.error("E0120", extra.span, f"a second `kind` of `{name}`", "keep one of them")

        def of(word: str) -> tuple[ast.Amount, ...]:
            return tuple(e.value for e in entries if e is not None and e.name == word)

        kind = kinds[0].value if kinds else ""
        return ast.Environment(name, kind, of("capacity"), of("limit"), doc=self.doc(), span=span)

    def on_runs_in(self, kids: list[Any], span: Span) -> Any:
        names, *demands = kids
        asked = tuple(d for d in demands if d is not None)
        return Option("runs_in", ast.Placement(names, asked, span=span), span)

    def on_metric(self, kids: list[Any], span: Span) -> Any:
        name, value, every = kids
        return ast.Metric(name, value, every, doc=self.doc(), span=span)

    def on_detector_kind(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_step_way(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_detector(self, kids: list[Any], span: Span) -> Any:
        name, metric, kind, level, samples = kids
        return ast.Detector(name, metric, kind, level, samples, doc=self.doc(), span=span)

    def on_controller_step(self, kids: list[Any], span: Span) -> Any:
        return Option("step", ast.StepAction(*kids, span=span), span)

    def on_controller(self, kids: list[Any], span: Span) -> Any:
        name, metric, *rest = kids
        steps = [o for o in rest if o is not None and o.name == "step"]
        options = self.once(
            [o for o in rest if o is None or o.name != "step"], f"the controller `{name}`"
        )
        resource, lo, hi = options.get("acts", ("", None, None))
        gain, lag = options.get("plant", (None, None))
        return ast.Controller(
            name,
            metric,
            options.get("target"),
            tuple(options.get("pid", ())),
            tuple(o.value for o in steps),
            resource,
            lo,
            hi,
            options.get("every"),
            options.get("cooldown"),
            gain,
            lag,
            doc=self.doc(),
            span=span,
        )
