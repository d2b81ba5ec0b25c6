"""Relations over data of any values: what the checker takes holds of few values, too."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from equivgen import Pair
from wfverify.dsl import load_text
from wfverify.proofs.coupled import coupled
from wfverify.proofs.facts import Wrong
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.claimed import Side
from wfverify.semantics.evidence import Coupled
from wfverify.semantics.lower import lower
from wfverify.semantics.observing import View
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.equivalence.evidence import inductions
from wfverify.verifier.equivalence.findings import LEVELS, Asked, Fails
from wfverify.verifier.equivalence.workflows import compare

PAIRS = int(os.environ.get("WFVERIFY_PAIRS", "5"))
DATA = ("x", "y")
HEAD = """\
error F permanent
workflow w{args} fails F {{
  var x: int = 0
  var y: int = 0
  activity a {{ fails F }}
  activity e -> int {{ }}
  activity c(k: int) {{ }}
  run {{ {body} }}
}}
"""


def side(text: str, watched: tuple[str, ...] = ()) -> Side:
    return Side(lower(load_text(text, "w.wf")), View(DATA, watched))


def taken(left: Side, right: Side, under: str, evidence: Coupled, inclusion: bool = False) -> bool:
    try:
        coupled(left, right, under, evidence, Solvers(second=False), inclusion)
    except (Wrong, KeyError):
        return False
    return True


def damaged(r: Random, e: Coupled) -> Iterator[Coupled]:
    n = r.randrange(len(e.pairs))
    one, other, conds = e.pairs[n]
    yield Coupled(e.plain, (*e.pairs[:n], *e.pairs[n + 1 :]))
    yield Coupled(e.plain, tuple((p, q, ()) for p, q, _ in e.pairs))
    if conds:
        k = r.randrange(len(conds))
        less = (*conds[:k], *conds[k + 1 :])
        for new in (less, (*less, f"(not {conds[k]})")):
            yield Coupled(e.plain, (*e.pairs[:n], (one, other, new), *e.pairs[n + 1 :]))


@pytest.mark.parametrize("seed", range(PAIRS))
def test_what_is_taken_holds_of_few_values(seed: int) -> None:
    assert not judged(seed)[1]


def judged(seed: int) -> tuple[Counter[str], list[str]]:
    pair, r = Pair(seed, numbers=True), Random(seed)
    watched = DATA if seed % 3 == 0 else ()
    sides = [side(t, watched) for t in pair.wide]
    offered: list[Coupled] = []
    for under in LEVELS[:2]:
        offered += inductions(sides[0], sides[1], under, 10)
        for same in sides:  # what would show something else
            offered += inductions(same, same, under, 10)
    offered += [d for e in list(offered) for d in damaged(r, e)]
    few: dict[str, object] = {}
    counted: Counter[str] = Counter()
    wrong = []
    for under, evidence in product(("bisimulation", "branching", "outcome"), offered):
        took = taken(sides[0], sides[1], under, evidence)
        counted[f"{under} {took}"] += 1
        if took and not few:
            systems: list[TransitionSystem] = [
                lower(load_text(t, "w.wf")) for t in (pair.old, pair.new)
            ]
            few = dict(compare(*systems, Asked(DATA, watched)).levels)
        if took and isinstance(few[under], Fails):
            wrong.append(f"{seed} {under} {few[under]}\n{pair.wide[0]}{pair.wide[1]}")
    return counted, wrong


APART = [
    # Internal steps for ever on one side only.
    ("{ x := n } ; a", "{ x := n } ; while (x > 0) { x := x + 1 } ; a"),
    ("{ x := 1 } ; c(n)", "while (x == 0) { { y := 0 } + { x := 1 } } ; c(n)"),
    # The first step counts.
    ("a", "{ x := x } ; a"),
    # What is answered goes elsewhere.
    ("x <- e() ; y <- e()", "y <- e() ; x <- e()"),
    ("x <- e() ; c(x)", "x <- e() ; c(x + 1)"),
    # A choice that comes earlier, a failure, an end.
    ("x <- e() ; (a + c(x))", "{ x <- e() ; a } + { x <- e() ; c(x) }"),
    ("a", "try { a } catch F { skip }"),
    ("a ; c(n)", "a"),
    ("while (x < n) { x <- e() }", "while (x <= n) { x <- e() }"),
]


@pytest.mark.parametrize(("old", "new"), APART)
def test_no_relation_shows_what_is_not_so(old: str, new: str) -> None:
    """All places with all places, and what makes each of them the same as itself."""
    args = "(n: int)" if re.search(r"\bn\b", f"{old} {new}") else ""
    one, other = (side(HEAD.format(args=args, body=b)) for b in (old, new))
    alike = [list(inductions(s, s, "bisimulation", 10)) for s in (one, other)]
    own = [e for found in alike for e in found]
    for s, found in zip((one, other), alike, strict=True):
        assert all(taken(s, s, "bisimulation", e) for e in found)
    assert own and not list(inductions(one, other, "branching", 10))
    # (Where the second may choose, its places are those of the first, as far as there are such.)
    left = dict.fromkeys(p for p, _, _ in own[0].pairs)
    right = dict.fromkeys(q for _, q, _ in own[-1].pairs)
    plain = own[0].plain[0], own[-1].plain[1]
    shift = len(one.system.variables)
    named = {v.name: v.index for v in one.system.variables}
    same = tuple(
        f"(= a{named[v.name]} a{v.index + shift})"
        for v in other.system.variables
        if v.name in ("w.x", "w.y", "w.n") and v.index not in plain[1]
    )
    for conds in ((), same, ("false",)):
        all_ = Coupled(plain, tuple((p, q, conds) for p, q in product(left, right)))
        for evidence in (all_, *own):
            assert not taken(one, other, "branching", evidence)
            assert not taken(one, other, "bisimulation", evidence)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("x <- e() ; a", "x <- e() ; (a + c(x))"),
        ("a ; c(x)", "a || c(x)"),
        ("{ x <- e() ; a } + { x <- e() ; c(x) }", "x <- e() ; (a + c(x))"),
    ],
)
def test_a_simulation_shows_one_half(less: str, more: str) -> None:
    one, other = (side(HEAD.format(args="", body=b)) for b in (less, more))
    found = list(inductions(one, other, "trace", 10, True))
    assert found and not list(inductions(one, other, "trace", 10))
    for e in found:
        assert taken(one, other, "trace", e, True) and taken(one, other, "outcome", e, True)
        assert not taken(one, other, "failures", e, True)
        assert not taken(one, other, "trace", e)
        turned = Coupled(e.plain[::-1], tuple((q, p, c) for p, q, c in e.pairs))  # type: ignore[arg-type]
        assert not taken(other, one, "trace", turned, True)


def test_other_arguments_are_another_workflow() -> None:
    text = HEAD.format(args="(n: int)", body="c(n)")
    one = side(text)
    (evidence,) = inductions(one, one, "bisimulation", 10)
    assert taken(one, one, "bisimulation", evidence)
    for wrong in ("(n: int 0..9)", "(n: int, m: int 0..9)"):
        other = side(text.replace("(n: int)", wrong).replace("c(n)", "c(n + 0)"))
        assert not taken(one, other, "bisimulation", evidence)
    assert not taken(one, one, "bisimulation", replace(evidence, pairs=()))
    twice = replace(evidence, pairs=(*evidence.pairs, evidence.pairs[0]))
    assert not taken(one, one, "bisimulation", twice)
