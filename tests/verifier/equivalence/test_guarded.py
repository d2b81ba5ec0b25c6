"""Guarded terms against a reading that follows the term step by step, for all values of tests."""

from __future__ import annotations

import random
import runpy
from collections import deque
from itertools import product
from pathlib import Path

import pytest
from guarded_terms import NAMES, Stack, move, random_term
from wfverify.verifier.equivalence.terms.decide import TooMany
from wfverify.verifier.equivalence.terms.guarded import (
    Differ,
    Same,
    compare,
    guarded,
    rounds,
    same,
)
from wfverify.verifier.equivalence.terms.machine import Machine
from wfverify.verifier.equivalence.terms.store import Op, Store

BENCH = runpy.run_path(str(Path(__file__).parents[3] / "bench" / "terms.py"))


def naive(s: Store, left: int, right: int) -> int | None:
    """The length of the shortest run that tells them apart, by walking through all pairs."""
    seen = {((left,), (right,))}
    todo = deque((pair, 0) for pair in seen)
    while todo:
        (x, y), length = todo.popleft()
        for chosen in product((False, True), repeat=len(NAMES)):
            values = dict(zip(NAMES, chosen, strict=True))
            (done, x1), (other, y1) = move(s, x, values), move(s, y, values)
            if done != other:
                return length
            if done in "abc" and (x1, y1) not in seen:
                seen.add((x1, y1))
                todo.append(((x1, y1), length + 1))
    return None


def follow(s: Store, found: Differ, left: int, right: int) -> bool:
    """Whether its run is one of both terms, and they differ after it."""
    x: Stack = (left,)
    y: Stack = (right,)
    for taken in found.run:
        values = dict.fromkeys(NAMES, False) | dict(taken.tests)
        (done, x), (other, y) = move(s, x, values), move(s, y, values)
        if not done == other == taken.action:
            return False
    values = dict.fromkeys(NAMES, False) | dict(found.tests)
    return move(s, x, values)[0] != move(s, y, values)[0]


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_reading_step_by_step(seed: int) -> None:
    rng = random.Random(seed)
    answers = {Same: 0, Differ: 0}
    for _ in range(150):
        s = Store()
        left = random_term(s, rng, rng.randint(1, 9))
        right = random_term(s, rng, rng.randint(1, 3))
        if rng.random() < 0.7:
            right = BENCH["shuffled"](s, rng, left)
        found, length = compare(s, left, right), naive(s, left, right)
        answers[type(found)] += 1
        told = f"{s.show(left)}  and  {s.show(right)}"
        if isinstance(found, Same):
            assert length is None, told
        else:
            assert len(found.run) == length, told
            assert follow(s, found, left, right), told
    assert min(answers.values()) > 10


@pytest.mark.parametrize("seed", range(6))
def test_up_to_what_comes_before(seed: int) -> None:
    """What is seen from what differs alone is so, and what it says is no finer than it is."""
    rng = random.Random(seed)
    answers = {"alike": 0, "open": 0, "apart": 0}
    for _ in range(150):
        s = Store()
        left = random_term(s, rng, rng.randint(1, 6))
        right = random_term(s, rng, rng.randint(1, 3))
        if rng.random() < 0.7:
            right = BENCH["shuffled"](s, rng, left)
        for _ in range(rng.randint(1, 2)):
            before, behind = (random_term(s, rng, rng.randint(0, 3)) for _ in range(2))
            left, right = s.seq(before, left, behind), s.seq(before, right, behind)
            if rng.random() < 0.4:
                test = s.test(rng.choice(NAMES))
                left, right = s.while_(test, left), s.while_(test, right)
        found, full, length = same(s, left, right), compare(s, left, right), naive(s, left, right)
        told = f"{s.show(left)}  and  {s.show(right)}"
        assert isinstance(full, Same) is (length is None), told
        if found is None:
            answers["open" if length is None else "apart"] += 1
            continue
        answers["alike"] += 1
        assert isinstance(full, Same), told
        assert found.rounds is full.rounds, told
        assert found.mixed or not full.mixed, told
        # (What only one of them says of silent rounds is covered by this.)
        assert found.rounds or not (found.silent or full.silent) or left == right, told
    assert min(answers.values()) > 3, answers


