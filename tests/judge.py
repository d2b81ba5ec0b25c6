"""Compares what `verify` says of a spec with what is true of its states (`oracle`)."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "verifier"))

import oracle
import ticking
from oracle import World, reading
from ticking import Ticking
from timed_naive import Timed, TooMuch
from wfverify.dsl import load_text
from wfverify.dsl.errors import Span
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.semantics.expr import Op, Scalar
from wfverify.semantics.lower import lower
from wfverify.semantics.system import (
    Obligation,
    PointKind,
    Rule,
    RuleKind,
    TransitionSystem,
    VarKind,
)
from wfverify.semantics.trace import Step, Trace
from wfverify.semantics.values import evaluate
from wfverify.semantics.walks import variables
from wfverify.verifier.checks.intime import BY_CLOCKS
from wfverify.verifier.portfolio import NOTHING, SAFETY, Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Result, Unknown

State = oracle.State
# Checks whose answer is that of one goal or more over states and steps.
GOALS = (*SAFETY,)


@dataclass
class Judgement:
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # "check VERDICT"
    unknown: list[str] = field(default_factory=list)
    states: int = 0
    timed: Counter[str] = field(default_factory=Counter)  # proofs compared with all timed runs
    results: list[Result] = field(default_factory=list)

    @property
    def share_unknown(self) -> float:
        total = sum(self.counts.values())
        return len(self.unknown) / total if total else 0.0


CLOCKS = "whatever the clocks show"  # in words of a proof about timed runs


def judge(
    text: str,
    timeout: float = 10,
    limit: int = 1500,
    walks: int = 30,
    seed: int = 0,
    timed: int = 0,
) -> Judgement:
    """Raises `oracle.TooBig` if the spec is not small.  `timed`: how many states of timed runs
    a proof about results is compared with."""
    out = Judgement()
    spec = load_text(text, "s.wf")
    system = lower(spec)
    world = World(system, limit)
    out.states = len(world.states)
    results = verify(
        spec,
        system,
        Options(timeout=timeout, seed=seed),
        replay=replay,
        schedule=schedule,
        simulate=simulator,
    )
    out.results = list(results)
    groups = _groups(system)
    in_time = False  # what is proved of `deadlock_free` is proved of timed runs only
    for result in results:
        verdict = result.verdict
        if verdict is None:
            continue
        out.counts[f"{result.check} {type(verdict).__name__.upper()}"] += 1
        name = f"{result.check} {result.name}".strip()
        if isinstance(verdict, Unknown):
            out.unknown.append(f"{name}: {verdict.why}")
            _next(groups, result)
            continue
        if isinstance(verdict, Refuted):
            for trace in (verdict.trace, verdict.second):
                if trace is None or not trace.initial:
                    continue
                wrong = _not_a_run(world, trace)
                if wrong:
                    out.problems.append(f"{name}: REFUTED by what is no run: {wrong}")
                elif schedule(system, trace) is None:
                    out.problems.append(f"{name}: REFUTED by a run without times")
        if result.check == "deadlock_free" and isinstance(verdict, Proved):
            in_time = CLOCKS in verdict.how
        if result.check in ("terminates", "can_finish") and in_time and isinstance(verdict, Proved):
            # It rests on `deadlock_free`, which is proved of the timed runs; compared with these.
            for problem in _against_timed_runs(system, result, timed, out.timed):
                out.problems.append(f"{name}: {problem}")
            continue
        for problem in _problems(world, result, groups, walks):
            out.problems.append(f"{name}: {problem}")
        if timed and isinstance(verdict, Proved):
            for problem in _against_timed_runs(system, result, timed, out.timed):
                out.problems.append(f"{name}: {problem}")
    for check, name in groups:
        out.problems.append(f"{check} {name}: no line in the table")
    return out


def judge_by_runs(text: str, timeout: float = 10, seed: int = 0, runs: int = 60) -> Judgement:
    """For what is not small: proofs against some timed runs."""
    out = Judgement()
    spec = load_text(text, "s.wf")
    system = lower(spec)
    options = Options(timeout=timeout, seed=seed)
    out.results = list(
        verify(spec, system, options, replay=replay, schedule=schedule, simulate=simulator)
    )
    timed = Timed(system, 20_000)
    starts = timed.starts()
    made: dict[int, oracle.Reading] = {}
    groups = _groups(system)
    proved: list[tuple[str, Obligation]] = []
    names = set()
    for result in out.results:
        name = f"{result.check} {result.name}".strip()
        goals = _next(groups, result)
        if result.verdict is None:
            continue
        out.counts[f"{result.check} {type(result.verdict).__name__.upper()}"] += 1
        if isinstance(result.verdict, Unknown):
            out.unknown.append(f"{name}: {result.verdict.why}")
        if isinstance(result.verdict, Proved):
            names.add(result.check)
            proved += [(name, g) for g in goals]
    wrong: dict[str, str] = {}
    for k in range(runs if starts else 0):
        rng = random.Random(f"{seed}/{k}")
        try:
            walk = timed.walk(rng.choice(starts), rng)
        except TooMuch:
            continue
        if walk is None:
            continue
        out.timed["runs"] += 1
        states = [s for _, _, s in walk.steps] + [walk.last]
        for name, goal in proved:
            cond = reading(goal.cond, made)
            if goal.rule is None and not goal.every_step:
                broken = not all(cond(s, (), ()) for s in states)
            else:
                broken = any(
                    not cond(s, inputs, t)
                    for (r, inputs, s), t in zip(walk.steps, states[1:], strict=True)
                    if goal.every_step or goal.rule == r.index
                )
            if broken:
                wrong[name] = f"PROVED, but a run breaks it: {goal.message}"
        if walk.over and any(e == -1 for e in timed.result(walk.last)[: len(system.instances)]):
            for check in names & {"deadlock_free", "can_finish", "terminates"}:
                if all(reading(i.active, made)(walk.last, (), ()) for i in system.instances):
                    wrong[check] = "PROVED, but a timed run is stuck"
    for check in names & {"timing_independent", "deterministic"}:
        try:
            if timed.some_part(check == "deterministic", seed, 12, 12):
                wrong[check] = "PROVED, but two timed runs part"
        except TooMuch:
            continue
    out.problems += [f"{name}: {what}" for name, what in wrong.items()]
    return out


def _groups(system: TransitionSystem) -> dict[tuple[str, str], list[list[Obligation]]]:
    """Goals by line of the table: errors and warnings of one name are two lines."""
    lines: dict[tuple[str, str, bool], list[Obligation]] = {}
    for o in system.obligations:
        if o.check in GOALS:
            lines.setdefault((o.check, o.name, o.warning), []).append(o)
    out: dict[tuple[str, str], list[list[Obligation]]] = {}
    for (check, name, _), goals in lines.items():
        out.setdefault((check, name), []).append(goals)
    return out


def _next(groups: dict[tuple[str, str], list[list[Obligation]]], r: Result) -> list[Obligation]:
    """The goals of the line with this check, name and level; none if it has no goals."""
    lines = groups.get((r.check, r.name))
    if not lines:
        return []
    same = (k for k, goals in enumerate(lines) if goals[0].warning is r.warning)
    goals = lines.pop(next(same, 0))
    if not lines:
        del groups[r.check, r.name]
    return goals


def states_of(world: World, trace: Trace) -> list[State]:
    states = [tuple(trace.initial)]
    for step in trace.steps:
        states.append(world.after(step.rule, states[-1], step.inputs))
    return states


def _not_a_run(world: World, trace: Trace) -> str:
    states = states_of(world, trace)
    if states[0] not in world.number:
        return "it does not begin in an initial state"
    for step, before, after in zip(trace.steps, states, states[1:], strict=False):
        rule = world.system.rules[step.rule]
        if not world.enabled(step.rule, before):
            return f"{rule.name} is not enabled"
        if step.inputs not in list(world.answers(rule, before)):
            return f"{rule.name} cannot have these inputs"
        if world.excluded(after, (), ()):
            return f"{rule.name} leads to an excluded state"
    return "" if trace.loop_at is None else _not_for_ever(world, trace, states)


def _not_for_ever(world: World, trace: Trace, states: Sequence[State]) -> str:
    """Its round can be taken again and again: some values may be others after the first time, and
    what no step is decided by may be another one each time."""
    assert trace.loop_at is not None
    around = trace.steps[trace.loop_at :]
    before, state = states[trace.loop_at], states[-1]
    for _ in range(4):
        if before == state:
            return ""
        before = state
        for step in around:
            rule = world.system.rules[step.rule]
            if not world.enabled(step.rule, state) or step.inputs not in list(
                world.answers(rule, state)
            ):
                return "its loop does not close"
            state = world.after(step.rule, state, step.inputs)
    deciding = variables([e for r in world.system.rules for e in (r.guard, r.relation)])
    changed = {v for v, (a, b) in enumerate(zip(before, state, strict=True)) if a != b}
    decided = trace.recurs is None and changed & deciding
    return "its loop does not close" if decided else ""


def _breaks(world: World, trace: Trace, goal: Obligation) -> bool:
    cond = reading(goal.cond, world.made)
    states = states_of(world, trace)
    if goal.rule is None and not goal.every_step:
        return not all(cond(s, (), ()) for s in states)
    return any(
        (goal.every_step or step.rule == goal.rule) and not cond(s, step.inputs, t)
        for step, s, t in zip(trace.steps, states, states[1:], strict=False)
    )


def _problems(
    world: World,
    result: Result,
    groups: dict[tuple[str, str], list[list[Obligation]]],
    walks: int,
) -> list[str]:
    verdict = result.verdict
    proved = isinstance(verdict, Proved)
    if isinstance(verdict, Refuted) and result.check == "contracts" and not verdict.trace.initial:
        return _contract(world, result.name)
    if result.check == "contracts" and result.name == "assume":
        return _assumption(world, verdict)
    goals = _next(groups, result)
    if goals:
        broken = [g for g in goals if world.broken(g)]
        if isinstance(verdict, Proved) and (
            verdict.engine == "zones" or "that no clock reaches" in verdict.how
        ):
            broken = [g for g in broken if _broken_in_time(world.system, g)]
        if proved:
            wrong = [f"PROVED, but it can be broken: {g.message}" for g in broken[:1]]
            return wrong + _not_trivial(world, verdict.warning, goals)
        assert isinstance(verdict, Refuted)
        if not any(_breaks(world, verdict.trace, g) for g in goals):
            return ["REFUTED, but the run breaks none of the goals"]
        if not broken:
            return ["REFUTED, but no reachable state or step breaks it"]
        return []
    match result.check:
        case "deadlock_free":
            return _deadlock(world, verdict)
        case "terminates":
            return _terminates(world, verdict)
        case "can_finish":
            bad = world.cannot_finish()
            if proved and bad:
                return [f"PROVED, but no end can be reached from {len(bad)} states"]
            if isinstance(verdict, Refuted) and BY_CLOCKS not in verdict.notes:
                last = world.number[states_of(world, verdict.trace)[-1]]
                if last not in bad:
                    return ["REFUTED, but an end can be reached from the last state"]
        case "no_dead_code":
            return _dead_code(world, verdict)
        case "race_free":
            return _race(world, verdict)
        case "timing_independent" | "deterministic":
            fixed = result.check == "deterministic"
            if proved:
                # The walks do not know durations, which `deterministic` fixes.
                return [] if fixed else _two_results(world, walks)
            assert isinstance(verdict, Refuted)
            return _same_environment(world, verdict, fixed)
        case "atomicity":
            if not proved:
                return ["REFUTED"]
    if result.check in NOTHING or result.check in ("contracts",):
        return [] if proved else ["REFUTED though there is no such goal"]
    return []


def _not_trivial(world: World, warning: str, goals: list[Obligation]) -> list[str]:
    """Is what is said to hold trivially reached after all?"""
    out = []
    for g in goals:
        at = f"no run comes to the assert at {g.span.line}:{g.span.col}"
        if g.rule in world.fired() and (at in warning.split("; ") or "never completes" in warning):
            out.append(f"not true: {warning}")
    # Properties of one name are one line; of one of them the left side of `p => q` is never true.
    reached: dict[Span, bool] = {}
    for g in goals if " is true " in warning else ():
        if g.cond.op is Op.OR:
            left = replace(g, cond=g.cond.args[0])
            reached[g.span] = reached.get(g.span, False) or world.broken(left)
    if reached and all(reached.values()):
        out.append(f"not true: {warning}")
    return out


def _contract(world: World, name: str) -> list[str]:
    for r in world.system.rules:
        if r.kind is RuleKind.COMPLETE and r.index in world.fired():
            if r.activity.split(".")[-1].split("#")[0].split("[")[0] == name:
                return ["REFUTED, but the activity can complete"]
    return []


def _assumption(world: World, verdict: object) -> list[str]:
    """No run gets past it, and this run comes to it."""
    if not isinstance(verdict, Refuted):
        return []
    mine = [r for r in world.system.rules if r.span == verdict.span]
    out = []
    if any(r.name.endswith("assume") and r.index in world.fired() for r in mine):
        out.append("REFUTED, but a run gets past the assumption")
    last = states_of(world, verdict.trace)[-1]
    if not any(r.name.endswith("fails") and world.enabled(r.index, last) for r in mine):
        out.append("REFUTED, but the run does not come to the assumption")
    return out


def _deadlock(world: World, verdict: object) -> list[str]:
    if isinstance(verdict, Proved) and CLOCKS in verdict.how:
        return []  # compared with all timed runs
    if isinstance(verdict, Proved):
        stuck = world.stuck()
        if stuck:
            return [f"PROVED, but nothing moves in {world.states[min(stuck)]}"]
        dead = world.dead_threads()
        if dead:
            n = min(dead)
            names = [world.system.threads[t].name for t in sorted(dead[n])]
            return [f"PROVED, but {', '.join(names)} never move again after state {n}"]
        return []
    assert isinstance(verdict, Refuted)
    if BY_CLOCKS in verdict.notes:
        return []  # `test_intime` looks at those
    last = world.number[states_of(world, verdict.trace)[-1]]
    state = world.states[last]
    for t in world.system.threads:
        kind = t.points[int(state[t.location])].kind
        if kind in (PointKind.END, PointKind.FAILED) or world.ended(state, t.instance):
            continue
        if not world.moves_again(last, t.id):
            if kind is not PointKind.ENTRY or any(r.thread == t.id for r in world.system.rules):
                return []
    return ["REFUTED, but every unfinished thread can move again"]


def _at_once(rule: Rule, state: State, bound: str) -> bool:
    """May (lo) or must (hi) it be taken without time passing?"""
    if rule.delay is None:
        return True
    term = rule.delay.lo if bound == "lo" else rule.delay.hi
    return term is not None and evaluate(term, state) <= 0


def _terminates(world: World, verdict: object) -> list[str]:
    if isinstance(verdict, Proved):
        if world.stuck():
            return ["PROVED, but a run may be stuck"]
        if world.fair_cycle() is not None:
            return ["PROVED, but there is a fair cycle"]
        return []
    assert isinstance(verdict, Refuted)
    trace = verdict.trace
    if trace.loop_at is None:
        return _deadlock(world, verdict)  # a run that is stuck does not end either
    states = states_of(world, trace)
    owner = [r.thread for r in world.system.rules]
    round_ = range(trace.loop_at, len(trace.steps))
    moving = {owner[trace.steps[k].rule] for k in round_}
    rules = world.system.rules
    # Where no time passes, only what can be taken now has to be.
    still = all(_at_once(rules[trace.steps[k].rule], states[k], "lo") for k in round_)
    if still and world.system.in_order:
        return []
    able = [
        {
            owner[m[0]]
            for m in world.moves[world.number[states[k]]]
            if rules[m[0]].kind is not RuleKind.CRASH  # (it need not come)
            if not still or _at_once(rules[m[0]], states[k], "hi")
        }
        for k in round_
    ]
    if not set.intersection(*able) <= moving:
        return ["REFUTED by an unfair lasso"]
    return []


def _dead_code(world: World, verdict: object) -> list[str]:
    fired = world.fired()
    # What has several copies (rounds, calls, instances) runs if one of them does.
    runs: dict[tuple[str, Span], bool] = {}
    for p in world.system.places:
        key = p.what, p.span
        runs[key] = runs.get(key, False) or any(r in fired for r in p.rules)
    if isinstance(verdict, Proved):
        dead = [key for key, alive in runs.items() if not alive]
        return [f"PROVED, but {what} at {span} never runs" for what, span in dead[:1]]
    assert isinstance(verdict, Refuted)
    mine = [
        alive
        for (what, span), alive in runs.items()
        if span == verdict.span and verdict.message.startswith(what)
    ]
    if mine and all(mine):
        timed = "no clock allows it" in verdict.message and not _in_time(world.system, verdict)
        return [] if timed else ["REFUTED, but it can run"]
    return [] if mine else ["REFUTED at no place"]


def _in_time(system: TransitionSystem, verdict: Refuted) -> bool:
    """Does a run with times come to the place that is said to be dead?"""
    places = [
        p for p in system.places if p.span == verdict.span and verdict.message.startswith(p.what)
    ]
    rules = {r for p in places for r in p.rules}
    try:
        moves = Ticking(system, 20_000).moves.values()
    except ticking.TooMuch:
        runs = (simulator(system)(seed, (0.0, 0.3, 0.9)[seed % 3], {}, ()) for seed in range(100))
        return any(s.rule in rules for t in runs if t is not None for s in t.steps)
    return any(rule in rules for out in moves for rule, _ in out)


def _broken_in_time(system: TransitionSystem, goal: Obligation) -> bool:
    """Where too much can happen, or an answer decides: False."""
    try:
        moves = Ticking(system, 20_000).moves
    except ticking.TooMuch:
        return False
    if variables([goal.cond], Op.INPUT):
        return False
    cond = reading(goal.cond, {})
    for (state, _), steps in moves.items():
        if goal.rule is None and not goal.every_step:
            if not cond(state, (), ()):
                return True
        elif any(
            (goal.every_step or rule == goal.rule) and not cond(state, (), to[0])
            for rule, to in steps
        ):
            return True
    return False


def _race(world: World, verdict: object) -> list[str]:
    rules = world.system.rules
    if isinstance(verdict, Proved) and CLOCKS in verdict.how:
        try:
            moves = Ticking(world.system, 20_000).moves
        except ticking.TooMuch:
            return []
        by_state: dict[State, list[tuple[int, int, bool]]] = {}
        for n, a, b, instant in world.races():
            if not world.related(a, b) and not _excused(world, a, b):
                by_state.setdefault(world.states[n], []).append((a, b, instant))
        for (state, _), steps in moves.items():
            able = {rule for rule, _ in steps}
            for a, b, instant in by_state.get(state, ()):
                if b in able and (not instant or a in able):
                    return [f"PROVED, but {rules[a].name} and {rules[b].name} race in time"]
        return []
    if isinstance(verdict, Proved):
        for n, a, b, _ in world.races():
            if not world.related(a, b) and not _excused(world, a, b):
                return [f"PROVED, but {rules[a].name} and {rules[b].name} race in state {n}"]
        return []
    assert isinstance(verdict, Refuted)
    last = world.number[states_of(world, verdict.trace)[-1]]
    if not any(n == last for n, *_ in world.races(loosely=True)):
        return ["REFUTED, but in the last state the order of no two steps matters"]
    return []


def _excused(world: World, a: int, b: int) -> bool:
    """No race by definition: a crash, and two transactions that meet in stores only."""
    rules, variables_ = world.system.rules, world.system.variables
    kinds = {rules[a].kind, rules[b].kind}
    if RuleKind.CRASH in kinds:
        return True
    if not kinds <= {RuleKind.COMMIT, RuleKind.ABORT}:
        return False
    touched = []
    for r in (rules[a], rules[b]):
        terms = [r.guard, r.relation, *(e for _, e in r.updates)]
        touched.append(variables(terms) | {v for v, _ in r.updates})
    both = touched[0] & touched[1]
    data = (VarKind.DATA, VarKind.SHARED)
    return all(variables_[v].durable for v in both if variables_[v].kind in data)


# --- results under one environment -----------------------------------------------------------


class Walks:
    """Runs of one environment: how attempts end is a function of activity and number of start.

    `+` is decided by the environment too, and untimed orders are tried freely.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.system = world.system
        self.seed = seed
        self.side: dict[int, tuple[int, int]] = {}
        for c, sides in enumerate(self.system.choices):
            for s, side in enumerate(sides):
                for rule in side:
                    self.side.setdefault(rule, (c, s))
        self.observed = sorted(
            {v for i in self.system.instances for v in (*i.observed, i.error)}
            | {v.index for v in self.system.variables if v.kind is VarKind.SHARED}
        )

    def run(
        self, initial: State, rng: random.Random, most: int = 150
    ) -> tuple[State, Trace] | None:
        world, rules = self.world, self.system.rules
        state = initial
        steps: list[Step] = []
        starts: dict[str, int] = {}
        for _ in range(most):
            moves = world.moves[world.number[state]]
            if any(to < 0 for _, _, to in moves):
                return None
            # Crashes are left aside by definition.
            moves = [m for m in moves if rules[m[0]].kind is not RuleKind.CRASH]
            allowed = self._allowed(moves, starts)
            if not allowed:
                if moves:
                    return None  # the environment's answer is not possible here
                return self._result(state), Trace(initial, tuple(steps))
            urgent = [m for m in allowed if rules[m[0]].delay is None]
            rule, inputs, to = rng.choice(urgent if urgent and rng.random() < 0.9 else allowed)
            if rules[rule].kind is RuleKind.START:
                name = rules[rule].activity
                starts[name] = starts.get(name, 0) + 1
            elif asks_by_itself(rules[rule]):
                name = f"rule {rule}"
                starts[name] = starts.get(name, 0) + 1
            steps.append(Step(rule, inputs))
            state = world.states[to]
        return None

    def _allowed(self, moves: Sequence[oracle.Move], starts: dict[str, int]) -> list[oracle.Move]:
        rules = self.system.rules
        ends: dict[str, list[oracle.Move]] = {}
        out: list[oracle.Move] = []
        choosing: dict[int, set[int]] = {}
        for m in moves:
            r = rules[m[0]]
            if m[0] in self.side:
                c, s = self.side[m[0]]
                choosing.setdefault(c, set()).add(s)
            if r.group is not None and r.kind in (RuleKind.COMPLETE, RuleKind.FAIL):
                ends.setdefault(r.activity, []).append(m)
            elif asks_by_itself(r):
                ends.setdefault(f"rule {r.index}", []).append(m)
            else:
                out.append(m)
        for activity, options in ends.items():
            rng = random.Random(f"{self.seed}/{activity}/{starts.get(activity, 0)}")
            kinds = sorted({(rules[m[0]].kind.value, rules[m[0]].error) for m in options})
            kind = rng.choice(kinds)
            mine = [m for m in options if (rules[m[0]].kind.value, rules[m[0]].error) == kind]
            out.append(mine[rng.randrange(100) % len(mine)])
            if len({m[1] for m in mine}) > 1 and any(self._depends(rules[m[0]]) for m in mine):
                return []  # which results are possible depends on the state: not compared
        return out

    def _depends(self, rule: Rule) -> bool:
        return bool(oracle.mentioned(rule.relation))

    def _result(self, state: State) -> State:
        ends: list[Scalar] = []
        for i in self.system.instances:
            at = state[self.system.threads[i.root].location]
            ends.append(at if at in (i.completed, i.failed) else -1)
        return (*ends, *(state[v] for v in self.observed))


