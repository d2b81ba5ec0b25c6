"""An instance of a law: terms in place of its names, as two specs that are compared.

A law claims of all terms what an instance claims of a few; so where an instance fails, the law
does.  What may be put in, and what each name of the law is then:

- of a law with a time limit or a wait there is none here, for what its sides do depends on times,
  which are not compared;
- terms are made of activities that are declared here for them (`_kit`), of assignments to `x`, to
  tests and of what laws are made of, except for what depends on time;
- a test is shared data, false at first, which the terms and what runs beside may change;
- a pool has one unit, which others may take;
- an activity that the law calls does nothing to data, and fails and is undone as it is declared.

What runs `beside` is an instance of its own.  So each side of the law is a whole workflow, and
nothing can be seen of it but what can be seen of every workflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...dsl import ast, load_text, parse_text
from ...dsl.changed import replace
from ...dsl.errors import NOWHERE, Diagnostic, Rejected
from ...dsl.format_inline import inline
from ...dsl.support import callable_in
from ...dsl.walk import walk
from ..claimed import Side
from ..observing import View, in_both
from .own_names import OWN, Renaming, called, declared, errors, pools
from .world import lower

BUILT_IN = ("Timeout", "TooMany", "Interrupted")
DATA = "x"
BESIDE = "z"  # what runs beside, and whose activities there are for it
OF = "w"  # the workflow that does a side of the law
# What terms that are put in are made of.  (Nothing that ends runs without a trace, as `assume`.)
_TERMS = (
    ast.Skip | ast.Call | ast.Assign | ast.Fail | ast.Return | ast.WaitUntil | ast.Seq | ast.Choice
    | ast.Par | ast.If | ast.While | ast.Try | ast.Handler | ast.Retry | ast.RetrySpec | ast.Saga
    | ast.Using | ast.Claim | ast.NoCancel
)  # fmt: skip
_TESTED = ast.Name | ast.IntLit | ast.BoolLit | ast.Unary | ast.Binary


def instance(
    spec: ast.Spec, law: ast.Law, terms: Sequence[tuple[str, str]], beside: str = ""
) -> tuple[Side, Side]:
    """Both sides with these terms, by the names of the law; `beside` is a term, or "" for nothing.
    Raises `Rejected` for what is no instance."""
    if any(map(_timed, walk((law.left, law.right)))):
        raise _no("what the sides of this law do depends on times")
    if sorted(n for n, _ in terms) != sorted(law.metavariables):
        raise _no("a term is needed for each name of the law")
    own = Renaming({n: _term(t) for n, t in terms})
    other = _term(beside) if beside else None
    items = {e.var for e in walk((law.left, law.right)) if isinstance(e, ast.Each)}
    put = (*own.terms.values(), *((other,) if other is not None else ()))
    if items & {n.name for n in walk(put) if isinstance(n, ast.Name)}:
        raise _no("a term that is put in names the item of an `each` around it")
    both = [own.term(t) for t in (law.left, law.right)]
    kit = [*_kit(spec, law, tuple(own.tests.values()))]
    left, right = (lower(_whole(t, other, kit)) for t in both)
    view = View(in_both(left, right))
    return Side(left, view), Side(right, view)


def _timed(node: ast.Node) -> bool:
    match node:
        case ast.Wait():
            return True
        case ast.Within(duration=time) | ast.RetrySpec(backoff=time):
            return time is not None
        case _:
            return False


def _no(what: str) -> Rejected:
    return Rejected((Diagnostic("E0900", NOWHERE, what, ""),))


def _term(text: str) -> ast.Term:
    """What a text says, if it is one term and nothing else."""
    plain = parse_text(_workflow(OF, "skip"), "")
    (skip,) = plain.workflows
    found = parse_text(_workflow(OF, text), "")
    body = found.workflows[0].body
    if found != replace(plain, workflows=(replace(skip, body=body),)):
        raise _no("more than a term is put in")
    for node in walk(body):
        if not isinstance(node, _TERMS | _TESTED):
            raise _no(f"`{type(node).__name__}` in a term that is put in")
    return body


def _workflow(name: str, body: str, fails: str = "") -> str:
    return f"workflow {name} {fails} {{ run {{ {body} }} }}"


def _whole(term: ast.Term, beside: ast.Term | None, kit: Sequence[str]) -> ast.Spec:
    """The spec in which one workflow does this term, and another one what is beside it."""
    bodies = {OF: term} if beside is None else {OF: term, BESIDE: beside}
    lines = [*kit, *(_workflow(n, inline(t)) for n, t in bodies.items())]
    lines.append(f"system {{ {' '.join(bodies)} }}")
    whole = load_text("\n".join(lines), "")
    # What was written is what was meant.
    if [w.body for w in whole.workflows] != [*bodies.values()]:
        raise _no("an instance that cannot be written")
    return whole


def _kit(spec: ast.Spec, law: ast.Law, tests: Sequence[str]) -> Iterator[str]:
    """What the terms of instances are made of.  Of each name of the law, and of what runs beside
    it, the activities p1, p2, which do not fail, px, which may fail, pu, which pv undoes with a
    trace in the data, and pw, whose undo pf may fail."""
    calls = called(law, callable_in(spec, law))
    named = errors(law, {e.name: e.kind for e in spec.errors}, calls)
    kinds = {**named, **dict(_others(named))}
    yield from (f"error {e} {k}" for e, k in kinds.items() if e not in BUILT_IN)
    yield f"shared {DATA}: int = 1"
    yield from (f"shared {b}: bool = false" for b in tests)
    yield from (f"resource {m} : pool(1)" for m in pools(law))
    yield from map(declared, calls)
    fails = f"fails {', '.join(named or kinds)}"
    for p in (*(m + OWN for m in law.metavariables), BESIDE):
        yield f"activity {p}1 {{ }} activity {p}2 {{ }} activity {p}x {{ {fails} }}"
        yield f"activity {p}v {{ do {{ {DATA} := {DATA} + 1 }} }} activity {p}u {{ undo {p}v() }}"
        yield f"activity {p}f {{ {fails} }} activity {p}w {{ undo {p}f() }}"


def _others(named: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Errors that a law does not name."""
    for e, kind in (("E", "permanent"), ("F", "transient"), ("G", "permanent")):
        yield next(n for n in (e, f"{e}_", f"{e}__") if n not in named), kind
