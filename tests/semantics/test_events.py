"""Events: what each kind does, on values and on terms."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from wfverify.dsl.errors import NOWHERE
from wfverify.semantics.events import Event, apply, fold, fold_updates, instantiate
from wfverify.semantics.expr import TRUE, Sort, add, const, lt, var
from wfverify.semantics.system import Bundle, EventKind, EventTemplate, Rule, RuleKind
from wfverify.semantics.values import evaluate, fire

x, y = var(0, Sort.INT), var(1, Sort.INT)


def event(kind: EventKind, *changes: tuple[int, int]) -> Event:
    return Event(0, Fraction(0), None, kind, "", 0, (), changes)


def test_allocation_adds_and_release_subtracts() -> None:
    assert apply(event(EventKind.RESOURCE_ALLOCATED, (1, 2)), (5, 1)) == (5, 3)
    assert apply(event(EventKind.RESOURCE_RELEASED, (1, 2)), (5, 3)) == (5, 1)


def test_all_others_assign() -> None:
    adding = (EventKind.RESOURCE_ALLOCATED, EventKind.RESOURCE_RELEASED)
    for kind in EventKind:
        if kind not in adding:
            assert apply(event(kind, (0, 9), (1, 8)), (5, 1)) == (9, 8)


STEP = Rule(
    4,
    "r",
    RuleKind.STEP,
    0,
    0,
    TRUE,
    ((0, add(x, y)), (1, add(y, const(3)))),
    NOWHERE,
    bundle=Bundle(
        ((2, x),),
        (
            EventTemplate(EventKind.TASK_CANCELLED, "b", 0, (), lt(x, y)),
            EventTemplate(EventKind.STEP_TAKEN, "b", 0, ((2, x),)),
        ),
    ),
    own_events=(
        EventTemplate(EventKind.RESOURCE_ALLOCATED, "pool", 0, ((1, const(5)),)),
        EventTemplate(EventKind.RESOURCE_RELEASED, "pool", 0, ((1, const(2)),)),
        EventTemplate(EventKind.STEP_TAKEN, "a", 0, ((0, add(x, y)),), None, "detail"),
    ),
)

states = st.tuples(*[st.integers(-9, 9)] * 3)


@given(states)
def test_the_events_of_a_step_give_its_state(state: tuple[int, ...]) -> None:
    events = instantiate(STEP, state, (), 10, Fraction(1, 2))
    assert fold(events, state) == fire(STEP, state)
    assert [e.seq for e in events] == list(range(10, 10 + len(events)))
    assert {e.time for e in events} == {Fraction(1, 2)}


def test_an_event_whose_condition_is_false_does_not_happen() -> None:
    def kinds(state: tuple[int, ...]) -> list[EventKind]:
        return [e.kind for e in instantiate(STEP, state)]

    assert EventKind.TASK_CANCELLED in kinds((1, 2, 0))
    assert EventKind.TASK_CANCELLED not in kinds((2, 1, 0))


@given(states)
def test_folded_as_terms_they_give_the_updates(state: tuple[int, ...]) -> None:
    folded = fold_updates(STEP)
    assert set(folded) == {0, 1, 2}
    for index, update in STEP.updates:
        assert evaluate(folded[index], state) == evaluate(update, state)


def test_a_conditional_event_writes_conditionally() -> None:
    template = EventTemplate(EventKind.STEP_TAKEN, "", 0, ((0, const(7)),), lt(x, y))
    made = Rule(
        0, "r", RuleKind.STEP, 0, 0, TRUE, ((0, const(7)),), NOWHERE, own_events=(template,)
    )
    (term,) = fold_updates(made).values()
    assert evaluate(term, (1, 2)) == 7
    assert evaluate(term, (2, 1)) == 2
