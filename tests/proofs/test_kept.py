"""Values that tests keep: relations of the engine are taken, those that rest on others are not."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from guarded_terms import random_term
from wfverify.cli.rechecking_pairs import Options, Pair
from wfverify.dsl import ast, load_text
from wfverify.proofs.check import Answer
from wfverify.proofs.facts import Wrong
from wfverify.proofs.merged import merged
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.claimed import UNDER, Terms
from wfverify.semantics.evidence import Derivation, Evidence, Merged, Part
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.differing import differing
from wfverify.verifier.equivalence.behaviour import Size
from wfverify.verifier.equivalence.findings import Asked, Fails
from wfverify.verifier.equivalence.terms import why
from wfverify.verifier.equivalence.terms.images import Change
from wfverify.verifier.equivalence.terms.store import Op, Store
from wfverify.verifier.equivalence.terms.tests import Conditions
from wfverify.verifier.equivalence.workflows import compare

SPEC = """\
error E permanent
workflow w fails E {{
  var x: bool = false
  var y: bool = false
  var n: int = 0
  activity a {{ }}
  activity b(k: bool) {{ fails E }}
  activity c -> bool {{ }}
  activity up {{ do {{ n := n + 1 }} }}
  run {{ {} }}
}}
"""
PAIRS = [  # with the finest that is shown
    ("if (x) { a }", "skip", "bisimulation"),
    ("x := true ; a ; if (x) { a } else { b(y) }", "x := true ; a ; a", "bisimulation"),
    ("x <- c() ; if (x) { a ; if (x) { a } }", "x <- c() ; if (x) { a ; a }", "bisimulation"),
    ("n := 5 ; a ; if (n > 3) { a } else { b(x) }", "n := 5 ; a ; a", "bisimulation"),
    (
        "x <- c() ; while (x) { while (x) { x <- c() } ; a }",
        "x <- c() ; if (x) { x <- c() ; while (x) { x <- c() } ; a }",
        "bisimulation",
    ),
    ("x <- c() ; y := x ; a ; if (x and not y) { a }", "x <- c() ; y := x ; a", "bisimulation"),
    ("x <- c() ; y := not x ; if (x or y) { a }", "x <- c() ; y := not x ; a", "bisimulation"),
    ("while (not x) { x := true ; skip }", "x := true", "failures"),
]


def terms(left: str, right: str, spec: str = SPEC) -> Terms:
    found = differing(*(load_text(spec.format(t), "w.wf") for t in (left, right)))
    assert found is not None
    (one,) = found
    return one


def evidence(of: Terms) -> Merged:
    found = why.merged(of)
    assert found is not None and found.kept
    return found


def shows(of: Terms, under: str, evidence: Merged) -> bool:
    try:
        merged(of, under, evidence, Solvers(second=False))
    except (Wrong, IndexError, KeyError, TypeError):
        return False
    return True


@pytest.mark.parametrize(("left", "right", "finest"), PAIRS)
def test_relations_of_the_engine_are_taken(left: str, right: str, finest: str) -> None:
    of = terms(left, right)
    found = evidence(of)
    shown = [under for under in UNDER if shows(of, under, found)]
    assert shown == list(UNDER[UNDER.index(finest) :])
    # Of these alone it is known that nothing else writes their data.
    assert not shows(replace(of, alone=False, steps=lambda taken: None), "outcome", found)


@pytest.mark.parametrize(("left", "right", "finest"), PAIRS)
def test_what_is_left_out_or_changed_is_found(left: str, right: str, finest: str) -> None:
    of = terms(left, right)
    found = evidence(of)
    whatever = tuple((one, other) for one, other, _, _ in found.kept)
    assert not shows(of, "outcome", replace(found, pairs=(*found.pairs, *whatever)))
    for n, (one, other, true, false) in enumerate(found.kept):
        before, behind = found.kept[:n], found.kept[n + 1 :]
        assert not shows(of, "outcome", replace(found, kept=(*before, *behind)))
        for label in (*true, *false):
            turned = tuple({*true} ^ {label}), tuple({*false} ^ {label})
            here = (*before, (one, other, *turned), *behind)
            assert not shows(of, "outcome", replace(found, kept=here))
        named = (*before, (one, other, (*true, "m > 0"), false), *behind)
        assert not shows(of, "outcome", replace(found, kept=named))


@pytest.mark.parametrize(
    ("old", "new", "pair"),
    [
        ("var x: bool = false", "var x: bool = true", 0),
        ("var x: bool = false", "shared_x", 0),
        ("activity a { }", "activity a { do { x := y } }", 1),
        ("activity a { }", "activity a { writes x }", 1),
        ("activity a { }", "activity a { do { n := n - 2 } }", 3),
    ],
)
def test_of_other_data_it_shows_nothing(old: str, new: str, pair: int) -> None:
    left, right, _ = PAIRS[pair]
    found = evidence(terms(left, right))
    spec = SPEC.replace("{{", "{").replace("}}", "}")
    assert old in spec
    if new == "shared_x":  # an argument: it begins with any value
        spec = spec.replace("workflow w", "workflow w(x: bool)").replace(old, "")
    changed = spec.replace(old, new).replace("{", "{{").replace("}", "}}").replace("{{}}", "{}")
    assert not shows(terms(left, right, changed), "outcome", found)


# --- against all states ------------------------------------------------------------------------

WORDS = {"a": "{ x := not y }", "b": "flip", "c": "{ z <- c() }"}
SMALL = """\
error E permanent
workflow w fails E {{
  var x: bool = {x}
  var y: bool = {y}
  var z: bool = false
  activity flip {{ fails E  do {{ y := not x }} }}
  activity c -> bool {{ }}
  run {{ {body} }}
}}
"""


def text(s: Store, t: int) -> str:
    kids = [text(s, k) for k in s.kids[t]]
    match s.op[t]:
        case Op.SEQ:
            return "{ " + " ; ".join(kids) + " }"
        case Op.IF:
            return f"if ({kids[0]}) {{ {kids[1]} }} else {{ {kids[2]} }}"
        case Op.WHILE:
            return f"while ({kids[0]}) {{ {kids[1]} }}"
        case Op.AND | Op.OR as op:
            return "(" + f" {op} ".join(kids) + ")"
        case Op.NOT:
            return f"not ({kids[0]})"
        case Op.STUCK:
            return "wait until (false)"
        case Op.FAIL:
            return "fail E"
        case Op.ACT:
            return WORDS[s.label[t]]
    return s.label[t] or str(s.op[t])


def pair(seed: int) -> tuple[ast.Spec, ast.Spec]:
    rng = random.Random(seed)
    s = Store()
    one = random_term(s, rng, rng.randint(2, 6))
    before, other = (random_term(s, rng, rng.randint(0, 3)) for _ in range(2))
    both = [s.seq(before, one), s.seq(before, other)]
    if rng.random() < 0.7:  # where the two part there is a test in front
        test = s.test(rng.choice("xyz"))
        both[1] = s.seq(before, s.if_(test, one, other))
    values = {v: str(rng.random() < 0.5).lower() for v in "xy"}
    texts = [SMALL.format(body=text(s, t), **values) for t in both]
    return load_text(texts[0], "w.wf"), load_text(texts[1], "w.wf")


def hopeful(rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that takes tests to be kept, or to begin with values, as they are not."""
    start = Conditions.at_start
    how = rng.randrange(4)
    if how == 1:
        monkeypatch.setattr(Conditions, "change", lambda self, updates, steady: Change())
    if how == 2:
        wrong = Change(frozenset(), {"x": ("y", True), "y": True})
        monkeypatch.setattr(Conditions, "change", lambda self, updates, steady: wrong)
    if how == 3:

        def turned(self: Conditions, labels: object) -> tuple[tuple[str, bool], ...]:
            return tuple((n, not v) for n, v in start(self, labels))  # type: ignore[arg-type]

        monkeypatch.setattr(Conditions, "at_start", turned)


