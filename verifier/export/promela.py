"""The rules of a finite spec as one Promela process, for Spin (Holzmann 2003).

Every rule is an atomic option of one loop: guard, answers of the environment, the claims about the
step, updates (all read the state before), the claims about the state after.  Time is left out, as
in the untimed view.  The loop is left when every instance has ended; that no option can be taken
before is an invalid end state for Spin.  A run that does not count (`assume`) ends in a valid one.

Numbers keep their ranges (`Ranges`): a run that leaves one stops at `assert(!out_of_range)`, so
that nothing is ever computed modulo 2^32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...semantics.expr import FALSE, TRUE, Expr, Scalar, Sort
from ...semantics.system import Obligation, Rule, TransitionSystem
from ...semantics.walks import variables
from ..engines.common import conjuncts
from .finite import Finite, NotFinite, placed, relevant, values
from .promela_terms import DEFINITIONS, PROMELA, WINDOW, Range, Ranges, term


def promela(
    system: TransitionSystem,
    goals: Sequence[Obligation],
    *,
    whole: bool = False,
    window: int = WINDOW,
) -> str:
    """A model in which Spin finds an assertion violated if some goal can be broken.

    It has what can matter for the goals; with `whole`, or without goals, it is all of the system,
    and an invalid end state is a deadlock of it.  `window`: the largest number that is followed
    where no range is declared.  Raises `NotFinite` where data is not of a small finite type.
    """
    model = _Model(Finite(relevant(system, goals, whole), goals), window)
    return "\n".join(model.lines()) + "\n"


class _Model:
    def __init__(self, finite: Finite, window: int) -> None:
        self.finite = finite
        self.system = finite.system
        places = {t.location: len(t.points) - 1 for t in self.system.threads}
        self.ranges = Ranges(self.system, window, places)
        self.temporary = 0  # how many variables hold what is computed before it is assigned

    # --- text -------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        body = [*self._initial(), *self._loop()]
        yield f"/* {quoted(self.system.name)}, made by wfverify */"
        yield from DEFINITIONS
        for v in self.finite.needed:
            variable = self.system.variables[v]
            yield f"{self.ranges.kind(variable)} v{v}; /* {quoted(variable.name)} */"
        yield "bool out_of_range; /* a number has left its range: no verdict about what follows */"
        for k in range(self.temporary):
            yield f"hidden int t{k};"
        yield "active proctype rules() {"
        yield from body
        yield "out: skip"
        yield "}"

    def _loop(self) -> Iterator[str]:
        yield "  do"
        for rule in self.finite.rules:
            try:
                yield from self._rule(rule)
            except NotFinite as found:
                raise placed(found, rule) from None
        yield f"  :: {self._text(self.finite.over)} -> break"
        yield "  od;"

    def _initial(self) -> Iterator[str]:
        yield "  atomic {"
        for v in self.finite.needed:
            variable = self.system.variables[v]
            if variable.init is not None:
                yield from self._checked([(v, variable.init)], (), "    ")
                continue
            options = " ".join(f":: v{v} = {PROMELA.constant(x)}" for x in values(variable))
            yield f"    if {options} fi;"
        counts = self.finite.counts
        if counts is not TRUE:
            yield f"    if :: {self._text(counts)} :: else -> goto out fi;"
        yield from (f"    {line}" for line in self._asserts(self.finite.states, None))
        yield "  };"

    def _rule(self, rule: Rule) -> Iterator[str]:
        for o in self.finite.options(rule):
            yield f"  :: atomic {{ {self._text(o.guard)} -> /* {quoted(rule.name)} */"
            if o.cut is not FALSE:
                yield f"    if :: {self._text(o.cut, o.answers)} -> goto out :: else fi;"
            for g, part in o.goals:
                yield f"    assert({self._text(part, o.answers)}); /* {quoted(g.message)} */"
            yield from self._checked(o.updates, o.answers, "    ")
            written = {v for v, _ in o.updates}
            yield from (f"    {line}" for line in self._asserts(self.finite.states, written))
            yield "  }"

    def _checked(
        self, updates: Sequence[tuple[int, Expr]], answers: Sequence[Scalar], pad: str
    ) -> Iterator[str]:
        """All at once: what another one reads, or what may not fit, is put aside first."""
        aside: list[tuple[int, str]] = []
        direct: list[str] = []
        leaves: list[str] = []
        for v, e in updates:
            text = self._text(e, answers)
            read = any(v in variables([other]) for w, other in updates if w != v)
            outside = self._outside(f"t{len(aside)}", v, e, answers)
            if read or outside:
                leaves += [outside] if outside else []
                aside.append((v, text))
            else:
                direct.append(f"v{v} = {text};")
        self.temporary = max(self.temporary, len(aside))
        yield from (f"{pad}t{k} = {text};" for k, (_, text) in enumerate(aside))
        if leaves:
            yield f"{pad}if :: {' || '.join(leaves)} ->"
            yield f"{pad}  out_of_range = true; assert(!out_of_range); goto out"
            yield f"{pad}:: else fi;"
        yield from (f"{pad}{line}" for line in direct)
        yield from (f"{pad}v{v} = t{k};" for k, (v, _) in enumerate(aside))

    def _outside(self, name: str, v: int, e: Expr, answers: Sequence[Scalar]) -> str:
        """That the value does not lie in the range of the variable; "" if it always does."""
        if e.sort is not Sort.INT:
            return ""
        low, high = self.ranges.of(v)
        found: Range = self.ranges.value(e, answers)
        parts = []
        if found[0] < low:
            parts.append(f"{name} < {PROMELA.constant(low)}")
        if found[1] > high:
            parts.append(f"{name} > {PROMELA.constant(high)}")
        return " || ".join(parts)

    def _asserts(self, goals: Iterable[Obligation], written: set[int] | None) -> Iterator[str]:
        """What the writes of a step can break (None: all)."""
        for g in goals:
            for part in conjuncts(g.cond):
                if written is None or variables([part]) & written:
                    yield f"assert({self._text(part)}); /* {quoted(g.message)} */"

    def _text(self, root: Expr, answers: Sequence[Scalar] = ()) -> str:
        return term(root, self.ranges, answers)


def quoted(text: str) -> str:
    """Fit for a comment."""
    return "".join(c if c.isprintable() else " " for c in text).replace("*/", "* /")


__all__ = ["NotFinite", "promela"]
