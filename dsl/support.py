"""Forms that parse and type-check, but whose meaning comes later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from . import ast
from .errors import Diagnostic, Span
from .walk import Kinds, items_of, walk


def unsupported(spec: ast.Spec, nodes: Kinds | None = None) -> tuple[Diagnostic, ...]:
    """Every use of such a form: `not supported yet: FORM`, code E0900, in source order; `nodes` of
    its items, where they are known already.

    What depends on types is not seen in an unchecked tree.
    """
    found: dict[tuple[str, Span], Diagnostic] = {}
    for law in (nodes or Kinds.of(items_of(spec))).all(ast.Law):
        for form, span, mend in _forms(spec, law):
            found.setdefault((form, span), not_supported(f"a law with {form}", span, mend))
    return tuple(sorted(found.values(), key=lambda d: (d.span.line, d.span.col, d.message)))


def not_supported(form: str, span: Span, mend: str = "") -> Diagnostic:
    return Diagnostic("E0900", span, f"not supported yet: {form}", mend)


def callable_in(spec: ast.Spec, law: ast.Law) -> dict[str, ast.Activity]:
    """The activities that a law may call, by name: those beside it, and those at top level."""
    own = (w.activities for w in spec.workflows if any(p is law for p in w.properties))
    return {a.name: a for a in (*spec.activities, *next(own, ()))}


# What a law is made of; anything else is no term that stands for any term.
_IN_LAWS = (
    ast.Skip | ast.Call | ast.Fail | ast.Return | ast.Wait | ast.WaitUntil | ast.Seq | ast.Choice
    | ast.Par | ast.If | ast.While | ast.Each | ast.Within | ast.Try | ast.Handler | ast.Retry
    | ast.RetrySpec | ast.Saga | ast.Using | ast.Claim | ast.NoCancel | ast.Expr
)  # fmt: skip

_A_NAME: Final = "put a name of the law in its place: it stands for any term"
_A_NUMBER: Final = "write the number: a law holds for this one"
_A_TIME: Final = "write the time, such as 5s: a law holds for this one"
# What a law does not look at in an activity.  (What it does to data it does on both sides.)
_CLAUSES: Final = {
    "params": "parameters",
    "returns": "a result",
    "needs": "`needs`",
    "uses": "`uses`",
    "runs_in": "`runs_in`",
    "ensures": "`ensures`",
    "retry": "`retry`",
    "timeout": "`timeout`",
    "timeout_schedule": "`timeout`",
    "heartbeat": "`heartbeat`",
    "undone_when": "`undone when`",
    "idempotent_by": "`idempotent by`",
    "at_least_once": "`at_least_once`",
    "priority": "`priority`",
}

Beyond = tuple[str, str]  # the form, and the mend


def _beyond(part: ast.Node) -> Beyond | None:
    """What of this node is not for laws."""
    match part:
        case ast.Now():
            return "`now`", "leave the clock out: a test stands for any test that does not read it"
        case ast.Return(value=value) if value is not None:
            return "`return` of a value", "leave the value out, or put a name of the law there"
        case ast.Par(n=n) if n is not None and not isinstance(n, ast.IntLit):
            return "`par n of`", _A_NUMBER
        case ast.While(decreases=measure) if measure is not None:
            return "`decreases`", "leave it out: it does not change what the loop does"
        case ast.While(at_most=most) if not isinstance(most, ast.IntLit | None):
            return "`at_most` (variable)", _A_NUMBER
        case ast.Wait(duration=time) if not isinstance(time, ast.DurationLit):
            return "`wait` (variable)", _A_TIME
        case ast.Within(receive=message) if message is not None:
            return "`within receive`", "write `within until (b)`: its test stands for any test"
        case ast.Within(duration=time) if not isinstance(time, ast.DurationLit | None):
            return "`within` (variable)", _A_TIME
        case ast.Each(domain=domain) if not _numbers(domain):
            return "`each` over what is not numbers", "write the numbers, such as 0..2"
        case ast.Each(at_once=most) if not isinstance(most, ast.IntLit | None):
            return "`at_most` (variable)", _A_NUMBER
        case ast.Each(tolerate=most) if most is not None:
            return "`tolerate`", "write `par wait_all` with `try` in its branches"
        case ast.RetrySpec():
            return _retried(part)
        case _:
            return None


def _retried(r: ast.RetrySpec) -> Beyond | None:
    if not isinstance(r.attempts, ast.IntLit):
        return "`retry` (variable)", _A_NUMBER
    if not isinstance(r.backoff, ast.DurationLit | None):
        return "`backoff` (variable)", _A_TIME
    if r.factor is not None or r.max is not None or r.jitter is not None:
        return "a `backoff` that changes", "leave `factor`, `max` and `jitter` out"
    return None


def _numbers(domain: ast.Expression) -> bool:
    ends = (domain.lo, domain.hi) if isinstance(domain, ast.Range) else (domain,)
    return isinstance(domain, ast.Range) and all(isinstance(e, ast.IntLit) for e in ends)


def _word(part: ast.Node) -> str:
    """The word that a form begins with."""
    return ":=" if isinstance(part, ast.Assign) else type(part).__name__.lower()


def _forms(spec: ast.Spec, law: ast.Law) -> Iterator[tuple[str, Span, str]]:
    resources = {r.name: r for r in spec.resources}
    activities = callable_in(spec, law)
    # (Of what there is not it is said that there is not.)
    named = (activities.keys() | {w.name for w in spec.workflows}) - {*law.metavariables}
    parts = list(walk((law.left, law.right)))
    said = {id(p.receive) for p in parts if isinstance(p, ast.Within)}
    for part in parts:
        if not isinstance(part, _IN_LAWS):
            if not isinstance(part, ast.Term) or id(part) in said:
                continue  # inside of what is named already
            mend = "write it with `if`" if isinstance(part, ast.Switch) else _A_NAME
            yield f"`{_word(part)}`", part.span, mend
        elif (beyond := _beyond(part)) is not None:
            yield beyond[0], part.span, beyond[1]
        elif isinstance(part, ast.Claim) and not _one(part, resources):
            mend = f"write `resource {part.resource} : pool(1)`, and the claim without an amount"
            yield "a claim on other than a pool of one unit", part.span, mend
        elif isinstance(part, ast.Each):
            for test in _mixed(part):
                mend = f"test {part.var} by itself, and the rest in an `if` of its own"
                yield f"a test on `{part.var}` and on data", test.span, mend
        elif isinstance(part, ast.Call) and part.name in named:
            for form in _unlike(part.name, activities):
                yield form, part.span, f"add `{part.name}` to the names after `forall`"


def _one(c: ast.Claim, resources: Mapping[str, ast.Resource]) -> bool:
    """A claim of a pool of one unit for which everybody waits."""
    r = resources.get(c.resource)
    if r is None:
        return True  # an error of its own
    plain = ast.Resource(r.name, "pool", ast.IntLit(1, span=r.span), span=r.span)
    return r == plain and c == ast.Claim(c.resource, span=c.span)


def tests_of(term: ast.Node) -> Iterator[ast.Expression]:
    """What the conditions of a term are made of by `not`, `and`, `or`."""
    for part in walk(term):
        match part:
            case ast.If(cond=cond) | ast.While(cond=cond) | ast.WaitUntil(cond=cond):
                yield from _atoms(cond)
            case ast.Within(until=cond) if cond is not None:
                yield from _atoms(cond)
            case _:
                pass


def _atoms(e: ast.Expression) -> Iterator[ast.Expression]:
    match e:
        case ast.Unary(op="not", arg=arg):
            yield from _atoms(arg)
        case ast.Binary(op="and" | "or", left=left, right=right):
            yield from _atoms(left)
            yield from _atoms(right)
        case _:
            yield e


def _mixed(t: ast.Each) -> Iterator[ast.Expression]:
    """Tests on the item and on something else: they are others for each item."""
    inner = {t.var, *(e.var for e in walk(t.body) if isinstance(e, ast.Each))}
    for test in tests_of(t.body):
        parts = list(walk(test))
        names = {n.name for n in parts if isinstance(n, ast.Name)}
        whole = all(isinstance(n, ast.Name | ast.IntLit | ast.Unary | ast.Binary) for n in parts)
        if t.var in names and not (names <= inner and whole):
            yield test


def _unlike(name: str, activities: Mapping[str, ast.Activity]) -> Iterator[str]:
    """What an activity has, or what it is undone by, that a law does not look at."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        called = todo.pop()
        if called in seen:
            continue
        seen.add(called)
        a = activities.get(called)
        if a is None:
            if called == name:
                yield f"the workflow `{name}`"
            continue
        bare = ast.Activity(a.name, span=a.span)
        for clause, said in _CLAUSES.items():
            if getattr(a, clause) != getattr(bare, clause):
                yield f"{said} of `{called}`"
        for part in walk(a.undo):
            if isinstance(part, ast.Call):
                todo.append(part.name)
            elif isinstance(part, ast.Assign):
                yield f"the undo of `{called}` (a block)"
            elif isinstance(part, ast.Term) and not isinstance(part, ast.Skip | ast.Seq):
                yield f"the undo of `{called}`"
