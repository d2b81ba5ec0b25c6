"""The lowering against a second reading of the same terms, and what all reachable states keep."""

from __future__ import annotations

from random import Random

import comparisons
import processes
import pytest
from lowered import run
from naive import TooBig
from processes import random_term, text
from specgen import from_seed
from wfverify.dsl.errors import Rejected

LIMIT = 2_000


def same_outcomes(t: processes.Term, crash: bool = False) -> None:
    assert comparisons.same_outcomes(t, crash) == "", text(t)


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_random_terms_end_as_processes_do(first: int) -> None:
    for seed in range(first, first + 40):
        t = random_term(Random(seed), 3 + seed % 4)
        try:
            same_outcomes(t)
        except OverflowError:
            continue


@pytest.mark.parametrize("first", range(1000, 1080, 40))
@pytest.mark.parametrize("letters", ["abcdghkmqv", "kmqv"])
def test_random_terms_with_transactions_and_effects_unseen(first: int, letters: str) -> None:
    for seed in range(first, first + 40):
        try:
            same_outcomes(random_term(Random(seed), 2 + seed % 4, letters))
        except Rejected as refused:  # two that are cut off at once
            assert all("cutting off" in d.message for d in refused.diagnostics)
        except OverflowError:
            continue


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_random_terms_that_crash_once(first: int) -> None:
    for seed in range(first, first + 20):
        try:
            same_outcomes(random_term(Random(seed), 2 + seed % 4, "abckmq"), crash=True)
        except OverflowError:
            continue


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_random_rounds_are_undone_as_processes_do(first: int) -> None:
    """What a saga does again and again, in all of the log's shapes."""
    for seed in range(first, first + 40):
        r = Random(seed)
        inner = random_term(r, 2 + seed % 4)
        last = r.choice([("fail", "E"), ("skip",), ("act", "b")])
        rounds = ("while", 0, 2, inner) if seed % 3 else ("retry", 1, "E", ("seq", inner, last))
        fails = r.choice([("fail", "F"), ("act", "b"), ("par", ("fail", "F"), ("act", "a"))])
        t: processes.Term = ("saga", ("seq", rounds, fails))
        if seed % 5 == 0:
            t = ("par", t, ("fail", "F"))
        if seed % 7 == 0:
            t = ("while", 0, 2, t)
        try:
            same_outcomes(t)
        except OverflowError:
            continue


def random_graph(r: Random) -> processes.Term:
    """Nodes that are small, with more edges than `random_term` makes; perhaps all undone after,
    also those with others between them that have nothing to undo."""
    undone = r.random() < 0.6
    leaves = [("act", "a"), ("act", "c"), ("skip",)]
    leaves += [] if undone else [("act", "b"), ("act", "d"), ("fail", "E")]
    joins = ["all", "always"] if undone else ["all", "always", "any", "on_failure"]
    nodes = []
    for i in range(r.choice([3, 3, 4])):
        after = tuple(j for j in range(i) if r.random() < (0.9 if j == i - 1 else 0.3))
        nodes.append((r.choice(leaves), after, r.choice(joins) if after else ""))
    graph = ("steps", *nodes)
    return ("saga", ("seq", graph, ("fail", "F"))) if undone else graph


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_random_graphs_end_as_processes_do(first: int) -> None:
    for seed in range(first, first + 40):
        try:
            same_outcomes(random_graph(Random(seed)))
        except OverflowError:
            continue


A, B, C, D, G = (("act", x) for x in "abcdg")
E, F, SKIP, RETURN = ("fail", "E"), ("fail", "F"), ("skip",), ("return",)
FOUND = [
    # Each was read differently once.
    ("while", 0, 2, D),
    ("par", SKIP, ("finally", F, ("par", D, SKIP))),
    ("finally", SKIP, ("par", SKIP, ("saga", D))),
    ("finally", SKIP, ("par", ("nocancel", D), SKIP)),
    ("par", B, ("saga", ("finally", SKIP, C))),
    ("saga", ("steps", (("par", A, B), (), ""), (G, (0,), "always"))),
    ("while", 0, 2, ("any", SKIP, SKIP)),
    ("saga", ("par", ("saga", ("par", C, A)), RETURN)),
    ("any", SKIP, ("saga", ("steps", (G, (), ""), (A, (), ""), (A, (0,), "all")))),
    ("using", ("par", F, ("nocancel", ("par", ("set", 2), C)))),
    ("par", B, ("using", ("par", A, ("nocancel", ("seq", A, A))))),
    ("par", C, ("using", ("par", B, ("saga", ("seq", A, A))))),
    ("saga", ("par", B, ("using", ("par", B, ("saga", ("seq", A, A)))))),
    ("within", 2, ("par", ("while", 1, 2, ("nocancel", ("set", 2))), ("set", 1)), None),
    ("within", 1, ("using", ("within", 2, ("set", 1), SKIP)), None),
    ("par", ("saga", ("finally", ("par", SKIP, A), SKIP)), E),
    ("par", ("set", 1), ("finally", RETURN, ("while", 1, 1, ("set", 0)))),
]


@pytest.mark.parametrize("t", FOUND, ids=text)
def test_terms_that_were_read_differently(t: processes.Term) -> None:
    same_outcomes(t)


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_random_specs_keep_claims_and_threads_in_order(first: int) -> None:
    for seed in range(first, first + 10):
        try:
            run(from_seed(seed, 4), LIMIT)
        except (OverflowError, TooBig, Rejected):
            continue