def _two_results(world: World, walks: int) -> list[str]:
    """Two timed runs of one environment with different results?  (`+` makes it unsure.)"""
    if world.system.choices or not world.states:
        return []
    for seed in range(4):
        # One initial state for all runs of an environment: arguments are not timing.
        some = random.Random(seed)
        starts = list(world.initial())
        initial = some.choice(starts)
        walker = Walks(world, seed)
        found: dict[State, Trace] = {}
        for k in range(walks):
            answer = walker.run(initial, random.Random(1000 * seed + k))
            if answer is None or answer[0] in found:
                continue
            result, trace = answer
            if schedule(world.system, trace) is not None:
                found[result] = trace
        if len(found) > 1:
            (a, x), (b, y) = list(found.items())[:2]
            names = [world.system.rules[s.rule].name for s in x.steps]
            others = [world.system.rules[s.rule].name for s in y.steps]
            return [f"PROVED, but two runs end differently: {a} {names} / {b} {others}"]
    return []


def _same_environment(world: World, verdict: Refuted, durations: bool) -> list[str]:
    """The two runs give the same answers to the same attempts, and end differently."""
    if verdict.second is None:
        return ["REFUTED without a second run"]
    answers = []
    results = []
    for trace in (verdict.trace, verdict.second):
        answers.append(_answers(world, trace) | _sides(world, trace))
        results.append(Walks(world, 0)._result(states_of(world, trace)[-1]))
    if verdict.trace.initial != verdict.second.initial:
        return ["REFUTED by runs with different arguments"]
    for key in answers[0].keys() & answers[1].keys():
        if answers[0][key] != answers[1][key]:
            return [f"REFUTED by runs that answer {key} differently"]
    if durations:
        one, two = (_lasted(world, t) for t in (verdict.trace, verdict.second))
        for key in one.keys() & two.keys():
            a, b = one[key], two[key]
            if max(a[0], b[0]) > min(a[1], b[1]):
                return [f"REFUTED by runs in which {key} takes {a} and {b}"]
    for trace in (verdict.trace, verdict.second):
        last = states_of(world, trace)[-1]
        # (Of runs without crashes: that one might still come is no going on.)
        kinds = {world.system.rules[rule].kind for rule, _, _ in world.moves[world.number[last]]}
        if not world.over(last) and kinds - {RuleKind.CRASH}:
            return ["REFUTED by a run that is not over"]
    if results[0] == results[1]:
        return ["REFUTED by runs with the same result"]
    return []


