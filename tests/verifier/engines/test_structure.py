"""What is read off threads and rules, against every state that can be reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from lowered import Lowered, compiled, run
from naive import TooBig, explore
from processes import random_term, spec
from specgen import from_seed
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.dsl.types import Int
from wfverify.semantics.expr import TRUE, Expr, Sort, add, and_, const, ite, le, mul, neg, not_, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Rule, TransitionSystem, Variable, VarKind
from wfverify.semantics.values import evaluate
from wfverify.semantics.walks import variables
from wfverify.verifier.engines.common import conjuncts
from wfverify.verifier.engines.granting import guarded
from wfverify.verifier.engines.search_threads import without_claims
from wfverify.verifier.engines.structure import Structure, upper
from wfverify.verifier.engines.structure import lower as least

LIMIT = 3_000
HEAD = "error E permanent\nresource p : pool(3)\nresource k : lock\n"


def claiming(r: Random, size: int) -> str:
    """A term that claims, cancels, and protects."""
    if size <= 1:
        return r.choice(["a", "b", "s", "x", "fail E", "skip"])
    m = r.randint(1, size - 1)
    left = claiming(r, m)
    match r.randrange(9):
        case 0 | 1 | 2:
            return f"{{ {left} || {claiming(r, size - m)} }}"
        case 3:
            return f"{{ {left} ; {claiming(r, size - m)} }}"
        case 4:
            return f"using ({r.choice(['p 1', 'p 2', 'k shared', 'k exclusive'])}) {{ {left} }}"
        case 5 | 6:
            return f"nocancel {{ {left} }}"
        case 7:
            return f"par any {{ {left} || {claiming(r, size - m)} }}"
    return f"steps {{ u {{ {left} }} v {{ {claiming(r, size - m)} }} after u  w {{ a }} }}"


def claiming_spec(seed: int) -> str:
    r = Random(seed)
    activities = (
        "activity a { uses p 1 } activity b { uses p 2 fails E } "
        "activity s { uses k shared } activity x { uses k exclusive }"
    )
    term = claiming(r, 3 + seed % 3)
    return f"{HEAD} workflow w fails E {{ {activities} run {{ {term} }} }} system {{ w }}"


def graphs(seeds: range) -> Iterator[Lowered]:
    for seed in seeds:
        size = 3 + seed % 3
        for text in (claiming_spec(seed), spec(random_term(Random(seed), size)), from_seed(seed)):
            try:
                yield run(text, LIMIT)
            except (OverflowError, Rejected):
                continue


def lies(graph: Lowered) -> list[str]:
    system = graph.system
    structure = Structure(system)
    out = []
    used = [v for v in system.variables if v.kind is VarKind.USED]
    for v in used:
        peak = structure.peak(v.index)
        most = max(int(s[v.index]) for s in graph.steps)
        if peak is not None and most > peak:
            out.append(f"{v.name}: {most} are in use, said to be {peak} at most")
    contended = structure.contended()
    kinds = [v.kind for v in system.variables]
    free = [r for r in system.rules if r.gains and not {u for u, _ in r.gains} & contended]
    waits = compiled([and_(without_claims(r, kinds), not_(r.guard)) for r in free])
    for state, moves in graph.steps.items():
        for r, waiting in zip(free, waits(state), strict=True):
            if waiting:
                out.append(f"{r.name} waits for what is said never to be waited for")
        able = {r.index: (r, after) for r, after in moves}
        for a, after_a in able.values():
            for b, after_b in able.values():
                if a.index >= b.index or a.thread == b.thread or structure.beside(a, b):
                    continue
                if _over(structure, a, b) or _over(structure, b, a):
                    out.append(f"{a.name} and {b.name} can be taken, and one cancels branches")
                elif all(
                    any(r is q for r, _ in graph.steps.get(s, ()))
                    for s, q in ((after_a, b), (after_b, a))
                ):
                    out.append(f"{a.name} and {b.name} come in either order")
    return out


def _over(structure: Structure, a: Rule, b: Rule) -> bool:
    """Is the first a step that may cut off branches, of which the second is one?"""
    return a.over_children and a.thread in {t for t, _ in structure.ancestors(b.thread)}


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_nothing_false_is_said(first: int) -> None:
    for graph in graphs(range(first, first + 20)):
        assert lies(graph) == [], graph.system.name


# --- amounts -----------------------------------------------------------------------------------

RANGES = ((-3, 1), (0, 2), (2, 4))


def amount(r: Random, depth: int) -> Expr:
    if depth == 0:
        if r.random() < 0.4:
            return const(r.randint(-2, 3))
        return var(r.randrange(len(RANGES)), Sort.INT)
    a, b = amount(r, depth - 1), amount(r, r.randrange(depth))
    match r.randrange(4):
        case 0:
            return add(a, b)
        case 1:
            return neg(a)
        case 2:
            return mul(a, b)
    return ite(le(a, const(r.randint(-2, 2))), a, b)


def test_bounds_of_amounts() -> None:
    variables = tuple(
        Variable(k, f"n{k}", Sort.INT, Int(lo, hi), VarKind.ARG, None, lo=lo, hi=hi)
        for k, (lo, hi) in enumerate(RANGES)
    )
    system = TransitionSystem("s", variables, TRUE, (), (), (), (), (), ())
    exact = 0
    for seed in range(400):
        e = amount(Random(seed), 1 + seed % 3)
        low, high = least(e, system), upper(e, system)
        values = [evaluate(e, s) for s in product(*(range(lo, hi + 1) for lo, hi in RANGES))]
        assert low is not None and low <= min(values), e
        assert high is not None and max(values) <= high, e
        exact += (low, high) == (min(values), max(values))
    assert exact > 200


# --- room --------------------------------------------------------------------------------------


def damaged(system: TransitionSystem) -> Iterator[TransitionSystem]:
    """With one step that takes more than it asks for, or does not ask."""
    pools = {r.used for r in system.resources}
    for k, rule in enumerate(system.rules):
        parts = conjuncts(rule.guard)
        changed = [
            replace(rule, guard=and_(*parts[:i], *parts[i + 1 :]))
            for i, part in enumerate(parts)
            if variables([part]) & pools
        ]
        changed += [
            replace(rule, own=tuple((w, add(e, const(1)) if w == v else e) for w, e in rule.own))
            for v, _ in rule.own
            if v in pools
        ]
        for one in changed:
            yield replace(system, rules=(*system.rules[:k], one, *system.rules[k + 1 :]))


@pytest.mark.parametrize(
    "term", ["a || b", "using (p 1) { a } || using (p 1) { c }", "par any { a || b ; c } || a"]
)
def test_room_is_said_to_be_checked_where_it_is(term: str) -> None:
    activities = "activity a { uses p 1 } activity b { uses p 2 } activity c { }"
    text = f"resource p : pool(2) workflow w {{ {activities} run {{ {term} }} }} system {{ w }}"
    system = lower(load_text(text, "s.wf"))
    (pool,) = system.resources
    assert guarded(system.rules, pool)
    wrong = 0
    for other in damaged(system):
        try:
            states = explore(other, 4_000).states
        except TooBig:
            continue
        full = any(int(s[pool.used]) > 2 for s in states)
        wrong += full
        assert not (full and guarded(other.rules, pool))
    assert wrong > 1
