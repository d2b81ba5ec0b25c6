"""The export to Promela: what it refuses, and (where spin and gcc are installed) what Spin says."""

from __future__ import annotations

import pytest
import specgen
import spin
from judge_spin import compare
from wfverify.dsl import load_text
from wfverify.semantics.expr import euclid
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.verifier.export.finite import NotFinite
from wfverify.verifier.export.promela import promela
from wfverify.verifier.export.promela_terms import DEFINITIONS

needs_spin = pytest.mark.skipif(bool(spin.MISSING), reason=spin.MISSING)


def system_of(text: str) -> TransitionSystem:
    return lower(load_text(text, "s.wf"))


def goals(system: TransitionSystem, name: str) -> list[Obligation]:
    found = [g for g in system.obligations if name in (g.check, g.name)]
    assert found
    return found


def workflow(body: str, run: str, more: str = "") -> str:
    return f"workflow w {{\n{body}\n  run {{ {run} }}\n}}\n{more}\n"


COUNTER = workflow("  var x: RANGE = 1", "while (x > 0) { { x := NEXT } }", "invariant i : CLAIM")


def counter(range_: str, next_: str, claim: str) -> str:
    claim = claim.replace("x", "w.x")
    return COUNTER.replace("RANGE", range_).replace("NEXT", next_).replace("CLAIM", claim)


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        (workflow("  var r: real = 0.5", "{ r := r * 2 }", "invariant i : w.r < 9.0"), "real", 2),
        (
            workflow("  var n: int = 0\n  activity a -> int { takes 1s }", "n <- a()")
            + "invariant i : w.n < 9\n",
            "more than 256 values",
            4,
        ),
        (
            workflow(
                "  var x: int 0..9\n  var n: int 0..9\n  activity b { fails E }\n"
                "  activity a(i: int) { do { x := i ; n := i } undo { x := n - i } }",
                "saga { while (n < 9) { a(n) } ; b }",
                "error E permanent\ninvariant i : w.x < 9",
            ).replace("w {", "w fails E {"),
            "of any length",
            1,
        ),
        (counter("int 0..2000000000", "x + x", "x < 9"), "32 bits", 3),
        (counter("int 0..3000000000", "x", "x < 9"), "32 bits", 2),
        (counter("int", "x * x * x", "x < 9"), "32 bits", 3),
    ],
)
def test_what_is_not_finite_is_refused_with_its_place(text: str, words: str, line: int) -> None:
    system = system_of(text)
    with pytest.raises(NotFinite, match=words) as found:
        promela(system, goals(system, "i"))
    assert found.value.span.line == line
    assert found.value.fix


def test_a_claim_that_does_not_need_it_is_exported() -> None:
    text = workflow("  var r: real = 0.5\n  var b: bool", "{ r := r * 2 } ; { b := true }")
    system = system_of(text + "invariant i : w.b or not w.b or w.b\ninvariant j : not w.b\n")
    model = promela(system, goals(system, "j"))
    assert "w.b" in model and "w.r" not in model


def test_an_answer_that_nothing_looks_at_has_any_value() -> None:
    body = "  var n: int\n  var b: bool\n  activity a -> int { takes 1s }"
    system = system_of(workflow(body, "n <- a() ; { b := true }") + "invariant j : not w.b\n")
    model = promela(system, goals(system, "j"))
    assert model.count("complete w.a") == 1 and "w.n" not in model


def test_what_is_put_aside_is_no_part_of_the_state() -> None:
    text = workflow("  var x: int 0..3\n  var y: int 0..3 = 1", "atomic { x := y ; y := x + 1 }")
    system = system_of(text + "invariant i : w.x <= w.y\n")
    lines = promela(system, goals(system, "i")).splitlines()
    assert any(line.startswith("hidden int t0") for line in lines)
    assert not any(line.strip().startswith("int t") for line in lines)


# --- with Spin ------------------------------------------------------------------------------------


@needs_spin
def test_division_is_euclidean() -> None:
    lines = [*DEFINITIONS, "int a, b;", "init {"]
    for a in range(-7, 8):
        for b in range(-3, 4):
            quotient, rest = (0, 0) if b == 0 else euclid(a, b)
            lines += [f"a = {a}; b = {b}; assert(DIV(a, b) == {quotient} && MOD(a, b) == {rest});"]
    assert spin.check("\n".join([*lines, "skip }"])).verdict == spin.HOLDS


@needs_spin
@pytest.mark.parametrize(
    ("text", "want"),
    [
        # Would wrap around to a number below 0.
        (counter("int", "x + x", "x > 0"), spin.OUT_OF_RANGE),
        (counter("int 0..100", "x + x", "x > 0"), spin.OUT_OF_RANGE),
        (counter("int 0..100", "(x + 7) % 11", "x < 9"), spin.HOLDS),
        (counter("int 0..100", "(x + 7) % 11", "x < 8"), spin.VIOLATED),
        (counter("int -5..5", "x - 1", "x >= 0"), spin.HOLDS),
        # A run that an assumption cuts off breaks nothing, in its last step neither.
        (
            workflow("  var x: int 0..9", "{ x := 1 } ; assume x != 1", "always i : next(w.x) < 2"),
            spin.HOLDS,
        ),
        (
            workflow("  var x: int 0..9", "{ x := 1 } ; assume x != 2", "always i : next(w.x) < 1"),
            spin.VIOLATED,
        ),
        # The steps that write nothing of it break it too.
        (
            workflow(
                "  var x: int 0..9\n  var y: bool",
                "{ x := 1 } ; { y := true }",
                "always i : w.x == 1 => next(w.x) == 2",
            ),
            spin.VIOLATED,
        ),
    ],
)
def test_small_claims(text: str, want: str) -> None:
    system = system_of(text)
    assert spin.check(promela(system, goals(system, "i"))).verdict == want


@needs_spin
@pytest.mark.parametrize("make", [specgen.contention, lambda seed: specgen.from_seed(seed, 3)])
@pytest.mark.parametrize("seed", [3, 8])
def test_the_engines_and_spin_agree(make, seed: int) -> None:
    compared = compare(make(seed), timeout=3.0, states=2000)
    assert not compared.problems, f"{compared.problems}\n{make(seed)}"
    assert any("as Spin says" in what for what in compared.counts)
