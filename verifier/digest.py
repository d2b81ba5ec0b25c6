"""What a claim depends on, as a hash: the same hash, the same answer.

A claim about states or steps holds of a system just if it holds of its exact cone of influence
(`engines.slice`), so the cone is what is hashed: after an edit elsewhere the hash is the same.
Places in the source are left out.  Checks of the whole system are hashed with all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..dsl.errors import Span
from ..semantics.expr import Expr, Op
from ..semantics.system import Obligation, TransitionSystem
from ..semantics.walks import fold
from .engines.slice import slice_for


def of_claim(system: TransitionSystem, goals: Sequence[Obligation]) -> str:
    """Of the cone of the goals; variables and rules are named by their order in it."""
    cone = slice_for(system, goals)
    kept = sorted(cone.variables)
    ranks = {v: k for k, v in enumerate(kept)}
    order = {r.index: k for k, r in enumerate(cone.system.rules)}
    hashing = _Hashing(ranks)
    locations = {t.location for t in system.threads}
    parts = [
        hashing.of(tuple(system.variables[v] for v in kept), skip=("index", "instance")),
        hashing.of(cone.system.initial),
        hashing.of(cone.system.excluded),
        system.scheduler,
        # (Which places are at an end is read off the points.)
        hashing.of(
            tuple(
                (ranks[t.location], tuple((p.id, p.kind, p.holds) for p in t.points))
                for t in system.threads
                if t.location in ranks and t.location in locations
            )
        ),
    ]
    for rule in cone.system.rules:
        parts.append(
            hashing.of(
                (
                    rule.kind,
                    rule.guard,
                    rule.relation,
                    tuple(sorted((ranks[v], hashing.of(e)) for v, e in rule.own)),
                    tuple((i.sort, str(i.type), i.lo, i.hi) for i in rule.inputs),
                )
            )
        )
    for goal in goals:
        about = None if goal.rule is None else order.get(goal.rule)
        parts.append(hashing.of((goal.check, goal.cond, about, goal.every_step)))
    return _hash("claim", *parts)


def of_system(system: TransitionSystem) -> str:
    """Of all rules, for checks of the whole."""
    return _Hashing(None).of(system)


def of_check(system: str, check: str) -> str:
    """Of a check of the whole system, which has this hash."""
    return _hash("check", system, check)


def of_tool() -> str:
    """Of the code that answers: another version may answer otherwise."""
    root = Path(__file__).resolve().parents[1]
    parts = []
    for room in ("dsl", "semantics", "verifier", "interpreter"):
        for path in sorted((root / room).rglob("*.py")):
            about = path.stat()
            parts.append(f"{path.relative_to(root)} {about.st_size} {about.st_mtime_ns}")
    return _hash("tool", *parts)


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


class _Hashing:
    """Hashes of plain data and of terms; `ranks` name the variables of terms."""

    def __init__(self, ranks: Mapping[int, int] | None) -> None:
        self.ranks = ranks
        self._memo: dict[int, str] = {}
        self._data_memo: dict[tuple[int, tuple[str, ...]], str] = {}
        self._alive: list[object] = []  # the memos are keyed by identity

    def of(self, value: object, skip: tuple[str, ...] = ()) -> str:
        match value:
            case Expr():
                self._alive.append(value)
                return fold(value, self._term, self._memo)
            case Span():
                return ""
            case Enum():
                return _hash("enum", str(value.value))
            case tuple() | range() | list():
                return _hash("tuple", *(self.of(v, skip) for v in value))
            case _ if is_dataclass(value):
                return self._data(value, skip)
        return _hash(type(value).__name__, repr(value))

    def _data(self, value: Any, skip: tuple[str, ...]) -> str:
        # Rules share what cancelling does: once for all of them.
        key = (id(value), skip)
        found = self._data_memo.get(key)
        if found is None:
            names = [f.name for f in fields(value) if f.name not in skip]
            parts = (self.of(getattr(value, n), skip) for n in names)
            found = self._data_memo[key] = _hash(type(value).__name__, *parts)
            self._alive.append(value)
        return found

    def _term(self, node: Expr, args: Sequence[str]) -> str:
        value: object = node.value
        if self.ranks is not None and node.op in (Op.VAR, Op.POST):
            value = self.ranks[node.index]
        return _hash(node.op.value, node.sort.value, repr(value), *args)