def _answers(world: World, trace: Trace) -> dict[object, object]:
    """How each attempt that ended by itself did so, by occurrence."""
    starts: dict[str, int] = {}
    given: dict[object, object] = {}
    for step in trace.steps:
        r = world.system.rules[step.rule]
        if r.kind is RuleKind.START:
            starts[r.activity] = starts.get(r.activity, 0) + 1
        elif r.kind in (RuleKind.COMPLETE, RuleKind.FAIL) and r.group is not None:
            key = (r.activity, starts.get(r.activity, 0))
            given[key] = (r.kind.value, r.error, step.inputs)
        elif asks_by_itself(r):
            name = f"rule {r.index}"
            starts[name] = starts.get(name, 0) + 1
            given[name, starts[name]] = (r.kind.value, r.error, step.inputs)
    return given


def asks_by_itself(rule: Rule) -> bool:
    """A step that is no end of an attempt asks the environment, each time that it is taken: is the
    message lost?"""
    return bool(rule.inputs) and rule.group is None


def _sides(world: World, trace: Trace) -> dict[object, object]:
    """Which side was named when a choice was passed for the first time, by what was open."""
    given: dict[object, object] = {}
    passed: set[int] = set()
    timed = Timed(world.system)
    rules = world.system.rules
    for step, state in zip(trace.steps, states_of(world, trace), strict=False):
        sides = timed._sides([r for r in rules if world.enabled(r.index, state)])
        for choice, side in sides.get(step.rule, ()):
            open_ = {s for its in sides.values() for c, s in its if c == choice}
            if choice not in passed and len(open_) > 1:
                given["choice", choice, tuple(sorted(open_))] = side
            passed.add(choice)
    return given


