"""What is read off guards and the tree of threads, against all states of small workflows.

Also of systems that are torn: a step that leaves a branch running, forgets what is held, or needs
less than it should.  Whatever the checker then still shows must hold in every reachable state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import permutations
from random import Random

import pytest
from certified import judged, valid
from naive import Naive, TooBig, explore
from specgen import contention, from_seed
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.proofs.apart import Apart, Meeting
from wfverify.proofs.bounded import bounded
from wfverify.proofs.check import Checker
from wfverify.proofs.conflicts import DATA, races, touching_any
from wfverify.proofs.facts import Wrong
from wfverify.proofs.reading import conjuncts
from wfverify.proofs.shapes import OVER
from wfverify.proofs.solvers import Solvers
from wfverify.proofs.tree import Places, Tree
from wfverify.semantics.evidence import Facts, Pairs
from wfverify.semantics.expr import Op, Scalar, Sort, and_, const, eq, le, not_, or_, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from wfverify.semantics.values import evaluate
from wfverify.semantics.walks import variables
from wfverify.verifier.certify import _measures, _progress
from wfverify.verifier.engines.structure import Structure

SEEDS = 14
MOST = 120
EACH = 2  # torn systems of one


def systems(seed: int) -> Iterator[TransitionSystem]:
    text = contention(seed) if seed % 3 == 0 else from_seed(seed, 3)
    try:
        whole = lower(load_text(text, "w.wf"))
    except Rejected:
        return
    yield whole
    r = Random(seed)
    for _ in range(EACH):
        rule = r.choice(whole.rules)
        torn = _torn(r, whole, rule)
        yield replace(whole, rules=tuple(torn if x is rule else x for x in whole.rules))


def _torn(r: Random, system: TransitionSystem, rule: Rule) -> Rule:
    places = {t.location: len(t.points) for t in system.threads}
    at = r.randrange(len(rule.own)) if rule.own else 0
    match r.randrange(4):
        case 0 if rule.own:
            return replace(rule, own=rule.own[:at] + rule.own[at + 1 :])
        case 1 if rule.own and rule.own[at][0] in places:
            v = rule.own[at][0]
            moved = (v, const(r.randrange(places[v])))
            return replace(rule, own=(*rule.own[:at], moved, *rule.own[at + 1 :]))
        case 2 if rule.guard.op is Op.AND:
            gone = r.randrange(len(rule.guard.args))
            return replace(
                rule, guard=and_(*(a for k, a in enumerate(rule.guard.args) if k != gone))
            )
    t = r.choice(system.threads)
    here = eq(var(t.location, Sort.INT), const(r.randrange(len(t.points))))
    return replace(rule, guard=r.choice((and_, or_))(rule.guard, r.choice((here, not_(here)))))


@cache
def every(seed: int) -> list[tuple[TransitionSystem, Checker, Naive]]:
    return [*_every(seed)]


def _every(seed: int) -> Iterator[tuple[TransitionSystem, Checker, Naive]]:
    for system in systems(seed):
        try:
            found = explore(system, MOST)
        except TooBig:
            continue
        yield system, Checker(system, Solvers(second=False)), found


@pytest.mark.parametrize("seed", range(SEEDS))
def test_places_and_what_is_in_use(seed: int) -> None:
    for system, checker, found in every(seed):
        tree = checker.prover.tree
        if not tree.steady:
            continue
        for state in found.states:
            for t in system.threads:
                if t.parent is not None and state[t.location] not in tree.rest[t.location]:
                    assert state[system.threads[t.parent].location] == t.fork
            for u, held in tree.holders.items():
                if tree.linked(u):
                    total = 0
                    for v, points in held.items():
                        total += sum(evaluate(e, state) for e in points.get(state[v], ()))
                    assert state[u] == total, system.variables[u].name
            for goal in system.obligations:
                if goal.rule is None and not goal.every_step and tree.follows(goal.cond):
                    assert evaluate(goal.cond, state) is True, goal.message
            for rule, _, _ in found.successors.get(state, ()):
                before = tree.before[rule]
                assert before is not None
                assert all(state[v] in points for v, points in before.items())


def test_bounds_that_guards_show() -> None:
    """Of a number that no step lets grow beyond a bound; with what is torn, some do."""
    counts = Counter[bool]()
    for seed in range(SEEDS):
        for system, checker, found in every(seed):
            for v in system.variables:
                if v.sort is not Sort.INT:
                    continue
                seen = [int(s[v.index]) for s in found.states]
                for most in range(-1, max(seen) + 2):
                    fact = le(var(v.index, v.sort), const(most))
                    known = bounded(checker.prover.tree, fact)
                    counts[known] += 1
                    assert not known or max(seen) <= most, v.name
    assert min(counts.values()) > 20, counts


def test_a_claim_without_its_guard_is_not_bounded() -> None:
    system = lower(load_text(CLAIMS, "w.wf"))
    used = next(v.index for v in system.variables if v.kind is VarKind.USED)

    def shown(system: TransitionSystem, most: int) -> bool:
        tree = Checker(system, Solvers(second=False)).prover.tree
        return bounded(tree, le(var(used, Sort.INT), const(most)))

    assert [shown(system, k) for k in range(-1, 5)] == [False] * 4 + [True] * 2
    starts = [r for r in system.rules if r.kind is RuleKind.START]
    assert len(starts) == 3
    for r in starts:
        fewer = replace(r, guard=and_(*(p for p in conjuncts(r.guard) if p.op is not Op.LE)))
        torn = replace(system, rules=tuple(fewer if x is r else x for x in system.rules))
        assert not shown(torn, 3)


def test_what_many_rules_share_says_nothing_of_another_number() -> None:
    """`q := p + 1` is no step of `q` by 1, though `p := p + 1` is one of `p`, and both are written
    with the same term."""
    text = "resource p : pool(9)\nresource q : pool(9)\nworkflow w() {\n"
    text += "  activity a { uses p 1 }\n  activity b { uses q 1 }\n  run { a || b || a || b }\n}\n"
    system = lower(load_text(text, "w.wf"))
    p, q = (v.index for v in system.variables if v.kind is VarKind.USED)
    starts = [r for r in system.rules if r.kind is RuleKind.START]
    terms = {v: {id(e) for r in starts for w, e in r.own if w == v} for v in (p, q)}
    assert [len(t) for t in terms.values()] == [1, 1]
    (more,) = (e for e in dict(starts[0].own).values() if id(e) in terms[p])
    other = next(r for r in starts if q in dict(r.own))
    moved = replace(other, own=tuple((v, more if v == q else e) for v, e in other.own))
    torn = replace(system, rules=tuple(moved if x is other else x for x in system.rules))
    for whole, kept in ((system, True), (torn, False)):
        tree = Checker(whole, Solvers(second=False)).prover.tree
        assert tree.linked(p) and tree.linked(q) is kept
        assert bounded(tree, le(var(p, Sort.INT), const(9)))
        assert bounded(tree, le(var(q, Sort.INT), const(9))) is kept


@pytest.mark.parametrize("seed", range(SEEDS))
def test_those_above_a_branch(seed: int) -> None:
    """Against going up step by step, for places of one thread and of two."""
    r = Random(seed)
    for system in systems(seed):
        tree = Checker(system, Solvers(second=False)).prover.tree
        places = [(t.location, p.id) for t in system.threads for p in t.points]
        asked = [[p] for p in places] + [r.sample(places, min(2, len(places))) for _ in range(50)]
        for at in ({v: frozenset((p,)) for v, p in some} for some in asked):
            assert tree.above(at) == step_by_step(tree, at)


def step_by_step(tree: Tree, at: Places) -> Places | None:
    out = dict(at)
    for t in reversed(tree.system.threads):
        v = t.location
        if t.parent is not None and t.fork is not None and v in out and not out[v] & tree.rest[v]:
            up = tree.system.threads[t.parent].location
            out[up] = out.get(up, tree.points[up]) & {t.fork}
            if not out[up]:
                return None
    return out


@pytest.mark.parametrize("seed", range(SEEDS))
def test_steps_that_speak_of_data_that_changes(seed: int) -> None:
    """Against all that each says."""
    for system in systems(seed):
        prover = Checker(system, Solvers(second=False)).prover
        kinds = {v.index for v in system.variables if v.kind in DATA}
        written = {v for r in system.rules for v, _ in r.updates} & kinds
        found = touching_any(prover, DATA)
        for r in system.rules:
            terms = [r.guard, r.relation, *(e for _, e in r.updates)]
            terms += [o.cond for o in system.obligations if o.rule == r.index]
            terms += [e for d in [r.delay] if d is not None for e in (d.lo, d.hi) if e is not None]
            said = variables(terms) | variables(terms, Op.POST) | {v for v, _ in r.updates}
            assert (r in found) is bool((said | {*r.reads}) & written), r.name


CLAIMS = """
resource p : pool(3)
workflow w() {
  activity a { uses p 2  takes 1s..2s }
  activity b { uses p 1  fails Lost  retry 2 }
  run { par any { a || b || a } }
}
error Lost transient
"""


def over(system: TransitionSystem, state: tuple[object, ...]) -> bool:
    return all(
        t.parent is not None
        or t.points[state[t.location]].kind in OVER  # type: ignore[index]
        or evaluate(system.instances[t.instance].active, state) is not True  # type: ignore[arg-type]
        for t in system.threads
    )


def cyclic(found: Naive) -> bool:
    missing = Counter(after for moves in found.successors.values() for _, _, after in moves)
    ready = [s for s in found.states if not missing[s]]
    for state in ready:
        for _, _, after in found.successors.get(state, ()):
            missing[after] -= 1
            if not missing[after]:
                ready.append(after)
    return len(ready) < len(found.states)


def test_what_the_tree_shows_of_all_runs() -> None:
    """(Of the torn ones most is not shown, as it should be.)"""
    counts = sum((shown(seed) for seed in range(SEEDS)), Counter[str]())
    assert min(counts[c] for c in ("deadlock_free", "terminates")) > 5, counts


def shown(seed: int) -> Counter[str]:
    """How often each check is shown; each time it is so of all states."""
    counts: Counter[str] = Counter()
    for system, checker, found in every(seed):
        structure = Structure(system)
        measure = next(_measures(structure, []))
        for progress in _progress(structure, tree=True):
            pairs = Pairs(Facts((), progress.facts.shapes[:1]))
            for check, evidence in (
                ("deadlock_free", (measure, progress) if progress.order else (progress,)),
                ("terminates", (measure, progress)),
                ("timing_independent", (measure, progress, pairs)),
            ):
                if not valid(judged(checker, check, "", *evidence)):
                    continue
                counts[check] += 1
                stuck = [
                    s
                    for s in found.states
                    if not found.successors.get(s) and s not in found.leaves and not over(system, s)
                ]
                if check != "timing_independent":
                    assert not stuck
                if check == "terminates":
                    assert not cyclic(found)
                if check == "timing_independent" and _unasked(system):
                    observed = {v for i in system.instances for v in (*i.observed, i.error)}
                    begun = {s for s in found.states if not found.successors.get(s)}
                    free = [v.index for v in system.variables if v.init is None]
                    results: dict[object, set[object]] = {}
                    for s in begun:
                        given = tuple(s[v] for v in free)
                        results.setdefault(given, set()).add(tuple(s[v] for v in sorted(observed)))
                    assert all(len(x) == 1 for x in results.values())
    return counts


def _unasked(system: TransitionSystem) -> bool:
    """The environment answers nothing but durations."""
    groups = Counter(r.group for r in system.rules if r.group is not None)
    fixed = all(
        v.kind.value in ("argument", "parameter") for v in system.variables if v.init is None
    )
    return (
        fixed
        and not system.choices
        and not any(r.inputs for r in system.rules)
        and not any(n > 1 for n in groups.values())
    )


def test_apart_wants_a_tree() -> None:
    for _, checker, _ in every(1):
        if not checker.prover.tree.steady:
            with pytest.raises(Wrong):
                Apart(checker.prover, False)


def test_steps_that_never_meet() -> None:
    """By their places; and where that shows that nothing races, the order of two steps that can be
    taken makes no difference to data."""
    excluded = met = silent = raced = 0
    for seed in range(SEEDS):
        for system, checker, found in every(seed):
            if not checker.prover.tree.steady:
                continue
            meeting = Meeting(checker.prover)
            pairs = {
                (a.index, b.index): meeting.exclude(a, b)
                for a, b in permutations(system.rules, 2)
                if a.thread != b.thread
            }
            excluded += sum(pairs.values())
            quiet = not may_race(checker)
            silent += quiet
            raced += not quiet
            for state in found.states:
                moves = found.successors.get(state, ())
                for a, b in permutations(moves, 2):
                    if (a[0], b[0]) not in pairs:
                        continue
                    met += 1
                    assert not pairs[a[0], b[0]]
                    if quiet:
                        assert not differs(system, found, a, b)
    assert excluded > 500 and met > 150 and silent > 10 and raced > 1, (
        excluded,
        met,
        silent,
        raced,
    )


def may_race(checker: Checker) -> bool:
    try:
        races(checker.prover, Facts())
    except Wrong:
        return True
    return False


Move = tuple[int, tuple[Scalar, ...], tuple[Scalar, ...]]


def differs(system: TransitionSystem, found: Naive, a: Move, b: Move) -> bool:
    """Do the two orders, where both can be, leave other data?"""
    both = [
        {after for rule, given, after in found.successors.get(x[2], ()) if (rule, given) == y[:2]}
        for x, y in ((a, b), (b, a))
    ]
    data = [v.index for v in system.variables if v.kind in DATA]
    left = [{tuple(s[v] for v in data) for s in states} for states in both]
    return bool(left[0]) and bool(left[1]) and left[0] != left[1]
