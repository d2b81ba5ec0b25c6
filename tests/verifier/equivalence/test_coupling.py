"""Proofs for data of any values: what is proved so must hold of few values, too."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from equivgen import Pair
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.observing import View
from wfverify.verifier.equivalence import symbolic
from wfverify.verifier.equivalence.beginnings import beginnings
from wfverify.verifier.equivalence.behaviour import Exploring, Size, narrowed
from wfverify.verifier.equivalence.coupling import Coupled, Coupling
from wfverify.verifier.equivalence.findings import LEVELS, Asked, Fails, Holds
from wfverify.verifier.equivalence.outcome_terms import AlwaysSame, Answering
from wfverify.verifier.equivalence.runs import OutOfReach
from wfverify.verifier.equivalence.workflows import compare

PAIRS = int(os.environ.get("WFVERIFY_PAIRS", "14"))
WIDE = (
    "workflow w {{\n"
    + "".join(f"  activity {n} {{{{ }}}}\n" for n in "abcd")
    + "  run {{ {} }}\n}}\n"
)
HEAD = "error F permanent\n"


def explorers(old: str, new: str, watched: tuple[str, ...] = ()) -> list[Exploring]:
    systems = [lower(load_text(t, "s.wf")) for t in (old, new)]
    sides = [Exploring(s, View(("x", "y"), watched)) for s in systems]
    free = sides[0].free() | sides[1].free()
    for side in sides:
        side.also = free
    return sides


def answering(old: str, new: str, inclusion: bool = False) -> AlwaysSame | None:
    try:
        left, right = (side.moves(True) for side in explorers(old, new))
        return Answering(left, right, 10, inclusion).run()
    except OutOfReach:
        return None


def coupled(old: str, new: str, steps: bool, watched: tuple[str, ...] = ()) -> Coupled | None:
    sides = explorers(old, new, watched)
    try:
        left, right = (side.moves(not steps) for side in sides)
        return Coupling(left, right, steps, 10).run()
    except OutOfReach:
        return None


def unsound(seed: int) -> tuple[list[str], Counter[str]]:
    """Proofs of what does not hold of the same pair with few values."""
    pair = Pair(seed, numbers=True)
    watched = ("x", "y") if seed % 3 == 0 else ()
    wrong = []
    counted: Counter[str] = Counter()
    few: dict[str, object] = {}
    for level in ("bisimulation", "branching", "outcome"):
        found: object = (
            answering(*pair.wide)
            if level == "outcome"
            else coupled(*pair.wide, level == "bisimulation", watched)
        )
        counted[f"{level} {'changed' if pair.changed else 'by laws'} {found is not None}"] += 1
        if found is None:
            continue
        if not few:
            systems = [lower(load_text(t, "s.wf")) for t in (pair.old, pair.new)]
            few = dict(compare(*systems, Asked(("x", "y"), watched)).levels)
        if isinstance(few[level], Fails):
            wrong.append(f"{seed} {level} {found}\n{pair.wide[0]}{pair.wide[1]}{few[level]}")
    return wrong, counted


@pytest.mark.parametrize("seed", range(PAIRS))
def test_what_is_proved_of_all_numbers_holds_of_few(seed: int) -> None:
    wrong, _ = unsound(seed)
    assert not wrong


def simulated(old: str, new: str, watched: tuple[str, ...] = ()) -> bool:
    """Whether each run of the old one is shown to be one of the new one."""
    sides = explorers(old, new, watched)
    try:
        left, right = (side.moves(True) for side in sides)
        Coupling(left, right, False, 10, True).run()
    except OutOfReach:
        return False
    return True


def unsound_inclusion(seed: int) -> tuple[list[str], Counter[str]]:
    pair = Pair(seed, numbers=True)
    watched = ("x", "y") if seed % 3 == 0 else ()
    wrong = []
    counted: Counter[str] = Counter()
    systems = [lower(load_text(t, "s.wf")) for t in (pair.old, pair.new)]
    wide = list(pair.wide)
    for _ in range(2):
        found = simulated(wide[0], wide[1], watched)
        counted[f"{found} {pair.changed}"] += 1
        if found:
            few = compare(systems[0], systems[1], Asked(("x", "y"), watched), LEVELS, True).levels
            for level in ("trace", "outcome"):
                if isinstance(few[level], Fails):
                    wrong.append(f"{seed} {level} {wide[0]}{wide[1]}{few[level]}")
        wide.reverse()
        systems.reverse()
    return wrong, counted


@pytest.mark.parametrize("seed", range(PAIRS))
def test_simulations_over_all_numbers_hold_of_few(seed: int) -> None:
    wrong, _ = unsound_inclusion(seed)
    assert not wrong


@pytest.mark.parametrize(
    ("old", "new", "within"),
    [
        ("x <- e() ; a", "x <- e() ; (a + c(x))", True),
        ("x <- e() ; (a + c(x))", "x <- e() ; a", False),
        # The same runs, of which a simulation shows one half only.
        ("{ x <- e() ; a } + { x <- e() ; c(x) }", "x <- e() ; (a + c(x))", True),
        ("while (x < n) { x <- e() }", "while (x < n) { x <- e() + c(n) }", True),
        ("a ; c(n)", "a || c(n)", True),
        ("a || c(n)", "a ; c(n)", False),
        ("c(n)", "c(n + 1)", False),
    ],
)
def test_refinement_over_any_numbers(old: str, new: str, within: bool) -> None:
    head = """\
