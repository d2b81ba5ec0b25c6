"""Under which equivalences a law holds for all that its metavariables may stand for.

Both sides are lowered with open processes in place of the metavariables, explored, and compared.
What is found equivalent is so for all processes (docs/decisions/0017-laws.md); what is not may
still be a law, so that is no refutation: that is an instance (`refute`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from ....dsl.records import dataclass
from ....semantics.lower.open import Open
from ....semantics.system import TransitionSystem
from ..lts import INTERNAL, Lts, adjacency, made, relabelled
from ..runs import OutOfReach
from ..spectrum import Alike, Under, equivalent, included
from .explore import COMPLETED, FAILS, Changes, Shared, explored
from .owing import in_sagas
from .setting import ERRORS, STUCK, Setting, system

LEVELS = ("bisimulation", "branching", "failures", "trace", "outcome")  # from fine to coarse
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Claim:
    """`left == right` with its metavariables, tests and pools."""

    left: str
    right: str
    metavariables: tuple[str, ...]
    tests: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    inside: str = ""  # declarations in the workflow
    effects: str = ""  # the same in instances, where what they do shows in the data `x`
    around: tuple[str, ...] = ()  # metavariables of the context that it stands in
    errors: tuple[tuple[str, str], ...] = ()  # that it names, with their kinds
    undone: bool = False  # it stands in a saga that may have to undo its metavariables

    @property
    def undoes(self) -> bool:
        """Whether the metavariables may stand for what is undone."""
        return self.undone or ("saga" in self.words and not self.around)

    @property
    def words(self) -> frozenset[str]:
        return frozenset(_WORD.findall(f"{self.left} {self.right}"))

    @property
    def timed(self) -> bool:
        return bool(self.words & {"within", "wait", "backoff"} - {"until"}) and bool(
            re.search(r"within \d|wait \d|backoff", f"{self.left} {self.right}")
        )


def claim(left: str, right: str, inside: str = "", effects: str = "") -> Claim:
    """A claim by the conventions of the catalogue: p q r s h k, b c, m n; `stuck`."""
    words = _WORD.findall(f"{left} {right}")
    used = sorted(set(words))
    return Claim(
        re.sub(r"\bstuck\b", STUCK, left),
        re.sub(r"\bstuck\b", STUCK, right),
        tuple(w for w in used if w in ("p", "q", "r", "s", "h", "k")),
        tuple(w for w in used if w in ("b", "c")),
        tuple(w for w in used if w in ("m", "n")),
        inside,
        effects or inside,
    )


# Where a law stands, besides alone: X is one of its sides.  What the rules may ask of a term is
# seen in one of these: whether it may be passed, what its first step is (+), how it ends (;), what
# becomes of it when it is cancelled (||: y may raise G), and whether it can be begun anew.
CONTEXTS = ("{ { X } || y } ; z", "{ X } + y", "while (t) { X }", "saga { { X } ; y }")
# Of what may have to be undone also what is left of it when it is cancelled, or fails and the error
# is caught.
IN_SAGAS = ("saga { { { X } || y } ; z }", "saga { try { X } catch * { y } ; z }")
# All places in a saga, for a law without one.
WITH_UNDO = (CONTEXTS[-1], *IN_SAGAS)


def contexts(law: Claim) -> tuple[str, ...]:
    """Where a law is to hold as well, if it is to hold anywhere."""
    return (*CONTEXTS, *IN_SAGAS) if law.undoes else CONTEXTS


def within(law: Claim, context: str) -> Claim:
    """The law with both sides in a context."""
    left, right = (re.sub(r"\bX\b", side, context) for side in (law.left, law.right))
    more = tuple(w for w in ("y", "z") if re.search(rf"\b{w}\b", context))
    tests = (*law.tests, "t") if re.search(r"\bt\b", context) else law.tests
    return replace(law, left=left, right=right, tests=tests, around=more, undone=law.undoes)


def raised(law: Claim) -> tuple[dict[str, str], str]:
    """The errors that there are, with their kinds, and a permanent one that the law does not name.

    Those that it does not name are handed on as they are: one of each kind stands for all, since
    two tell whose error it is.  Where a retry looks at kinds there are two of each."""
    named = dict(law.errors)
    asked = "retry" in law.words
    named = {e: ERRORS[e] for e in ("E", "F") if asked or e in law.words} | named
    other = [next(n for n in (e, f"{e}_", f"{e}__") if n not in named) for e in ("G", "H")]
    return named | {e: ERRORS[e[0]] for e in other}, other[0]


def settings(law: Claim, needs: Sequence[str], apart: bool = False) -> Iterator[Setting]:
    """All kinds of processes that the metavariables may stand for, as far as the rules look at
    what is inside of a term: whether it may be passed without a step, shields, and undos.

    `apart`: whether it may be passed at the start is another question than after a step."""
    kinds_of, other = raised(law)
    errors = (*kinds_of, "Timeout") if "within" in law.words else tuple(kinds_of)
    calm = "independent" in needs
    kinds: list[list[Open]] = []
    undoes = law.undoes and not {"nothing to undo", "independent"} & set(needs)
    looked_at = bool(law.words & {"while", "using"})
    shields = (False, True) if "using" in law.words else (True,)
    for p in law.metavariables:
        quiet = calm or f"no throw {p}" in needs
        own = () if quiet else errors
        first = f"{p}_passes"
        passes = [("", ""), (first, f"{p}_passes_later" if apart else first)]
        if f"moves {p}" in needs:
            passes = passes[:1]
        kinds.append([Open(own, *t, s, returns=not quiet) for t in passes for s in shields])
    for opens in product(*kinds) if looked_at else _alike(kinds):
        # A saga asks which of its parts have an undo at all.
        for undos in product((False, True), repeat=len(opens) if undoes else 0):
            has = undos or [False] * len(opens)
            mixed = [replace(o, undo=u) for o, u in zip(opens, has, strict=True)]
            open_ = dict(zip(law.metavariables, mixed, strict=True))
            open_ |= {y: Open((other,)) for y in law.around}
            yield Setting(open_, law.tests, errors, law.pools, law.inside, kinds_of)


def _alike(kinds: list[list[Open]]) -> Iterator[tuple[Open, ...]]:
    """Only what looks at the terms themselves needs every mixture."""
    for i in range(max((len(k) for k in kinds), default=1)):
        yield tuple(k[min(i, len(k) - 1)] for k in kinds)


def changes(law: Claim, needs: Sequence[str]) -> Changes:
    calm = "fixed" in needs or "independent" in needs
    everybody = frozenset((*law.metavariables, *law.around))
    writers = everybody if "nothing beside" in needs else frozenset()
    return Changes(not calm and "nothing beside" not in needs, writers, "alone" not in needs)


def finest(law: Claim, needs: Sequence[str] = (), limit: int = 60_000) -> str:
    """The finest of LEVELS under which the law is proved, or "".  Raises Unsuitable, TooLarge."""
    try:
        return _finest(law, needs, limit, False)
    except Shared:
        return _finest(law, needs, limit, True)


def _finest(law: Claim, needs: Sequence[str], limit: int, apart: bool) -> str:
    if "independent" in needs:
        return "outcome" if _commuting(law, needs, limit, apart) else ""
    level = 0
    for setting in settings(law, needs, apart):
        rule = changes(law, needs)
        systems = [system(setting, t) for t in (law.left, law.right)]
        if level == 0 and _asked_by_one(systems[0], systems[1], setting.open):
            level = 1
        sides = [explored(s, setting, rule, limit) for s in systems]
        while level < len(LEVELS) and not _alike_from_all(sides[0], sides[1], LEVELS[level]):
            level += 1
    # Only what is matched step by step keeps times.
    return LEVELS[level] if level < (2 if law.timed else len(LEVELS)) else ""


def _asked_by_one(
    left: TransitionSystem, right: TransitionSystem, open_: Mapping[str, Open]
) -> bool:
    """Whether a saga asks for the undo of a term on one side only: a round of its loops has a
    step more there, and so has the undo of a loop around it; both are internal."""
    for p, o in open_.items():
        one, other = in_sagas(left, p), in_sagas(right, p)
        if len(one | other) > 1 or (o.undo and (True in one) != (True in other)):
            return True
    return False


def _alike_from_all(left: tuple[Lts, ...], right: tuple[Lts, ...], level: str) -> bool:
    """From each initial state.  What is told apart by a first step (branching bisimulation is
    rooted) must be compared one by one; else a step before them all will do."""
    if level == "branching":
        return all(alike(x, y, level) for x, y in zip(left, right, strict=True))
    return alike(from_one(left), from_one(right), level)


def from_one(starts: tuple[Lts, ...]) -> Lts:
    """One graph from several of its states: a new one, with a step of its own to each."""
    lts = starts[0]
    edges = [
        (s, lts.labels[a], t) for s, a, t in zip(lts.source, lts.label, lts.target, strict=True)
    ]
    edges += [(lts.states, f"start {i}", x.initial) for i, x in enumerate(starts)]
    return made(lts.states + 1, lts.states, edges)


def alike(left: Lts, right: Lts, level: str) -> bool:
    try:
        if level == "outcome":
            left, right = ended(left), ended(right)
            return isinstance(equivalent(left, right, Under.TRACE), Alike)
        return isinstance(equivalent(left, right, Under(level)), Alike)
    except OutOfReach:
        return False


def ended(lts: Lts) -> Lts:
    """Only the runs that end: without states from which the end cannot be reached."""
    into = adjacency(lts.states, lts.target)
    last = [
        k
        for k, a in enumerate(lts.label)
        if lts.labels[a] == COMPLETED or lts.labels[a].startswith(FAILS)
    ]
    alive = {lts.target[k] for k in last}
    todo = list(alive)
    while todo:
        for k in into.of(todo.pop()):
            s = lts.source[k]
            if s not in alive:
                alive.add(s)
                todo.append(s)
    edges = [
        (s, lts.labels[a], t)
        for s, a, t in zip(lts.source, lts.label, lts.target, strict=True)
        if s in alive and t in alive
    ]
    return made(lts.states, lts.initial, edges)


def _commuting(law: Claim, needs: Sequence[str], limit: int, apart: bool) -> bool:
    """The same outcomes where the steps of different metavariables commute.

    Then a run is as good as what each metavariable does in it.  That is the same on both sides
    when each side has, for some order of the metavariables, every run of that order, and each
    metavariable does there what it does by itself."""
    rule = changes(law, needs)
    for setting in settings(law, needs, apart):

        def runs(term: str, setting: Setting = setting) -> list[Lts]:
            return [ended(x) for x in explored(system(setting, term), setting, rule, limit)]

        alone = {p: runs(p) for p in law.metavariables}
        rows = [runs(" ; ".join(o)) for o in (law.metavariables, law.metavariables[::-1])]
        for side in (runs(law.left), runs(law.right)):
            for p, by_itself in alone.items():
                for x, y in zip(side, by_itself, strict=True):
                    if not alike(_seen(x, p), _seen(y, p), "trace"):
                        return False
            if not any(all(map(_within, row, side)) for row in rows):
                return False
    return True


def _seen(lts: Lts, token: str) -> Lts:
    """Only the steps of one token, and the end."""
    own = (f"{token}: ", COMPLETED, FAILS)
    return relabelled(lts, [name if name.startswith(own) else INTERNAL for name in lts.labels])


def _within(inner: Lts, outer: Lts) -> bool:
    try:
        return isinstance(included(inner, outer, Under.TRACE), Alike)
    except OutOfReach:
        return False
