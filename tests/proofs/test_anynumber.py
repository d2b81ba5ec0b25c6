"""Certificates of any number of instances: nothing is valid that is wrong for 1, 2, 3 or 4 of them.

A longer campaign: WFVERIFY_ALIKE=0..500 pytest tests/proofs/test_anynumber.py -k seeds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import comparisons
import crowdgen
import endlessgen
import naive
import pytest
from golden import CASES, names
from wfverify.cli.certifying import Certifier
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.proofs import falling
from wfverify.proofs.alike import Alike
from wfverify.proofs.anynumber import OfAnyNumber, checker
from wfverify.proofs.check import WHOLE, Answer, claim_of
from wfverify.proofs.facts import Prover, Wrong
from wfverify.proofs.reading import Model
from wfverify.proofs.solvers import Solvers
from wfverify.proofs.there import all_there
from wfverify.semantics.evidence import (
    Evidence,
    Facts,
    Inductive,
    Measure,
    Part,
    Progress,
    Rank,
    States,
    Syntactic,
)
from wfverify.semantics.expr import Expr, Op, Sort, const, le, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, RuleKind, TransitionSystem, VarKind
from wfverify.verifier import certify
from wfverify.verifier.verdict import Proved

SEEDS = range(*map(int, os.environ.get("WFVERIFY_ALIKE", "4..6").split("..")))
CROWDS = [n for n in names() if "[*]" in (CASES / f"{n}.wf").read_text()]


def made(text: str, folder: Path) -> Certifier:
    spec = load_text(text, "w.wf")
    out = Certifier(spec, lower(spec), "w.wf", folder)
    out.patience, out.most_states = 1.0, 2000
    return out


def valid(text: str, folder: Path) -> set[tuple[str, str]]:
    """The claims of a spec for which there is evidence, whether or not they hold."""
    certifier = made(text, folder)
    lines = {(o.check, o.name, "warning" if o.warning else "error") for o in obligations(certifier)}
    lines |= {(check, "", "error") for check in WHOLE if check != "no_dead_code"}
    found = set()
    for check, name, level in sorted(lines):
        claim = certifier.checker.claim(check, name, level, "PROVED")
        parts = [*certifier.parts(claim, Proved("test", "perhaps"))]
        if certifier.checker.judged(claim, parts).answer is Answer.VALID:
            found.add((check, name))
    return found


def obligations(certifier: Certifier) -> list[Obligation]:
    return [o for o in certifier.system.obligations if o.check in comparisons.SAFETY]


def wrong(text: str) -> Iterator[tuple[str, str]]:
    """What is wrong for 1, 2, .. instances, by looking at all states."""
    spec = load_text(text, "w.wf")
    for n in range(1, comparisons.MOST + 1):
        system = lower(spec, (n, n))
        try:
            graph = naive.explore(system, comparisons.STATES)
        except naive.TooBig:
            return
        for goal in system.obligations:
            if goal.check in comparisons.SAFETY and graph.broken(goal) is not None:
                yield goal.check, goal.name
        yield from ((name, "") for name in comparisons.lasting_wrong(graph))
        if not all(graph.can_finish(s) for s in graph.states):
            yield "can_finish", ""
        if any(races(graph, s) for s in graph.states):
            yield "race_free", ""


def races(graph: naive.Naive, state: naive.State) -> bool:
    """Two steps of different threads, taken in either order, leave other data."""
    system = graph.system
    data = [v.index for v in system.variables if v.kind in (VarKind.DATA, VarKind.SHARED)]

    def then(first: int, second: int) -> set[naive.State]:
        return {
            tuple(last[v] for v in data)
            for rule, _, after in graph.successors[state]
            if rule == first
            for next_, _, last in graph.successors.get(after, ())
            if next_ == second
        }

    able = sorted({rule for rule, _, _ in graph.successors[state]})
    rules = system.rules
    return any(
        there and back and there != back
        for a in able
        for b in able
        if a < b and rules[a].thread != rules[b].thread
        if RuleKind.CRASH not in (rules[a].kind, rules[b].kind)
        if not (rules[a].transaction and rules[b].transaction)
        for there, back in [(then(a, b), then(b, a))]
    )


def test_what_is_valid_for_seeds_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certify, "SECONDS", 0.2)  # (most of the claims do not hold)
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        for k, text in enumerate((crowdgen.from_seed(seed), endlessgen.from_seed(seed))):
            try:
                found = valid(text, tmp_path / f"{seed}.{k}")
            except Rejected:
                continue
            counts.update(check for check, _ in found)
            if "WFVERIFY_ALIKE" in os.environ:
                print(seed, k, sorted(c for c, n in found if not n), flush=True)
            broken = {*wrong(text)}
            counts["wrong"] += len(broken)
            assert not found & broken, (seed, k, found & broken, text)
    assert counts["wrong"] and counts["terminates"] and counts["race_free"], counts
    assert counts["resources"] and counts["deadlock_free"], counts


# --- what holds for a few only -----------------------------------------------------------------

CIRCLE = """
resource slot : pool(6)
workflow w {
  activity work { uses slot 1 }
  run { using (slot 1) { work } }
}
system { w[*] }
"""


def test_five_that_never_wait_and_six_that_do(tmp_path: Path) -> None:
    """Six units are enough for five of whom each takes two, one after the other."""
    spec = load_text(CIRCLE, "w.wf")
    assert len(lower(spec).instances) == 5
    six = lower(spec, (6, 6))
    (state,) = naive.initial_states(six)
    for k in range(6):  # each takes its first unit
        state = next(s for r, _, s in naive.steps(six, state) if r.instance == k)
    assert not list(naive.steps(six, state))
    found = valid(CIRCLE, tmp_path / "any")
    assert ("race_free", "") in found and ("resources", "slot") in found
    assert not {("deadlock_free", ""), ("terminates", ""), ("can_finish", "")} & found
    # Of five alone it is true, by all their states; of any number these say nothing.
    fixed = made(CIRCLE.replace("[*]", "[5]"), tmp_path / "five")
    fixed.most_states = 20_000
    claim = fixed.checker.claim("deadlock_free", "", "error", "PROVED")
    parts = [*fixed.parts(claim, Proved("test", "perhaps"))]
    assert fixed.checker.judged(claim, parts).answer is Answer.VALID
    (states,) = (p.evidence for p in parts)
    assert isinstance(states, States)
    c = of(CIRCLE)
    named = [fixed.system.variables[v].name for v in states.variables]
    kept = tuple(v.index for n in named for v in c.system.variables if v.name == n)
    assert len(kept) == len(named)
    assert answer(c, "deadlock_free", "", States(kept, states.states))[0] is Answer.INVALID


COUNT = """
resource slot : pool(9)
shared n: int = 0
workflow w {
  var mine: int = 0
  activity work { uses slot 1  do { mine := 1 } }
  run { n := n + 1 ; work }
  invariant own : mine <= 1
}
invariant few : n <= 5
invariant all : used(slot) <= 5
system { w[*] }
"""


def of(text: str, number: int | None = None) -> OfAnyNumber:
    spec = load_text(text, "w.wf")
    out = checker(spec, lower(spec), Solvers(second=False), {})
    assert isinstance(out, OfAnyNumber)
    return out


def answer(c: OfAnyNumber, check: str, name: str, *evidence: Evidence) -> tuple[Answer, str]:
    claim = claim_of(c.system, check, name, "error", "PROVED")
    goals = tuple(k for k, o in enumerate(g for g in c.system.obligations if g.name == name))
    parts = [Part(e, goals if name else ()) for e in evidence]
    found = c.judged(claim, parts)
    return found.answer, found.why


def variable(system: TransitionSystem, name: str) -> Expr:
    (one,) = (v for v in system.variables if v.name == name)
    return var(one.index, one.sort)


def test_what_is_in_use_by_a_few_bounds_nothing() -> None:
    """Five instances use five units at most, and a sum over what they hold would show it."""
    c = of(COUNT)
    used = variable(c.system, "slot")
    few = Facts((le(used, const(5)),), ("fresh", "linking slot"))
    assert answer(c, "invariant", "all", Inductive(few))[0] is Answer.INVALID
    assert c.each is not None
    with pytest.raises(Wrong):
        c.each.prover.established(few)
    # (Of the five alone it is true, and shown in this way.)
    assert Prover(Model(c.each.system), Solvers(second=False)).established(few)


def test_a_measure_uses_no_sum_over_a_few() -> None:
    """With five instances at most five units are in use, so a term that counts down from five
    would be bounded; with more it is not."""
    c = of(COUNT)
    assert c.each is not None
    prover = c.each.prover
    facts = Facts((), ("fresh", "linking slot"))
    used = variable(c.system, "slot")
    rules = [r for r in prover.model.system.rules if r.gains]
    for known in (prover.established(facts), falling._near(prover, facts, rules, [])):
        near = known.about([rules[0].guard, le(used, const(5))])
        assert not prover.implies([], le(used, const(5)), near)
        assert prover.implies([], le(const(0), used), near)


def test_how_many_there_are_is_no_fact() -> None:
    c = of(COUNT)
    number = variable(c.system, "number of w")
    for fact in (le(number, const(5)), le(variable(c.system, "n"), number)):
        got, why = answer(c, "invariant", "few", Inductive(Facts((fact,))))
        assert got is Answer.INVALID and "how many" in why
    got, _ = answer(c, "terminates", "", Measure(Facts(), (Rank(term=number),)), Progress(Facts()))
    assert got is Answer.INVALID


def test_states_of_one_are_those_of_each_and_of_several_of_nobody() -> None:
    c = of(COUNT)
    system = c.system
    mine = [v.index for v in system.variables if v.name.endswith(".mine")]
    shown = []
    for k in mine:
        shown.append(States((k,), ((0,), (1,))))
    claim = claim_of(system, "invariant", "own", "error", "PROVED")
    parts = [Part(e, (k,)) for k, e in enumerate(shown)]
    assert c.judged(claim, parts).answer is Answer.VALID
    assert c.judged(claim, [Part(shown[0], range(len(mine)))]).answer is Answer.INVALID
    both = States(tuple(mine[:2]), ((0, 0), (0, 1), (1, 0), (1, 1)))
    assert c.judged(claim, [Part(both, (0,)), *parts[1:]]).answer is Answer.INVALID


def test_facts_about_many_at_once_are_none() -> None:
    c = of(COUNT)
    mine = [variable(c.system, f"w[{k}].mine") for k in range(3)]
    from wfverify.semantics.expr import add

    fact = le(add(*mine), const(3))
    _, why = answer(c, "invariant", "own", Inductive(Facts((fact,))))
    assert "many instances" in why
    two = le(add(*mine[:2]), const(2))
    assert c.each is not None
    known = c.each.prover.established(Facts((le(mine[0], const(1)), two)))
    assert len(known.facts) == 5 + 10  # of each, and of each two of five


def test_a_measure_is_of_the_first_of_each_kind() -> None:
    c = of(COUNT)
    threads = {t.instance: t for t in c.system.threads}
    ranks = [5, 0, 0, 1, 0, 4, 3, 2, 1]
    first = Rank(threads[0].id, tuple(ranks[: len(threads[0].points)]))
    other = replace(first, thread=threads[1].id)
    _, why = answer(c, "terminates", "", Measure(Facts(), (other,)), Progress(Facts()))
    assert "first" in why
    assert c.each is not None
    spread = c.each._of_all(Measure(Facts(), (first,)))
    assert [r.thread for r in spread.components] == [threads[k].id for k in range(5)]


TOLD_APART = """
shared n: int = 0
workflow w {
  var mine: int = 0
  run { n := 1 ; mine := 1 }
}
invariant few : instances(w) <= 5
invariant small : (count o in w: o.mine == 1) <= 5
invariant any : forall o in w: o.mine <= 1
system { w[*] }
"""


def test_what_tells_instances_apart_is_shown_of_nobody(tmp_path: Path) -> None:
    found = valid(TOLD_APART, tmp_path)
    assert ("invariant", "any") in found
    assert not {("invariant", "few"), ("invariant", "small")} & found
    assert answer(of(TOLD_APART), "invariant", "few", Syntactic())[0] is not Answer.VALID


@pytest.mark.parametrize("guard", ["instances(w) > 3", "exists o in w: o.mine == 1"])
def test_steps_that_look_at_others_show_nothing(guard: str, tmp_path: Path) -> None:
    text = COUNT.replace("run { n := n + 1", f"run {{ if ({guard}) {{ n := 1 }}")
    c = of(text)
    assert c.each is None and c.why
    assert {name for name, _ in valid(text, tmp_path)} <= {"atomicity"}


def test_rules_that_differ_are_not_alike() -> None:
    c = of(COUNT)
    assert c.each is not None
    system = all_there(c.system, c.prover.key)
    key = c.prover.key
    assert Alike(system, key)
    (n,) = (v.index for v in system.variables if v.name == "n")
    last = max(i.id for i in system.instances)
    for k, r in enumerate(system.rules):
        if r.instance != last:
            continue
        for odd in (
            replace(r, own=(*r.own, (n, const(1)))),
            replace(r, guard=le(var(n, Sort.INT), const(0))),
            replace(r, relation=le(var(n, Sort.INT), const(0))),
            replace(r, thread=0),
        ):
            rules = (*system.rules[:k], odd, *system.rules[k + 1 :])
            with pytest.raises(Wrong):
                Alike(replace(system, rules=rules), key)
    for k, v in enumerate(system.variables):
        if v.instance == last and v.init is not None and v.sort is Sort.INT:
            odd_ = replace(v, init=const(7))
            declared = (*system.variables[:k], odd_, *system.variables[k + 1 :])
            with pytest.raises(Wrong):
                Alike(replace(system, variables=declared), key)


# --- the rules of n are those of three -----------------------------------------------------------


def _written(system: TransitionSystem, e: Expr) -> str:
    """A term in names that say nothing of how many there are."""
    if e.op is Op.VAR or e.op is Op.POST:
        return f"{e.op.value} {system.variables[e.index].name}"
    inner = [_written(system, a) for a in e.args]
    inner = sorted(inner) if e.op in (Op.AND, Op.OR, Op.ADD) else inner
    return f"({e.op.value} {e.value if not e.args else ''} {' '.join(inner)})"


def _of_one(system: TransitionSystem, alike: Alike) -> list[object]:
    """The rules of the first of each kind, and of those of whom there is a fixed number."""
    few = {g[0] for g in alike.groups}
    return [
        (
            r.name,
            r.kind,
            _written(system, r.guard),
            _written(system, r.relation),
            *sorted((system.variables[v].name, _written(system, e)) for v, e in r.updates),
        )
        for r in system.rules
        if r.instance in few or r.instance not in alike.group
    ]


@pytest.mark.parametrize("name", CROWDS)
def test_the_rules_of_more_are_those_of_three(name: str) -> None:
    text = (CASES / f"{name}.wf").read_text()
    spec = load_text(text, "w.wf")
    try:
        c = checker(spec, lower(spec), Solvers(second=False), {})
    except Rejected:
        return
    if not isinstance(c, OfAnyNumber) or c.each is None:
        return
    found = []
    for n in (3, 4, 6):
        system = lower(spec, (n, n))
        prover = Prover(Model(system), Solvers(second=False))
        system = all_there(system, prover.key)
        found.append(_of_one(system, Alike(system, prover.key)))
    assert found[0] == found[1] == found[2]
