"""Times that were read, told by clocks: a system in which `now` is read becomes one in which
nothing but control and flags is left, so that what holds because of how long things take can be
decided on its zone graph.

A variable that is only ever set to `now` (a *stamp*) is a clock of that graph which starts anew
(Alur and Dill 1994): `now - t` is what the clock of t shows.  What is asked of it are comparisons
with constants.  For each there is a flag, set by a rule that only watches, when the clock shows
that constant, before or after other steps of that instant:

- of a test, so that at the very constant it may go either way, and elsewhere goes as it must: this
  adds runs only, and all bounds stay closed;
- of a claim, when it begins to fail: of `now - t <= d` at d and one grain.  All bounds are
  closed and multiples of the grain, so if the claim fails at any times it fails at such ones: by
  rounding all times up or down at the fraction of t (digitization; Henzinger, Manna, Pnueli 1992).

What compares two stamps is a flag that is set when the later of them is read, and so is what
compares a variable that is only ever set to such a difference (a *span*) with a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from math import lcm

from ...dsl.records import dataclass
from ...dsl.types import Bool
from ...semantics.expr import FALSE, TRUE, Expr, Op, Sort, and_, const, eq, ite, not_, or_, var
from ...semantics.system import (
    Delay,
    Obligation,
    Rule,
    RuleKind,
    TransitionSystem,
    Variable,
    VarKind,
)
from ...semantics.walks import fold, postorder, rebuild, variables
from .common import conjuncts
from .stamps import NOW, START, Times, Unsuited

MOST_FLAGS = 24


@dataclass(frozen=True, slots=True)
class Read:
    """`goals` are those that were given, of the states in which their rule is taken, or of all."""

    system: TransitionSystem
    goals: tuple[Obligation, ...]


@dataclass(frozen=True, slots=True)
class _Flag:
    """Set when the clock of `stamp` shows this."""

    stamp: int
    time: Fraction


@dataclass(frozen=True, slots=True)
class _Pair:
    """What the flag of `second` said when `first` was read; false where that was read before.
    `level`: it is the claim that first is no earlier than second, which is true of one instant."""

    first: int
    second: int
    time: Fraction
    level: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the flag said when the span was set; `begin`: of its initial value."""

    span: int
    time: Fraction
    begin: bool


def grain(system: TransitionSystem, goals: Sequence[Obligation]) -> Fraction:
    """Of which all constants are multiples that are compared with times."""
    terms = [g.cond for g in goals]
    for r in system.rules:
        terms += [r.guard, r.relation, *(e for _, e in r.updates)]
        if r.delay is not None:
            terms += [r.delay.lo, *([] if r.delay.hi is None else [r.delay.hi])]
    values = [n.value for n in postorder(terms) if n.op is Op.CONST]
    return Fraction(1, lcm(1, *(x.denominator for x in values if isinstance(x, Fraction))))


def read(system: TransitionSystem, goals: Sequence[Obligation], finest: Fraction) -> Read | None:
    """None where more is done with times than this can tell, or steps are asked about and not
    states.  Where no time is read, only what the goals read is added to what decides."""
    try:
        return _Reading(system, finest).run(goals)
    except Unsuited:
        return None


