"""What is read off threads and rules, against every state that can be reached: also of systems
that were damaged, whose rules break what lowering keeps.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from naive import TooBig, explore, value
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.expr import and_, const
from wfverify.semantics.lower import lower
from wfverify.semantics.system import PointKind, TransitionSystem, VarKind
from wfverify.verifier.engines.linking import _Checking
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved

HEAD = "error E permanent  resource r : pool(2)\n"
ITEM = "activity item(i: int) { uses r 1  takes 1s }\n"
FAILING = "activity item(i: int) { uses r 1  takes 1s  fails E }\n"
SPECS = {
    "an argument": f"workflow w(n: int 0..2) {{ {ITEM} run {{ each i in 1..n {{ item(i) }} }} }}",
    "a variable": f"workflow w {{ var n: int 0..2 = 2 {ITEM} "
    "run { { n := 1 } + skip ; each i in 1..n { item(i) ; n := 0 } } }",
    "slots": f"workflow w(n: int 0..2) {{ {FAILING} "
    "run { try { each i in 1..n at_most 1 at once { item(i) } } catch * { skip } } }",
    "counted": f"workflow w(n: int 0..2) {{ var bad: int = 0 {FAILING} "
    "run { try { each i in 1..n tolerate 1 as bad { item(i) } } catch * { skip } } }",
    "both ends": f"workflow w(n: int 0..1) {{ {ITEM} run {{ each i in n..1 {{ item(i) }} }} }}",
    "twice": f"workflow w {{ var n: int 0..2 = 2 {ITEM} "
    "run { while (n > 0) { each i in 1..n { item(i) } ; n := n - 1 } } }",
    "beside another": f"workflow w {{ var n: int 0..2 = 2 {ITEM} "
    "run { each i in 1..n { item(i) } || n := 1 } }",
    "shared": "shared n: int 0..1 = 1\n"
    f"workflow w {{ {ITEM} run {{ each i in 0..n {{ item(i) }} }} }}\n"
    "workflow v { run { n := 0 } }",
}


def system_of(name: str) -> TransitionSystem:
    return lower(load_text(HEAD + SPECS[name], "s.wf"))


def lies(system: TransitionSystem) -> list[str]:
    """What is said of all states and fails in one."""
    checking = _Checking(system)
    said = checking.run()
    if not said.quiet:
        return []
    terms = {checking.numbers(c): c for r in system.rules for c in _parts(r.guard)}
    roots = [t for t in system.threads if t.parent is None]
    used = [v.index for v in system.variables if v.kind is VarKind.USED]
    out = []
    for state in explore(system, 5_000).states:
        for number, locations in checking.admitted.items():
            if not value(terms[number], state) and any(state[v] for v in locations):
                out.append(f"a branch of {number} has begun")
        over = all(
            t.points[int(state[t.location])].kind in (PointKind.END, PointKind.FAILED)
            for t in roots
        )
        if over and said.conserved(used) and any(state[u] for u in used):
            out.append("something is held at the end")
    return out


def _parts(guard: object) -> list[object]:
    from wfverify.semantics.expr import Sort
    from wfverify.semantics.walks import postorder

    return [n for n in postorder([guard]) if n.sort is Sort.BOOL]  # type: ignore[list-item]


@pytest.mark.parametrize("name", SPECS)
def test_a_computed_range_leaves_nothing_held(name: str) -> None:
    system = system_of(name)
    assert lies(system) == []
    results = verify(
        load_text(HEAD + SPECS[name], "s.wf"),
        system,
        Options(only=("resources",), timeout=20),
        replay=replay,
        schedule=schedule,
    )
    assert results and all(isinstance(r.verdict, Proved) for r in results)


@pytest.mark.parametrize("name", SPECS)
def test_conditions_are_found(name: str) -> None:
    checking = _Checking(system_of(name))
    assert checking.run().quiet
    assert checking.admitted


def damaged(system: TransitionSystem, chance: random.Random) -> TransitionSystem:
    """One rule writes what it should not, or asks for less."""
    rules = list(system.rules)
    k = chance.randrange(len(rules))
    rule = rules[k]
    if chance.random() < 0.3 and len(rule.guard.args) > 1:
        parts = [a for a in rule.guard.args if chance.random() < 0.7]
        rules[k] = replace(rule, guard=and_(*parts))
        return replace(system, rules=tuple(rules))
    whole = [v for v in system.variables if v.sort.name == "INT" and v.kind is not VarKind.USED]
    v = chance.choice(whole)
    points = {t.location: len(t.points) for t in system.threads}
    new = chance.randrange(points.get(v.index, 3))
    own = tuple(u for u in rule.own if u[0] != v.index)
    rules[k] = replace(rule, own=(*own, (v.index, const(new))))
    return replace(system, rules=tuple(rules))


@pytest.mark.parametrize("name", SPECS)
def test_nothing_false_is_said_where_an_update_is_forgotten(name: str) -> None:
    system = system_of(name)
    seen = 0
    for k, rule in enumerate(system.rules):
        for lost in rule.own:
            other = replace(rule, own=tuple(u for u in rule.own if u is not lost))
            rules = (*system.rules[:k], other, *system.rules[k + 1 :])
            try:
                assert lies(replace(system, rules=rules)) == []
                seen += 1
            except TooBig:
                continue
    assert seen > 5


@pytest.mark.parametrize("name", SPECS)
def test_nothing_false_is_said_of_damaged_systems(name: str) -> None:
    system = system_of(name)
    chance = random.Random(name)
    seen = 0
    for _ in range(25):
        other = damaged(system, chance)
        try:
            assert lies(other) == []
            seen += 1
        except TooBig:
            continue
    assert seen > 5
