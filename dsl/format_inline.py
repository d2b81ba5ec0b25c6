"""Terms on one line."""

from __future__ import annotations

from typing import Final, assert_never

from . import ast
from .format_expr import SUM, expr, exprs, in_domain

CHOICE, PAR, SEQ, PRIM = range(4)

# Terms that end in an expression, which would swallow a `+` or (in a law) a `==` behind them.
_OPEN: Final = (
    ast.Assign,
    ast.Assert,
    ast.Assume,
    ast.Require,
    ast.Return,
    ast.Wait,
    ast.Send,
    ast.Receive,
    ast.Request,
)


def ends_open(t: ast.Term) -> bool:
    while isinstance(t, ast.Seq | ast.Choice) or (isinstance(t, ast.Par) and t.policy == "all"):
        t = t.parts[-1]
    return isinstance(t, _OPEN) or (isinstance(t, ast.Call) and t.bind is not None)


def level_of(t: ast.Term) -> int:
    match t:
        case ast.Choice():
            return CHOICE
        case ast.Par(policy="all"):
            return PAR
        case ast.Seq():
            return SEQ
        case _:
            return PRIM


def inline(t: ast.Term, level: int = CHOICE, law: bool = False) -> str:
    """`t` as text that binds at least as tightly as `level`."""
    own = level_of(t)
    if own < level:
        inner = inline(t)
        # Parentheses around what is done at once or chosen, braces around what is done in order.
        return f"{{ {inner} }}" if own == SEQ else f"({inner})"
    match t:
        case ast.Choice(parts=parts):
            return " + ".join(
                f"{{ {inline(p)} }}"
                if i < len(parts) - 1 and not law and ends_open(p)
                else inline(p, PAR, law)
                for i, p in enumerate(parts)
            )
        case ast.Par(parts=parts, policy="all"):
            return " || ".join(inline(p, SEQ, law) for p in parts)
        case ast.Seq(parts=parts):
            return " ; ".join(inline(p, PRIM, law) for p in parts)
    text = _prim(t)
    return f"{{ {text} }}" if law and ends_open(t) else text


def block(t: ast.Term) -> str:
    return f"{{ {inline(t)} }}"


def _prim(t: ast.Term) -> str:
    match t:
        case ast.Call(name=name, args=args, bind=bind):
            call = f"{name}({exprs(args)})" if args or bind is not None else name
            return call if bind is None else f"{expr(bind)} <- {call}"
        case ast.Assign(target=target, value=value, op=op):
            return f"{expr(target)} {op} {expr(value)}"
        case ast.Skip():
            return "skip"
        case ast.Abort():
            return "abort"
        case ast.Fail(error=error):
            return f"fail {error}"
        case ast.Assert(cond=cond):
            return f"assert {expr(cond)}"
        case ast.Assume(cond=cond):
            return f"assume {expr(cond)}"
        case ast.Require(cond=cond):
            return f"require {expr(cond)}"
        case ast.Return(value=value):
            return "return" if value is None else f"return {expr(value)}"
        case ast.Wait(duration=duration):
            return f"wait {expr(duration, SUM)}"
        case ast.WaitUntil(cond=cond):
            return f"wait until ({expr(cond)})"
        case ast.Send(value=value, channel=channel, key=key):
            return f"send {expr(value)} to {_channel(channel, key)}"
        case ast.Receive():
            return receive(t)
        case ast.Request(bind=bind, value=value, channel=channel, within=within):
            place = expr(bind) if bind is not None else "_"
            limit = f" within {expr(within, SUM)}" if within is not None else ""
            return f"{place} <- request({expr(value)}) to {channel}{limit}"
        case ast.Steps(nodes=nodes):
            return "steps { " + "  ".join(step(n) for n in nodes) + " }"
        case ast.If(orelse=orelse):
            text = f"{head(t)} {block(t.then)}"
            if orelse is None:
                return text
            return f"{text} else {inline(orelse) if isinstance(orelse, ast.If) else block(orelse)}"
        case ast.Switch(cases=cases, default=default):
            texts = [f"case {exprs(c.values)} {block(c.body)}" for c in cases]
            if default is not None:
                texts.append(f"default {block(default)}")
            return f"{head(t)} {{ {' '.join(texts)} }}"
        case ast.Within(orelse=orelse):
            text = f"{head(t)} {block(t.body)}"
            return text if orelse is None else f"{text} else {block(orelse)}"
        case ast.Try(handlers=handlers, final=final):
            text = f"{head(t)} {block(t.body)}"
            for handler in handlers:
                text += f" {catch(handler)} {block(handler.body)}"
            return text if final is None else f"{text} finally {block(final)}"
        case ast.Par():
            return f"{head(t)} {block(ast.Par(t.parts) if len(t.parts) > 1 else t.parts[0])}"
        case (
            ast.While()
            | ast.Each()
            | ast.Retry()
            | ast.Saga()
            | ast.Using()
            | ast.Transaction()
            | ast.Atomic()
            | ast.NoCancel()
        ):
            return f"{head(t)} {block(t.body)}"
        case ast.Flow():
            raise ValueError("a flow of an imported machine has no surface syntax")
        case ast.Seq() | ast.Choice():
            return inline(t)
    assert_never(t)


