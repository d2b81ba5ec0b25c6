"""How long terms last: against all runs in whole seconds, and by hand."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from itertools import count

import comparisons
import pytest
from comparisons import value
from durationgen import Maker, ends
from golden import CASES
from ticking import TooMuch
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.contended import longest, network
from wfverify.semantics.lower.durations import Duration, durations
from wfverify.semantics.lower.times import Lasts

SPECS = 160


@pytest.mark.parametrize("part", range(4))
def test_bounds_of_all_runs_and_exact_where_they_say_so(part: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(part * SPECS, part * SPECS + SPECS // 4):
        try:
            found = comparisons.durations(seed)
        except comparisons.LeftOut:
            continue
        assert found.problems == [], f"seed {seed}\n{found.text}"
        counts += found.counts
    exact = sum(n for what, n in counts.items() if what.endswith("EXACT"))
    assert counts.total() > 40 and exact > 10


def test_an_undo_of_what_another_branch_cuts_off_may_fail() -> None:
    # (Found by a campaign: a saga in `par any` whose undo fails.)
    found = comparisons.durations(1101001)
    assert found.problems == []
    d = _one("par any { { a } || { saga { u ; b } } }", A + "\n activity u { undo d() }" + D)
    assert "UndoFailed" in d.fails


def _one(body: str, more: str = "", head: str = "") -> Duration:
    text = f"error E transient\n{head}\nworkflow w(k: int 1..3) fails E, Timeout {{\n{more}\n"
    (d,) = durations(load_text(f"{text} run {{ {body} }}\n}}\n", "s.wf"))
    return d


def _words(d: Duration, lasts: Lasts) -> tuple[str, str]:
    assert lasts.hi is not None
    return d.words(lasts.lo), d.words(lasts.hi)


D = "\n activity d { takes 1s fails E }"
A = " activity a { takes 1s..4s }\n activity b { takes 2s * k..3s * k }"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a ; b", ("2s * w.k + 1s", "3s * w.k + 4s")),
        ("a || b", ("2s * w.k", "max(3s * w.k, 4s)")),
        ("a || { b ; wait 10s }", ("2s * w.k + 10s", "3s * w.k + 10s")),
        ("a + b", ("1s", "max(3s * w.k, 4s)")),
        ("if (k > 1) { a } else { a ; a }", ("(1s if 1 < w.k else 2s)", "(4s if 1 < w.k else 8s)")),
        ("par any { a || b }", ("1s", "min(3s * w.k, 4s)")),
        ("each i in 1..k seq { a }", ("", "")),
    ],
)
def test_as_formulas(body: str, expected: tuple[str, str]) -> None:
    d = _one(body, A)
    assert d.ends.exact
    if expected[0]:
        assert _words(d, d.ends) == expected
    else:
        # One round for each item that there is.
        for k in (1, 2, 3):
            state = tuple(
                Fraction(k) if v.name == "w.k" else Fraction(0) for v in d.arithmetic.variables
            )
            assert d.ends.hi is not None
            assert (value(d.ends.lo, state), value(d.ends.hi, state)) == (k, 4 * k)


def test_attempts_with_their_waits() -> None:
    """First 1s, then 2s, then at most 3s: 4 attempts of 5s."""
    more = " activity f { takes 2s..5s fails E retry 3 on E backoff 1s factor 2 max 3s }"
    d = _one("f", more)
    assert d.completes is not None and _words(d, d.completes) == ("2s", "26s")
    assert _words(d, d.fails["E"]) == ("14s", "26s")


def test_attempts_as_many_as_a_parameter_says() -> None:
    more = " activity f { takes 2s..5s fails E retry n on E backoff 1s }"
    d = _one("f", more, "param n: int 0..1000")
    assert _words(d, d.fails["E"]) == ("3s * n + 2s", "6s * n + 5s")
    more = " activity f { takes 2s fails E retry n on E backoff 1s factor 3 jitter 0.5 }"
    d = _one("f", more, "param n: int 0..3")
    state = [Fraction(3) if v.name == "n" else Fraction(1) for v in d.arithmetic.variables]
    hi = d.fails["E"].hi
    # (1 + 3 + 9) * 1.5 and four attempts
    assert hi is not None and value(hi, tuple(state)) == Fraction("27.5")


def test_what_is_waited_for_has_no_longest_time() -> None:
    d = _one("go := true ; wait until (go)", " var go: bool = false")
    assert d.ends.hi is None and "nothing bounds how long it waits" in d.endless()
    d = _one("within 5s { wait until (go) } else { wait 1s }", " var go: bool = false")
    assert _words(d, d.ends) == ("0s", "6s")


def test_a_test_that_others_change_may_restart_a_wait() -> None:
    body = "{ if (x > 0) { wait 5s } } || { x += 1 ; wait 1s ; x -= 1 }"
    d = _one(body, " var x: int = 0")
    assert d.restless and d.ends.hi is None


def test_every_case_is_read() -> None:
    """Whatever a spec uses: a reading that knows nothing of it says so."""
    read = 0
    for path in sorted(CASES.glob("*.wf")):
        try:
            spec = load_text(path.read_text(), path.name)
            lower(spec)
        except Rejected:
            continue
        for d in durations(spec):
            assert d.ends.hi is not None or d.endless()
        longest(spec, [])
        network(spec, [])
        read += 1
    assert read > 300


def _of_two(text: str) -> str:
    """With locks of two values for the pool, each claim of one of them."""
    numbers = count()
    text = text.replace("resource r : pool(1)", "resource r[int 0..1] : lock")
    return re.sub(r"\br 1\b", lambda _: f"r[{next(numbers) % 2}] exclusive", text)


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("part", range(2))
def test_bounds_where_claims_wait(part: int, keyed: bool) -> None:
    """All of several instances, and of branches, that wait for one unit or two."""
    seen = 0
    for seed in range(500 + 40 * part, 540 + 40 * part):
        text = Maker(seed, claims=True).spec()
        text = _of_two(text) if keyed else text.replace("pool(1)", f"pool({1 + seed % 2})")
        try:
            spec = load_text(text, "s.wf")
            system = lower(spec)
            real = ends(system, 1500)["ends"]
        except (Rejected, TooMuch):
            continue
        bound = longest(spec, []).get(0)
        if bound is not None:
            assert real.most is not None and real.most <= bound, f"{bound} {real}\n{text}"
            seen += 1
    assert seen > 8