def test_what_an_engine_that_errs_claims_is_not_taken() -> None:
    seen: Counter[str] = Counter()
    for seed in range(250):
        specs = pair(seed)
        with pytest.MonkeyPatch.context() as patch:
            hopeful(random.Random(seed), patch)
            found = differing(*specs)
            if not found:
                continue
            claimed = why.merged(found[0])
        if claimed is None or not claimed.kept:
            continue
        shown = [under for under in UNDER if shows(found[0], under, claimed)]
        said = compare(*map(lower, specs), Asked(size=Size(5_000, 5.0)))
        for under in shown:
            assert not isinstance(said.levels[under], Fails), (seed, under, specs[1].source)
        same = not isinstance(said.levels[shown[0] if shown else "outcome"], Fails)
        seen[f"{'taken' if shown else 'refused'}, {'same' if same else 'not the same'}"] += 1
    assert seen["taken, same"] > 20 and seen["refused, not the same"] > 10, seen


# --- several workflows -------------------------------------------------------------------------

BOTH = """\
shared go: bool = false
workflow one {{ activity a {{ }}  activity b {{ }}  run {{ {} }} }}
workflow two {{ activity a {{ }}  activity b {{ }}  run {{ {} }} }}
system {{ one two }}
"""


def claimed(
    old: tuple[str, str], new: tuple[str, str], *evidence: Evidence, under: str = "trace"
) -> Answer:
    specs = load_text(BOTH.format(*old), "old.wf"), load_text(BOTH.format(*new), "new.wf")
    checker = Pair(("old.wf", "new.wf"), specs, Options()).checker(
        "equivalent", under, Solvers(second=False)
    )
    claim = checker.claim("equivalent", under, "error", "PROVED")
    return checker.judged(claim, [Part(e) for e in evidence]).answer


