"""Normal forms by named laws, with the derivation: AC of `||` and `+`, units, idempotence, ..

YES only: two terms with one normal form are equivalent, by the laws that the derivation names, in
the order in which they were used.  Terms with different normal forms may be equivalent all the
same.  Each law is one of the catalogue in proofs/laws, used where it is proved: `LAWS` says
which are used under which equivalence, and a test compares that with the proofs.  A derivation is
plain data and is replayed by proofs/laws/derivation.py, which shares nothing with this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ....dsl.records import dataclass
from .store import Op, Store

# The finest equivalence under which each law is used.
LAWS: Mapping[str, str] = {
    "seq-assoc": "strong",
    "seq-skip-left": "strong",
    "seq-skip-right": "branching",
    "seq-stuck-left": "strong",
    "seq-fail-left": "strong",
    "par-assoc": "strong",
    "par-comm": "strong",
    "par-skip": "branching",
    "choice-assoc": "strong",
    "choice-comm": "strong",
    "choice-idem": "strong",
    "choice-stuck": "strong",
    "choice-seq-right": "strong",
    "choice-seq-left": "trace",
    "if-true": "strong",
    "if-false": "strong",
    "if-not": "strong",
    "if-same": "strong",
    "if-nested-then": "strong",
    "if-nested-else": "strong",
    "while-false": "strong",
    "while-if": "strong",
    "while-twice": "strong",
}

# The same in a saga, for terms that may have to be undone, as far as it is known.
IN_SAGAS: Mapping[str, str] = {
    "seq-assoc": "strong",
    "seq-skip-left": "strong",
    "seq-skip-right": "branching",
    "seq-stuck-left": "branching",
    "seq-fail-left": "branching",
    "par-comm": "strong",
    "par-skip": "branching",
    "choice-assoc": "strong",
    "choice-comm": "strong",
    "choice-idem": "strong",
    "choice-stuck": "strong",
    "choice-seq-right": "strong",
    "choice-seq-left": "trace",
    "if-true": "branching",
    "if-false": "branching",
    "if-not": "strong",
    "if-same": "strong",
    "if-nested-then": "branching",
    "if-nested-else": "branching",
    "while-false": "branching",
}

ORDER = ("outcome", "trace", "failures", "branching", "strong")  # from coarse to fine


@dataclass(frozen=True, slots=True)
class Step:
    """By `law`, term `before` equals term `after`, wherever it stands."""

    law: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Derivation:
    """Both terms have the normal form `normal`.

    Replay: in each term, put the normal forms of its parts in, then take the step from there, if
    there is one, and go on with what it leads to.
    """

    left: int
    right: int
    normal: int
    steps: tuple[Step, ...]


def allowed(under: str) -> frozenset[str]:
    """The laws that may be used for an answer under an equivalence."""
    return frozenset(n for n, finest in LAWS.items() if ORDER.index(finest) >= ORDER.index(under))


@dataclass(frozen=True, slots=True)
class Forms:
    """The normal forms of two terms under an equivalence, and the steps that lead there."""

    under: str
    left: int
    right: int
    steps: tuple[Step, ...] = ()


def forms(store: Store, left: int, right: int) -> Forms:
    """Under the finest equivalence."""
    n = Normaliser(store, allowed(ORDER[-1]))
    a, b = n.of(left), n.of(right)
    return Forms(ORDER[-1], a, b, tuple(n.steps))


def further(store: Store, found: Forms, under: str) -> Forms:
    """By what a coarser equivalence allows as well."""
    more = allowed(under) - allowed(found.under)
    rules = {op: [rule for _, rule in of] for op, of in _rules(more).items()}
    op, below = store.op, store.below(found.left, found.right)
    # (All are in normal form under the laws before.)
    new = {
        t
        for t in below
        if op[t] in rules and any(rule(store, t) is not None for rule in rules[op[t]])
    }
    if not new:
        return replace(found, under=under)
    n = Normaliser(store, allowed(under))
    for t in below:  # parts first
        if t not in new and all(map(n.done.__contains__, store.kids[t])):
            n.done[t] = t
    a, b = n.of(found.left), n.of(found.right)
    return Forms(under, a, b, (*found.steps, *n.steps))


def equal(store: Store, left: int, right: int, under: str = "strong") -> Derivation | None:
    """A derivation of left = right under that equivalence, or None: their normal forms differ."""
    n = Normaliser(store, allowed(under))
    a, b = n.of(left), n.of(right)
    if a != b:
        return None
    return Derivation(left, right, a, tuple(n.steps))


def normal_form(store: Store, root: int, under: str = "strong") -> tuple[int, tuple[Step, ...]]:
    n = Normaliser(store, allowed(under))
    return n.of(root), tuple(n.steps)


class Normaliser:
    """Normal forms in one store; `steps` are those taken so far, for all terms."""

    def __init__(self, store: Store, laws: Iterable[str]) -> None:
        self.s = store
        self.rules = _rules(frozenset(laws))
        self.done: dict[int, int] = {}
        self._via: dict[int, int] = {}
        self.steps: list[Step] = []

    def of(self, root: int) -> int:
        done = self.done
        for t in self.s.below(root):  # parts first
            if t not in done:
                self._put(t)
        return done[root]

    def _put(self, root: int) -> None:
        done, via, kids = self.done, self._via, self.s.kids
        todo = [root]
        while todo:
            t = todo[-1]
            if t in done:
                todo.pop()
                continue
            after = via.get(t)
            if after is None:
                missing = [k for k in kids[t] if k not in done]
                if missing:
                    todo.extend(missing)
                    continue
                after = via[t] = self._after(t)
            if after == t:
                done[t] = t
            elif after in done:
                done[t] = done[after]
            else:
                todo.append(after)

    def _after(self, t: int) -> int:
        """The term with its parts in normal form, or where they are, after one law at its top."""
        s = self.s
        parts = s.kids[t]
        new = tuple(map(self.done.__getitem__, parts))
        if new != parts:
            return s.make(s.op[t], new, s.label[t])
        for law, rule in self.rules.get(s.op[t], ()):
            after = rule(s, t)
            if after is not None:
                self.steps.append(Step(law, t, after))
                return after
        return t


def _rules(laws: frozenset[str]) -> Mapping[Op, Sequence[tuple[str, Rule]]]:
    """Those laws, by what they are about."""
    found = {op: [rule for rule in of if rule[0] in laws] for op, of in _RULES.items()}
    return {op: rules for op, rules in found.items() if rules}


def joined(s: Store, op: Op, parts: Sequence[int]) -> int:
    """A sequence, choice or parallel term of any number of parts."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return s.stuck if op is Op.CHOICE else s.skip
    return s.make(op, parts)


