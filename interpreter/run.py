"""One run of the timed system: discrete events, exact time, everything drawn from a seed.

Time passes only when no rule without a delay is enabled.  A rule with a delay fires when it has
been enabled, without a break, for a time that the environment chose when it became enabled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from fractions import Fraction
from heapq import heappop, heappush
from random import Random

from ..dsl.records import dataclass
from ..semantics.expr import FALSE, Expr, Scalar
from ..semantics.system import RuleKind, TransitionSystem
from ..semantics.trace import Step, Trace
from .answers import Answers, asks_as
from .choices import choose_values
from .clock import Tick
from .collection import paused
from .dynamics import Dynamics
from .ending import Blocked, Ends, Watched, blocked_threads
from .environment import FAILURE, Environment, draw_initial
from .log import RunEnd, Sink
from .plan import Plan, build_plan
from .recorder import Recorder
from .scheduler import make_scheduler

IDLE = 256  # instants of control loops after which it is asked whether anything else is to come
MOST_TIED = 4  # of those due at one instant, how many are looked at


class Status(StrEnum):
    ENDED = "ended"  # every instance has ended
    DEADLOCK = "deadlock"  # nothing is enabled and no time will change that
    UNTIL = "until"  # the asked time or condition was reached
    STEPS = "steps"  # the bound on steps was reached
    EXCLUDED = "assumption not met"  # an `assume` was false: this run does not count


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`scheduler` "": the spec's.  `set_values`: `name=value`.  `until`: virtual seconds."""

    seed: int = 0
    scheduler: str = ""
    answers: Answers | None = None
    set_values: Sequence[str] = ()
    until: Fraction | None = None
    stop_when: Expr | None = None
    max_steps: int = 1_000_000
    failing: float = FAILURE
    wanted: Collection[int] = ()  # ends of attempts that are chosen wherever they are possible
    # The chance that what has bounds takes longest, else shortest; of answers: is largest.
    pace: float | None = None
    initial: Mapping[int, Scalar] = field(default_factory=dict)  # by variable, beside set_values
    source: str = ""  # for the log: where the spec came from, and its hash
    spec_sha256: str = ""
    noted: Mapping[str, object] = field(default_factory=dict)  # for the log: other options


@dataclass(frozen=True, slots=True)
class RunResult:
    """`failed` pairs instances that failed with their error; `blocked` only of a deadlock."""

    status: Status
    trace: Trace
    final: tuple[Scalar, ...]
    time: Fraction
    events: int
    failed: tuple[tuple[str, str], ...] = ()
    completed: tuple[str, ...] = ()
    blocked: tuple[Blocked, ...] = ()

    @property
    def steps(self) -> int:
        return len(self.trace.steps)


def run(
    system: TransitionSystem,
    options: RunOptions | None = None,
    log: Sink | None = None,
    plan: Plan | None = None,
) -> RunResult:
    """Run once.  The same seed and options give the same run and the same log.

    `plan` saves work over many runs of one system.  ValueError: the values set, or the script's
    answers, are not possible.
    """
    with paused():
        return _Runner(plan or build_plan(system), options or RunOptions(), log).run()


