"""The generated code against the plain evaluator."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from terms import SORTS, states, terms
from wfverify.dsl.errors import NOWHERE
from wfverify.interpreter.compile import Compiler
from wfverify.semantics.events import instantiate
from wfverify.semantics.expr import TRUE, Expr, Op, Scalar, Sort, add, const, eq, var
from wfverify.semantics.system import Bundle, EventKind, EventTemplate, Rule, RuleKind
from wfverify.semantics.values import evaluate, fire

anything = st.one_of(*(terms(s) for s in (Sort.BOOL, Sort.INT, Sort.REAL, Sort.STACK)))


def rule(
    own: list[tuple[int, Expr]],
    bundled: list[tuple[int, Expr]] | None = None,
    events: tuple[EventTemplate, ...] = (),
) -> Rule:
    bundle = Bundle(tuple(bundled), ()) if bundled is not None else None
    return Rule(
        3, "r", RuleKind.STEP, 0, 0, TRUE, tuple(own), NOWHERE, bundle=bundle, own_events=events
    )


@settings(max_examples=150, deadline=None)
@given(anything, states(), states())
def test_a_compiled_term_has_the_plain_value(
    term: Expr, state: tuple[Scalar, ...], inputs: tuple[Scalar, ...]
) -> None:
    fast = Compiler().term(term)(state, inputs)
    slow = evaluate(term, state, inputs)
    assert fast == slow
    assert isinstance(fast, bool) == isinstance(slow, bool)


@settings(max_examples=50, deadline=None)
@given(st.lists(anything, min_size=1, max_size=9), states(), states())
def test_many_terms_at_once(
    many: list[Expr], state: tuple[Scalar, ...], inputs: tuple[Scalar, ...]
) -> None:
    # The sum of all repeated is large enough for the writer that shares common parts.
    compiler = Compiler()
    tripled = many * 8
    values = compiler.terms(tripled)(state, inputs)
    assert list(values) == [evaluate(t, state, inputs) for t in tripled]


@settings(max_examples=150, deadline=None)
@given(st.data(), states(), states())
def test_a_compiled_step_is_the_plain_step(
    data: st.DataObject, state: tuple[Scalar, ...], inputs: tuple[Scalar, ...]
) -> None:
    targets = data.draw(st.lists(st.sampled_from(range(len(SORTS))), unique=True, max_size=4))
    updates = [(v, data.draw(terms(SORTS[v], 2))) for v in targets]
    cut = data.draw(st.integers(0, len(updates)))
    made = rule(updates[:cut], updates[cut:] if data.draw(st.booleans()) else None)
    now = list(state)
    changed = Compiler().step(made)(now, inputs)
    assert tuple(now) == fire(made, state, inputs)
    assert all(state[v] == old for v, old in changed)
    assert {v for v in range(len(state)) if now[v] != state[v]} <= {v for v, _ in changed}


def test_the_updates_of_a_bundle_read_the_old_state() -> None:
    x, y = var(0, Sort.INT), var(1, Sort.INT)
    made = rule([(0, y)], [(1, add(x, const(1)))])
    now: list[Scalar] = [5, 7]
    Compiler().step(made)(now, ())
    assert now == [7, 6]


@settings(max_examples=50, deadline=None)
@given(st.data(), states(), states())
def test_emitted_rows_are_the_events(
    data: st.DataObject, state: tuple[Scalar, ...], inputs: tuple[Scalar, ...]
) -> None:
    from wfverify.interpreter.compile import inputs_text
    from wfverify.interpreter.log import to_event

    whens = st.one_of(st.none(), terms(Sort.BOOL, 2))
    templates = []
    for kind in (EventKind.TASK_STARTED, EventKind.STEP_TAKEN, EventKind.TASK_FAILED):
        targets = data.draw(st.lists(st.sampled_from(range(len(SORTS))), max_size=3))
        changes = tuple((v, data.draw(terms(SORTS[v], 2))) for v in targets)
        templates.append(EventTemplate(kind, 'a"b', 1, changes, data.draw(whens), "d"))
    made = rule([], None, tuple(templates))
    rows: list = []
    compiler = Compiler()
    last = compiler.emitter(made)(state, inputs, 7, "1/3", inputs_text(inputs), rows.append)
    expected = instantiate(made, state, inputs, 7, Fraction(1, 3))
    assert [to_event(r) for r in rows] == expected
    assert last == 7 + len(expected)
    count = compiler.counter(made)
    assert len(expected) == (count if isinstance(count, int) else count(state, inputs))


def test_rules_of_one_shape_are_compiled_once() -> None:
    compiler = Compiler()
    for i in range(50):
        guard = eq(var(i, Sort.INT), const(i + 3))
        compiler.term(guard)
        compiler.step(rule([(i, add(var(i, Sort.INT), const(i + 1)))]))
    assert compiler.shapes == 2


def test_equal_conditions_have_equal_keys_and_others_have_not() -> None:
    compiler = Compiler()
    one, two = (eq(var(0, Sort.INT), const(c)) for c in (1, 2))
    assert compiler.key(one) == compiler.key(eq(var(0, Sort.INT), const(1)))
    assert compiler.key(one) != compiler.key(two)
    assert compiler.key(one) != compiler.key(eq(var(1, Sort.INT), const(1)))


def test_a_very_deep_term_compiles() -> None:
    term = var(0, Sort.INT)
    for i in range(5000):
        term = Expr(Op.ADD, (term, const(i % 3)), Sort.INT)
    assert Compiler().term(term)((1,), ()) == evaluate(term, (1,))


def test_division_is_euclidean_and_total() -> None:
    compiler = Compiler()
    for a in (-7, 7, 0):
        for b in (-2, 0, 2):
            for op in (Op.DIV, Op.MOD):
                for divisor in (const(b), var(1, Sort.INT)):
                    term = Expr(op, (var(0, Sort.INT), divisor), Sort.INT)
                    assert compiler.term(term)((a, b), ()) == evaluate(term, (a, b))