workflow w(n: int) {{
  var x: int = 0
  var y: int = 0
  activity a {{ }}
  activity e -> int {{ }}
  activity c(k: int) {{ }}
  run {{ {0} }}
}}
"""
    texts = [head.format(b) for b in (old, new)]
    assert simulated(*texts) is within
    systems = [lower(load_text(t, "s.wf")) for t in texts]
    asked = Asked(size=Size(20_000, 6))
    found = compare(systems[0], systems[1], asked, ("trace",), True).levels["trace"]
    assert isinstance(found, Holds if within else Fails)


LOOP = """\
workflow w(n: int) fails F {{
  requires n >= 0
  var x: int = 0
  var y: int = 0
  activity a(k: int) -> int {{ fails F  ensures result >= k }}
  activity b(k: int) {{ do {{ x := x + k }} }}
  run {{ {body} }}
}}
"""
BODY = "while (y < n) { y <- a(x) ; b(y) } ; if (x > 10) { fail F }"


@pytest.mark.parametrize(
    ("body", "finest"),
    [
        (BODY.replace("x > 10", "not (x <= 10)"), "bisimulation"),
        (BODY.replace("y < n", "n - y >= 1"), "bisimulation"),
        (BODY.replace("b(y) }", "b(y) ; { x := x + 0 } }"), "branching"),
        (BODY.replace("b(y) }", "b(y) ; if (y > 3) { x := x } else { y := y } }"), "branching"),
        (BODY.replace("x > 10", "x >= 10"), None),
        (BODY.replace("b(y)", "b(y + 1)"), None),
        (BODY.replace("y < n", "y <= n"), None),
    ],
)
def test_loops_over_any_numbers(body: str, finest: str | None) -> None:
    systems = [lower(load_text(HEAD + LOOP.format(body=b), "s.wf")) for b in (BODY, body)]
    found = compare(systems[0], systems[1], Asked())
    assert found.finest() == finest
    if finest is None:
        assert isinstance(found.levels["outcome"], Fails)
    else:
        assert all(isinstance(found.levels[n], Holds) for n in LEVELS[LEVELS.index(finest) :])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # internal steps for ever on one side only
        ("{ x := n } ; a", "{ x := n } ; while (x > 0) { x := x + 1 } ; a"),
        ("{ x := 1 } ; c(n)", "while (x == 0) { { y := 0 } + { x := 1 } } ; c(n)"),
        # the first step counts
        ("a", "{ x := x } ; a"),
        # what is answered goes elsewhere
        ("x <- e() ; y <- e()", "y <- e() ; x <- e()"),
        ("x <- e() ; c(x)", "x <- e() ; c(x + 0 * n + 1)"),
        # a choice that comes earlier
        ("x <- e() ; (a + c(x))", "{ x <- e() ; a } + { x <- e() ; c(x) }"),
    ],
)
def test_what_is_not_branching_bisimilar_is_not_proved(old: str, new: str) -> None:
    head = """\