class _Runner:
    def __init__(self, plan: Plan, options: RunOptions, log: Sink | None) -> None:
        system = plan.system
        self.plan = plan
        self.system = system
        self.options = options
        random = Random(options.seed)
        self.random = random
        self._ties = Random(f"ties {options.seed}")
        self.clock = plan.clock
        self.environment = (
            Environment(plan, random, options.answers, options.failing)
            if options.answers
            else Environment(
                plan, random, failing=options.failing, wanted=options.wanted, pace=options.pace
            )
        )
        name = options.scheduler or system.scheduler
        self.scheduler = make_scheduler(name, plan, random)
        chosen = {**options.initial, **choose_values(system, options.set_values)}
        self.initial = draw_initial(plan, random, chosen)
        self.now: Tick = 0
        self.steps: list[tuple[int, tuple[Scalar, ...], Tick]] = []
        size = len(system.rules)
        self._armed = [0] * size  # by rule: the number of its timer, 0: none
        self._due: list[Tick] = [0] * size  # by rule: when its last timer is or was due
        self._timers: list[tuple[Tick, int, int]] = []
        self._timer = 0
        self._chosen: dict[int, int] = {}  # by group: the rule that will end the attempt
        self._since: dict[int, Tick] = {}
        self._refused: list[int] = []
        self._asks = plan.asks
        self._starts = (
            {
                r.index: asks_as(r, system)
                for r in system.rules
                if r.kind is RuleKind.START or (r.channel and r.inputs)
            }
            if options.answers
            else {}
        )
        self._delayed = plan.delayed
        # An attempt with one end needs no choice, unless a script speaks of it.
        self._group = plan.attempt if options.answers else plan.choice
        self.recorder = Recorder(plan, log, name, options, self.initial)
        self.dynamics = Dynamics(plan, self.initial, self.scheduler)
        self._roots = {i.root: i for i in system.instances}
        self._loops = {r.index for r in system.rules if r.kind is RuleKind.CONTROL}
        self._alone = 0  # instants of loops since anything else happened
        self._ends = Ends(system, self.dynamics.state)
        self._excluded = Watched(plan, system.excluded)
        self._until = Watched(plan, options.stop_when or FALSE)

    def run(self) -> RunResult:
        state = self.dynamics.state
        limit = None if self.options.until is None else self.clock.ticks(self.options.until)
        self._clocks(None)
        status = self._stop_now(state)
        while status is None:
            if len(self.steps) >= self.options.max_steps:
                status = Status.STEPS
                break
            rule = self._next(limit)
            if rule is not None and self._idle(rule):
                status = Status.DEADLOCK
                break
            if rule is None:
                late = limit is not None and bool(self._timers)
                if late:
                    assert limit is not None
                    self.now = limit
                status = Status.UNTIL if late else Status.DEADLOCK
                break
            inputs = self.environment.inputs(rule, state, self.now) if self._asks[rule] else ()
            if inputs is None:
                self._refuse(rule)
            else:
                status = self._take(rule, inputs)
        return self._result(status)

    def _idle(self, rule: int) -> bool:
        """Control loops go on for ever: has nothing else happened for long, and will nothing?

        What a loop sets by then no longer changes, unless what it looks at does.
        """
        if not self._loops or rule not in self._loops:
            self._alone = 0
            return False
        self._alone += 1
        if self._alone % IDLE:
            return False
        return not any(n and r not in self._loops for r, n in enumerate(self._armed))

    # --- choosing ----------------------------------------------------------------------------

    def _next(self, limit: Tick | None) -> int | None:
        """The rule to fire; moves time.  None: there is none (within the limit)."""
        timers = self._timers
        armed = self._armed
        while timers and armed[timers[0][2]] != timers[0][1]:
            heappop(timers)
        if self.scheduler.count:
            due = timers and timers[0][0] <= self.now
            if not due or not (self.scheduler.eager or self.random.random() < 0.5):
                return self.scheduler.pick(self.dynamics.state)
        if not timers:
            return None
        at, _, rule = timers[0]
        if limit is not None and at > limit:
            return None
        heappop(timers)
        if timers and timers[0][0] == at and not self.scheduler.eager:
            rule = self._tied(at, rule)
        armed[rule] = 0
        self.now = at
        return rule

    def _tied(self, at: Tick, first: int) -> int:
        """Of what is due at one instant any may come first, whatever was begun first."""
        timers, armed = self._timers, self._armed
        due = [(at, armed[first], first)]
        while timers and timers[0][0] == at and len(due) < MOST_TIED:
            other = heappop(timers)
            if armed[other[2]] == other[1]:
                due.append(other)
        chosen = due.pop(int(self._ties.random() * len(due)))
        for other in due:
            heappush(timers, other)
        return chosen[2]

    def _refuse(self, rule: int) -> None:
        """No answer fits the rule's relation now: as if it were not enabled."""
        group = self._group[rule]
        if not self._delayed[rule]:
            self.scheduler.remove(self.plan.bucket[rule], rule)
            self._refused.append(rule)
            return
        self._refused.append(rule)
        if group is None or self._chosen.get(group) != rule:
            return
        # Another outcome of the same attempt, as soon as it may be.
        del self._chosen[group]
        others = [
            r
            for r in self.plan.groups[group].outcomes
            if self.dynamics.level[r] == 2 and r not in self._refused
        ]
        if others:
            other, _ = self.environment.outcome(
                self.plan.groups[group], others, self.dynamics.state
            )
            low, _ = self.environment.bounds(other, self.dynamics.state)
            self._chosen[group] = other
            self._arm(other, max(self.now, self._since[group] + low))

    def _take(self, rule: int, inputs: tuple[Scalar, ...]) -> Status | None:
        dynamics = self.dynamics
        self.recorder.record(rule, inputs, self.now, dynamics.state)
        self.steps.append((rule, inputs, self.now))
        self.scheduler.step = len(self.steps)
        if rule in self._starts:
            self.environment.attempt_started(self._starts[rule])
        overdue = self._readmit() if self._refused else None
        changed = dynamics.fire(rule, inputs)
        if dynamics.started or dynamics.stopped or self._delayed[rule]:
            self._clocks(rule)
        if overdue:
            self._overdue(overdue)
        ends = self._ends
        for v, _ in changed:
            if v in ends.roots:
                ends.moved(v, dynamics.state)
        if not ends.running:
            return self._stop_now(dynamics.state)
        if self._excluded.terms and self._excluded.holds(changed, dynamics.state):
            return Status.EXCLUDED
        if self._until.terms and self._until.holds(changed, dynamics.state):
            return Status.UNTIL
        return None

    def _readmit(self) -> list[int]:
        """The state is about to change: what was refused may have an answer then.

        Answers those with a delay, which are overdue.
        """
        refused, self._refused = self._refused, []
        for r in refused:
            if not self._delayed[r]:
                self.scheduler.add(self.plan.bucket[r], r)
        return [r for r in refused if self._delayed[r]]

    def _overdue(self, rules: list[int]) -> None:
        for r in rules:
            group = self._group[r]
            if self.dynamics.level[r] != 2 or self._armed[r] or group in self._chosen:
                continue
            if group is not None:
                self._chosen[group] = r
            self._arm(r, self.now)

    # --- clocks ------------------------------------------------------------------------------

    def _clocks(self, fired: int | None) -> None:
        """Start and stop clocks after a step; a rule that fired starts anew."""
        dynamics = self.dynamics
        started, stopped = dynamics.started, dynamics.stopped
        groups: dict[int, None] = {}
        for r in stopped:
            g = self._group[r]
            if g is not None:
                if self._armed[r]:
                    self._hand_over(r, g)
                if self._chosen.get(g) == r:
                    del self._chosen[g]
                groups[g] = None
            self._armed[r] = 0
        if fired is not None and self._delayed[fired] and dynamics.level[fired] == 2:
            g = self._group[fired]
            if g is None:
                started.append(fired)
            else:
                self._chosen.pop(g, None)
                groups[g] = None
                for r in self.plan.groups[g].members:
                    self._armed[r] = 0
                    if dynamics.level[r] == 2 and r not in started:
                        started.append(r)
        for r in started:
            g = self._group[r]
            if g is not None:
                groups[g] = None
            elif self.environment.ever(r):
                self._arm(r, self.now + self.environment.duration(r, dynamics.state))
        for g in groups:
            self._attempt(g)
        stopped.clear()
        started.clear()

    def _hand_over(self, rule: int, number: int) -> None:
        """Where a failure lands may change while the attempt runs (`tolerate`): the rule that now
        stands for the same end goes on with the clock of the attempt."""
        rules, group = self.system.rules, self.plan.groups[number]
        for r in (*group.outcomes, *group.timeouts):
            if self.dynamics.level[r] != 2 or self._armed[r]:
                continue
            if rules[r].kind is rules[rule].kind and rules[r].error == rules[rule].error:
                self._arm(r, self._due[rule])
                if self._chosen.get(number) == rule:
                    self._chosen[number] = r
                return

    def _attempt(self, number: int) -> None:
        """A group whose enabled members changed: choose its end, and start its time-outs."""
        group = self.plan.groups[number]
        level = self.dynamics.level
        if number not in self._chosen:
            enabled = [r for r in group.outcomes if level[r] == 2]
            if enabled:
                self._since[number] = self.now
                rule, after = self.environment.outcome(group, enabled, self.dynamics.state)
                self._chosen[number] = rule
                if rule >= 0:
                    self._arm(rule, self.now + after)
        waiting = [r for r in group.timeouts if level[r] == 2 and not self._armed[r]]
        if len(waiting) > 1:
            self.random.shuffle(waiting)
        for r in waiting:
            self._arm(r, self.now + self.environment.duration(r, self.dynamics.state))

    def _arm(self, rule: int, at: Tick) -> None:
        self._timer += 1
        self._armed[rule] = self._timer
        self._due[rule] = at
        heappush(self._timers, (at, self._timer, rule))

    # --- ending ------------------------------------------------------------------------------

    def _stop_now(self, state: list[Scalar]) -> Status | None:
        if self._excluded.terms and self._excluded.holds(None, state):
            return Status.EXCLUDED
        if self._until.terms and self._until.holds(None, state):
            return Status.UNTIL
        return None if self._ends.running else Status.ENDED

    def _result(self, status: Status) -> RunResult:
        state = tuple(self.dynamics.state)
        system = self.system
        times: dict[Tick, Fraction] = {}
        steps = []
        for rule, inputs, tick in self.steps:
            time = times.get(tick)
            if time is None:
                time = times[tick] = self.clock.seconds(tick)
            steps.append(Step(rule, inputs, time))
        end = self.clock.seconds(self.now)
        self.recorder.finish(RunEnd(status.value, len(steps), self.recorder.events, end, state))
        completed, failed = [], []
        for i in system.instances:
            at = state[system.threads[i.root].location]
            if at == i.completed:
                completed.append(i.name)
            elif at == i.failed:
                error = int(state[i.error])
                failed.append((i.name, system.errors[error - 1] if error > 0 else ""))
        blocked = blocked_threads(system, state) if status is Status.DEADLOCK else ()
        return RunResult(
            status,
            Trace(self.initial, tuple(steps)),
            state,
            end,
            self.recorder.events,
            tuple(failed),
            tuple(completed),
            blocked,
        )
