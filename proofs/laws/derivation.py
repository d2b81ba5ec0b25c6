"""Replays a derivation: each step must be an instance of the law that it names.

Plain data in: `terms[i]` is (op, label, kids), with kids before their terms, as `Store` numbers
them; `steps` are (law, before, after).  The laws are restated here, as relations between two terms,
and share nothing with the engine that found the derivation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

Term = tuple[str, str, tuple[int, ...]]
Terms = Sequence[Term]


class Invalid(ValueError):
    """A step is no instance of its law, or the steps do not lead to one term."""


def replay(
    terms: Terms, left: int, right: int, steps: Sequence[tuple[str, int, int]]
) -> frozenset[str]:
    """The laws by which left = right.  Raises Invalid."""
    known = {t: i for i, t in enumerate(terms)}
    if len(known) != len(terms):
        raise Invalid("a term twice")
    for i, (_, _, kids) in enumerate(terms):
        if any(not 0 <= k < i for k in kids):
            raise Invalid(f"term {i} comes before a part of it")
    via: dict[int, int] = {}
    for law, before, after in steps:
        if not (0 <= before < len(terms) and 0 <= after < len(terms)):
            raise Invalid(f"{law}: no such term")
        rule = _LAWS.get(law)
        if rule is None:
            raise Invalid(f"no law {law} is known here")
        if not rule(terms, before, after):
            raise Invalid(f"{law} does not make term {after} of term {before}")
        if before in via:
            raise Invalid(f"two steps from term {before}")
        via[before] = after
    if _end(terms, known, via, left) != _end(terms, known, via, right):
        raise Invalid("the steps do not lead to one term")
    return frozenset(law for law, _, _ in steps)


def _end(terms: Terms, known: Mapping[Term, int], via: Mapping[int, int], root: int) -> int:
    """Where the steps lead: parts first, then the step of the whole, and on from there."""
    done: dict[int, int] = {}
    under_way: set[int] = set()
    todo = [root]
    while todo:
        t = todo[-1]
        if t in done:
            todo.pop()
            continue
        op, label, kids = terms[t]
        missing = [k for k in kids if k not in done]
        if missing:
            todo.extend(missing)
            continue
        new = (op, label, tuple(done[k] for k in kids))
        after = known.get(new)
        if after is None:
            raise Invalid(f"term {t} with its parts as derived is not among the terms")
        if after == t:
            after = via.get(t, t)
        if after == t:
            done[t] = t
        elif after in done:
            done[t] = done[after]
        elif t in under_way:
            raise Invalid(f"the steps from term {t} lead back to it")
        else:
            under_way.add(t)
            todo.append(after)
    return done[root]


# --- the laws --------------------------------------------------------------------------------


def _parts(terms: Terms, t: int, op: str) -> tuple[int, ...]:
    """The parts of a composition; another term is a composition of itself alone."""
    return terms[t][2] if terms[t][0] == op else (t,)


def _is(terms: Terms, t: int, op: str) -> bool:
    return terms[t][0] == op


def _assoc(op: str) -> Callable[[Terms, int, int], bool]:
    def holds(terms: Terms, before: int, after: int) -> bool:
        if not (_is(terms, before, op) and _is(terms, after, op)):
            return False
        flat = [p for k in terms[before][2] for p in _parts(terms, k, op)]
        return tuple(flat) == terms[after][2]

    return holds


def _comm(op: str) -> Callable[[Terms, int, int], bool]:
    def holds(terms: Terms, before: int, after: int) -> bool:
        both = _is(terms, before, op) and _is(terms, after, op)
        return both and Counter(terms[before][2]) == Counter(terms[after][2])

    return holds


def _unit(op: str, unit: str, last: bool | None = None) -> Callable[[Terms, int, int], bool]:
    """Parts that are the unit are left out: the last one, all but the last, or any."""

    def holds(terms: Terms, before: int, after: int) -> bool:
        if not _is(terms, before, op) or not terms[before][2]:
            return False
        kids = terms[before][2]
        if last is True:
            rest = kids[:-1] if _is(terms, kids[-1], unit) else kids
        else:
            stays = kids[-1:] if last is False else ()
            rest = tuple(k for k in kids[: len(kids) - len(stays)] if not _is(terms, k, unit))
            rest += stays
        return rest != kids and _joined(terms, op, unit, rest, after)

    return holds


def _joined(terms: Terms, op: str, unit: str, parts: Sequence[int], t: int) -> bool:
    """Whether term t is the composition of these parts."""
    if not parts:
        return _is(terms, t, unit)
    return t == parts[0] if len(parts) == 1 else terms[t] == (op, "", tuple(parts))


def _cut(op: str) -> Callable[[Terms, int, int], bool]:
    def holds(terms: Terms, before: int, after: int) -> bool:
        if not _is(terms, before, "seq"):
            return False
        kids = terms[before][2]
        return any(
            _is(terms, k, op) and _joined(terms, "seq", "skip", kids[: i + 1], after)
            for i, k in enumerate(kids[:-1])
        )

    return holds


def _idem(terms: Terms, before: int, after: int) -> bool:
    if not _is(terms, before, "choice"):
        return False
    sides = set(terms[before][2])
    return sides == {after} or (_is(terms, after, "choice") and sides == set(terms[after][2]))


def _factor(last: bool) -> Callable[[Terms, int, int], bool]:
    """p;r + q;r + .. = (p + q);r + .. , or the same with r in front."""

    def holds(terms: Terms, before: int, after: int) -> bool:
        if not _is(terms, before, "choice"):
            return False
        old, new = Counter(terms[before][2]), Counter(_parts(terms, after, "choice"))
        if not _is(terms, after, "choice"):
            new = Counter((after,))
        (gone, made) = (old - new, new - old)
        if made.total() != 1 or gone.total() < 2:
            return False
        (factored,) = made
        if not _is(terms, factored, "seq") or len(terms[factored][2]) != 2:
            return False
        first, second = terms[factored][2]
        shared, sides = (second, first) if last else (first, second)
        if not _is(terms, sides, "choice"):
            return False
        multiplied = []
        for k in gone.elements():
            kids = _parts(terms, k, "seq")
            if len(kids) < 2 or kids[-1 if last else 0] != shared:
                return False
            multiplied.append(kids[:-1] if last else kids[1:])
        inside = [
            _parts(terms, k, "seq") if len(_parts(terms, k, "seq")) > 1 else (k,)
            for k in terms[sides][2]
        ]
        return sorted(multiplied) == sorted(inside)

    return holds


def _constant(value: str, which: int) -> Callable[[Terms, int, int], bool]:
    def holds(terms: Terms, before: int, after: int) -> bool:
        op, _, kids = terms[before]
        return op == "if" and _is(terms, kids[0], value) and kids[which] == after

    return holds


def _not(terms: Terms, before: int, after: int) -> bool:
    (op, _, x), (op2, _, y) = terms[before], terms[after]
    if op != "if" or op2 != "if":
        return False
    negated = terms[x[0]] == ("not", "", (y[0],))
    return negated and (x[1], x[2]) == (y[2], y[1])


def _same(terms: Terms, before: int, after: int) -> bool:
    op, _, kids = terms[before]
    return op == "if" and kids[1] == kids[2] == after


def _nested(which: int) -> Callable[[Terms, int, int], bool]:
    def holds(terms: Terms, before: int, after: int) -> bool:
        (op, _, x), (op2, _, y) = terms[before], terms[after]
        if op != "if" or op2 != "if" or x[0] != y[0]:
            return False
        inner = terms[x[which]]
        other = 3 - which
        return (
            inner[0] == "if"
            and inner[2][0] == x[0]
            and inner[2][which] == y[which]
            and x[other] == y[other]
        )

    return holds


def _while_false(terms: Terms, before: int, after: int) -> bool:
    op, _, kids = terms[before]
    return op == "while" and _is(terms, kids[0], "false") and _is(terms, after, "skip")


def _while_if(terms: Terms, before: int, after: int) -> bool:
    (op, _, x), (op2, _, y) = terms[before], terms[after]
    if op != "while" or op2 != "while" or x[0] != y[0] or terms[x[1]][0] != "if":
        return False
    inner = terms[x[1]][2]
    return inner[0] == x[0] and inner[1] == y[1]


def _while_twice(terms: Terms, before: int, after: int) -> bool:
    if not _is(terms, before, "seq"):
        return False
    kids = terms[before][2]
    rest = [
        k for i, k in enumerate(kids) if not (i and kids[i - 1] == k and _is(terms, k, "while"))
    ]
    return _joined(terms, "seq", "skip", rest, after)


_LAWS: Mapping[str, Callable[[Terms, int, int], bool]] = {
    "seq-assoc": _assoc("seq"),
    "seq-skip-left": _unit("seq", "skip", last=False),
    "seq-skip-right": _unit("seq", "skip", last=True),
    "seq-stuck-left": _cut("stuck"),
    "seq-fail-left": _cut("fail"),
    "par-assoc": _assoc("par"),
    "par-comm": _comm("par"),
    "par-skip": _unit("par", "skip"),
    "choice-assoc": _assoc("choice"),
    "choice-comm": _comm("choice"),
    "choice-idem": _idem,
    "choice-stuck": _unit("choice", "stuck"),
    "choice-seq-right": _factor(last=True),
    "choice-seq-left": _factor(last=False),
    "if-true": _constant("true", 1),
    "if-false": _constant("false", 2),
    "if-not": _not,
    "if-same": _same,
    "if-nested-then": _nested(1),
    "if-nested-else": _nested(2),
    "while-false": _while_false,
    "while-if": _while_if,
    "while-twice": _while_twice,
}
