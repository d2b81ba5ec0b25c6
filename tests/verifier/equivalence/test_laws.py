"""Laws: instances of what is proved hold by naive checkers, and what is kept is found anew."""

from __future__ import annotations

import random
import re
import runpy
from pathlib import Path

import pytest
from lawgen import agree, graphs, random_term
from wfverify.proofs.laws import table
from wfverify.proofs.laws.catalogue import DECLARED, LAWS
from wfverify.verifier.equivalence.laws.answer import UNKNOWN, proved
from wfverify.verifier.equivalence.laws.explore import Changes, Unsuitable, explored
from wfverify.verifier.equivalence.laws.prove import LEVELS, claim, finest, settings, within
from wfverify.verifier.equivalence.laws.refute import (
    Instance,
    differ,
    filled,
    refuted,
    sides,
)
from wfverify.verifier.equivalence.laws.setting import system
from wfverify.verifier.equivalence.lts import Lts
from wfverify.verifier.equivalence.terms import guarded, normal
from wfverify.verifier.equivalence.terms.store import Store

ROOT = Path(__file__).parents[3]
BENCH = runpy.run_path(str(ROOT / "bench" / "laws.py"))
TERMS = runpy.run_path(str(ROOT / "bench" / "terms.py"))
KNOWN = table.proved()
BY_NAME = {law.name: law for law in LAWS}


def test_there_are_enough_laws_and_all_are_known() -> None:
    assert len(LAWS) >= 60
    assert {law.name for law in LAWS} == KNOWN.keys()
    families = {law.family for law in LAWS}
    assert families >= {"sequence", "choice", "parallel", "if", "while", "try", "retry", "within"}
    assert families >= {"saga", "using", "each"}