workflow w{args} {{
  var x: int = 0
  var y: int = 0
  activity a {{ }}
  activity e -> int {{ }}
  activity c(k: int) {{ }}
  run {{ {body} }}
}}
"""
    # An argument would be a first step before the first one.
    args = "(n: int)" if "n" in (old + new).split(" ") or "n)" in old + new else ""
    texts = [head.format(args=args, body=b) for b in (old, new)]
    assert coupled(*texts, False) is None and coupled(*texts, True) is None
    assert coupled(texts[0], texts[0], True) is not None


def test_windows_are_the_same_on_both_sides() -> None:
    """Answers within bounds that one declares and the other one ensures."""
    head = "workflow w(n: int) {{ var x: int = 0  activity a -> {0}  run {{ x <- a() ; {1} }} }}"
    texts = [
        head.format("int -1..1 { }", "{ x := x + n }"),
        head.format("int { ensures -1 <= result and result <= 1 }", "{ x := n + x } ; skip"),
    ]
    systems = [lower(load_text(t, "s.wf")) for t in texts]
    for finding in compare(systems[0], systems[1], Asked()).levels.values():
        assert not isinstance(finding, Fails)


def test_a_window_leaves_what_is_not_seen_as_it_is() -> None:
    text = """\
channel inside : int 0..5 capacity 4 unordered
channel outside : int from environment
workflow w {
  var x: int = 0
  activity a -> int { }
  run { send 1 to inside ; x <- a() ; receive x from inside ; receive x from outside }
}
"""
    system = narrowed(lower(load_text(text, "s.wf")), (7, 9))
    bounds = {i.name: (i.lo, i.hi) for r in system.rules for i in r.inputs}
    assert bounds == {"result": (7, 9), "message": (7, 9), "pick": (0, 3)}


OUTCOMES = """\
error F permanent
workflow w(n: int) fails F {{
  requires n > 0
  var x: int = 0
  var y: int = 0
  activity a -> int {{ fails F }}
  activity b -> int {{ ensures result >= 0 }}
  activity c(k: int) -> int {{ }}
  run {{ {body} }}
}}
"""


@pytest.mark.parametrize(
    ("old", "new", "same", "within"),
    [
        ("x <- a() ; y <- b()", "x <- a() || y <- b()", False, True),  # b may end before a fails
        ("x <- a() ; y <- b()", "y <- b() ; x <- a()", False, False),  # a fails first, or late
        ("x <- b() ; y <- c(1)", "y <- c(1) ; x <- b()", True, True),
        ("x <- b() ; x := x + n", "x <- b() ; { x := n + x }", True, True),
        ("x <- b() ; if (x < n) { x := n }", "x <- b() ; if (not (x >= n)) { x := n }", True, True),
        ("x <- b() ; if (x < n) { x := n }", "x <- b() ; if (x <= n) { x := n }", True, True),
        ("x <- b() ; if (x < n) { x := n }", "x <- b() ; if (x > n) { x := n }", False, False),
        ("x <- b() ; y <- b()", "y <- b() ; x <- b()", False, False),
        ("x <- c(n) ; y <- c(n + 1)", "y <- c(1 + n) ; x <- c(n)", True, True),
        ("x <- b()", "{ x <- b() } + { x <- c(n) }", False, True),
        ("x <- b() ; y := 1", "x <- b() ; { { y := 1 } + { y := 2 } }", False, True),
        ("x <- c(n) ; y <- c(x)", "x <- c(n) ; y <- c(x)", False, False),  # x may be n: not known
    ],
)
def test_outcomes_whatever_is_answered(old: str, new: str, same: bool, within: bool) -> None:
    texts = [OUTCOMES.format(body=b) for b in (old, new)]
    assert (answering(*texts) is not None) == same
    assert (answering(*texts, inclusion=True) is not None) == within


def test_places_are_looked_at_only_as_far_as_they_can_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [WIDE.format(" || ".join(order)) for order in ("abcd", "dcba")]
    assert coupled(*texts, True) is not None
    monkeypatch.setattr(symbolic, "MOST_KEPT", 100)
    assert coupled(*texts, True) is None
    left, _ = (side.moves(False) for side in explorers(*texts))
    with pytest.raises(OutOfReach, match="too many to keep"):
        Coupling(left, left, True, 10).run()


def test_moves_end_when_time_is_up() -> None:
    texts = [WIDE.format(" || ".join(order)) for order in ("abcd", "dcba")]
    left, right = (side.moves(False) for side in explorers(*texts))
    with pytest.raises(OutOfReach):
        Coupling(left, right, True, -1.0).run()
    with pytest.raises(OutOfReach, match="places were looked at"):
        left.moves(next(beginnings(left, right)).places[0])
