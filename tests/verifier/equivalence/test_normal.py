"""Normal forms: replayed by a checker of their own, and compared with naive answers."""

from __future__ import annotations

import random
import runpy
from itertools import permutations
from pathlib import Path

import pytest
from wfverify.dsl import load_text
from wfverify.proofs.laws.catalogue import LAWS as CATALOGUE
from wfverify.proofs.laws.derivation import Invalid, replay
from wfverify.verifier.equivalence.terms import guarded, normal, pomset
from wfverify.verifier.equivalence.terms.read import read
from wfverify.verifier.equivalence.terms.store import Op, Store

BENCH = runpy.run_path(str(Path(__file__).parents[3] / "bench" / "terms.py"))


def replayed(s: Store, d: normal.Derivation) -> frozenset[str]:
    terms = [(str(o), n, k) for o, n, k in zip(s.op, s.label, s.kids, strict=True)]
    return replay(terms, d.left, d.right, [(t.law, t.before, t.after) for t in d.steps])


def random_term(s: Store, rng: random.Random, n: int) -> int:
    if n <= 0:
        return rng.choice([s.skip, s.stuck, s.fail("E"), *(s.act(a) for a in "abc")])
    left = rng.randint(0, n - 1)
    p, q = random_term(s, rng, left), random_term(s, rng, n - 1 - left)
    x = rng.choice([s.test("x"), s.test("y"), s.make(Op.NOT, (s.test("x"),)), s.true, s.false])
    twice = [s.seq(p, q), s.choice(p, q)]
    return rng.choice([*twice, *twice, s.par(p, q), s.if_(x, p, q), s.while_(x, p)])


@pytest.mark.parametrize("seed", range(4))
def test_derivations_are_replayed(seed: int) -> None:
    rng = random.Random(seed)
    used: set[str] = set()
    for _ in range(150):
        s = Store()
        left = random_term(s, rng, rng.randint(1, 12))
        right = BENCH["shuffled"](s, rng, left)
        under = rng.choice(["strong", "trace"])
        found = normal.equal(s, left, right, under)
        if found is not None:
            used |= replayed(s, found)
            assert normal.normal_form(s, found.normal, under)[0] == found.normal
    assert len(used) > 12


@pytest.mark.parametrize("seed", range(4))
def test_a_derivation_with_a_wrong_step_is_refused(seed: int) -> None:
    rng = random.Random(seed)
    refused = tried = 0
    while tried < 60:
        s = Store()
        left = random_term(s, rng, 8)
        n, steps = normal.normal_form(s, left)
        if not steps:
            continue
        tried += 1
        i = rng.randrange(len(steps))
        law, before, after = steps[i].law, steps[i].before, steps[i].after
        wrong = [
            (law, before, rng.randrange(len(s.op))),
            (rng.choice(sorted(normal.LAWS)), before, after),
        ][rng.randrange(2)]
        if wrong == (law, before, after):
            continue
        told = [(t.law, t.before, t.after) for t in steps]
        told[i] = wrong
        terms = [(str(o), m, k) for o, m, k in zip(s.op, s.label, s.kids, strict=True)]
        try:
            replay(terms, left, n, told)
        except Invalid:
            refused += 1
        else:
            # What is not refused is an instance of the other law as well.
            assert wrong[1:] == (before, after), (s.show(left), law, wrong)
    assert refused > 30


