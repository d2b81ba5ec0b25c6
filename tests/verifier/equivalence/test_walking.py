"""Runs by chance that one workflow has and the other has not, against all runs of small ones."""

from __future__ import annotations

import pytest
from equivgen import Pair
from naive_lts import after_run, by_runs, disjoint
from naive_workflows import Seen
from oracle import TooBig
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.alone import silent
from wfverify.semantics.observing import View, in_both
from wfverify.verifier.equivalence import walking
from wfverify.verifier.equivalence.behaviour import Exploring
from wfverify.verifier.equivalence.findings import Asked, Fails, Open
from wfverify.verifier.equivalence.spectrum import Apart
from wfverify.verifier.equivalence.suggested import by_chance
from wfverify.verifier.equivalence.walking import walked

PAIRS = 20


def test_a_run_of_one_only_is_none_of_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "WALKS", 30)
    differing = found_ = long = 0
    for seed in range(2 * PAIRS):
        pair = Pair(seed)
        systems = [lower(load_text(t, "s.wf")) for t in (pair.old, pair.new)]
        try:
            left, right = (Seen(s, 400, False) for s in systems)
        except TooBig:
            continue
        views = [View(in_both(*systems)) for _ in systems]
        free = frozenset[str]().union(
            *(Exploring(s, v).free() for s, v in zip(systems, views, strict=True))
        )
        both, second = disjoint(left.system_of(), right.system_of())
        shortest = by_runs(both, both[1], second, False)
        found = walked((systems[0], systems[1]), (views[0], views[1]), free, 60.0)
        differing += shortest is not None
        if found is None:
            continue
        found_ += 1
        ends = [after_run(both, s, found.run) for s in (both[1], second)]
        mine, yours = ends if found.left else ends[::-1]
        assert mine and not yours, (seed, found)
        assert shortest is not None
        long += len(found.run) > len(shortest)
    assert found_ >= 0.9 * differing > 8, (found_, differing)
    assert long <= 0.2 * found_, (long, found_)


BRANCHES = [[f"a{i}{c}" for c in "xyz"] for i in range(7)]


def wide(branches: list[list[str]]) -> str:
    names = sorted(n for b in branches for n in b)
    activities = "\n".join(f"  activity {n} {{ }}" for n in names)
    body = " || ".join("{ " + " ; ".join(b) + " }" for b in branches)
    return f"workflow w {{\n{activities}\n  run {{ {body} }}\n}}\n"


def told(branches: list[list[str]], asked: Asked, inclusion: bool = False) -> Apart:
    specs = (silent(load_text(wide(b), "w.wf")) for b in (BRANCHES, branches))
    one, two = map(lower, specs)
    found = by_chance((one, two), asked, ("trace", "outcome"), inclusion)
    assert found is not None and isinstance(found.levels["outcome"], Open)
    trace = found.levels["trace"]
    assert isinstance(trace, Fails) and trace.apart is not None
    return trace.apart


def test_branches_that_differ() -> None:
    other = [b[::-1] if b[0] == "a4x" else b for b in BRANCHES]
    for inclusion in (False, True):
        apart = told(other, Asked(), inclusion)
        assert apart.run in (("start a4x",), ("start a4z",))
        assert apart.left or not inclusion


def test_other_names() -> None:
    other = [[{"a4x": "bx"}.get(n, n) for n in b] for b in BRANCHES]
    other[3] = other[3][::-1]
    apart = told(other, Asked(rename=({"a4x": "bx"}, {})))
    assert apart.run in (("start a3x",), ("start a3z",))


def test_of_many_first_steps_one_is_of_one_only() -> None:
    """Two walks along what is chosen by chance would hardly meet it."""
    branches = [[f"a{i}"] for i in range(200)]
    other = [*branches[:120], ["b"], *branches[121:]]
    systems = [lower(load_text(wide(b), "w.wf")) for b in (branches, other)]
    found = walked((systems[0], systems[1]), (View(()), View(())), frozenset(), 60.0)
    assert found is not None and found.run in (("start a120",), ("start b",))
    assert found.left == (found.run == ("start a120",))


def test_a_run_is_cut_down_to_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without looking at other steps than those that are taken."""
    monkeypatch.setattr(walking._Walk, "_alone", lambda *_: None)
    branches = [[f"a{i}{c}" for c in "xyz"] for i in range(12)]
    other = [[*b[:2], f"{b[2]}2"] if b[0] == "a7x" else b for b in branches]
    systems = [lower(load_text(wide(b), "w.wf")) for b in (branches, other)]
    found = walked((systems[0], systems[1]), (View(()), View(())), frozenset(), 60.0)
    assert (
        found is not None and len(found.run) == 5 and found.run[-1] in ("start a7z", "start a7z2")
    )