def test_the_page_shows_what_is_known() -> None:
    page = (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")
    shown = page.split(table.BEGIN)[1].split(table.END)[0]
    assert shown.strip() == table.table().strip(), "python bench/laws.py --page"


@pytest.mark.parametrize(
    "name",
    [
        "seq-assoc",
        "seq-fail-right",
        "choice-comm",
        "choice-stuck",
        "par-skip",
        "if-not",
        "if-same",
        "while-unfold",
        "try-fail",
        "try-rethrow",
        "try-no-throw",
        "retry-fail",
        "saga-plain",
        "saga-undo-order",
        "nocancel-plain",
        "using-skip",
        "each-one",
        "within-seq",
        "seq-commute",
    ],
)
def test_laws_are_proved_and_refuted_anew(name: str) -> None:
    found = BENCH["found"](BY_NAME[name])
    assert found == {k: v for k, v in _lists(KNOWN[name]).items() if k in found}


def _lists(entry: dict[str, object]) -> dict[str, object]:
    holds = [{**h, "needs": tuple(h["needs"])} for h in entry["holds"]]  # type: ignore[attr-defined]
    return {**entry, "holds": holds}


def test_normal_forms_use_laws_where_they_are_proved() -> None:
    for name, finest_level in normal.LAWS.items():
        level = "bisimulation" if finest_level == "strong" else finest_level
        assert table.holds(KNOWN[name], level), f"{name} under {level}"


def test_what_is_said_of_sagas_is_proved() -> None:
    for name, finest_level in normal.IN_SAGAS.items():
        level = "bisimulation" if finest_level == "strong" else finest_level
        assert KNOWN[name]["undone"] == level, name


@pytest.mark.parametrize("name", ["seq-skip-right", "seq-stuck-left", "choice-stuck", "if-true"])
def test_laws_are_proved_in_sagas_anew(name: str) -> None:
    anywhere = KNOWN[name]["holds"][0]["anywhere"]
    assert BENCH["in_sagas"](BY_NAME[name], anywhere, 6_000) == KNOWN[name]["undone"]


def test_left_distribution_has_two_answers() -> None:
    law = claim("p ; { q + r }", "p ; q + p ; r")
    assert finest(law) == "trace"
    instance = Instance((("p", "p1"), ("q", "q1"), ("r", "r1")))
    assert [differ(*sides(law, instance), level) for level in LEVELS[:4]] == [True] * 3 + [False]


def test_what_is_false_is_not_proved() -> None:
    for left, right in [
        ("p ; q", "q ; p"),
        ("p || q", "p ; q"),
        ("try { p } catch E { h }", "p"),
        ("while (b) { p }", "if (b) { p }"),
        ("p + q", "p"),
        ("if (b) { p } else { q }", "if (c) { p } else { q }"),
        ("retry(1) { p }", "retry(2) { p }"),
        ("using (m) { p }", "using (n) { p }"),
        ("try { p } finally { q }", "p ; q"),
        ("p ; if (b) { q } else { r }", "if (b) { p ; q } else { p ; r }"),
    ]:
        assert finest(claim(left, right)) == "", f"{left} == {right}"
    assert finest(within(claim("nocancel { p }", "p"), "{ { X } || y } ; z")) == ""


@pytest.mark.parametrize("seed", range(3))
def test_guarded_terms_mean_what_the_rules_mean(seed: int) -> None:
    """What the engine of guarded terms says YES to is proved from the rules, as it says."""
    rng = random.Random(seed)
    seen = set()
    for _ in range(12):
        s = Store()
        left = guarded_term(s, rng, rng.randint(1, 4))
        right = TERMS["shuffled"](s, rng, left)
        found = guarded.compare(s, left, right)
        if not isinstance(found, guarded.Same) or found.silent or left == right:
            continue
        law = claim(*(s.show(t, 9_999).replace("never", "s") for t in (left, right)))
        moves = tuple(f"moves {p}" for p in law.metavariables)
        if found.rounds:
            assert finest(law, ("nothing beside", *moves)) in LEVELS[:2], f"{law}"
        else:
            assert finest(law, moves) == "bisimulation", f"{law}"
        seen.add(found.rounds)
    assert seen


def guarded_term(s: Store, rng: random.Random, n: int) -> int:
    if n <= 0:
        return rng.choice([s.skip, s.stuck, s.fail("E"), *map(s.act, "pqpq")])
    left = rng.randint(0, n - 1)
    p, q = guarded_term(s, rng, left), guarded_term(s, rng, n - 1 - left)
    b = s.test(rng.choice("bc"))
    return rng.choice([s.seq(p, q), s.seq(p, q), s.if_(b, p, q), s.while_(b, s.seq(p, s.act("q")))])


# --- instances, by checkers that share nothing with the proofs ---------------------------------


# Laws with side conditions that random terms can be made to keep, without limits of time.
KEPT = ("fixed", "no throw p", "no throw q", "no throw r", "no throw h", "nothing to undo")
PLAIN = [
    (law, entry)
    for law in LAWS
    for entry in KNOWN[law.name]["holds"]
    if entry["alone"] in LEVELS[:4] and set(entry["needs"]) <= set(KEPT)
    if "9s" not in law.left + law.right
]
WHERE = ["X", "{ X } ; z1", "{ { X } || zx } ; z1", "{ X } + z1", "try { X } catch * { z1 }"]
# Where a saga may have to undo what the terms do.
IN_SAGAS = ["saga { { X } ; zx }", "saga { { { X } || zx } ; z1 }", "saga { { X } || { zu ; zx } }"]
IN_SAGAS += ["saga { try { X } catch * { zu } ; zx }", "saga { zu ; { X } ; fail E }", *WHERE]


def instance(
    rng: random.Random, left: str, right: str, where: str, needs: list[str] | None = None
) -> list[str]:
    """Both sides with random terms, in a context."""
    of = claim(left, right)
    given = needs or []
    undone = of.undoes and "nothing to undo" not in given
    everyone = [*(["fixed"] if "fixed" in given else []), *(["undone"] if undone else [])]
    terms = {}
    for p in of.metavariables:
        keeps = [*everyone, "calm"] if f"no throw {p}" in given else everyone
        terms[p] = random_term(rng, p, rng.randint(0, 2), *keeps)
    put_in = (re.sub(r"\b[pqrshk]\b", lambda m: terms[m[0]], x) for x in (of.left, of.right))
    return [where.replace("X", side) for side in put_in]


@pytest.mark.parametrize("seed", range(4))
def test_instances_of_laws_hold(seed: int) -> None:
    rng = random.Random(seed)
    tried = 0
    while tried < 45:
        law, entry = rng.choice(PLAIN)
        where = rng.choice(WHERE) if entry["anywhere"] in LEVELS else "X"
        level = entry["anywhere"] if where != "X" else entry["alone"]
        texts = instance(rng, law.left, law.right, where, entry["needs"])
        if (found := graphs(texts)) is not None:
            tried += 1
            assert agree(*found, level), f"{law.name} under {level}: {texts[0]} and {texts[1]}"


# Sagas around any terms, and what they may have to undo.
SAGAS = [(law, entry) for law, entry in PLAIN if law.family == "saga"]


@pytest.mark.parametrize("seed", range(6))
def test_instances_of_sagas_hold(seed: int) -> None:
    rng = random.Random(seed)
    tried = undone = 0
    while tried < 40:
        law, entry = rng.choice(SAGAS)
        everywhere = IN_SAGAS if "nothing to undo" not in entry["needs"] else WHERE
        where = rng.choice(everywhere) if entry["anywhere"] in LEVELS else "X"
        level = entry["anywhere"] if where != "X" else entry["alone"]
        texts = instance(rng, law.left, law.right, where, entry["needs"])
        if (found := graphs(texts)) is not None:
            tried += 1
            undone += any(re.search(r"\b[pqhz][uwl]\b", t) is not None for t in texts)
            assert agree(*found, level), f"{law.name} under {level}: {texts[0]} and {texts[1]}"
    assert undone >= 5


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("saga { p }", "p"),
        ("saga { p ; q }", "saga { q ; p }"),
        ("saga { p ; q }", "saga { p } ; saga { q }"),
        ("saga { saga { p } ; q }", "saga { p } ; saga { q }"),
        ("saga { p ; saga { q } }", "saga { p } ; saga { q }"),
        ("saga { p ; fail F }", "saga { p } ; fail F"),
        ("saga { p || q }", "saga { p ; q }"),
        ("saga { u1 ; u2 ; fail F }", "u1 ; u2 ; v1 ; v2 ; fail F"),
        ("saga { u1 ; p }", "u1 ; saga { p }"),
        ("saga { u1 ; p ; fail F }", "u1 ; saga { p ; fail F } ; v1"),
        ("saga { saga { p } || q }", "saga { p || q }"),
        ("try { saga { p } } catch * { h }", "saga { try { p } catch * { h } }"),
    ],
)
def test_sagas_that_undo_something_else_are_told_apart(left: str, right: str) -> None:
    """None is proved, and the instance that refutes each is one for a naive checker, too."""
    law = claim(left, right, DECLARED)
    assert finest(law) == ""
    found = refuted(law, LEVELS)
    assert "trace" in found
    terms = dict(found["trace"].terms)
    texts = [re.sub(r"\b[pqh]\b", lambda m: terms[m[0]], t) for t in (left, right)]
    both = graphs(texts)
    assert both is not None and not agree(*both, "trace"), f"{found['trace']}"


