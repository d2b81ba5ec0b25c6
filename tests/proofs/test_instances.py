"""Refuted laws: an instance and what tells its sides apart is believed only where it does."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

import pytest
from wfverify.dsl import ast, load_text
from wfverify.dsl.errors import Rejected
from wfverify.dsl.support import callable_in
from wfverify.proofs.check import Answer, Checked, Checker
from wfverify.proofs.compared import Comparing
from wfverify.proofs.laws import table
from wfverify.proofs.laws.catalogue import LAWS, Law
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.evidence import Compared, Differing, Instance, Part
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.claimed import claimed
from wfverify.semantics.lower.instances import instance
from wfverify.semantics.lower.own_names import OWN
from wfverify.verifier.equivalence.behaviour import Size
from wfverify.verifier.equivalence.findings import LEVELS, Asked, Fails, Holds
from wfverify.verifier.equivalence.laws.prove import Claim
from wfverify.verifier.equivalence.laws.read import read
from wfverify.verifier.equivalence.laws.refute import instances, looking, refuted
from wfverify.verifier.equivalence.laws.shown import shown
from wfverify.verifier.equivalence.workflows import compare

SPEC = """\
error E permanent
error F transient
resource m : pool(1)
resource n : pool(1)
shared b: bool = false
shared c: bool = false
activity u1 {{ undo v1() }}
activity v1 {{ }}
activity u2 {{ undo v2() }}
activity v2 {{ }}
law it forall {names} : {left} == {right} under {under}
workflow w {{ run {{ skip }} }}
"""
KNOWN = table.proved()
TIMED = re.compile(r"within \d|wait \d|backoff")
FEW = random.Random(7).sample([x.name for x in LAWS if KNOWN[x.name]["fails"]], 12)


def written(law: Law, under: str) -> ast.Spec | None:
    """The law in a spec; None where it has no name that stands for terms, or speaks of times."""
    left, right = (re.sub(r"\bstuck\b", "wait until (false)", t) for t in (law.left, law.right))
    names = sorted(set(re.findall(r"\b[pqrshk]\b", f"{left} {right}")))
    if not names or TIMED.search(f"{left} {right}"):
        return None
    try:
        text = SPEC.format(names=", ".join(names), left=left, right=right, under=under)
        return load_text(text, "s.wf")
    except Rejected:  # an assignment
        return None


def claim_of(spec: ast.Spec) -> tuple[ast.Law, Claim]:
    (law,) = spec.properties
    assert isinstance(law, ast.Law)
    return law, read(law, {e.name: e.kind for e in spec.errors}, callable_in(spec, law))


def judged(spec: ast.Spec, evidence: Sequence[Compared]) -> Checked:
    comparing = {line: Comparing(c) for line, c in claimed(spec).items()}
    checker = Checker(lower(spec), Solvers(second=False), comparing)
    claim = checker.claim("law", "it", "error", "REFUTED")
    return checker.judged(claim, [*map(Part, evidence)])


def found(spec: ast.Spec, under: str) -> tuple[Instance, Differing]:
    law, claim = claim_of(spec)
    kept: list[Compared] = []

    def seen(put: object, level: str) -> bool:
        kept[:] = shown(spec, law, put, level)  # type: ignore[arg-type]
        return bool(kept)

    refuted(claim, (under,), 1_500, seen)
    put, how = kept
    assert isinstance(put, Instance) and isinstance(how, Differing)
    return put, how


def altered(e: Differing) -> Iterator[Differing]:
    """Of which none shows anything."""
    match e.how:
        case "run":
            yield replace(e, whose="second" if e.whose == "first" else "first")
            yield replace(e, run=e.run[:-1])
            yield replace(e, run=(*e.run, "start zz"))
        case "refusal":
            yield replace(e, run=("start zz",))
        case "outcome":
            yield replace(e, whose="second" if e.whose == "first" else "first")
            yield replace(e, outcome=f"{e.outcome}0")
            yield replace(e, run=("start zz",))
        case _:
            yield replace(e, formula=(("all", "", ()),))


@pytest.mark.parametrize("name", FEW)
def test_what_refutes_a_law_is_found_again_and_nothing_else(name: str) -> None:
    """Of other terms, of another equivalence, and of another law it shows nothing, unless it does
    so in truth."""
    law = next(x for x in LAWS if x.name == name)
    fails = [*KNOWN[name]["fails"]]
    for under in random.Random(name).sample(fails, min(2, len(fails))):
        spec = written(law, under)
        if spec is None or (name, under) == ("while-or", "outcome"):  # (not as a whole workflow)
            continue
        put, how = found(spec, under)
        assert judged(spec, (put, how)).answer is Answer.VALID, (name, under, put)
        assert judged(spec, (how,)).answer is Answer.INVALID
        assert judged(spec, (how, put)).answer is Answer.INVALID
        assert judged(spec, (put, put, how)).answer is Answer.INVALID
        assert judged(spec, (put,)).answer is Answer.INVALID
        for other in altered(how):
            assert judged(spec, (put, other)).answer is Answer.INVALID, (name, under, other)
        swapped = replace(spec, properties=(replace(claim_of(spec)[0], right=_left(spec)),))
        assert judged(swapped, (put, how)).answer is Answer.INVALID, (name, under)
        for terms in (put.terms[:-1], (*put.terms, ("zz", "skip")), ((), ()), (1, 2), "skip"):
            lie = replace(put, terms=terms)  # type: ignore[arg-type]
            assert judged(spec, (lie, how)).answer is Answer.INVALID, (name, under, terms)
        for beside in ("skip } system { w }", "fail Nothing", "assume x == 7", "nobody"):
            lie = replace(put, beside=beside)
            assert judged(spec, (lie, how)).answer is Answer.INVALID, (name, under, beside)


def _left(spec: ast.Spec) -> ast.Term:
    return claim_of(spec)[0].left


def test_no_instance_refutes_what_is_proved() -> None:
    """Whatever is put in and runs beside: so what is believed of an instance is said of the law."""
    rng, counted = random.Random(11), Counter[str]()
    for law in LAWS:
        level = KNOWN[law.name]["holds"][0]["alone"]
        spec = written(law, level) if level in LEVELS else None
        if spec is None:
            continue
        p, claim = claim_of(spec)
        few = [*chain(islice(instances(claim, 6), 1_000), islice(looking(claim), 500))]
        for chosen in rng.sample(few, min(1, len(few))):
            terms = [(n.removesuffix(OWN), t) for n, t in chosen.terms]
            left, right = instance(spec, p, terms, chosen.beside)
            asked = Asked(left.view.observed, size=Size(2_000, 1.0))
            finding = compare(left.system, right.system, asked, (level,)).levels[level]
            assert not isinstance(finding, Fails), (law.name, level, chosen)
            counted["holds" if isinstance(finding, Holds) else "open"] += 1
    assert counted["holds"] > 60, counted


def test_a_law_without_an_instance_is_not_refuted() -> None:
    spec = written(next(x for x in LAWS if x.name == "seq-idem"), "trace")
    assert spec is not None
    run = Differing("run", "first", ("start p__1",))
    assert judged(spec, (run,)).answer is Answer.INVALID
    assert judged(spec, (Instance((("p", "p__1"),)), run)).answer is Answer.INVALID
    twice = replace(run, run=("start p__1", "p__1 ends", "start p__1"))
    assert judged(spec, (Instance((("p", "p__1"),)), twice)).answer is Answer.VALID
    assert judged(spec, (Instance((("p", "p__2"),)), twice)).answer is Answer.INVALID
    # (Where another one is beside, steps are told by whose they are.)
    beside = Instance((("p", "p__1"),), "fail E")
    assert judged(spec, (beside, twice)).answer is Answer.INVALID
    named = replace(run, run=("start w.p__1", "w.p__1 ends", "start w.p__1"))
    assert judged(spec, (beside, named)).answer is Answer.VALID
