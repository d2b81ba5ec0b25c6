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
from fractions import Fraction
from itertools import product

from ...dsl.errors import NOWHERE
from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    and_,
    const,
    not_,
    substitute,
    var,
    variables,
)
from ...semantics.system import Input, Obligation, Rule, TransitionSystem, Variable
from ..engines.common import (
    after,
    conjuncts,
    domain,
    in_domain,
    input_condition,
    is_state,
    touched,
    weakest,
)
from ..engines.search_threads import ended
from ..engines.slice import slice_for, steps_stutter
from .promela_terms import DEFINITIONS, WINDOW, NotFinite, Range, Ranges, constant, place, term

MOST_ANSWERS = 512  # of one rule
MOST_VALUES = 256  # of one answer or argument


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
    for c in system.controls:
        raise NotFinite(f"the capacity of `{c.resource}` is set by `{c.name}`", c.span)
    for group in system.any_number:
        what = f"there may be any number of instances of `{group.workflow}`"
        raise NotFinite(what, group.span, f"write how many, `{group.workflow}[3]`")
    # A step that writes nothing of a claim about all steps may break it where it must change.
    if goals and not whole and all(steps_stutter(g) for g in goals if g.every_step):
        system = slice_for(system, goals).system
    return "\n".join(_Model(system, goals, window).lines()) + "\n"


class _Model:
    def __init__(self, system: TransitionSystem, goals: Sequence[Obligation], window: int) -> None:
        self.system = system
        self.states = [g for g in goals if is_state(g)]
        self.steps = [g for g in goals if not is_state(g)]
        self.rules = [r for r in system.rules if r.guard is not FALSE]
        self.needed = self._needed()
        places = {t.location: len(t.points) - 1 for t in system.threads}
        self.ranges = Ranges(system, window, places)
        self.temporary = 0  # how many variables hold what is computed before it is assigned

    def _needed(self) -> list[int]:
        """Variables that can matter: all but durations that nothing reads."""
        read: set[int] = set()
        for r in self.rules:
            read |= touched(r.guard) | touched(r.relation)
        for g in (*self.states, *self.steps):
            read |= touched(g.cond)
        read |= variables([self.system.initial, self.system.excluded])
        read |= variables([ended(self.system, i) for i in self.system.instances])
        todo = list(read)
        writes: dict[int, list[Expr]] = {}
        for r in self.rules:
            for v, e in r.updates:
                writes.setdefault(v, []).append(e)
        while todo:
            v = todo.pop()
            init = self.system.variables[v].init
            new = variables([*writes.get(v, ()), *([] if init is None else [init])]) - read
            read |= new
            todo += new
        for v in sorted(read):
            variable = self.system.variables[v]
            if variable.sort not in (Sort.BOOL, Sort.INT):
                kind, fix = "of any length", ""
                if variable.sort is Sort.REAL:
                    kind, fix = "a real number or a time", "make it an `int` with a range, or "
                raise NotFinite(
                    f"{variable.name} is {kind}, and what is exported depends on it",
                    place(self.system, variable),
                    f"{fix}export a claim that does not need it (`--only NAME`)",
                )
        return sorted(read)

    # --- text -------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        body = [*self._initial(), *self._loop()]
        yield f"/* {quoted(self.system.name)}, made by wfverify */"
        yield from DEFINITIONS
        for v in self.needed:
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
        for rule in self.rules:
            try:
                yield from self._rule(rule)
            except NotFinite as found:
                raise _at(found, rule) from None
        over = and_(*(ended(self.system, i) for i in self.system.instances))
        yield f"  :: {self._text(over)} -> break"
        yield "  od;"

    def _initial(self) -> Iterator[str]:
        yield "  atomic {"
        for v in self.needed:
            variable = self.system.variables[v]
            if variable.init is not None:
                yield from self._checked([(v, variable.init)], (), "    ")
                continue
            options = " ".join(f":: v{v} = {constant(x)}" for x in _values(variable))
            yield f"    if {options} fi;"
        free = [v for v in self.needed if self.system.variables[v].init is None]
        typed = [
            in_domain(self.system.variables[v], var(v, self.system.variables[v].sort)) for v in free
        ]
        counts = and_(self.system.initial, *typed, not_(self.system.excluded))
        if counts is not TRUE:
            yield f"    if :: {self._text(counts)} :: else -> goto out fi;"
        yield from (f"    {line}" for line in self._asserts(self.states, None))
        yield "  };"

    def _rule(self, rule: Rule) -> Iterator[str]:
        kept = set(self.needed)
        updates = [(v, e) for v, e in rule.updates if v in kept]
        written = {v for v, _ in updates}
        mine = [g for g in self.steps if g.every_step or g.rule == rule.index]
        seen = variables(
            [rule.relation, *(e for _, e in updates), *(after(rule, g.cond) for g in mine)],
            Op.INPUT,
        )
        choices = [_values(d) if k in seen else (_any(d),) for k, d in enumerate(rule.inputs)]
        count = 1
        for c in choices:
            count *= len(c)
        if count > MOST_ANSWERS:
            raise NotFinite(
                f"the environment has {count} answers to `{rule.name}`, more than {MOST_ANSWERS}",
                rule.span,
                "give what it answers smaller ranges",
            )
        cut = FALSE
        if variables([self.system.excluded]) & written:
            cut = weakest(rule, self.system.excluded)
        for answers in product(*choices):
            guard = _answered(and_(rule.guard, input_condition(rule)), answers)
            if guard is FALSE:
                continue
            yield f"  :: atomic {{ {self._text(guard)} -> /* {quoted(rule.name)} */"
            if cut is not FALSE:
                yield f"    if :: {self._text(cut, answers)} -> goto out :: else fi;"
            for g in mine:
                for part in conjuncts(after(rule, g.cond)):
                    yield f"    assert({self._text(part, answers)}); /* {quoted(g.message)} */"
            yield from self._checked(updates, answers, "    ")
            yield from (f"    {line}" for line in self._asserts(self.states, written))
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
            parts.append(f"{name} < {constant(low)}")
        if found[1] > high:
            parts.append(f"{name} > {constant(high)}")
        return " || ".join(parts)

    def _asserts(self, goals: Iterable[Obligation], written: set[int] | None) -> Iterator[str]:
        """What the writes of a step can break (None: all)."""
        for g in goals:
            for part in conjuncts(g.cond):
                if written is None or variables([part]) & written:
                    yield f"assert({self._text(part)}); /* {quoted(g.message)} */"

    def _text(self, root: Expr, answers: Sequence[Scalar] = ()) -> str:
        return term(root, self.ranges, answers)


