"""Where two specs differ in terms only, of which one may stand for the other by laws of terms.

That is so if the two declare the same, the terms are of the forms below, and nothing looks into
them from outside: a time limit that asks how long its body lasts, a crash that goes on from the
log, a clock (docs/decisions/0017-laws.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeGuard, get_args

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Rejected, Span
from ...dsl.types import Enum
from ...dsl.walk import Kinds, nodes_of, walk
from ..claimed import Effects, Terms, Tests
from ..expr import TRUE, Expr, Op, Sort, and_, const, le, var
from ..system import RuleKind, Variable, VarKind
from ..walks import variables
from .env import unasked
from .expressions import scalar
from .world import contexts, lower

FORMS = (
    ast.Skip,
    ast.Fail,
    ast.WaitUntil,
    ast.Call,
    ast.Assign,
    ast.Seq,
    ast.Choice,
    ast.Par,
    ast.If,
    ast.While,
    ast.Try,
    ast.NoCancel,
    ast.Using,
)
_LOOKING = (ast.Now, ast.StatePredicate)
STEADY = frozenset((VarKind.DATA, VarKind.SHARED, VarKind.ARG, VarKind.PARAM))
MARK = "a step"  # in place of a file
ALONE = ast.System((ast.InstanceDecl("w"),))


def alone_runs(s: ast.Spec) -> ast.Workflow | None:
    """The only workflow that runs, if nothing is beside it."""
    if s.system is None:
        return s.workflows[0] if len(s.workflows) == 1 else None
    name = s.system.instances[0].workflow
    plain = s.system.instances == (ast.InstanceDecl(name),)
    return next((w for w in s.workflows if w.name == name and plain), None)


def differing(old: ast.Spec, new: ast.Spec) -> list[Terms] | None:
    """The terms in which they differ; None where they differ in more, or in other terms."""
    old, new, found = _apart(old, new)
    if found is None:
        return None
    single = alone_runs(old) is not None and len(found) == 1

    def of(mine: ast.Workflow, yours: ast.Workflow) -> Terms:
        out = Terms(mine.body, yours.body, partial(tests, old, mine.name), alone=single)
        return replace(out, steps=partial(effects, old, mine.name)) if single else out

    return [of(mine, yours) for mine, yours in found]


def compared_terms(old: ast.Spec, new: ast.Spec) -> Sequence[Terms] | None:
    """The same, one pair at least: of two that do not differ, one that says nothing."""
    found = differing(old, new)
    return [Terms(ast.Skip(), ast.Skip())] if found == [] else found


Pairs = list[tuple[ast.Workflow, ast.Workflow]]


def _apart(old: ast.Spec, new: ast.Spec) -> tuple[ast.Spec, ast.Spec, Pairs | None]:
    """Each `by_itself`, and the workflows that differ, in bodies only; None as `differing`."""
    one, other = by_itself(old), by_itself(new)
    return one, other, _differing_in((one, other))


def _differing_in(both: tuple[ast.Spec, ast.Spec]) -> Pairs | None:
    old, new = both
    if any(s.controllers or s.imported_from or (s.system and s.system.faults) for s in both):
        return None
    if without_bodies(old) != without_bodies(new):
        return None
    nodes = [[nodes_of(w) for w in s.workflows] for s in both]
    called = {name for found in nodes for body in found for name in _called(body)}
    pairs = []
    each = zip(old.workflows, new.workflows, *nodes, strict=True)
    for mine, yours, my_nodes, your_nodes in each:
        if one_term(mine.body, yours.body):
            continue
        # (How long a call lasts may be looked at where it stands.)
        plain = _plain(old, mine, my_nodes) and _plain(new, yours, your_nodes)
        if mine.name in called or not plain:
            return None
        pairs.append((mine, yours))
    return pairs


def tests(spec: ast.Spec, workflow: str, written: Sequence[ast.Expression]) -> Tests | None:
    """None: the workflow does not run in this spec, or is not understood without its body."""
    try:
        found = contexts(without_bodies(by_itself(spec)))
    except Rejected:
        return None
    ctx = next((c for c in found if c.inst.workflow.name == workflow), None)
    if ctx is None:
        return None
    env = unasked(ctx.env)
    conditions = tuple(scalar(env, e) for e in written)
    start = [(v.index, v.init) for v in ctx.b.variables if v.init is not None and not v.init.args]
    return Tests(conditions, and_(*map(_always, ctx.b.variables)), tuple(start))


def _always(v: Variable) -> Expr:
    """Of what never changes, and of types that no assignment can leave."""
    here = var(v.index, v.sort)
    if isinstance(v.type, Enum):
        return and_(le(const(0), here), le(here, const(len(v.type.values) - 1)))
    given = v.kind in (VarKind.ARG, VarKind.PARAM) and v.init is None and v.sort is Sort.INT
    if not given or v.lo is None or v.hi is None:
        return TRUE
    return and_(le(const(v.lo), here), le(here, const(v.hi)))


def plain_terms(both: tuple[ast.Term, ast.Term]) -> tuple[ast.Term, ast.Term] | None:
    """The sides of a law, if they are of the forms in which laws may be used; its names stand for
    anything."""
    nodes = [n for t in both for n in walk(t) if not _calls(n)]
    plain = all(_form(n) and not isinstance(n, ast.Using) for n in nodes)
    return both if plain else None


def by_itself(s: ast.Spec) -> ast.Spec:
    """Without what is not called, and whatever the workflow that runs is called."""
    main = alone_runs(s)
    if s.workflows == (main,) and s.system == ALONE:
        return s
    if main is None or not _called(nodes_of(main)) <= _activities(s, main):
        return s
    only = replace(main, name=ALONE.instances[0].workflow)
    return replace(s, workflows=(only,), system=ALONE)


def one_term(left: ast.Term, right: ast.Term) -> bool:
    """Whether the two are the same, wherever they are written."""
    try:
        return left == right
    except RecursionError:
        return False


def without_bodies(s: ast.Spec) -> ast.Spec:
    bare = tuple(replace(w, body=ast.Skip()) for w in s.workflows)
    return replace(s, workflows=bare, items=())


def _calls(node: ast.Node) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call)


def _called(nodes: Kinds) -> set[str]:
    return {c.name for c in nodes.all(ast.Call)}


def _activities(s: ast.Spec, w: ast.Workflow) -> set[str]:
    return {a.name for a in (*w.activities, *s.activities)}


def _plain(s: ast.Spec, w: ast.Workflow, nodes: Kinds) -> bool:
    """Nothing in which the place of a term matters, and nothing that names something."""
    if any(nodes.all(ast.Using)) and any(r.lease is not None for r in s.resources):
        return False
    return _called(nodes) <= _activities(s, w) and nodes.each(_form, (ast.Par, ast.While))


def _form(node: ast.Node) -> bool:
    match node:
        case ast.Par(policy=policy):
            return policy == "all"
        case ast.While(at_most=most):
            return most is None
    if isinstance(node, get_args(ast.Term)):
        return isinstance(node, FORMS)
    return not isinstance(node, _LOOKING)


def effects(spec: ast.Spec, workflow: str, steps: Sequence[ast.Term]) -> Effects | None:
    """What calls and assignments make of variables, while only one such workflow runs."""
    spec = by_itself(spec)
    # (Where they stand does not matter: side by side in a choice, each with its number for a line.)
    marked = tuple(replace(t, span=Span(MARK, k, 1, k, 1)) for k, t in enumerate(steps, 1))
    sides = marked if len(marked) > 1 else (*marked, ast.Skip())
    bodies = tuple(
        replace(w, body=ast.Choice(sides)) if w.name == workflow else w
        for w in without_bodies(spec).workflows
    )
    try:
        system = lower(replace(spec, workflows=bodies, items=()))
    except Rejected:
        return None
    steady = frozenset(v.index for v in system.variables if v.kind in STEADY)
    found: list[dict[int, Expr | None]] = [{} for _ in steps]
    for rule in system.rules:
        if rule.span.file != MARK:
            # (What has no place of its own may belong to each.)
            for own in found:
                own.update((v, None) for v, _ in rule.updates if v in steady)
            continue
        own = found[rule.span.line - 1]
        for v, e in rule.updates:
            known = rule.kind in (RuleKind.COMPLETE, RuleKind.ASSIGN) and v not in own
            own[v] = e if known and _known(e, steady) else None
    return Effects(tuple(found), steady)


def _known(e: Expr, steady: frozenset[int]) -> bool:
    return variables([e]) <= steady and not variables([e], Op.INPUT)