# Laws without a saga, where one may have to undo what is put in.
@pytest.mark.parametrize("seed", range(3))
def test_instances_in_sagas_hold(seed: int) -> None:
    rng = random.Random(seed)
    tried = 0
    while tried < 12:
        name = rng.choice(sorted(n for n in KNOWN if KNOWN[n].get("undone") in LEVELS[:4]))
        law, level = BY_NAME[name], KNOWN[name]["undone"]
        of = claim(law.left, law.right)
        terms = {p: random_term(rng, p, rng.randint(0, 1), "undone") for p in of.metavariables}
        put_in = [
            re.sub(r"\b[pqrshk]\b", lambda m: terms[m[0]], side)  # noqa: B023
            for side in (of.left, of.right)
        ]
        where = rng.choice(IN_SAGAS[:5])
        texts = [where.replace("X", side) for side in put_in]
        if (found := graphs(texts)) is not None:
            tried += 1
            assert agree(*found, level), f"{name} under {level}: {texts[0]} and {texts[1]}"


def test_a_saga_asks_for_an_undo_on_both_sides_or_rounds_have_other_steps() -> None:
    """A round of a loop in `p` ends with a step of its own in a saga."""
    needs = ("nothing to undo", "no throw p")
    assert finest(claim("saga { p }", "p"), needs) == "branching"
    assert finest(claim("saga { skip } ; p", "p"), needs) == "bisimulation"


