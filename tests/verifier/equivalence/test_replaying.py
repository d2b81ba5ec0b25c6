"""Differences that terms suggest and the systems have, and tests compared by what they say: both
against all states."""

from __future__ import annotations

import os
import random
from itertools import islice

import pytest
from wfverify.dsl import ast, load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.alone import silent
from wfverify.verifier.equivalence.behaviour import Size
from wfverify.verifier.equivalence.findings import (
    LEVELS,
    Asked,
    Comparison,
    Fails,
    Finding,
    Holds,
    Open,
)
from wfverify.verifier.equivalence.suggested import by_terms
from wfverify.verifier.equivalence.terms.specs import looked, said
from wfverify.verifier.equivalence.workflows import compare, compare_specs

PAIRS = int(os.environ.get("WFVERIFY_PAIRS", "10"))
Specs = tuple[ast.Spec, ast.Spec]
SPEC = """\
error E permanent
enum Mode {{ Slow, Fast }}
workflow w{args} fails E {{
  var x: bool = false
  var k: int 0..3 = {k}
  var mode: Mode = Slow
  activity a -> bool {{ }}
  activity b {{ fails E  do {{ k := 3 - k }} }}
  activity c(n: int 0..3) -> int 0..3 {{ }}
  activity d {{ writes mode }}
  run {{ {body} }}
}}
"""
STEPS = ("x <- a()", "b", "k <- c(k)", "d", "{ k := 2 }", "skip", "fail E")
SAME = [  # tests that say the same, and some that do not
    ["x", "not (not x)", "x == true", "x or false"],
    ["k > 1", "not (k <= 1)", "k >= 2", "k == 2 or k > 2"],
    ["k == 3", "k > 2 and k < 4", "not (k != 3)"],
    ["mode == Fast", "mode != Slow", "not (mode == Slow)"],
    ["k >= 0 and k < 2", "k == 0 or k == 1"],
]


class Body:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def term(self, n: int) -> tuple[object, ...]:
        rng = self.rng
        if n <= 0:
            return ("step", rng.choice(STEPS if rng.random() < 0.5 else STEPS[:4]))
        left = rng.randint(0, n - 1)
        p, q = self.term(left), self.term(n - 1 - left)
        kind = rng.choice([";", ";", ";", "if", "if", "while"])
        if kind == ";":
            return (kind, p, q)
        if kind == "while":
            return (kind, rng.randrange(len(SAME)), (";", ("step", rng.choice(STEPS[:4])), p))
        return (kind, rng.randrange(len(SAME)), p, q)

    def text(self, t: tuple[object, ...], words: bool) -> str:
        """With `words`, each test in other words, and a difference perhaps somewhere."""
        match t:
            case ("step", str(step)):
                return self.rng.choice(STEPS) if words and self.rng.random() < 0.1 else step
            case (";", tuple(p), tuple(q)):
                return f"{{ {self.text(p, words)} ; {self.text(q, words)} }}"
            case ("while", int(test), tuple(p)):
                return f"while ({self.test(test, words)}) {{ {self.text(p, words)} }}"
            case ("if", int(test), tuple(p), tuple(q)):
                one, other = self.text(p, words), self.text(q, words)
                if words and self.rng.random() < 0.3:
                    test_text, one, other = f"not ({self.test(test, words)})", other, one
                else:
                    test_text = self.test(test, words)
                return f"if ({test_text}) {{ {one} }} else {{ {other} }}"
        raise TypeError(t)

    def test(self, number: int, words: bool) -> str:
        return self.rng.choice(SAME[number]) if words else SAME[number][0]


def pair(seed: int) -> Specs:
    body = Body(seed)
    term = body.term(body.rng.randint(1, 6))
    args = "(n: int 0..1)" if body.rng.random() < 0.3 else ""
    k = "n" if args and body.rng.random() < 0.5 else str(body.rng.randrange(4))
    one, other = (
        silent(load_text(SPEC.format(args=args, k=k, body=body.text(term, words)), "w.wf"))
        for words in (False, True)
    )
    return one, other


def replayed(specs: Specs, inclusion: bool = False) -> Comparison | None:
    asked = Asked(size=Size(5_000, 10.0))
    return by_terms(specs, looked(*specs), asked, LEVELS, inclusion)