def _flat(s: Store, t: int) -> int | None:
    op = s.op[t]
    if op not in map(s.op.__getitem__, s.kids[t]):
        return None
    parts: list[int] = []
    for k in s.kids[t]:
        parts.extend(s.kids[k] if s.op[k] is op else (k,))
    return joined(s, op, parts)


def _without(s: Store, t: int, unit: int) -> int | None:
    parts = [k for k in s.kids[t] if k != unit]
    return joined(s, s.op[t], parts) if len(parts) < len(s.kids[t]) else None


def _skip_left(s: Store, t: int) -> int | None:
    *front, last = s.kids[t]
    if s.skip not in front:
        return None
    return joined(s, Op.SEQ, [*(k for k in front if k != s.skip), last])


def _skip_right(s: Store, t: int) -> int | None:
    kids = s.kids[t]
    return joined(s, Op.SEQ, kids[:-1]) if kids[-1] == s.skip else None


def _cut(s: Store, t: int, op: Op) -> int | None:
    ops = [s.op[k] for k in s.kids[t][:-1]]
    return joined(s, Op.SEQ, s.kids[t][: ops.index(op) + 1]) if op in ops else None


def _sorted(s: Store, t: int) -> int | None:
    parts = sorted(s.kids[t])
    return joined(s, s.op[t], parts) if tuple(parts) != s.kids[t] else None


