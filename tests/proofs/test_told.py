"""What a piece of evidence tells, where data have very many values: against all that two do."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from equivgen import Pair
from wfverify.dsl import load_text
from wfverify.proofs import states
from wfverify.proofs.behaviour import Behaviour, both
from wfverify.proofs.differing import differ
from wfverify.proofs.facts import Open, Wrong
from wfverify.proofs.told import as_told
from wfverify.semantics.claimed import Side
from wfverify.semantics.evidence import Differing
from wfverify.semantics.lower import lower
from wfverify.semantics.observing import View, in_both
from wfverify.verifier.equivalence.evidence import told
from wfverify.verifier.equivalence.findings import LEVELS, Asked, Fails
from wfverify.verifier.equivalence.workflows import compare

SPEC = """\
error E permanent
channel mail : int 0..3 from environment
workflow w{args} fails E {{
  var x: int 0..3 = 0
  var y: bool = false
  activity a {{ }}
  activity c(k: int 0..3) -> int 0..3 {{ fails E }}
  activity d -> int 0..3 {{ ensures result != x }}
  run {{ {body} }}
}}
"""
STEPS = (
    "a",
    "x <- c(x)",
    "x <- d()",
    "receive x from mail",
    "x := (x + 1) % 4",
    "if (x > 1) { a } else { x <- d() }",
    "while (x > 1) { x := x - 1 ; a }",
    "(a || x <- d())",
    "(a + x <- c(2))",
    "try { x <- c(1) } catch E { a }",
    "skip",
)


def shown(level: str, sides: tuple[Behaviour, Behaviour], evidence: Differing) -> bool | None:
    """None: that is not said."""
    try:
        differ("equivalent", level, *sides, evidence)
    except Wrong:
        return False
    except Open:
        return None
    return True


def of_data(seed: int) -> tuple[str, str]:
    rng = random.Random(seed)
    steps = rng.choices(STEPS, k=rng.randint(1, 3))
    other = list(steps)
    other[rng.randrange(len(other))] = rng.choice(STEPS)
    if rng.random() < 0.3:
        rng.shuffle(other)
    args = "(n: int 0..3)" if rng.random() < 0.5 else ""
    if args:
        steps.insert(0, "x := n")
        other.insert(0, rng.choice(("x := n", "x := n", "x := (n + 1) % 4")))
    one, two = (SPEC.format(args=args, body=" ; ".join(s)) for s in (steps, other))
    return one, two


def altered(e: Differing, rng: random.Random) -> list[Differing]:
    """Some of which still show something."""
    out = [replace(e, whose="second" if e.whose == "first" else "first")]

    def other(text: str) -> str:
        return "".join(rng.choice("0123") if c.isdigit() else c for c in text)

    out.append(replace(e, run=e.run[:-1]))
    out.append(replace(e, run=tuple(map(other, e.run)), arguments=other(e.arguments)))
    out.append(replace(e, refused=tuple(map(other, e.refused)), outcome=other(e.outcome)))
    out.append(replace(e, answers=tuple((a, n, other(w)) for a, n, w in e.answers)))
    out.append(replace(e, answers=e.answers[1:]))
    out.append(replace(e, formula=tuple((op, other(n), kids) for op, n, kids in e.formula)))
    return out


@pytest.mark.parametrize("texts", ["of data", "of all forms"])
def test_it_shows_the_same(texts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[str] = Counter()
    for seed in range(60):
        pair = of_data(seed) if texts == "of data" else (Pair(seed).old, Pair(seed).new)
        systems = [lower(load_text(t, "s.wf")) for t in pair]
        found = compare(*systems, Asked())
        view = View(in_both(*systems))
        sides = Side(systems[0], view), Side(systems[1], view)
        every = both(*sides)
        for level in LEVELS:
            finding = found.levels[level]
            if not isinstance(finding, Fails) or (evidence := told(finding)) is None:
                continue
            for e in (evidence, *altered(evidence, random.Random(seed))):
                if not (e.formula or e.run or e.answers or e.outcome):
                    continue
                known = shown(level, every, e)
                with monkeypatch.context() as patch:
                    patch.setattr(states, "MOST_VALUES", 1)
                    try:
                        near = as_told(*sides, e)
                    except Wrong:
                        counted["not looked at"] += 1
                        continue
                    said = shown(level, near, e)
                assert said is None or known is None or said is known, (seed, level, e, pair)
                counted[f"{e.how} {said}"] += 1
    if texts == "of data":
        for how in ("run", "refusal", "outcome", "formula"):
            assert counted[f"{how} True"] > 10, counted
        assert sum(n for k, n in counted.items() if k.endswith("False")) > 100, counted
        assert (
            counted["not looked at"] + sum(n for k, n in counted.items() if k.endswith("None"))
            < sum(counted.values()) / 5
        ), counted


ANY = """\
channel mail : int {where}
workflow w{args} {{
  var x: int = 0
  activity a(k: int) {{ }}
  activity c -> int {{ }}
  activity big -> int {{ ensures result > 100 }}
  run {{ {body} }}
}}
"""


def of_any(one: str, other: str, e: Differing, level: str = "trace", **more: str) -> bool | None:
    values = {"where": "from environment", "args": ""} | more
    systems = [lower(load_text(ANY.format(body=t, **values), "s.wf")) for t in (one, other)]
    view = View(in_both(*systems), hide=frozenset(("c",)) if "hide" in more else frozenset())
    try:
        near = as_told(Side(systems[0], view), Side(systems[1], view), e)
    except Wrong:
        return None
    return shown(level, near, e)


def test_data_without_bounds() -> None:
    run = Differing("run", "first", ("start c", "c ends with 41", "start a(42)"))
    assert of_any("x <- c() ; a(x + 1)", "x <- c() ; a(x)", run) is True
    assert of_any("x <- c() ; a(x + 1)", "x <- c() ; a(1 + x)", run) is False
    # By an answer that is not told the other one has no such run either.
    assert of_any("x <- c() ; a(x + 1)", "x <- c() ; if (x < 9) { a(42) }", run) is True
    assert of_any("x <- c() ; a(42)", "x <- c() ; if (x > 9) { a(42) }", run) is False
    got = Differing("run", "first", ("receive -7 from mail", "start a(7)"))
    assert of_any("receive x from mail ; a(0 - x)", "receive x from mail ; a(x)", got) is True
    assert of_any("receive x from mail ; a(7)", "receive x from mail ; a(0 - x)", got) is False


def test_what_is_not_told_is_not_taken() -> None:
    # What it begins with.
    run = Differing("run", "first", ("start a(1)",))
    assert of_any("a(1)", "a(n)", run, args="(n: int)") is None
    begun = replace(run, run=("begin with n = 5", *run.run))
    assert of_any("a(1)", "a(n)", begun, args="(n: int)") is True
    assert of_any("a(1)", "if (n > 4) { a(1) }", begun, args="(n: int)") is False
    # An answer that nobody sees.
    unseen = Differing("run", "first", ("start a(1)",))
    assert of_any("a(1)", "x <- c() ; a(x)", unseen, hide="c") is None
    # What is answered.
    end = Differing(
        "outcome", "first", ("start c", "c ends with 3"), outcome="completes with x = 3"
    )
    assert of_any("x <- c()", "x <- c() ; x := 0", end, "outcome") is None
    said = replace(end, answers=(("c", 1, "ends with 3"),))
    assert of_any("x <- c()", "x <- c() ; x := 0", said, "outcome") is True
    assert of_any("x <- c()", "x <- c() ; x <- c()", said, "outcome") is None
    assert of_any("x <- c()", "x <- c() ; if (x != 3) { x := 0 }", said, "outcome") is False
    # (None that is written there can be the answer.)
    assert of_any("x <- c()", "x <- c() ; { x <- big() ; x := 3 }", said, "outcome") is None


def test_a_state_is_found_when_it_is_asked_for() -> None:
    count = "x <- c() ; while (true) { x := x + 1 ; a(x) }"
    run = Differing("run", "first", ("start c", "c ends with 5", "start a(6)"))
    assert of_any(count, count.replace("x + 1", "x + 2"), run) is True
    assert of_any("while (true) { x := x + 1 }", "a(2)", replace(run, run=("start a(2)",))) is None