def _lasted(world: World, trace: Trace) -> dict[object, tuple[Fraction, float | Fraction]]:
    """How long each attempt and each wait took: between which bounds, as far as the run shows."""
    rules = world.system.rules
    out: dict[object, tuple[Fraction, float | Fraction]] = {}
    counts: Counter[object] = Counter()
    running: dict[object, tuple[object, Fraction]] = {}
    states = states_of(world, trace)
    now = Fraction(0)

    def look(state: State) -> None:
        alive = {
            _clock(r): r.activity if r.group is not None else r.index
            for r in rules
            if r.delay is not None and world.enabled(r.index, state)
        }
        for clock in [c for c in running if c not in alive]:
            place, since = running.pop(clock)
            out[place] = (now - since, float("inf"))
        for clock, what in alive.items():
            if clock not in running:
                counts[what] += 1
                running[clock] = ((what, counts[what]), now)

    look(states[0])
    for step, state in zip(trace.steps, states[1:], strict=True):
        r = rules[step.rule]
        now = Fraction(step.time or 0)
        if r.delay is not None:
            place, since = running.pop(_clock(r))
            late = r.kind is RuleKind.TIMEOUT
            out[place] = (now - since, float("inf") if late else now - since)
        look(state)
    for place, since in running.values():
        out[place] = (now - since, float("inf"))
    return out


def _clock(rule: Rule) -> object:
    return ("group", rule.group) if rule.group is not None else ("rule", rule.index)


def _against_timed_runs(
    system: TransitionSystem, result: Result, limit: int, compared: Counter[str]
) -> list[str]:
    """A proof that some timed run contradicts."""
    try:
        match result.check:
            case "timing_independent" | "deterministic":
                parts = Timed(system, limit).parts(result.check == "deterministic")
                compared[result.check] += 1
                return ["PROVED, but two timed runs part"] if parts else []
            case "deadlock_free" | "can_finish" | "terminates":
                stuck = Timed(system, limit).stuck()
                compared[result.check] += 1
                return ["PROVED, but a timed run is stuck"] if stuck else []
    except TooMuch:
        compared[f"{result.check}, too large"] += 1
    return []
