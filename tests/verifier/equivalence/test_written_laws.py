"""Laws that users write: what is proved of random ones holds of random instances, as a checker
that shares nothing with the proofs finds; and an instance that refutes one does so there, too."""

from __future__ import annotations

import random
import re

import pytest
from lawgen import agree, graphs, random_term
from wfverify.dsl import load_text
from wfverify.dsl.support import callable_in
from wfverify.verifier.equivalence.laws.explore import TooLarge, Unsuitable
from wfverify.verifier.equivalence.laws.needs import candidates, told
from wfverify.verifier.equivalence.laws.prove import LEVELS, Claim, finest
from wfverify.verifier.equivalence.laws.read import read
from wfverify.verifier.equivalence.laws.refute import refuted

SPEC = """\
error E permanent
error F transient
resource m : pool(1)
shared n: int = 0
activity u1 {{ undo v1() }}
activity v1 {{ }}
activity u2 {{ undo v2() }}
activity v2 {{ }}
law it forall p, q : {left} == {right}
workflow w {{ run {{ skip }} }}
"""
# Rewriting at the top of a term: some of it lawful, some not.
MOVES = [
    ("saga { X }", "saga { saga { X } }"),
    ("saga { X }", "X"),
    ("saga { { X ; Y } }", "saga { { saga { X } ; Y } }"),
    ("saga { { X ; Y } }", "saga { { X ; saga { Y } } }"),
    ("saga { { X ; Y } }", "{ saga { X } ; saga { Y } }"),
    ("saga { (X + Y) }", "(saga { X } + saga { Y })"),
    ("saga { (X || Y) }", "(saga { Y } || saga { X })"),
    ("saga { try { X } catch E { Y } }", "try { saga { X } } catch E { Y }"),
    ("saga { if (n > 3) { X } else { Y } }", "if (n > 3) { saga { X } } else { saga { Y } }"),
    ("saga { retry(1 on F) { X } }", "saga { try { X } catch F { X } }"),
    ("saga { { u1 ; { X ; fail F } } }", "saga { { X ; { u1 ; fail F } } }"),
    ("saga { { u1 ; fail F } }", "{ u1 ; { v1 ; fail F } }"),
    ("(X || Y)", "par wait_all { X || Y }"),
    ("par wait_all { X || Y }", "par wait_all { Y || X }"),
    ("par any { X || Y }", "par any { Y || X }"),
    ("par 2 of { X || Y }", "(X || Y)"),
    ("{ X ; { Y ; p } }", "{ { X ; Y } ; p }"),
    ("each i in 0..1 { if (i == 0) { X } else { Y } }", "(X || Y)"),
    ("each i in 0..1 seq { X }", "{ X ; X }"),
    ("within until (n > 3) { X } else { Y }", "within until (not not (n > 3)) { X } else { Y }"),
    ("within 9s { X } else { Y }", "try { within 9s { X } } catch Timeout { Y }"),
    ("while (n > 3) at_most 1 { X }", "if (n > 3) { X }"),
    ("{ wait until (n > 3) ; X }", "{ wait until (not (n <= 3)) ; X }"),
    ("using (m) { { X ; Y } }", "{ using (m) { X } ; using (m) { Y } }"),
    ("using (m) { X }", "using (m) { nocancel { X } }"),
    ("{ { return } ; X }", "{ return }"),
]
AROUND = ["Z", "Z", "saga { { Z ; q } }", "saga { { p ; Z } }", "{ Z ; fail E }", "(Z || u2)"]


def written(rng: random.Random) -> Claim:
    """A random law with what is above, as the spec that says it is read."""
    left, right = rng.choice(MOVES)
    around = rng.choice(AROUND)
    small = ["p", "q", "p", "q", "u1", "skip", "fail E", "{ p ; q }", "saga { p }"]
    x, y = rng.choice(small), rng.choice(small)
    sides = [
        re.sub(r"\bZ\b", lambda _, side=side: side, around)  # type: ignore[misc]
        for side in (left, right)
    ]
    sides = [re.sub(r"\b[XY]\b", lambda m: {"X": x, "Y": y}[m[0]], s) for s in sides]
    if rng.random() < 0.5:
        sides.reverse()
    spec = load_text(SPEC.format(left=sides[0], right=sides[1]), "law.wf")
    (law,) = spec.properties
    kinds = {e.name: e.kind for e in spec.errors}
    return read(law, kinds, callable_in(spec, law))  # type: ignore[arg-type]


