"""Two specs that differ in terms only: what the laws of terms say of them, before any rule is made.

Used only where one term may stand for another (`lower.differing`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ....dsl import ast
from ....semantics.evidence import Derivation
from ....semantics.joins import WIDEST
from ....semantics.lower.differing import alone_runs, differing, plain_terms
from . import guarded, normal
from .decide import TooMany
from .read import read
from .store import Op, Store

LEVELS = ("bisimulation", "branching", "failures", "trace")  # from fine to coarse


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
    pairs = differing(old, new)
    if pairs is None:
        return None
    worst = Said(LEVELS[0])
    for left, right in pairs:
        found = compared(left, right, alone_runs(old) is not None)
        if found is None:
            return None
        if LEVELS.index(found.level) >= LEVELS.index(worst.level):
            worst = found
    return worst


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
            return _by_laws(found, under, wide, size)
        if under == "strong" and guarded.guarded(s, a, b):
            same = _guarded(s, a, b)
            if same is not None and not (same.rounds or same.silent):
                return Said(LEVELS[0], (), same.related, size)
    return None


def by_laws(left: ast.Term, right: ast.Term) -> Said | None:
    """Of the sides of a law, for all terms in place of its names, wherever it stands."""
    if plain_terms((left, right)) is None:
        return None
    s = Store()
    a, b = read(s, left), read(s, right)
    for under in ("strong", "branching", "trace"):
        found = normal.equal(s, a, b, under)
        if found is not None:
            return _by_laws(found, under, _wide(s, a, b), s.operators(a))
    return None


def _by_laws(found: normal.Derivation, under: str, wide: str, size: int) -> Said:
    level = LEVELS[0] if under == "strong" else under
    used = tuple(sorted(Counter(t.law for t in found.steps).items()))
    return Said(_coarser(level, wide), used, operators=size)


def derivation(left: ast.Term, right: ast.Term, under: str) -> Derivation | None:
    """That laws make one of the two of the other, for a certificate."""
    s = Store()
    found = normal.equal(s, read(s, left), read(s, right), under.replace("bisimulation", "strong"))
    if found is None:
        return None
    terms = tuple((str(o), n, k) for o, n, k in zip(s.op, s.label, s.kids, strict=True))
    steps = tuple((t.law, t.before, t.after) for t in found.steps)
    return Derivation(terms, found.left, found.right, steps)


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
