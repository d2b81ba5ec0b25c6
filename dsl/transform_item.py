"""Rules of items, activities, workflows and properties."""

from __future__ import annotations

from typing import Any

from . import ast
from .errors import Span
from .transform_base import Option
from .transform_prop import PropertyRules
from .transform_term import _constant, _option
from .walk import with_items


class ItemRules(PropertyRules):
    on_broken_item = on_broken_member = on_broken_clause = _constant(None)

    def on_start(self, kids: list[Any], span: Span) -> Any:
        items = tuple(k for k in kids if k is not None)
        systems = [i for i in items if isinstance(i, ast.System)]
        for extra in systems[1:]:
            self.error("E0120", extra.span, "a second `system`", "put all instances into one")

        return with_items(ast.Spec(file=self.file, source=self.text, span=span), items)

    # --- declarations ----------------------------------------------------------------------------

    def on_const(self, kids: list[Any], span: Span) -> Any:
        return ast.ConstDecl(kids[0], kids[1], doc=self.doc(), span=span)

    def on_param(self, kids: list[Any], span: Span) -> Any:
        return ast.ParamDecl(kids[0], kids[1], doc=self.doc(), span=span)

    def on_enum(self, kids: list[Any], span: Span) -> Any:
        return ast.EnumDecl(kids[0], tuple(kids[1:]), doc=self.doc(), span=span)

    def on_typedef(self, kids: list[Any], span: Span) -> Any:
        return ast.TypeDecl(kids[0], kids[1], doc=self.doc(), span=span)

    def on_error_kind(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_error(self, kids: list[Any], span: Span) -> Any:
        return ast.ErrorDecl(kids[0], kids[1], doc=self.doc(), span=span)

    def on_var(self, kids: list[Any], span: Span) -> Any:
        return ast.VarDecl(kids[0], kids[1], kids[2], doc=self.doc(), span=span)

    def on_shared(self, kids: list[Any], span: Span) -> Any:
        return ast.Shared(self.on_var(kids, span), span=span)

    def on_store(self, kids: list[Any], span: Span) -> Any:
        return ast.Shared(self.on_var(kids, span), durable=True, span=span)

    # --- resources, channels ---------------------------------------------------------------------

    def on_pool(self, kids: list[Any], span: Span) -> Any:
        return ("pool", kids[0], None, None)

    def on_lock(self, kids: list[Any], span: Span) -> Any:
        return ("lock", None, None, None)

    def on_rate(self, kids: list[Any], span: Span) -> Any:
        return ("rate", *kids)

    on_advisory, on_priority = _option("advisory"), _option("priority")
    on_lease = _option("lease")

    def on_busy_wait(self, kids: list[Any], span: Span) -> Any:
        return Option("on_busy", ("wait", None), span)

    def on_busy_fail(self, kids: list[Any], span: Span) -> Any:
        return Option("on_busy", ("fail", kids[0]), span)

    def on_busy_cancel(self, kids: list[Any], span: Span) -> Any:
        return Option("on_busy", ("cancel_holder", None), span)

    def on_busy_replace(self, kids: list[Any], span: Span) -> Any:
        return Option("on_busy", ("replace_waiting", None), span)

    def on_resource(self, kids: list[Any], span: Span) -> Any:
        name, key, (kind, capacity, per, burst), *rest = kids
        options = self.once(rest, f"the resource `{name}`")
        on_busy, error = options.get("on_busy", ("wait", None))
        lease, silent = options.get("lease", (None, None))
        return ast.Resource(
            name,
            kind,
            capacity,
            per,
            burst,
            key,
            "advisory" in options,
            on_busy,
            error,
            lease,
            silent is not None,
            "priority" in options,
            doc=self.doc(),
            span=span,
        )

    on_channel_capacity, on_channel_delivery = _option("capacity"), _option("delivery")
    on_channel_order, on_channel_ttl = _option("order"), _option("ttl")
    on_channel_broadcast, on_channel_optional = _option("broadcast"), _option("optional")
    on_channel_environment = _option("environment")

    def on_delivery(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_channel(self, kids: list[Any], span: Span) -> Any:
        name, key, type_, answer, *rest = kids
        options = self.once(rest, f"the channel `{name}`")
        return ast.Channel(
            name,
            type_,
            key,
            options.get("capacity"),
            options.get("delivery", ""),
            options.get("order", ""),
            options.get("ttl"),
            "broadcast" in options,
            "optional" in options,
            "environment" in options,
            answer,
            doc=self.doc(),
            span=span,
        )

    # --- system ----------------------------------------------------------------------------------

    def on_scheduler(self, kids: list[Any], span: Span) -> Any:
        known = ("any", "fifo", "priority", "fair", "head_of_line")
        if kids[0] not in known:
            self.error(
                "E0122", span, f"unknown scheduler `{kids[0]}`", f"one of {', '.join(known)}"
            )
        return Option("scheduler", kids[0], span)

    def on_instance_count(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_instance_any(self, kids: list[Any], span: Span) -> Any:
        return "*"

    def on_instance_positional(self, kids: list[Any], span: Span) -> Any:
        return (None, kids[0])

    def on_instance_named(self, kids: list[Any], span: Span) -> Any:
        return (kids[0], kids[1])

    def on_instance_args(self, kids: list[Any], span: Span) -> Any:
        return tuple(k for k in kids if k is not None)

    def on_instance(self, kids: list[Any], span: Span) -> Any:
        name, count, args, binder, domain, arrive = kids
        many = count == "*"
        return ast.InstanceDecl(
            name, None if many else count, many, args or (), binder, domain, arrive, span=span
        )

    def on_fault_back(self, kids: list[Any], span: Span) -> Any:
        return (kids[0], False)

    def on_fault_never(self, kids: list[Any], span: Span) -> Any:
        return (None, True)

    def on_fault(self, kids: list[Any], span: Span) -> Any:
        name, at_most, back = kids
        return ast.Fault(name, at_most, *(back or (None, False)), span=span)

    def on_system(self, kids: list[Any], span: Span) -> Any:
        options = self.once([k for k in kids if isinstance(k, Option)], "the system")
        return ast.System(
            tuple(k for k in kids if isinstance(k, ast.InstanceDecl)),
            options.get("scheduler", "any"),
            tuple(k for k in kids if isinstance(k, ast.Fault)),
            span=span,
        )

    # --- workflows -------------------------------------------------------------------------------

    def on_body(self, kids: list[Any], span: Span) -> Any:
        return Option("run", kids[0], span)

    def on_workflow(self, kids: list[Any], span: Span) -> Any:
        name, params, returns, fails, *members = kids
        doc = self.doc()
        bodies = [m for m in members if isinstance(m, Option)]
        for extra in bodies[1:]:
            self.error(
                "E0120", extra.span, f"a second body of `{name}`", "join them in one `run { … }`"
            )
        if not bodies and not any(m is None for m in members):
            self.error("E0121", span, f"the workflow `{name}` has no body", "add `run { … }`")
        return ast.Workflow(
            name,
            params or (),
            bodies[0].value if bodies else ast.Skip(span=span),
            returns,
            None,
            fails or (),
            tuple(m for m in members if isinstance(m, ast.VarDecl)),
            tuple(m for m in members if isinstance(m, ast.Activity)),
            tuple(m for m in members if isinstance(m, ast.PROPERTIES)),
            doc=doc,
            span=span,
        )

    def on_formal(self, kids: list[Any], span: Span) -> Any:
        return ast.Param(kids[0], kids[1], span=span)

    def on_formals(self, kids: list[Any], span: Span) -> Any:
        return tuple(k for k in kids if k is not None)