def put_in(law: Claim, terms: dict[str, str]) -> list[str]:
    names = {**terms, "test1__": "b", "test2__": "b", "m__": "m"}
    names |= {f"{a}{i}__": f"{a}{i}" for a in "uv" for i in (1, 2)}
    return [re.sub(r"\b\w+__\b", lambda m: names[m[0]], side) for side in (law.left, law.right)]


LIMIT = 400  # states of each side
KEPT = ("fixed", "nothing to undo", "no throw p__", "no throw q__")


@pytest.mark.parametrize("seed", range(2))
def test_what_is_proved_holds_of_instances(seed: int) -> None:
    rng = random.Random(seed)
    tried = undone = told_so = 0
    while tried < 4 or not (undone or told_so):
        law = written(rng)
        if len(law.tests) > 1:  # `n <= 3` is none of `n > 3` here, nor in an instance
            continue
        needs: tuple[str, ...] = ()
        try:
            level = finest(law, limit=LIMIT)
            if not level:
                few = [c for c in candidates(law, "trace") if set(c) <= set(KEPT)]
                needs = next((c for c in few if finest(law, c, LIMIT)), ())
                level = finest(law, needs, LIMIT) if needs else ""
        except (TooLarge, Unsuitable):
            continue
        if level not in LEVELS[:4]:
            continue
        everyone = ["fixed"] if "fixed" in needs else []
        everyone += ["undone"] if law.undoes and "nothing to undo" not in needs else []
        terms = {}
        for p in law.metavariables:
            keeps = [*everyone, "calm"] if f"no throw {p}" in needs else everyone
            terms[p] = random_term(rng, p[0], rng.randint(0, 2), *keeps)
        texts = put_in(law, terms)
        if (found := graphs(texts)) is None:
            continue
        tried += 1
        undone += any(re.search(r"\b[pq][uwl]\b", t) is not None for t in texts)
        told_so += bool(needs)
        assert agree(*found, level), f"{level} {needs}: {texts[0]} and {texts[1]}"
        assert tried < 20


def test_what_refutes_a_law_refutes_it_naively() -> None:
    rng = random.Random(9)
    seen = 0
    while seen < 3:
        law = written(rng)
        if law.timed or len(law.tests) > 1:
            continue
        found = refuted(law, ("trace",), 60).get("trace")
        if found is None or found.beside or found.then:
            continue
        terms = {p: re.sub(r"\b([pq])__", r"\1", t) for p, t in found.terms}
        texts = put_in(law, terms)
        if any("x :=" in t or "test" in t for t in texts) or (both := graphs(texts)) is None:
            continue
        seen += 1
        assert not agree(*both, "trace"), f"{texts[0]} and {texts[1]}"


def test_an_error_that_is_not_named_is_always_there() -> None:
    """Whatever names the law gives to those that it names."""
    named = "".join(f"error {e} permanent " for e in "EFGH")
    spec = load_text(
        f"{named} workflow w fails E {{ run {{ fail E }} }} "
        "law it forall a, b : try { a } catch E, F, G, H { b } == try { a } catch * { b }",
        "law.wf",
    )
    (law,) = spec.properties
    claim = read(law, dict.fromkeys("EFGH", "permanent"), {})  # type: ignore[arg-type]
    assert finest(claim) == ""
    found = refuted(claim, ("trace",))["trace"]
    assert dict(found.terms)["a__"] == "fail G_"


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (("no throw p",), "p raises no error and does not return"),
        (("no throw p", "no throw q"), "p and q raise no error and do not return"),
        (
            ("nothing to undo", "moves p"),
            "nothing that is put in has anything to undo, and p takes a step whenever it is run, "
            "and ends with one",
        ),
    ],
)
def test_conditions_in_words(needs: tuple[str, ...], said: str) -> None:
    assert told(needs) == said