def wrong(specs: Specs, seen: dict[str, int]) -> str:
    """Whether terms, or runs that they suggest, contradict all states."""
    found = said(*specs)
    everything = compare(*map(lower, specs), Asked(size=Size(5_000, 10.0)))
    differs = any(isinstance(f, Fails) for f in everything.levels.values())
    told: Comparison | None = None
    if found is not None:
        seen["same"] += 1
        seen["kept"] += found.kept
        if isinstance(everything.levels[found.level], Fails):
            return f"{found}: {everything.levels[found.level]}"
    else:
        told = replayed(specs)
        seen["apart"] += differs
        seen["replayed"] += told is not None
    for name, finding in {} if told is None else told.levels.items():
        if isinstance(finding, Fails) and isinstance(everything.levels[name], Holds):
            return f"{name}: {finding}"
        seen["outcome"] += isinstance(finding, Fails) and name == "outcome"
    runs = [f.levels["trace"] for f in (told, everything) if f is not None]
    lengths = [len(f.apart.run) for f in runs if isinstance(f, Fails) and f.apart is not None]
    if len(lengths) == 2:
        seen["runs"] += 1
        seen["shortest"] += lengths[0] == lengths[1]
    return ""


def test_what_is_told_is_so() -> None:
    seen = dict.fromkeys(("same", "kept", "apart", "replayed", "outcome", "runs", "shortest"), 0)
    for seed in range(10 * PAIRS):
        specs = pair(seed)
        found = wrong(specs, seen)
        assert not found, f"{seed} {found}\n" + "\n".join(s.source for s in specs)
    assert seen["same"] > PAIRS and seen["outcome"] > PAIRS, seen
    # Terms alone know of most differences which run shows them.
    assert 10 * seen["replayed"] >= 8 * seen["apart"] > 0, seen


def finding(old: str, new: str, level: str = "outcome", inclusion: bool = False) -> Finding | None:
    texts = (SPEC.format(args="(n: int)", k="0", body=t) for t in (old, new))
    one, other = (silent(load_text(t, "w.wf")) for t in texts)
    found = replayed((one, other), inclusion)
    return None if found is None else found.levels[level]


def test_a_run_is_shown_that_one_only_has() -> None:
    found = finding("if (n > 41) { a } else { b }", "if (n > 42) { a } else { b }", "trace")
    assert isinstance(found, Fails) and found.apart is not None
    assert found.apart.run == ("begin with n = 42", "start a" if found.apart.left else "start b")


def test_the_same_end_under_other_runs_is_no_other_outcome() -> None:
    found = finding("x <- a() ; d", "x <- a() ; { k := 0 } ; d")
    assert found is None
    found = finding("{ k := 1 } ; d", "d ; { k := 1 }")
    assert found is None
    found = finding("d ; { k := 1 } ; b", "d ; b ; { k := 2 }")
    assert isinstance(found, Fails) and found.different is not None  # where b fails
    assert isinstance(finding("d ; c(1)", "c(1) ; d"), Open)


def test_one_may_do_less() -> None:
    less, more = "if (n > 0) { a ; stuck }", "if (n > 0) { a ; d }"
    less, more = (t.replace("stuck", "wait until (false)") for t in (less, more))
    assert isinstance(finding(less, more, "trace"), Fails)
    assert isinstance(finding(more, less, "trace", inclusion=True), Fails)
    assert finding(less, more, "trace", inclusion=True) is None


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ("n > 0", "not (n <= 0)", "bisimulation"),
        ("n > 0", "n >= 1", "bisimulation"),
        ("n > 0", "n >= 0", None),
        ("mode == Fast", "mode != Slow", "bisimulation"),
        ("k >= 0", "true", None),  # nothing says that no step leaves 0..3
        ("n > 5 and n > 3", "n > 5", "bisimulation"),
    ],
)
def test_tests_are_compared_by_what_they_say(old: str, new: str, level: str | None) -> None:
    texts = [f"k <- c(k) ; if ({t}) {{ a }} else {{ b }}" for t in (old, new)]
    one, other = (
        silent(load_text(SPEC.format(args="(n: int)", k="0", body=t), "w.wf")) for t in texts
    )
    found = said(one, other)
    assert (None if found is None else found.level) == level


def test_large_terms_are_lowered_as_far_as_the_run_goes() -> None:
    parts = ["x <- a() ; if (x) { b } else { k <- c(1) }"] * 3_000
    changed = [*parts[:30], "x <- a() ; if (x) { d } else { k <- c(1) }", *parts[31:]]
    one, other = (
        silent(load_text(SPEC.format(args="", k="0", body=" ; ".join(t)), "w.wf"))
        for t in (parts, changed)
    )

    def never() -> list[object]:
        raise AssertionError("nothing is lowered whole")

    found = compare_specs((one, other), never, Asked(), ("trace",))  # type: ignore[arg-type]
    trace = found.levels["trace"]
    assert isinstance(trace, Fails) and trace.apart is not None
    assert list(trace.apart.run)[-1] in ("start b", "start d")
    assert len(list(islice(trace.apart.run, 1_000))) < 200
