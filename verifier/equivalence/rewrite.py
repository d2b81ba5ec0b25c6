"""Another workflow that does the same: in canonical form, shorter, or with more at once.

A proposal is made by laws, whose derivation it has, or by putting side by side what is independent;
it is compared with the workflow as it was before anybody sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...dsl import ast
from ...dsl.format_inline import inline
from ...dsl.records import dataclass
from ...dsl.walk import walk
from ...semantics.lower import lower
from ...semantics.lower.alone import alone
from .behaviour import Size
from .findings import Asked, Finding
from .terms.normal import normal_form
from .terms.read import read
from .terms.store import Store
from .terms.write import Sources, write
from .workflows import compare

WIDE = 120  # characters of a term in a step that are shown as they are
LONG = 4_000  # that are looked at
AROUND = 6  # words before and after what differs
GOALS = ("short", "canonical", "parallel")


@dataclass(frozen=True, slots=True)
class Taken:
    """One step of a derivation: by `law`, `before` becomes `after`."""

    law: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """`spec` with the new body.  `operators`: before and after.  `found`: what the comparison
    under `under` says; None where there is nothing to change."""

    spec: ast.Spec
    workflow: str
    steps: tuple[Taken, ...]
    operators: tuple[int, int]
    under: str
    found: Finding | None


def proposal(spec: ast.Spec, workflow: str, goal: str, under: str, size: Size) -> Proposal:
    """Raises `Rejected` (E0201) where there is no such workflow."""
    before = lower(alone(spec, workflow))
    w = next(w for w in spec.workflows if w.name == workflow)
    s = Store()
    sources: dict[int, ast.Term | ast.Expression] = {}
    root = read(s, w.body, sources, sagas=True)
    steps: list[Taken] = []
    if goal == "parallel":
        body = _side_by_side(spec, w, w.body, steps)
        new = read(s, body, sources, sagas=True)
    else:
        new, body = _normal(s, root, sources, under, steps)
    operators = s.operators(root), s.operators(new)
    if new == root or (goal == "short" and operators[1] >= operators[0]):
        return Proposal(spec, workflow, (), (operators[0], operators[0]), under, None)
    changed = tuple(replace(x, body=body) if x is w else x for x in spec.workflows)
    other = replace(spec, workflows=changed, items=())
    found = compare(before, lower(alone(other, workflow)), Asked(size=size), (under,))
    return Proposal(other, workflow, tuple(steps), operators, under, found.levels[under])


def _normal(
    s: Store, root: int, sources: Sources, under: str, steps: list[Taken]
) -> tuple[int, ast.Term]:
    level = "strong" if under == "bisimulation" else under
    new, taken = normal_form(s, root, level)
    steps += (Taken(t.law, *_apart(s.show(t.before, LONG), s.show(t.after, LONG))) for t in taken)
    return new, write(s, new, sources)


def _apart(before: str, after: str) -> tuple[str, str]:
    """Two texts without most of what long ones have in common at their ends."""
    if max(len(before), len(after)) <= WIDE:
        return before, after
    words = before.split(" "), after.split(" ")
    least = min(map(len, words))
    front = next((k for k in range(least) if words[0][k] != words[1][k]), least)
    rest = least - front
    back = next((k for k in range(rest) if words[0][-1 - k] != words[1][-1 - k]), rest)
    out = []
    for own in words:
        first, last = max(0, front - AROUND), min(len(own), len(own) - back + AROUND)
        text = " ".join((*([".."] if first else []), *own[first:last]))
        cut = len(text) > 2 * WIDE
        out.append((text[: 2 * WIDE] if cut else text) + (" .." if cut or last < len(own) else ""))
    return out[0], out[1]


# --- more at once ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Footprint:
    reads: frozenset[str]
    writes: frozenset[str]
    claims: frozenset[str]

    def independent(self, other: _Footprint) -> bool:
        return not (
            self.writes & (other.reads | other.writes)
            or other.writes & self.reads
            or self.claims & other.claims
        )


def _side_by_side(spec: ast.Spec, w: ast.Workflow, t: ast.Term, steps: list[Taken]) -> ast.Term:
    """Calls that follow each other and are independent, at once."""

    def go(part: ast.Term) -> ast.Term:
        return _side_by_side(spec, w, part, steps)

    match t:
        case ast.Seq(parts=parts):
            out: list[ast.Term] = []
            for group in _groups(spec, w, [go(p) for p in parts]):
                if len(group) > 1:
                    one: ast.Term = ast.Par(tuple(group), span=t.span)
                    before = ast.Seq(tuple(group), span=t.span)
                    steps.append(Taken("par-seq", inline(before), inline(one)))
                    out.append(one)
                else:
                    out += group
            return out[0] if len(out) == 1 else replace(t, parts=tuple(out))
        case ast.If():
            return replace(t, then=go(t.then), orelse=t.orelse and go(t.orelse))
        case ast.While() | ast.Using() | ast.Retry() | ast.Saga() | ast.NoCancel() | ast.Each():
            return replace(t, body=go(t.body))
        case ast.Within():
            return replace(t, body=go(t.body), orelse=t.orelse and go(t.orelse))
        case ast.Try():
            handlers = tuple(replace(h, body=go(h.body)) for h in t.handlers)
            final = t.final and go(t.final)
            return replace(t, body=go(t.body), handlers=handlers, final=final)
        case ast.Par() | ast.Choice():
            return replace(t, parts=tuple(map(go, t.parts)))
        case _:
            return t


def _groups(spec: ast.Spec, w: ast.Workflow, parts: Sequence[ast.Term]) -> Iterator[list[ast.Term]]:
    group: list[ast.Term] = []
    mine: list[_Footprint] = []
    for part in parts:
        foot = _footprint(spec, w, part)
        if foot is None or not all(foot.independent(x) for x in mine):
            if group:
                yield group
            group, mine = [], []
        group.append(part)
        if foot is None:
            yield group
            group = []
        else:
            mine.append(foot)
    if group:
        yield group


def _footprint(spec: ast.Spec, w: ast.Workflow, t: ast.Term) -> _Footprint | None:
    """Of a call of an activity that cannot fail and that nothing undoes; None otherwise."""
    if not isinstance(t, ast.Call):
        return None
    a = next((a for a in (*w.activities, *spec.activities) if a.name == t.name), None)
    if a is None or any((a.fails, a.timeout, a.heartbeat, a.undo, a.runs_in, a.at_least_once)):
        return None
    targets = [_base(n.target) for n in walk(a.do) if isinstance(n, ast.Assign)]
    targets += [] if t.bind is None else [_base(t.bind)]
    targets += list(a.writes or ())
    used = (t.args, a.do, a.needs, a.ensures, a.takes, a.uses)
    reads = {n.name for n in walk(used) if isinstance(n, ast.Name)} | set(a.reads or ())
    claims = frozenset(c.resource for c in a.uses)
    return _Footprint(frozenset(reads), frozenset(targets), claims)


def _base(e: ast.Expression) -> str:
    while isinstance(e, ast.Index | ast.Member):
        e = e.base
    return e.name if isinstance(e, ast.Name) else "?"
