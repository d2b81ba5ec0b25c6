"""Compares what `verify` says of a spec with what is true of its states (`oracle`)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import oracle
from oracle import World, reading
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.expr import Scalar
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

    @property
    def share_unknown(self) -> float:
        total = sum(self.counts.values())
        return len(self.unknown) / total if total else 0.0


def judge(
    text: str, timeout: float = 10, limit: int = 1500, walks: int = 30, seed: int = 0
) -> Judgement:
    """Raises `oracle.TooBig` if the spec is not small."""
    out = Judgement()
    spec = load_text(text, "s.wf")
    system = lower(spec)
    world = World(system, limit)
    out.states = len(world.states)
    results = verify(
        spec, system, Options(timeout=timeout, seed=seed), replay=replay, schedule=schedule
    )
    groups = _groups(system)
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
        for problem in _problems(world, result, groups, walks):
            out.problems.append(f"{name}: {problem}")
    for check, name in groups:
        out.problems.append(f"{check} {name}: no line in the table")
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
    """The goals of the next line with this check and name; none if it has no goals."""
    lines = groups.get((r.check, r.name))
    if not lines:
        return []
    goals = lines.pop(0)
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
    if trace.loop_at is not None and states[trace.loop_at] != states[-1]:
        return "its loop does not close"
    return ""


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
    goals = _next(groups, result)
    if goals:
        broken = [g for g in goals if world.broken(g)]
        if proved:
            return [f"PROVED, but it can be broken: {g.message}" for g in broken[:1]]
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
            if proved:
                return _two_results(world, walks)
            assert isinstance(verdict, Refuted)
            return _same_environment(world, verdict)
        case "atomicity":
            if not proved:
                return ["REFUTED"]
    if result.check in NOTHING or result.check in ("contracts",):
        return [] if proved else ["REFUTED though there is no such goal"]
    return []


def _contract(world: World, name: str) -> list[str]:
    for r in world.system.rules:
        if r.kind is RuleKind.COMPLETE and r.index in world.fired():
            if r.activity.split(".")[-1].split("#")[0].split("[")[0] == name:
                return ["REFUTED, but the activity can complete"]
    return []


def _deadlock(world: World, verdict: object) -> list[str]:
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
    if still and world.system.scheduler != "any":
        return []
    able = [
        {
            owner[m[0]]
            for m in world.moves[world.number[states[k]]]
            if not still or _at_once(rules[m[0]], states[k], "hi")
        }
        for k in round_
    ]
    if not set.intersection(*able) <= moving:
        return ["REFUTED by an unfair lasso"]
    return []


def _dead_code(world: World, verdict: object) -> list[str]:
    fired = world.fired()
    places = world.system.places
    if isinstance(verdict, Proved):
        dead = [p for p in places if not any(r in fired for r in p.rules)]
        return [f"PROVED, but {p.what} at {p.span} never runs" for p in dead[:1]]
    assert isinstance(verdict, Refuted)
    mine = [p for p in places if p.span == verdict.span and verdict.message.startswith(p.what)]
    if mine and all(any(r in fired for r in p.rules) for p in mine):
        return ["REFUTED, but it can run"]
    return [] if mine else ["REFUTED at no place"]


def _race(world: World, verdict: object) -> list[str]:
    rules = world.system.rules
    if isinstance(verdict, Proved):
        for n, a, b in world.races():
            if not world.related(a, b):
                return [f"PROVED, but {rules[a].name} and {rules[b].name} race in state {n}"]
        return []
    assert isinstance(verdict, Refuted)
    last = world.number[states_of(world, verdict.trace)[-1]]
    if not any(n == last for n, _, _ in world.races()):
        return ["REFUTED, but in the last state no two steps conflict"]
    return []


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


def _same_environment(world: World, verdict: Refuted) -> list[str]:
    """The two runs give the same answers to the same attempts, and end differently."""
    rules = world.system.rules
    if verdict.second is None:
        return ["REFUTED without a second run"]
    answers: list[dict[tuple[str, int], tuple[str, str, State]]] = []
    results = []
    for trace in (verdict.trace, verdict.second):
        starts: dict[str, int] = {}
        given: dict[tuple[str, int], tuple[str, str, State]] = {}
        for step in trace.steps:
            r = rules[step.rule]
            if r.kind is RuleKind.START:
                starts[r.activity] = starts.get(r.activity, 0) + 1
            elif r.kind in (RuleKind.COMPLETE, RuleKind.FAIL):
                key = (r.activity, starts.get(r.activity, 0))
                given[key] = (r.kind.value, r.error, step.inputs)
        answers.append(given)
        results.append(Walks(world, 0)._result(states_of(world, trace)[-1]))
    if verdict.trace.initial != verdict.second.initial:
        return ["REFUTED by runs with different arguments"]
    for key in answers[0].keys() & answers[1].keys():
        if answers[0][key] != answers[1][key]:
            return [f"REFUTED by runs that answer {key} differently"]
    if results[0] == results[1]:
        return ["REFUTED by runs with the same result"]
    return []