def head(t: ast.Term) -> str:
    """What stands before the first `{` of a block term."""
    match t:
        case ast.If(cond=cond):
            return f"if ({expr(cond)})"
        case ast.Switch(subject=subject):
            return f"switch ({expr(subject)})"
        case ast.While(cond=cond, at_most=at_most, decreases=decreases):
            text = f"while ({expr(cond)})"
            if at_most is not None:
                text += f" at_most {expr(at_most, SUM)}"
            return text if decreases is None else f"{text} decreases {expr(decreases)}"
        case ast.Each():
            text = f"each {t.var} in {in_domain(t.domain)}"
            if t.sequential:
                text += " seq"
            if t.at_once is not None:
                text += f" at_most {expr(t.at_once, SUM)} at once"
            if t.tolerate is not None and t.bad is not None:
                text += f" tolerate {expr(t.tolerate, SUM)} as {expr(t.bad)}"
            return text
        case ast.Within(duration=duration, until=until):
            if duration is not None:
                return f"within {expr(duration, SUM)}"
            if until is not None:
                return f"within until ({expr(until)})"
            return f"within {receive(t.receive)}" if t.receive is not None else "within"
        case ast.Try():
            return "try"
        case ast.Par(policy=policy, n=n):
            return f"par {expr(n, SUM)} of" if n is not None else f"par {policy}"
        case ast.Retry(spec=spec):
            return f"retry({retry(spec)})"
        case ast.Saga():
            return "saga"
        case ast.Using(claims=claims):
            return f"using ({', '.join(claim(c) for c in claims)})"
        case ast.Transaction():
            return "transaction"
        case ast.Atomic():
            return "atomic"
        case ast.NoCancel():
            return "nocancel"
        case ast.Steps():
            return "steps"
        case _:
            return ""


def catch(handler: ast.Handler) -> str:
    return f"catch {', '.join(handler.errors) or '*'}"


def _channel(name: str, key: ast.Expression | None) -> str:
    return name if key is None else f"{name}[{expr(key)}]"


def receive(t: ast.Receive) -> str:
    where = f" where {expr(t.where)}" if t.where is not None else ""
    return f"receive {t.var} from {_channel(t.channel, t.key)}{where}"


def claim(c: ast.Claim) -> str:
    text = _channel(c.resource, c.key)
    if c.mode != "units":
        text += f" {c.mode}"
    elif c.amount is not None:
        text += f" {expr(c.amount, SUM)}"
    return text if c.token is None else f"{text} as {c.token}"


def retry(r: ast.RetrySpec) -> str:
    text = expr(r.attempts, SUM)
    if r.errors:
        text += f" on {', '.join(r.errors)}"
    options = (("backoff", r.backoff), ("factor", r.factor), ("max", r.max), ("jitter", r.jitter))
    return text + "".join(f" {n} {expr(v, SUM)}" for n, v in options if v is not None)


def step_options(n: ast.StepNode) -> str:
    text = f" after {', '.join(n.after)}" if n.after else ""
    if n.when is not None:
        text += f" when {expr(n.when)}"
    if n.join == "n" and n.n is not None:
        text += f" join {expr(n.n, SUM)} of"
    elif n.join != "all":
        text += f" join {n.join}"
    return text


def step_name(n: ast.StepNode) -> str | None:
    """`name` or `name(args)` where the node is a plain call of its own name."""
    body = n.body
    if isinstance(body, ast.Call) and body.name == n.name and body.bind is None:
        return f"{n.name}({exprs(body.args)})" if body.args else n.name
    return None


def step(n: ast.StepNode) -> str:
    return (step_name(n) or f"{n.name} {block(n.body)}") + step_options(n)
