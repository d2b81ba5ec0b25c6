"""One meaning, read three ways: random specs are run, solved and logged, and the readings agree."""

from __future__ import annotations

from fractions import Fraction

import specgen
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.dsl.types import Enum
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.run import RunOptions, run
from wfverify.interpreter.timing import Scheduling
from wfverify.semantics import expr as e
from wfverify.semantics.events import events_of, fold
from wfverify.semantics.expr import Expr, Op, Scalar, Sort
from wfverify.semantics.lower import lower
from wfverify.semantics.symbolic import Answer, Encoder, Smt
from wfverify.semantics.system import Rule, RuleKind, TransitionSystem, Variable, VarKind
from wfverify.semantics.values import enabled, fire, relation_holds
from wfverify.semantics.walks import postorder

CI = settings(
    derandomize=True,
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def _lowered(text: str) -> TransitionSystem:
    try:
        return lower(load_text(text, "s.wf"))
    except Rejected as error:
        # Only forms that the design defers; anything else is a mistake of the generator.
        assert all(d.code == "E0900" for d in error.diagnostics), f"{error}\n{text}"
        assume(False)
        raise


def _pin(term: Expr, value: Scalar) -> Expr:
    """`term = value`, not simplified, so that the solver sees it."""
    if term.sort is Sort.REAL:
        value = Fraction(value)
    return Expr(Op.EQ, (term, e.const(value)), Sort.BOOL)


def _leaves(terms: list[Expr]) -> tuple[set[int], set[int]]:
    """Variables and inputs that occur."""
    nodes = list(postorder(terms))
    return (
        {n.index for n in nodes if n.op is Op.VAR},
        {n.index for n in nodes if n.op is Op.INPUT},
    )


def _check_step(
    system: TransitionSystem,
    rule: Rule,
    before: tuple[Scalar, ...],
    inputs: tuple[Scalar, ...],
    after: tuple[Scalar, ...],
) -> None:
    """The step satisfies the formula of its rule, and no other state after it would."""
    updates = dict(rule.updates)
    for v in system.variables:
        if v.index not in updates:
            assert before[v.index] == after[v.index], v.name
    read, asked = _leaves([rule.guard, rule.relation, *updates.values()])
    encode = Encoder()
    solver = Smt(5000)
    for i in read:
        solver.add(encode(_pin(e.var(i, system.variables[i].sort), before[i])))
    for i in asked:
        solver.add(encode(_pin(e.inp(i, rule.inputs[i].sort), inputs[i])))
    solver.add(encode(rule.guard), encode(rule.relation))
    same = []
    for i, term in updates.items():
        post = e.post(i, system.variables[i].sort)
        solver.add(encode(Expr(Op.EQ, (post, term), Sort.BOOL)))
        same.append(_pin(post, after[i]))
    assert solver.check() is Answer.SAT, rule.name
    if same:
        solver.add(encode(Expr(Op.NOT, (Expr(Op.AND, tuple(same), Sort.BOOL),), Sort.BOOL)))
        assert solver.check() is Answer.UNSAT, rule.name


@CI
@given(specgen.specs(size=5), st.integers(0, 2**16))
def test_steps_of_runs_satisfy_their_formulas(text: str, seed: int) -> None:
    system = _lowered(text)
    try:
        result = run(system, RunOptions(seed=seed, max_steps=40))
    except ValueError:
        assume(False)  # no arguments satisfy `requires`
        raise
    states = replay(system, result.trace).states
    seen: set[int] = set()
    for k, step in enumerate(result.trace.steps):
        if step.rule not in seen:
            seen.add(step.rule)
            _check_step(system, system.rules[step.rule], states[k], step.inputs, states[k + 1])


@CI
@given(specgen.specs(size=6), st.integers(0, 2**16))
def test_the_log_is_the_state(text: str, seed: int) -> None:
    """Folding the events of each prefix of a run gives the state after it."""
    system = _lowered(text)
    try:
        result = run(system, RunOptions(seed=seed, max_steps=60))
    except ValueError:
        assume(False)
        raise
    replayed = replay(system, result.trace)
    assert replayed.ok, replayed.why
    assert replayed.states[-1] == result.final
    state = result.trace.initial
    events = list(events_of(system, result.trace))
    done = 0
    for number, expected in enumerate(replayed.states):
        part = type(result.trace)(result.trace.initial, result.trace.steps[:number])
        length = len(list(events_of(system, part)))
        state = fold(events[done:length], state)
        done = length
        assert state == expected, f"after step {number}"
    assert done == len(events)


def _domain(system: TransitionSystem, v: Variable) -> list[Expr]:
    x = e.var(v.index, v.sort)
    if v.kind is VarKind.LOCATION:
        points = next(len(t.points) for t in system.threads if t.location == v.index)
        return [e.le(e.const(0), x), e.lt(x, e.const(points))]
    if isinstance(v.type, Enum):
        return [e.le(e.const(0), x), e.lt(x, e.const(len(v.type.values)))]
    if v.lo is not None and v.hi is not None:
        return [e.le(e.const(v.lo), x), e.le(x, e.const(v.hi))]
    return []


@CI
@given(specgen.specs(size=5), st.integers(0, 2**16))
def test_models_of_rules_are_steps(text: str, salt: int) -> None:
    """A state, inputs and state after that the solver makes up are a step by the values."""
    system = _lowered(text)
    encode = Encoder()
    rules = system.rules
    for rule in [rules[(salt + 7 * k) % len(rules)] for k in range(min(8, len(rules)))]:
        solver = Smt(2000)
        solver.add(*(encode(d) for v in system.variables for d in _domain(system, v)))
        solver.add(encode(rule.guard), encode(rule.relation))
        for v, term in rule.updates:
            post = e.post(v, system.variables[v].sort)
            solver.add(encode(Expr(Op.EQ, (post, term), Sort.BOOL)))
        for _ in range(2):
            if solver.check() is not Answer.SAT:
                break
            terms = [e.var(v.index, v.sort) for v in system.variables]
            state = tuple(solver.value(encode(t), t.sort) for t in terms)
            asked = [e.inp(i, x.sort) for i, x in enumerate(rule.inputs)]
            inputs = tuple(solver.value(encode(t), t.sort) for t in asked)
            assert None not in (*state, *inputs)
            assert enabled(rule, state), rule.name  # type: ignore[arg-type]
            assert relation_holds(rule, state, inputs), rule.name  # type: ignore[arg-type]
            after = fire(rule, state, inputs)  # type: ignore[arg-type]
            for v, _ in rule.updates:
                t = e.post(v, system.variables[v].sort)
                assert solver.value(encode(t), t.sort) == after[v], system.variables[v].name
            # Another one: different in what the rule reads.
            read, given_ = _leaves([rule.guard, rule.relation, *dict(rule.updates).values()])
            pins = [_pin(terms[i], state[i]) for i in read]  # type: ignore[arg-type]
            pins += [_pin(asked[i], inputs[i]) for i in given_]  # type: ignore[arg-type]
            if not pins:
                break
            other = Expr(Op.NOT, (Expr(Op.AND, tuple(pins), Sort.BOOL),), Sort.BOOL)
            solver.add(encode(other))


LANDINGS = """
error E transient
workflow w fails E {
  var bad: int = 0
  activity a { takes 1s..2s  fails E probability 0.7 }
  run { each i in 0..3 tolerate 1 as bad { a } }
}
"""


def test_an_attempt_keeps_its_clock_when_its_landing_changes() -> None:
    """`tolerate` changes where a failure goes while attempts run: they end in time all the same."""
    system = lower(load_text(LANDINGS, "s.wf"))
    scheduling = Scheduling(system)
    for seed in range(60):
        result = run(system, RunOptions(seed=seed))
        started: dict[str, Fraction] = {}
        for step in result.trace.steps:
            rule = system.rules[step.rule]
            if rule.kind is RuleKind.START:
                started[rule.activity] = step.time
            elif rule.group is not None:
                assert step.time - started[rule.activity] <= 2, seed
        assert scheduling.misplaced(result.trace) is None, seed
        assert scheduling.schedule(result.trace) is not None, seed
