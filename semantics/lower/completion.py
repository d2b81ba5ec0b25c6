"""The end of an attempt that completes: its result, its effect, and what a saga remembers of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.records import dataclass
from ...dsl.types import Bool, Type
from ..expr import FALSE, TRUE, Expr, Op, Sort, add, and_, const, inp, to_real
from ..system import (
    EventKind,
    Input,
    RuleKind,
    VarKind,
)
from ..walks import variables
from .assign import assign
from .builder import RuleDraft
from .claims import Demand
from .context import Ctx, step
from .data import Value, build, default, leaves, sort_of
from .drafts import Attempt, Done
from .effects import effect
from .env import Definedness, Env, collecting, unasked
from .expressions import scalar
from .place import At
from .repeats import Repeats, typed


def saved(ctx: Ctx, name: str, type_: Type | None, value: Value, taken: dict[int, Expr]) -> Value:
    assert type_ is not None
    kept = ctx.b.data(
        name, type_, VarKind.HIDDEN, _zero(type_), ctx.inst.id, ctx.inst.workflow.span
    )
    for slot, v in zip(leaves(kept), leaves(value), strict=True):
        taken[slot.index] = to_real(v) if slot.sort is Sort.REAL else v
    return kept


def _zero(type_: Type) -> Value:
    zero = {Sort.BOOL: FALSE, Sort.INT: const(0), Sort.REAL: const(Fraction(0))}
    return build(type_, "", lambda _, t: zero[sort_of(t)])


@dataclass(frozen=True, slots=True)
class Completed:
    """How an attempt completes: its rule, and what a saga remembers of it.

    `effect` by itself, which a contract (`allowed`) relates to the answer and the state before;
    `left`: what the attempt may leave behind when it is cut off.
    """

    rule: RuleDraft
    done: Done | None
    effect: Mapping[int, Expr]
    allowed: Expr
    left: dict[int, Expr]


def completion(
    ctx: Ctx,
    a: ast.Activity,
    t: ast.Call,
    place: str,
    at: At,
    k: int,
    env: Env,
    want: Demand,
    group: int,
    noted: Callable[[str, Callable[[Expr], Expr]], dict[int, Expr]],
    often: Repeats,
    start: RuleDraft,
) -> Completed:
    """Completion: result and writes are inputs that `ensures` constrains; `do` is applied."""
    b = ctx.b
    inputs: list[Input] = []

    def fresh(name: str, type_: Type) -> Expr:
        lo = getattr(type_, "lo", None)
        hi = getattr(type_, "hi", None)
        inputs.append(Input(name, sort_of(type_), type_, lo, hi))
        return inp(len(inputs) - 1, sort_of(type_))

    result: Value | None = None
    if a.resolved is not None:
        result = build(a.resolved, "result", fresh)
    post_env = env.bind(result=result) if result is not None else env
    done = effect(post_env, a.do)
    updates = dict(done.updates)
    # What `do` assigns is known; the rest of `writes` is any value that the contract allows.
    store: dict[int, Expr] = {}
    for name in a.writes:
        for slot in leaves(env.variables[name]):
            if slot.index not in updates:
                store[slot.index] = fresh(name, b.variables[slot.index].type)
    updates.update(store)
    made = dict(updates)
    ranges = [typed(i, inp(k, i.sort)) for k, i in enumerate(inputs)]
    # `ensures` on results and `writes` is assumed where the effect is had; on what `do` computes it
    # is proved.
    computed = set(done.updates)
    assumed: list[Expr] = []
    if a.ensures:
        having = replace(post_env, store=made)
        given = [e for e in a.ensures if not _speaks_of(having, e, computed)]
        assumed = [scalar(unasked(having), e) for e in given]
    relation = allowed = and_(*ranges, *assumed)
    if often.unsure and any(variables([e], Op.INPUT) for e in updates.values()):
        often = often.answered(ctx, place, start, inputs, relation)
        relation = often.answer(relation)
    updates = often.once(updates)
    proved: list[tuple[Expr, ast.Expression]] = []
    ensures_defined: list[Definedness] = []
    if a.ensures:
        after = replace(post_env, store=updates)
        with collecting(after) as (inner, ensures_defined):
            contracts = [(scalar(inner, e), e) for e in a.ensures]
        proved = [(c, e) for c, e in contracts if _speaks_of(after, e, computed)]
    written = tuple(updates)
    typed_already = {i: updates[i] for i in store}

    if t.bind is not None and result is not None:
        bind_env = replace(ctx.env, store=updates)
        with collecting(bind_env) as (inner, bind_defined):
            updates.update(assign(inner, t.bind, result, t.bind.type))
    else:
        bind_defined = []
    updates.update(noted("done", lambda _: TRUE))
    updates.update(noted("times", lambda c: add(c, const(1))))

    remembered: Done | None = None
    unheard: Value | None = None
    if ctx.in_saga:
        flag = b.hidden(f"{place} done", ctx.inst.id, False)
        updates[flag.index] = TRUE
        undo_env = env
        asks = a.undo is not None and a.undo.kind in ("block", "call")
        if result is not None and (asks or a.undone_when is not None):
            unheard = saved(ctx, f"{place}.result", a.resolved, result, updates)
            undo_env = env.bind(result=unheard)
        was: Expr | None = None
        if a.undone_when is not None:
            was = b.variable(f"{place} was done", Bool(), VarKind.GHOST, FALSE, ctx.inst.id)
            updates[was.index] = TRUE
        instead: Expr | None = None
        if a.undo is not None and a.undo.orelse is not None:
            name = f"{place}: else of the undo"
            instead = b.variable(name, Bool(), VarKind.GHOST, FALSE, ctx.inst.id)
        assert at.points is not None, "it is running"
        by = Attempt(start, at.points[0])
        known = ctx.inst, undo_env, place, t.span, written
        remembered = Done(flag, a.undo, *known, a.undone_when, was, by, instead)

    rule = step(
        ctx,
        at,
        RuleKind.COMPLETE,
        f"complete {place}",
        t.span,
        k,
        updates=updates,
        held=(*ctx.claims, *want.holds),
        relation=relation,
        inputs=tuple(inputs),
        event=EventKind.TASK_COMPLETED,
        subject=place,
        activity=place,
        group=group,
    )
    if remembered is not None:
        remembered.by.complete = rule
    ctx.defined(list(done.defined), rule)
    ctx.defined(bind_defined, rule)
    ctx.defined(list(ensures_defined), rule)
    ctx.in_range({i: v for i, v in updates.items() if v is not typed_already.get(i)}, rule)
    for cond, e in proved:
        ctx.must(
            "ensures", cond, f"`do` of {a.name} does not establish this", e.span, rule, name=a.name
        )
    left = often.perhaps(made)
    if remembered is not None and often.cut is not None:
        left[remembered.flag.index] = TRUE  # nobody knows
        if remembered.was is not None:
            left[remembered.was.index] = TRUE
        if unheard is not None:
            assert a.resolved is not None
            nothing = default(a.resolved, b.string)
            left.update((x.index, e) for x, e in zip(leaves(unheard), leaves(nothing), strict=True))
    return Completed(rule, remembered, made, allowed, left)


def _speaks_of(env: Env, e: ast.Expression, computed: set[int]) -> bool:
    """Does a contract mention what a variable is after `do` has assigned it?"""
    found: set[int] = set()

    def visit(node: object) -> None:
        if isinstance(node, ast.Apply) and node.func == "old":
            return
        if isinstance(node, ast.Name) and node.name in env.variables and node.ref is not None:
            if node.ref in (ast.RefKind.VAR, ast.RefKind.SHARED, ast.RefKind.STORE):
                found.update(x.index for x in leaves(env.variables[node.name]))
        if isinstance(node, ast.Member) and isinstance(node.base, ast.Name):
            if node.base.name == "self" and node.name in env.variables:
                found.update(x.index for x in leaves(env.variables[node.name]))
        for field in getattr(node, "__dataclass_fields__", {}):
            child = getattr(node, field)
            if isinstance(child, tuple):
                for c in child:
                    visit(c)
            elif hasattr(child, "__dataclass_fields__") and isinstance(child, ast.Node):
                visit(child)

    visit(e)
    return bool(found & computed)