@dataclass
class _Reading:
    system: TransitionSystem
    grain: Fraction
    times: Times = field(init=False)
    flags: dict[_Flag, int] = field(default_factory=dict)
    pairs: dict[_Pair, int] = field(default_factory=dict)
    kept: dict[_Kept, int] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    added: list[Variable] = field(default_factory=list)

    def run(self, goals: Sequence[Obligation]) -> Read:
        system = self.system
        inputs = {r.index: self._clock_of(r) for r in system.rules}
        self.times = Times(system, inputs)
        asked = tuple(self._goal(g, inputs) for g in goals)
        # (What a flag is set by may ask for further flags.)
        drafts = [self._tests(r, inputs[r.index]) for r in system.rules]
        known = -1
        while known != len(self.added):
            known = len(self.added)
            rules = [
                self._rule(r, inputs[r.index], d) for r, d in zip(system.rules, drafts, strict=True)
            ]
        if len(self.added) > 3 * MOST_FLAGS:
            raise Unsuited
        rules += self._watching(len(rules))
        rules.append(self._asking(len(rules), asked))
        variables_ = (*system.variables, *self.added)
        whole = replace(
            system,
            variables=variables_,
            rules=tuple(rules),
            obligations=(),
            limits=(),
            liveness=(),
            clock=None,
        )
        return Read(whole, asked)

    def _clock_of(self, rule: Rule) -> int | None:
        """The input that is the time of the step; the last one, so that others keep their place."""
        clocks = [k for k, i in enumerate(rule.inputs) if i.clock]
        if not clocks:
            return None
        if clocks != [len(rule.inputs) - 1]:
            raise Unsuited
        return clocks[0]

    # --- tests and claims -------------------------------------------------------------------

    def _goal(self, goal: Obligation, inputs: Mapping[int, int | None]) -> Obligation:
        if goal.every_step or variables([goal.cond], Op.POST):
            raise Unsuited
        clock = inputs[goal.rule] if goal.rule is not None else None
        parts = [self._claim(p, clock) for p in conjuncts(goal.cond)]
        cond = and_(*parts)
        if variables([cond], Op.INPUT):
            raise Unsuited
        return replace(goal, cond=cond)

    def _claim(self, part: Expr, clock: int | None) -> Expr:
        """A disjunction in which one comparison of `now` stands is exact."""
        options = part.args if part.op is Op.OR else (part,)
        timed = [o for o in options if self.times.about_times(o, clock)]
        if len(timed) == 1:
            exact = self._exact(timed[0], clock)
            if exact is not None:
                return or_(*(exact if o is timed[0] else o for o in options))
        return self._rewritten(part, clock)

    def _exact(self, e: Expr, clock: int | None) -> Expr | None:
        negated = e.op is Op.NOT
        node = e.args[0] if negated else e
        if node.op not in (Op.LE, Op.LT):
            return None
        first, second, limit, most, strict = self.times.comparison(node, clock)
        if negated:  # not (x <= d) is x > d
            most, strict = not most, not strict
        if first == START:
            return TRUE if most else FALSE
        if most:  # it fails from here on
            low = limit if strict else limit + self.grain
            if first not in self.times.spans and low <= 0:
                return FALSE if first == NOW else None
            return not_(self._shown(first, second, low, True))
        last = limit if strict else limit - self.grain  # and here up to this
        if first not in self.times.spans and last < 0:
            return TRUE if first == NOW else None
        return self._shown(first, second, last, False)

    def _shown(self, first: int, second: int, time: Fraction, reached: bool) -> Expr:
        """Whether the difference is as much; at that very time it may be said or not.  Of an
        initial value it is known (`reached`: then it is)."""
        if first in self.times.spans:
            init = self.system.variables[first].init
            assert init is not None
            value = Fraction(init.value or 0)
            return self._keeping(first, time, value > time or (reached and value == time))
        return self._flag(second, time) if first == NOW else self._pair(first, second, time)

    def _pair(self, first: int, second: int, time: Fraction, level: bool = False) -> Expr:
        key = _Pair(first, second, time, level)
        if key not in self.pairs:
            self.pairs[key] = self._bool(f"{first} - {second} from {time}", const(level))
        return var(self.pairs[key], Sort.BOOL)

    def _keeping(self, span: int, time: Fraction, begin: bool) -> Expr:
        key = _Kept(span, time, begin)
        if key not in self.kept:
            self.kept[key] = self._bool(f"{span} from {time}", const(begin))
        return var(self.kept[key], Sort.BOOL)

    def _rewritten(self, e: Expr, clock: int | None) -> Expr:
        """With flags for comparisons of times."""

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            if node.op in (Op.LE, Op.LT, Op.EQ) and self.times.about_times(node, clock):
                if node.op is Op.EQ:
                    raise Unsuited
                return self._compared(node, clock)
            return rebuild(node, args) if node.args else node

        out = fold(e, build)
        if self.times.about_times(out, clock):
            raise Unsuited
        return out

    def _compared(self, node: Expr, clock: int | None) -> Expr:
        first, second, limit, most, strict = self.times.comparison(node, clock)
        more = self._more(first, second, limit, strict is most)
        return not_(more) if most else more

    def _more(self, first: int, second: int, limit: Fraction, at_least: bool) -> Expr:
        """Whether first - second > limit; where they are the same it may be either, but for what
        can never be."""
        if first in self.times.spans:
            return self._shown(first, second, limit, at_least)
        if first == NOW:
            if limit < 0 or (limit == 0 and at_least):
                return TRUE
            return self._flag(second, limit)
        if first == START:
            return FALSE
        return self._pair(first, second, limit, at_least and limit == 0)

    # --- the new rules ----------------------------------------------------------------------

    def _bool(self, name: str, init: Expr = FALSE) -> int:
        index = len(self.system.variables) + len(self.added)
        self.added.append(Variable(index, name, Sort.BOOL, Bool(), VarKind.HIDDEN, init))
        return index

    def _flag(self, stamp: int, time: Fraction) -> Expr:
        if stamp == NOW:
            raise Unsuited
        key = _Flag(stamp, time)
        if key not in self.flags:
            self.flags[key] = self._bool(f"clock of {stamp} from {time}")
            if stamp != START and stamp not in self.epochs:
                self.epochs[stamp] = self._bool(f"epoch of {stamp}")
        return var(self.flags[key], Sort.BOOL)

    def _tests(self, rule: Rule, clock: int | None) -> Callable[[Rule], Rule]:
        """The rule without times, but for the flags."""
        last = self.system.clock
        parts = [
            p
            for p in conjuncts(rule.relation)
            if not (p.op is Op.LE and p.args[0].op is Op.VAR and p.args[0].index == last)
        ]
        delay = rule.delay
        if delay is not None and any(
            self.times.about_times(e, clock) for e in (delay.lo, delay.hi) if e is not None
        ):
            raise Unsuited
        guard = self._rewritten(rule.guard, clock)
        relation = and_(*(self._rewritten(p, clock) for p in parts))
        own = tuple(
            (v, self._rewritten(e, clock))
            for v, e in rule.updates
            if v not in self.times.stamps | self.times.spans | self.times.dropped
        )
        inputs = rule.inputs if clock is None else rule.inputs[:-1]
        return lambda r: replace(
            r, guard=guard, relation=relation, own=own, bundle=None, inputs=inputs
        )

    def _rule(self, rule: Rule, clock: int | None, made: Callable[[Rule], Rule]) -> Rule:
        resets: dict[int, Expr] = {}
        for v, e in rule.updates:
            if v in self.times.stamps:
                when = self.times.reset(v, e, clock)
                assert when is not None
                resets[v] = self._rewritten(when, clock)
        resets = {v: w for v, w in resets.items() if w is not FALSE}
        more: list[tuple[int, Expr]] = []
        for pair, p in list(self.pairs.items()):
            if pair.first in resets or pair.second in resets:
                one, two = (resets.get(s, FALSE) for s in (pair.first, pair.second))
                if pair.level:
                    at_two = not_(self._flag(pair.first, pair.time))
                    value = or_(one, ite(two, at_two, var(p, Sort.BOOL)))
                else:
                    shown = self._flag(pair.second, pair.time)
                    value = and_(not_(two), ite(one, shown, var(p, Sort.BOOL)))
                more.append((p, value))
        updates = dict(rule.updates)
        for kept, k in list(self.kept.items()):
            if kept.span in updates:
                more.append((k, self._set(kept, k, updates[kept.span], clock)))
        for flag, f in self.flags.items():
            if flag.stamp in resets:
                more.append((f, and_(not_(resets[flag.stamp]), var(f, Sort.BOOL))))
        for stamp, e_ in self.epochs.items():
            if stamp in resets:
                old = var(e_, Sort.BOOL)
                more.append((e_, ite(resets[stamp], not_(old), old)))
        new = made(rule)
        return replace(new, own=(*new.own, *more))

    def _set(self, kept: _Kept, flag: int, e: Expr, clock: int | None) -> Expr:
        """What the flag of a span becomes with the span."""
        if e.op is Op.ITE:
            test, yes, no = e.args
            return ite(
                self._rewritten(test, clock),
                self._set(kept, flag, yes, clock),
                self._set(kept, flag, no, clock),
            )
        if e.op is Op.VAR and e.index == kept.span:
            return var(flag, Sort.BOOL)
        stamp, more = self.times.since(e, clock)
        time = kept.time - more
        return TRUE if time < 0 else self._flag(stamp, time)

    def _asking(self, index: int, asked: Sequence[Obligation]) -> Rule:
        """A rule that is never taken, so that what the claims read counts as read by control."""
        root = self.system.threads[self.system.instances[0].root]
        nowhere = eq(var(root.location, Sort.INT), const(-1))
        read_ = or_(*(eq(g.cond, FALSE) for g in asked))
        return Rule(
            index=index,
            name="claims",
            kind=RuleKind.STEP,
            thread=root.id,
            instance=0,
            guard=and_(nowhere, read_),
            own=(),
            span=root.span,
        )

    def _watching(self, first: int) -> list[Rule]:
        out: list[Rule] = []
        for flag, f in self.flags.items():
            epoch = self.epochs.get(flag.stamp)
            unset = not_(var(f, Sort.BOOL))
            turns = [TRUE]
            if epoch is not None:
                turns = [var(epoch, Sort.BOOL), not_(var(epoch, Sort.BOOL))]
            for turn in turns:
                out.append(
                    Rule(
                        index=first + len(out),
                        name="a clock",
                        kind=RuleKind.TIMER,
                        thread=self.system.instances[0].root,
                        instance=0,
                        guard=and_(turn, unset),
                        own=((f, TRUE),),
                        span=self.system.instances[0].span,
                        delay=Delay(const(flag.time), const(flag.time)),
                    )
                )
        return out


__all__ = ["Read", "grain", "read"]