def _answered(expr: Expr, answers: Sequence[Scalar]) -> Expr:
    """The condition with what the environment has answered put in."""
    return substitute(expr, lambda n: const(answers[n.index]) if n.op is Op.INPUT else n)


def _values(declared: Variable | Input) -> tuple[Scalar, ...]:
    found = domain(declared, MOST_VALUES)
    if found is None:
        raise NotFinite(
            f"{declared.name} can have more than {MOST_VALUES} values",
            declared.span if isinstance(declared, Variable) else NOWHERE,
            "give it a smaller range (`int 0..10`)",
        )
    return found


def _any(declared: Input) -> Scalar:
    """Some value of the type: what nothing looks at need not be told apart."""
    low = declared.lo if declared.lo is not None else min(0, declared.hi or 0)
    if declared.sort is Sort.BOOL:
        return False
    return Fraction(low) if declared.sort is Sort.REAL else low


def _at(found: NotFinite, rule: Rule) -> NotFinite:
    """The complaint with the place of the rule where it has none of its own."""
    if found.span.line:
        return found
    return NotFinite(f"{found} (in `{rule.name}`)", rule.span, found.fix)


def quoted(text: str) -> str:
    """Fit for a comment."""
    return "".join(c if c.isprintable() else " " for c in text).replace("*/", "* /")


__all__ = ["NotFinite", "promela"]
