"""Everything that a run does not decide itself: durations, outcomes, results, arguments.

Drawn from the seed, unless a script answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from random import Random

from ..semantics.expr import Expr, Op, Scalar, Sort, inp, var
from ..semantics.system import Delay, RuleKind, Variable
from ..semantics.values import evaluate, fits, initial_state
from ..semantics.walks import substitute
from .answers import NO_ANSWERS, Answer, Answers, asks_as
from .clock import Tick, delay_bounds, value_of
from .compile import State
from .parts import paths
from .plan import Group, Plan
from .sampling import Sampler
from .shapes import canonical

FAILURE = 0.1  # the chance of failure where the spec gives no probability


class AnswerRefused(ValueError):
    """The script asks for what the spec does not allow."""


class Environment:
    """Answers of one run."""

    def __init__(
        self,
        plan: Plan,
        random: Random,
        answers: Answers = NO_ANSWERS,
        failing: float = FAILURE,
        wanted: Collection[int] = (),
        pace: float | None = None,
    ) -> None:
        self._failing = failing
        self._pace = pace
        self._wanted = wanted
        self._plan = plan
        self._rules = plan.system.rules
        self._clock = plan.clock
        self._random = random
        self._answers = answers
        self._scripted = bool(answers.numbered or answers.always)
        self._attempts: dict[str, int] = {}
        self._bounds: dict[int, tuple[Tick, Tick | None] | None] = {}
        # By rule; instances share the samplers, each with its own variables.
        self._samplers: dict[int, tuple[Sampler, Sequence[int] | None]] = {}
        self._shared: dict[object, Sampler] = {}
        self._weights: dict[tuple[int, ...], tuple[list[float], float] | None] = {}

    # --- attempts ----------------------------------------------------------------------------

    def attempt_started(self, activity: str) -> None:
        """Counts attempts, for the script."""
        self._attempts[activity] = self._attempts.get(activity, 0) + 1

    def _answer(self, rule: int) -> Answer | None:
        if not self._scripted:
            return None
        name = asks_as(self._rules[rule], self._plan.system)
        # Of an attempt it is asked after its start, of a message before its step.
        number = self._attempts.get(name, 0) + (not self._rules[rule].activity)
        return self._answers.find(name, max(1, number)) if name else None

    def outcome(self, group: Group, enabled: Sequence[int], state: State) -> tuple[int, Tick]:
        """Which of the enabled outcomes ends the attempt, and when if no time-out comes first.

        A scripted time-out answers -1: no outcome.
        """
        answer = self._answer((enabled or group.members)[0])
        if answer is None:
            rule = self._choose(enabled, state)
            return rule, self.duration(rule, state)
        if answer.outcome == "times_out" and group.timeouts:
            return -1, 0
        wanted = [
            r
            for r in enabled
            if answer.outcome != "fails"
            or (self._rules[r].kind is RuleKind.FAIL and self._rules[r].error == answer.error)
        ]
        if answer.outcome == "fails":  # by itself, where it may do so
            wanted = [r for r in wanted if not self._rules[r].unheard] or wanted
        if answer.outcome == "times_out":
            wanted = [r for r in enabled if self._rules[r].unheard] or wanted
        if answer.outcome == "completes":
            wanted = [r for r in enabled if self._rules[r].kind is not RuleKind.FAIL]
        if not wanted:
            named = f"fail with {answer.error}" if answer.error else "complete"
            raise AnswerRefused(f"{self._rules[enabled[0]].activity}: it cannot {named} here")
        rule = self._choose(wanted, state)
        if answer.takes is None:
            return rule, self.duration(rule, state)
        low, high = self.bounds(rule, state)
        ticks = self._clock.ticks(answer.takes)
        if ticks < low or (high is not None and ticks > high):
            limits = [str(self._clock.seconds(b)) if b is not None else "" for b in (low, high)]
            raise AnswerRefused(
                f"{self._rules[rule].activity}: takes {answer.takes}s is outside"
                f" {'..'.join(limits)} seconds, which the spec allows"
            )
        return rule, ticks

    def _choose(self, enabled: Sequence[int], state: State) -> int:
        if self._wanted:
            enabled = [r for r in enabled if r in self._wanted] or enabled
        if len(enabled) == 1:
            return enabled[0]
        key = tuple(enabled)
        known = self._weights.get(key)
        if known is None:
            weights = self._weigh(enabled, state)
            total = 0.0
            sums = [total := total + w for w in weights]
            known = sums, total
            given = [self._rules[r].probability for r in enabled]
            if all(p is None or p.op is Op.CONST for p in given):
                self._weights[key] = known
        sums, total = known
        place = self._random.random() * total
        for rule, bound in zip(enabled, sums, strict=True):
            if place < bound:
                return rule
        return enabled[-1]

    def _weigh(self, enabled: Sequence[int], state: State) -> list[float]:
        failing = [r for r in enabled if self._rules[r].kind is RuleKind.FAIL]
        given = {
            r: float(evaluate(p, state))
            for r in enabled
            if (p := self._rules[r].probability) is not None
        }
        open_ = [r for r in failing if r not in given]
        left = max(0.0, 1.0 - sum(given.values()))
        share = min(self._failing, left) / len(open_) if open_ else 0.0
        others = [r for r in enabled if r not in failing and r not in given]
        rest = max(0.0, left - share * len(open_)) / len(others) if others else 0.0
        weights = [given.get(r, share if r in open_ else rest) for r in enabled]
        return weights if sum(weights) > 0 else [1.0] * len(enabled)

    # --- durations ---------------------------------------------------------------------------

    def bounds(self, rule: int, state: State) -> tuple[Tick, Tick | None]:
        """The rule's delay, in ticks, read in this state; high None: unbounded."""
        known = self._bounds.get(rule)
        if known is not None:
            return known
        delay = self._rules[rule].delay
        assert delay is not None
        low, high = delay_bounds(self._clock, delay, state)
        if delay.lo.op is Op.CONST and (delay.hi is None or delay.hi.op is Op.CONST):
            self._bounds[rule] = low, high
        return low, high

    def ever(self, rule: int) -> bool:
        """Whether a step that need not come will: a crash is as rare as a failure."""
        if self._rules[rule].kind is not RuleKind.CRASH or rule in self._wanted:
            return True
        return self._random.random() < self._failing

    def duration(self, rule: int, state: State) -> Tick:
        """Drawn from the delay's interval: by its distribution, otherwise uniform."""
        low, high = self.bounds(rule, state)
        if low == high:
            return low
        delay = self._rules[rule].delay
        assert delay is not None
        drawn: Tick
        if delay.dist in ("normal", "exponential", "uniform") and delay.args:
            drawn = self._distributed(delay, state)
        elif high is None:
            # Finite, with a long tail: as long again as it must take, or about a second.
            drawn = low + int(self._random.expovariate(1.0) * max(int(low), self._clock.scale))
        elif self._pace is not None:
            return high if self._random.random() < self._pace else low
        else:
            drawn = low + int(self._random.random() * (int(high - low) + 1))
        if drawn < low:
            return low
        return high if high is not None and drawn > high else drawn

    def _distributed(self, delay: Delay, state: State) -> Tick:
        args = [float(value_of(a, state)) * self._clock.scale for a in delay.args]
        if delay.dist == "normal":
            drawn = self._random.gauss(args[0], args[1] if len(args) > 1 else 0.0)
        elif delay.dist == "exponential":
            drawn = self._random.expovariate(1.0) * args[0]
        else:
            drawn = args[0] + self._random.random() * ((args[1] if len(args) > 1 else 0) - args[0])
        return max(0, round(drawn))

    # --- inputs ------------------------------------------------------------------------------

    def inputs(self, rule: int, state: State, now: Tick) -> tuple[Scalar, ...] | None:
        """Answers that the rule's relation allows now; None: there are none."""
        known = self._samplers.get(rule)
        if known is None:
            known = self._samplers[rule] = self._sampler(rule)
        sampler, places = known
        made = self._rules[rule]
        answer = self._answer(rule)
        fixed: Mapping[int, Scalar] = {}
        if answer is not None and answer.values and made.inputs:
            named = paths(made, self._plan.system)
            fixed = {k: answer.values[p] for k, p in enumerate(named) if p in answer.values}
        if self._plan.system.reads_clock:
            clocks = [k for k, i in enumerate(made.inputs) if i.clock]
            fixed = {**fixed, **dict.fromkeys(clocks, self._clock.seconds(now))}
        view = state if places is None else [state[v] for v in places]
        drawn = sampler.draw(view, self._random, fixed, self._pace)
        if drawn is None and answer is not None and answer.values:
            what = ", ".join(dict.fromkeys(made.inputs[k].name for k in fixed))
            raise AnswerRefused(
                f"{asks_as(made, self._plan.system)}: its contract (`ensures`, `where`, or a range)"
                " does not allow the answer"
                f" for {what}"
            )
        return drawn

    def _sampler(self, rule: int) -> tuple[Sampler, Sequence[int] | None]:
        made = self._rules[rule]
        strings, compiler = len(self._plan.system.strings), self._plan.compiler
        short = canonical(made.relation)
        if short is None:
            return Sampler(made.inputs, made.relation, compiler, strings), None
        shape, places = short
        key = (shape, made.inputs)
        shared = self._shared.get(key)
        if shared is None:
            number = {v: k for k, v in enumerate(places)}
            relation = substitute(
                made.relation, lambda n: var(number[n.index], n.sort) if n.op is Op.VAR else n
            )
            shared = self._shared[key] = Sampler(made.inputs, relation, compiler, strings)
        return shared, places


