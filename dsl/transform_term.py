"""Rules of terms, claims and retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ast
from .changed import maker
from .errors import Span
from .transform_base import Option, RuleBase

_Rule = Callable[[RuleBase, list[Any], Span], Any]


def _wrap(node: Callable[..., Any]) -> _Rule:
    """A rule whose children are the fields of its node, in order."""

    def rule(self: RuleBase, kids: list[Any], span: Span) -> Any:
        return maker(node)(span, *kids)

    return rule


def _many(node: Callable[..., Any]) -> _Rule:
    def rule(self: RuleBase, kids: list[Any], span: Span) -> Any:
        return maker(node)(span, tuple(kids))

    return rule


def _assign(op: str) -> _Rule:
    def rule(self: RuleBase, kids: list[Any], span: Span) -> Any:
        return maker(ast.Assign)(span, kids[0], kids[1], op)

    return rule


def _option(name: str) -> _Rule:
    def rule(self: RuleBase, kids: list[Any], span: Span) -> Any:
        return Option(name, kids[0] if len(kids) == 1 else tuple(kids), span)

    return rule


def _constant(value: Any) -> _Rule:
    def rule(self: RuleBase, kids: list[Any], span: Span) -> Any:
        return value

    return rule


class TermRules(RuleBase):
    on_seq, on_par, on_choice, on_steps = (
        _many(ast.Seq),
        _many(ast.Par),
        _many(ast.Choice),
        _many(ast.Steps),
    )
    on_term, on_par_term, on_seq_term = on_choice, on_par, on_seq
    on_skip, on_fail, on_abort = _wrap(ast.Skip), _wrap(ast.Fail), _wrap(ast.Abort)
    on_assert, on_assume, on_require = _wrap(ast.Assert), _wrap(ast.Assume), _wrap(ast.Require)
    on_return, on_wait, on_wait_until = _wrap(ast.Return), _wrap(ast.Wait), _wrap(ast.WaitUntil)
    on_if, on_retry, on_saga = _wrap(ast.If), _wrap(ast.Retry), _wrap(ast.Saga)
    on_using, on_transaction = _wrap(ast.Using), _wrap(ast.Transaction)
    on_atomic, on_nocancel = _wrap(ast.Atomic), _wrap(ast.NoCancel)
    on_handler = _wrap(ast.Handler)
    on_assign, on_add_assign, on_sub_assign = _assign(":="), _assign("+="), _assign("-=")
    on_at_most, on_decreases = _option("at_most"), _option("decreases")
    on_each_seq, on_each_at_most = _option("seq"), _option("at_most")
    on_tolerate = _option("tolerate")
    on_step_after, on_step_when, on_step_join = (
        _option("after"),
        _option("when"),
        _option("join"),
    )
    on_claim_shared, on_claim_exclusive = _constant("shared"), _constant("exclusive")
    on_on_all = _constant(())

    def on_broken_term(self, kids: list[Any], span: Span) -> Any:
        return ast.Skip(span=span)

    def on_block(self, kids: list[Any], span: Span) -> Any:
        return kids[0] if kids[0] is not None else ast.Skip(span=span)

    def on_call(self, kids: list[Any], span: Span) -> Any:
        return maker(ast.Call)(span, kids[0], kids[1] or ())

    def on_bind(self, kids: list[Any], span: Span) -> Any:
        return ast.Call(kids[1].name, kids[1].args, kids[0], span=span)

    def on_switch(self, kids: list[Any], span: Span) -> Any:
        return ast.Switch(kids[0], tuple(kids[1:-1]), kids[-1], span=span)

    def on_case(self, kids: list[Any], span: Span) -> Any:
        return ast.Case(tuple(kids[:-1]), kids[-1], span=span)

    def on_while(self, kids: list[Any], span: Span) -> Any:
        options = self.once(kids[1:-1], "this `while`")
        at_most, decreases = options.get("at_most"), options.get("decreases")
        return maker(ast.While)(span, kids[0], kids[-1], at_most, decreases)

    def on_each(self, kids: list[Any], span: Span) -> Any:
        options = self.once(kids[2:-1], "this `each`")
        if "seq" in options and "at_most" in options:
            self.error("E0120", span, "`seq` and `at_most` exclude each other", "keep one of them")
        tolerate, bad = options.get("tolerate", (None, None))
        return ast.Each(
            kids[0],
            kids[1],
            kids[-1],
            "seq" in options,
            options.get("at_most"),
            tolerate,
            bad,
            span=span,
        )

    def on_within(self, kids: list[Any], span: Span) -> Any:
        return ast.Within(kids[1], kids[2], duration=kids[0], span=span)

    def on_within_until(self, kids: list[Any], span: Span) -> Any:
        return ast.Within(kids[1], kids[2], until=kids[0], span=span)

    def on_within_receive(self, kids: list[Any], span: Span) -> Any:
        return ast.Within(kids[1], kids[2], receive=kids[0], span=span)

    def on_try(self, kids: list[Any], span: Span) -> Any:
        if len(kids) == 2 and kids[1] is None:
            self.error("E0121", span, "`try` without `catch` and `finally`", "add one, or drop it")
        return ast.Try(kids[0], tuple(kids[1:-1]), kids[-1], span=span)

    def on_handler_all(self, kids: list[Any], span: Span) -> Any:
        return ast.Handler((), kids[0], span=span)

    def on_par_policy(self, kids: list[Any], span: Span) -> Any:
        return (kids[0], None) if len(kids) == 1 else ("n", kids[0])

    def on_par_policy_term(self, kids: list[Any], span: Span) -> Any:
        (policy, n), body = kids
        plain = isinstance(body, ast.Par) and body.policy == "all"
        return ast.Par(body.parts if plain else (body,), policy, n, span=span)

    # --- messages --------------------------------------------------------------------------------

    def on_channel_ref(self, kids: list[Any], span: Span) -> Any:
        return tuple(kids)

    def on_send(self, kids: list[Any], span: Span) -> Any:
        return ast.Send(kids[0], *kids[1], span=span)

    def on_receive(self, kids: list[Any], span: Span) -> Any:
        name, (channel, key), where = kids
        return ast.Receive(name, channel, key, where, span=span)

    def on_request(self, kids: list[Any], span: Span) -> Any:
        bind, call, (channel, key), within = kids
        value = call.args[0] if call.args else ast.BoolLit(False, span=span)
        if call.name != "request" or len(call.args) != 1:
            self.error("E0110", call.span, "only `request(e)` goes `to` a channel", "`send e to c`")
        if key is not None:
            self.error("E0110", key.span, "`request` takes no key", "use `send` and `receive`")
        return ast.Request(bind, value, channel, within, span=span)

    # --- claims, retries -------------------------------------------------------------------------

    def on_claims(self, kids: list[Any], span: Span) -> Any:
        return tuple(kids)

    def on_claim(self, kids: list[Any], span: Span) -> Any:
        name, key, mode, token = kids
        if isinstance(mode, str):
            return maker(ast.Claim)(span, name, mode, None, key, token)
        return maker(ast.Claim)(span, name, "units", mode, key, token)

    def on_on_errors(self, kids: list[Any], span: Span) -> Any:
        return kids[0]

    def on_retry_option(self, kids: list[Any], span: Span) -> Any:
        return Option(kids[0], kids[1], span)

    def on_retry_spec(self, kids: list[Any], span: Span) -> Any:
        options = self.once(kids[2:], "this `retry`")
        return ast.RetrySpec(kids[0], kids[1] or (), **options, span=span)

    # --- steps -----------------------------------------------------------------------------------

    def on_step_args(self, kids: list[Any], span: Span) -> Any:
        return Option("args", kids[0], span)

    def on_join(self, kids: list[Any], span: Span) -> Any:
        return (kids[0], None) if len(kids) == 1 else ("n", kids[0])

    def on_step(self, kids: list[Any], span: Span) -> Any:
        name, body, *rest = kids
        options = self.once(rest, f"the node `{name}`")
        if body is None or isinstance(body, Option):
            body = ast.Call(name, body.value if body else (), span=span)
        join, n = options.get("join", ("all", None))
        return ast.StepNode(
            name, body, options.get("after", ()), options.get("when"), join, n, span=span
        )
