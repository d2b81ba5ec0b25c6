"""Two specs that differ in terms only: what the laws of terms say of them, before any rule is made.

Used only where one term may stand for another (docs/decisions/0017-laws.md): the two declare the
same, the terms are of the forms below, and nothing looks into them from outside (a time limit that
asks how long its body lasts, a crash that goes on from the log, a clock).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TypeGuard, get_args

from ....dsl import ast
from ....dsl.walk import walk
from . import guarded, normal
from .decide import TooMany
from .read import read
from .store import Op, Store

LEVELS = ("bisimulation", "branching", "failures", "trace")  # from fine to coarse
WIDEST = 16  # a join over more branches is a step of its own
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


@dataclass(frozen=True, slots=True)
class Said:
    """They are equivalent under `level` and all that is coarser.  `laws`: how often each was used;
    `guarded`: pairs of states of guarded terms that were merged."""

    level: str
    laws: tuple[tuple[str, int], ...] = ()
    guarded: int = 0
    operators: int = 0  # of the larger one

    def __str__(self) -> str:
        if self.guarded:
            return f"both are guarded terms, and {self.guarded} pairs of states are alike"
        if not self.laws:
            return "both are the same term"
        used = ", ".join(f"{law} ({n})" if n > 1 else law for law, n in self.laws)
        return f"both have one normal form, by the laws {used}"


def said(old: ast.Spec, new: ast.Spec) -> Said | None:
    """Of specs without properties (`lower.alone`); None: nothing, they may be equivalent or not."""
    pairs = bodies(old, new)
    if pairs is None:
        return None
    worst = Said(LEVELS[0])
    for left, right in pairs:
        found = compared(left, right, _main(old) is not None)
        if found is None:
            return None
        if LEVELS.index(found.level) >= LEVELS.index(worst.level):
            worst = found
    return worst


def _main(s: ast.Spec) -> ast.Workflow | None:
    """The only workflow that runs, if nothing is beside it."""
    if s.system is None:
        return s.workflows[0] if len(s.workflows) == 1 else None
    name = s.system.instances[0].workflow
    plain = s.system.instances == (ast.InstanceDecl(name),)
    return next((w for w in s.workflows if w.name == name and plain), None)


# --- what may be compared ------------------------------------------------------------------------


def bodies(old: ast.Spec, new: ast.Spec) -> list[tuple[ast.Term, ast.Term]] | None:
    """The terms in which they differ; None where they differ in more, or in other terms."""
    old, new = both = _by_itself(old), _by_itself(new)
    if any(s.controllers or s.imported_from or (s.system and s.system.faults) for s in both):
        return None
    if without_bodies(old) != without_bodies(new):
        return None
    called = {n.name for s in both for w in s.workflows for n in walk(w.body) if _calls(n)}
    pairs = []
    for mine, yours in zip(old.workflows, new.workflows, strict=True):
        if _same(mine.body, yours.body):
            continue
        # (How long a call lasts may be looked at where it stands.)
        if mine.name in called or not all(
            _plain(s, w, n) for s, w in ((old, mine), (new, yours)) for n in walk(w.body)
        ):
            return None
        pairs.append((mine.body, yours.body))
    return pairs


def _by_itself(s: ast.Spec) -> ast.Spec:
    """Without what is not called, and whatever the workflow that runs is called."""
    main = _main(s)
    if main is None or any(_calls(n) and not _activity(s, main, n.name) for n in walk(main.body)):
        return s
    only = replace(main, name="w")
    return replace(s, workflows=(only,), system=ast.System((ast.InstanceDecl("w"),)))


def _same(left: ast.Term, right: ast.Term) -> bool:
    try:
        return left == right
    except RecursionError:
        return False


def without_bodies(s: ast.Spec) -> ast.Spec:
    bare = tuple(replace(w, body=ast.Skip()) for w in s.workflows)
    return replace(s, workflows=bare, items=())


def _calls(node: ast.Node) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call)


def _activity(s: ast.Spec, w: ast.Workflow, name: str) -> bool:
    return any(a.name == name for a in (*w.activities, *s.activities))


def _plain(s: ast.Spec, w: ast.Workflow, node: ast.Node) -> bool:
    """Nothing in which the place of a term matters, and nothing that names something."""
    match node:
        case ast.Call(name=name):
            return _activity(s, w, name)
        case ast.Par(policy=policy):
            return policy == "all"
        case ast.While(at_most=most):
            return most is None
        case ast.Using():
            return all(r.lease is None for r in s.resources)
    if isinstance(node, get_args(ast.Term)):
        return isinstance(node, FORMS)
    return not isinstance(node, _LOOKING)


# --- comparing -----------------------------------------------------------------------------------


def compared(left: ast.Term, right: ast.Term, single: bool) -> Said | None:
    """`single`: nothing runs beside them.  The cheapest first."""
    s = Store()
    a, b = read(s, left), read(s, right)
    size = max(s.operators(a), s.operators(b))
    wide = _wide(s, a, b)
    same: guarded.Same | None = None
    for under in ("strong", "branching", "trace"):
        if under == "trace" and same is not None and single:
            # (A round that ends with a step of its own may be the first step of all.)
            return Said("trace" if same.mixed else "failures", (), same.related, size)
        found = normal.equal(s, a, b, under)
        if found is not None:
            level = LEVELS[0] if under == "strong" else under
            used = tuple(sorted(Counter(t.law for t in found.steps).items()))
            return Said(_coarser(level, wide), used, operators=size)
        if under == "strong" and guarded.guarded(s, a, b):
            same = _guarded(s, a, b)
            if same is not None and not (same.rounds or same.silent):
                return Said(LEVELS[0], (), same.related, size)
    return None


def _guarded(s: Store, a: int, b: int) -> guarded.Same | None:
    try:
        same = guarded.compare(s, a, b)
    except TooMany:
        return None
    return same if isinstance(same, guarded.Same) else None


def _coarser(one: str, other: str) -> str:
    return max(one, other, key=LEVELS.index)


def _wide(s: Store, *roots: int) -> str:
    """The finest level that is left where a join over many branches is a step."""
    branches: dict[int, int] = {}
    passes: dict[int, bool] = {}
    level = LEVELS[0]
    for t in s.below(*roots):
        kids = s.kids[t]
        inner = [branches[k] for k in kids]
        op = s.op[t]
        branches[t] = sum(max(1, n) for n in inner) if op is Op.PAR else sum(inner)
        match op:
            case Op.SKIP | Op.WHILE | Op.OTHER:
                passes[t] = True
            case Op.SEQ | Op.PAR:
                passes[t] = all(passes[k] for k in kids)
            case Op.CHOICE:
                passes[t] = any(passes[k] for k in kids)
            case Op.IF:
                passes[t] = any(passes[k] for k in kids[1:])
            case _:
                passes[t] = False
        if op is Op.PAR and branches[t] > WIDEST:
            # Where it may be the first step of all, its root matters.
            level = _coarser(level, "failures" if passes[t] else "branching")
    return level