def test_runs_that_are_undone_are_numbered() -> None:
    """Two runs of one process may have something to undo: which of them is undone is seen."""
    law = claim("saga { p ; p ; fail F }", "skip")
    (setting, *_) = [s for s in settings(law, ()) if s.open["p"].undo]
    (lts, *_) = explored(system(setting, law.left), setting, Changes())
    said = {name for name in lts.labels if ": undo start to run" in name}
    assert said == {f"p: undo start to run, of run {n}" for n in (1, 2)}
    begun = {name.split(", ")[-1] for name in lts.labels if ": start " in name}
    assert begun == {"run 1", "run 2"}
    # The first is undone after the second.
    last = {t for s, a, t in edges(lts) if a == "p: undo start to end, of run 1"}
    assert not [a for s, a, _ in edges(lts) if s in last and "of run 2" in a]


def edges(lts: Lts) -> list[tuple[int, str, int]]:
    return [
        (s, lts.labels[a], t) for s, a, t in zip(lts.source, lts.label, lts.target, strict=True)
    ]


# What earlier attempts have done is undone after what the last one has.
RETRIED = [
    ("saga { retry(1 on E) { p } }", "saga { try { p } catch E { p } }", "branching"),
    ("saga { retry(1 on E) { saga { p } } }", "retry(1 on E) { saga { p } }", "branching"),
    ("saga { retry(1 on E) { p } ; fail F }", "saga { retry(1 on E) { p } ; fail F }", LEVELS[0]),
    ("saga { retry(1) { p } ; fail E }", "saga { try { p } catch F { p } ; fail E }", ""),
]


@pytest.mark.parametrize(("left", "right", "level"), RETRIED)
def test_attempts_are_undone_one_by_one(left: str, right: str, level: str) -> None:
    assert finest(claim(left, right)) == level
    rng = random.Random(left)
    tried = 0
    while level and tried < 12:
        texts = instance(rng, left, right, rng.choice(IN_SAGAS[:1]) if tried % 2 else "X")
        if (found := graphs(texts)) is not None:
            tried += 1
            assert agree(*found, "branching"), f"{texts[0]} and {texts[1]}"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (
            "saga { retry(1 on E) { p } ; fail F }",
            "saga { try { saga { p } } catch E { p } ; fail F }",
        ),
        ("saga { retry(2 on E) { p } ; fail F }", "saga { retry(1 on E) { p } ; fail F }"),
    ],
)
def test_attempts_that_are_undone_otherwise_are_told_apart(left: str, right: str) -> None:
    assert finest(claim(left, right)) == ""
    assert "trace" in refuted(claim(left, right), LEVELS)


def test_what_is_undone_round_by_round_is_not_known() -> None:
    law = claim("saga { while (b) { p } }", "saga { while (b) { p } }")
    with pytest.raises(Unsuitable):
        finest(law)
    assert finest(law, ("nothing to undo",)) == "bisimulation"
    # Outside of a saga rounds are not counted.
    assert finest(claim("while (b) { saga { p } }", "while (b) { saga { p } }")) == "bisimulation"


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("p ; { q + r }", "p ; q + p ; r", "failures"),
        ("try { p ; q } catch * { h }", "p ; try { q } catch * { h }", "trace"),
        ("nocancel { p }", "p", "trace"),
        ("p ; if (b) { q } else { r }", "if (b) { p ; q } else { p ; r }", "trace"),
    ],
)
def test_instances_of_what_is_no_law_fail(left: str, right: str, level: str) -> None:
    rng = random.Random(1)
    texts = (instance(rng, left, right, WHERE[2]) for _ in range(400))
    found = (g for t in texts if (g := graphs(t)) is not None)
    assert any(not agree(*g, level) for g in found)