def shown_by(left: str, right: str) -> Derivation | Merged:
    specs = (load_text(BOTH.format(t, "skip"), "w.wf") for t in (left, right))
    (of,) = differing(*specs) or ()
    return next(why.evidence(of, "trace"))


def test_each_pair_of_terms_is_shown() -> None:
    old, new = ("a ; skip", "a"), ("skip ; a", "b")
    first = shown_by(old[0], new[0])
    assert claimed(old, (new[0], "skip ; a"), first, shown_by("a", "skip ; a")) is Answer.VALID
    # That the first two are the same says nothing of the other two.
    assert claimed(old, new, first) is Answer.INVALID
    assert claimed(old, new, first, first) is Answer.INVALID
    assert claimed(old, (new[0], "a"), first, first) is Answer.INVALID


def test_a_loop_beside_what_writes_its_test_is_not_shown() -> None:
    def of(one: str, other: str, beside: str, under: str) -> tuple[Answer, Answer]:
        left, right = (BOTH.format(t, beside) for t in (one, other))
        (here,) = differing(load_text(left, "w.wf"), load_text(right, "w.wf")) or ()
        found = why.merged(here)
        assert found is not None and not here.alone
        by_itself = Answer.VALID if shows(replace(here, alone=True), under, found) else Answer.HOLEY
        return claimed((one, beside), (other, beside), found, under=under), by_itself

    loop = "while (true) { if (go) { a } }"
    rounds = loop, "while (true) { if (go) { a ; if (go) { a } } }"
    assert of(*rounds, "go := not go", "failures") == (Answer.INVALID, Answer.VALID)
    steps = "while (go) { a }", "if (go) { a ; while (go) { a } }"
    assert of(*steps, "go := not go", "bisimulation") == (Answer.VALID, Answer.VALID)