def _once(s: Store, t: int) -> int | None:
    parts = list(dict.fromkeys(s.kids[t]))
    return joined(s, Op.CHOICE, parts) if len(parts) < len(s.kids[t]) else None


def _common(s: Store, t: int, last: bool) -> int | None:
    """Sides with the same last (first) part share it: the smallest such part first."""
    at = -1 if last else 0
    sides = s.kids[t]
    groups: dict[int, list[int]] = {}
    for k in sides:
        if s.op[k] is Op.SEQ:
            groups.setdefault(s.kids[k][at], []).append(k)
    shared = min((p for p, members in groups.items() if len(members) > 1), default=None)
    if shared is None:
        return None
    members = groups[shared]
    rest = [joined(s, Op.SEQ, s.kids[k][:-1] if last else s.kids[k][1:]) for k in members]
    chosen = s.make(Op.CHOICE, rest)
    made = s.make(Op.SEQ, (chosen, shared) if last else (shared, chosen))
    return joined(s, Op.CHOICE, [*(k for k in sides if k not in members), made])


def _not(s: Store, t: int) -> int | None:
    b, p, q = s.kids[t]
    return s.make(Op.IF, (s.kids[b][0], q, p)) if s.op[b] is Op.NOT else None


def _branch(s: Store, t: int, value: Op, which: int) -> int | None:
    return s.kids[t][which] if s.op[s.kids[t][0]] is value else None


def _same(s: Store, t: int) -> int | None:
    _, p, q = s.kids[t]
    return p if p == q else None


def _nested(s: Store, t: int, which: int) -> int | None:
    b, p, q = s.kids[t]
    inner = (p, q)[which - 1]
    if s.op[inner] is not Op.IF or s.kids[inner][0] != b:
        return None
    kept = s.kids[inner][which]
    return s.make(Op.IF, (b, kept, q) if which == 1 else (b, p, kept))


def _never(s: Store, t: int) -> int | None:
    return s.skip if s.op[s.kids[t][0]] is Op.FALSE else None


def _tested(s: Store, t: int) -> int | None:
    b, body = s.kids[t]
    if s.op[body] is not Op.IF or s.kids[body][0] != b:
        return None
    return s.make(Op.WHILE, (b, s.kids[body][1]))


def _twice(s: Store, t: int) -> int | None:
    kids = s.kids[t]
    again = {j for j, (k, n) in enumerate(pairwise(kids), 1) if k == n and s.op[k] is Op.WHILE}
    return joined(s, Op.SEQ, [k for j, k in enumerate(kids) if j not in again]) if again else None


Rule = Callable[[Store, int], int | None]

_RULES: Mapping[Op, tuple[tuple[str, Rule], ...]] = {
    Op.SEQ: (
        ("seq-assoc", _flat),
        ("seq-skip-left", _skip_left),
        ("seq-skip-right", _skip_right),
        ("seq-stuck-left", lambda s, t: _cut(s, t, Op.STUCK)),
        ("seq-fail-left", lambda s, t: _cut(s, t, Op.FAIL)),
        ("while-twice", _twice),
    ),
    Op.PAR: (
        ("par-assoc", _flat),
        ("par-skip", lambda s, t: _without(s, t, s.skip)),
        ("par-comm", _sorted),
    ),
    Op.CHOICE: (
        ("choice-assoc", _flat),
        ("choice-stuck", lambda s, t: _without(s, t, s.stuck)),
        ("choice-idem", _once),
        ("choice-comm", _sorted),
        ("choice-seq-left", lambda s, t: _common(s, t, last=False)),
        ("choice-seq-right", lambda s, t: _common(s, t, last=True)),
    ),
    Op.IF: (
        ("if-true", lambda s, t: _branch(s, t, Op.TRUE, 1)),
        ("if-false", lambda s, t: _branch(s, t, Op.FALSE, 2)),
        ("if-not", _not),
        ("if-same", _same),
        ("if-nested-then", lambda s, t: _nested(s, t, 1)),
        ("if-nested-else", lambda s, t: _nested(s, t, 2)),
    ),
    Op.WHILE: (("while-false", _never), ("while-if", _tested)),
}