def test_limits_are_ordered_by_when_they_began() -> None:
    def finds(left: str, right: str, *needs: str) -> str:
        return proved(claim(left, right), needs, 60_000)

    inner = "within 5s { within 9s { p } else { h } } else { h }"
    assert finds(inner, "within 5s { p } else { h }") == "bisimulation"
    # The other way round both may strike.
    outer = "within 9s { within 5s { p } else { h } } else { h }"
    assert finds(outer, "within 5s { p } else { h }") == ""
    assert finds("within 9s { p || q }", "within 9s { p } || within 9s { q }") == UNKNOWN
    both = "moves p", "moves q"
    assert (
        finds("within 9s { p || q }", "within 9s { p } || within 9s { q }", *both) == "bisimulation"
    )
    # A limit that begins with a test begins anew with it.
    tested = "if (b) { within 9s { p } } else { within 9s { p } }"
    assert finds(tested, "within 9s { p }") == ""


def test_limits_are_refuted_by_timed_runs() -> None:
    law = claim("within 9s { p + q }", "within 9s { p } + within 9s { q }")
    assert set(refuted(law, LEVELS)) == set(LEVELS)
    law = claim("within 9s { p }", "within 9s { p } else { fail Timeout }")
    assert set(refuted(law, LEVELS)) == {"bisimulation"}


# A part that may be passed is passed at one time and not at another: a join that is a step asks
# before what follows does.
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("par any { p }", "p"),
        ("par 1 of { p }", "p"),
        ("par any { p ; q }", "{ par any { p } } ; { par any { q } }"),
        ("par any { p ; q }", "{ par any { p } } ; q"),
    ],
)
def test_what_may_be_passed_for_a_time_only_tells_them_apart(left: str, right: str) -> None:
    """The instance is one for a naive checker, too."""
    law = claim(left, right)
    assert finest(law) == ""
    found = refuted(law, LEVELS)
    assert set(found) == set(LEVELS)
    texts = [filled(side, found["trace"]) for side in (left, right)]
    assert all("x > 1" in t for t in texts)
    tested = [t.replace("x > 1", "b").replace("{ x := x + 1 }", "{ b := not b }") for t in texts]
    if "x" in "".join(tested):
        return  # (what is in data at the end is not seen by the naive one)
    both = graphs(tested)
    assert both is not None and not agree(*both, "trace"), tested
    calm = graphs([t.split(" || ")[0] for t in tested])
    assert calm is not None and agree(*calm, "trace")


# A process that steps where another one stands has passed it, also where it raises an error that
# cancels others.
FRAMED = [
    ("each i in 1..1 { p ; q }", "{ each i in 1..1 { p } } ; q", "branching"),
    ("each i in 1..1 { p ; q }", "p ; q", "branching"),
    ("{ each i in 1..1 { p ; q } } ; r", "p ; { q ; r }", "branching"),
    ("each i in 1..2 { if (i == 1) { p ; q } else { r } }", "{ p ; q } || r", "bisimulation"),
]


@pytest.mark.parametrize(("left", "right", "level"), FRAMED)
def test_what_is_passed_is_not_cut_off(left: str, right: str, level: str) -> None:
    assert finest(claim(left, right)) == level
    rng = random.Random(left)
    tried = 0
    while tried < 12:
        texts = instance(rng, left, right, rng.choice(WHERE[:3]))
        if (found := graphs(texts)) is not None:
            tried += 1
            assert agree(*found, level), f"{texts[0]} and {texts[1]}"