def draw_initial(plan: Plan, random: Random, chosen: Mapping[int, Scalar]) -> tuple[Scalar, ...]:
    """A first state: free variables (arguments, parameters) small and allowed, `chosen` kept.

    Raises ValueError where there is none.
    """
    system = plan.system
    free: list[Variable] = [v for v in system.variables if v.init is None]
    place = {v.index: k for k, v in enumerate(free)}
    memo: dict[int, Expr] = {}

    def leaf(node: Expr) -> Expr:
        if node.op is not Op.VAR:
            return node
        variable = system.variables[node.index]
        if variable.init is None:
            return inp(place[node.index], node.sort)
        return substitute(variable.init, leaf)

    relation = substitute(system.initial, leaf, memo)
    for v in free:
        if v.index in chosen and not fits(v, chosen[v.index]):
            raise ValueError(f"{v.name} cannot be {chosen[v.index]}")
    sampler = Sampler(free, relation, plan.compiler, len(system.strings))
    fixed = {place[index]: value for index, value in chosen.items()}
    drawn = sampler.draw((), random, fixed)
    if drawn is None:
        given = ", ".join(system.variables[i].name for i in chosen)
        raise ValueError(
            "no arguments satisfy the spec's `requires` and ranges"
            + (f" together with the values set for {given}" if given else "")
        )
    exact = [Fraction(x) if v.sort is Sort.REAL else x for v, x in zip(free, drawn, strict=True)]
    return initial_state(system, exact)