def test_what_never_comes_does_not_matter() -> None:
    s = Store()
    ever = s.while_(s.true, s.act("a"))
    left, right = s.seq(ever, s.act("b")), s.seq(ever, s.act("c"))
    assert isinstance(compare(s, left, right), Same)
    assert same(s, left, right) is None  # not seen from the rest alone
    assert not rounds(s, left, right)


def test_a_round_without_a_step_is_no_way_out() -> None:
    s = Store()
    x, y, a = s.test("x"), s.test("y"), s.act("a")
    loop = s.while_(x, s.if_(y, a))
    found = compare(s, loop, s.while_(s.make(Op.AND, (x, y)), a))
    assert isinstance(found, Differ)
    assert (found.left, found.right) == ("goes round", "ends")
    nested = compare(s, s.while_(x, s.while_(y, a)), s.seq(s.while_(x, s.while_(y, a)), s.skip))
    assert isinstance(nested, Same)
    assert nested.silent


def test_rounds_that_end_without_a_step_are_told() -> None:
    s = Store()
    x, y, a, b = s.test("x"), s.test("y"), s.act("a"), s.act("b")
    plain = compare(s, s.while_(x, a), s.if_(x, s.seq(a, s.while_(x, a))))
    assert plain == Same(plain.related, rounds=False, silent=False)  # type: ignore[union-attr]
    body = s.seq(a, s.if_(y, b))
    found = compare(s, s.while_(x, body), s.if_(x, s.seq(body, s.while_(x, body))))
    assert found == Same(found.related, rounds=True, silent=False)  # type: ignore[union-attr]


def test_values_that_cannot_be_are_left_out() -> None:
    s = Store()
    low, high = s.test("n < 1"), s.test("n > 5")
    left = s.if_(low, s.if_(high, s.act("a"), s.act("b")), s.act("c"))
    right = s.if_(low, s.act("b"), s.act("c"))
    assert isinstance(compare(s, left, right), Differ)

    def feasible(cube: tuple[tuple[str, bool], ...]) -> bool:
        return dict.fromkeys(("n < 1", "n > 5"), True) != dict(cube)

    assert isinstance(compare(s, left, right, feasible), Same)
    # A shared part of a diagram is looked at again under values that can be.
    third, fourth = s.test("m"), s.test("k")

    def within(inner: int) -> int:
        branches = (s.if_(fourth, inner, s.act(x)) for x in "cd")
        return s.if_(third, *branches)

    left, right = within(s.if_(high, s.act("a"), s.act("b"))), within(s.act("b"))
    found = compare(s, left, right, lambda cube: not {("m", True), ("n > 5", True)} <= set(cube))
    assert isinstance(found, Differ)
    assert ("m", False) in found.tests


def test_more_than_it_can_hold_is_no_answer() -> None:
    s = Store()
    parts = [s.if_(s.test(f"x{i}"), s.act(f"a{i}")) for i in range(40)]
    with pytest.raises(TooMany):
        left, right = s.make(Op.SEQ, parts), s.make(Op.SEQ, parts[::-1])
        compare(s, left, right, machine=Machine(s, (left, right), 200))


def test_what_is_guarded() -> None:
    s = Store()
    assert guarded(s, s.seq(s.act("a"), s.while_(s.test("x"), s.fail("E"))))
    assert not guarded(s, s.choice(s.act("a"), s.act("b")))
    assert not guarded(s, s.seq(s.par(s.act("a"), s.act("b")), s.skip))


def test_terms_deeper_than_a_stack() -> None:
    s = Store()
    left = right = s.act("z")
    for i in range(20_000):
        left = s.seq(s.act(f"a{i % 9}"), left)
        left = s.if_(s.test(f"x{i}"), left) if i % 5 == 0 else left
        right = s.seq(s.skip, s.act(f"a{i % 9}"), right)
        right = s.if_(s.make(Op.NOT, (s.test(f"x{i}"),)), s.skip, right) if i % 5 == 0 else right
    assert isinstance(compare(s, left, right), Same)