@pytest.mark.parametrize("seed", range(4))
def test_guarded_terms_with_one_normal_form_are_equivalent(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        s = Store()
        left = BENCH["guarded_term"](s, rng, rng.randint(1, 12), 2, 3)
        right = BENCH["shuffled"](s, rng, left)
        if normal.equal(s, left, right) is not None:
            assert isinstance(guarded.compare(s, left, right), guarded.Same)


def test_left_distribution_is_a_law_of_traces_only() -> None:
    s = Store()
    a, b, c = (s.act(x) for x in "abc")
    left, right = s.seq(a, s.choice(b, c)), s.choice(s.seq(a, b), s.seq(a, c))
    assert normal.equal(s, left, right, "strong") is None
    assert normal.equal(s, left, right, "failures") is None
    found = normal.equal(s, left, right, "trace")
    assert found is not None
    assert replayed(s, found) >= {"choice-seq-left"}


def test_every_law_that_is_used_is_in_the_catalogue() -> None:
    assert set(normal.LAWS) <= {law.name for law in CATALOGUE}


# --- pomsets ---------------------------------------------------------------------------------


def events(s: Store, t: int) -> tuple[list[str], set[tuple[int, int]]]:
    """The labels of a pomset and its order."""
    if s.op[t] is Op.ACT:
        return [s.label[t]], set()
    labels: list[str] = []
    order: set[tuple[int, int]] = set()
    for k in s.kids[t]:
        more, inner = events(s, k)
        n = len(labels)
        if s.op[t] is Op.SEQ:
            order |= {(i, n + j) for i in range(n) for j in range(len(more))}
        order |= {(n + i, n + j) for i, j in inner}
        labels += more
    return labels, order


def isomorphic(s: Store, left: int, right: int) -> bool:
    (labels, order), (others, other) = events(s, left), events(s, right)
    return len(labels) == len(others) and any(
        all(labels[i] == others[p[i]] for i in range(len(p)))
        and {(p[i], p[j]) for i, j in order} == other
        for p in permutations(range(len(labels)))
    )


@pytest.mark.parametrize("seed", range(3))
def test_pomsets_against_all_isomorphisms(seed: int) -> None:
    rng = random.Random(seed)

    def term(n: int) -> int:
        if n <= 1:
            return s.act(rng.choice("ab"))
        left = rng.randint(1, n - 1)
        return s.make(rng.choice([Op.SEQ, Op.PAR]), (term(left), term(n - left)))

    same = 0
    for _ in range(80):
        s = Store()
        n = rng.randint(1, 5)
        left = term(n)
        right = BENCH["shuffled"](s, rng, left) if rng.random() < 0.3 else term(n)
        found = pomset.compare(s, left, right)
        equal = isinstance(found, normal.Derivation)
        assert equal == isomorphic(s, left, right), f"{s.show(left)}  and  {s.show(right)}"
        if equal:
            replayed(s, found)
            same += 1
    assert same > 10


def test_where_two_pomsets_part() -> None:
    s = Store()
    a, b, c, d = (s.act(x) for x in "abcd")
    found = pomset.compare(s, s.seq(a, s.par(b, c), d), s.seq(a, b, c, d))
    assert found == pomset.Apart("a ; (b || c) ; d", "a ; b ; c ; d")
    found = pomset.compare(s, s.par(a, s.seq(b, c)), s.par(s.seq(b, d), a))
    assert found == pomset.Apart("c", "d")


# --- reading ---------------------------------------------------------------------------------


def test_terms_of_the_language_are_read() -> None:
    text = """
    error E permanent
    resource m : lock
    workflow w(b: bool) fails E {
      var x: int = 0
      activity a(n: int) { fails E }
      run {
        { a(1) ; skip } ; (a(2) || a(3)) ;
        if (b and not (x < 3)) { x := x + 1 } else { wait until (false) + fail E } ;
        while (b) { a(4) } ;
        try { a(5) } catch E { a(6) } catch * { skip } ;
        using (m exclusive) { a(7) } ;
        saga { skip ; a(8) } ;
        if (now > 3s) { skip } else { skip }
      }
    }
    """
    s = Store()
    t = read(s, load_text(text, "w.wf").workflows[0].body)
    shown = s.show(t)
    assert shown.startswith("(a(1) ; skip) ; (a(2) || a(3)) ; if (b and not x < 3) { x := x + 1 }")
    assert "else { stuck + fail E } ; while (b) { a(4) } ; try" in shown
    others = [s.kids[k] for k in s.below(t) if s.op[k] is Op.OTHER]
    # Of a saga, and of a test that reads the clock, nothing is taken apart.
    assert [len(k) for k in others] == [3, 1, 0, 0]
