"""Measures that fall with every step."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..semantics.evidence import Facts, Measure, Rank
from ..semantics.expr import Expr, Op, Sort, add, and_, const, le
from ..semantics.system import Rule, Thread
from ..semantics.walks import variables
from .facts import Prover, Wrong
from .reading import Step
from .shapes import Known
from .tree import Tree


def measure(prover: Prover, evidence: Measure) -> None:
    """Every rule makes the first component that it changes fall, so every run is finite.

    A thread's place falls in rank; a term falls by 1 at least and is bounded from below where it
    falls (integers; of reals the same).
    """
    concerned: dict[int, list[int]] = {}  # by variable: components, by their position
    threads = prover.model.system.threads
    for k, c in enumerate(evidence.components):
        if c.term is not None:
            touched = variables([c.term])
        elif c.thread is None or not 0 <= c.thread < len(threads):
            raise Wrong("a rank of no thread")
        elif len(c.ranks) != len(threads[c.thread].points):
            raise Wrong(f"{threads[c.thread].name} has another number of points")
        else:
            touched = {threads[c.thread].location}
        for v in touched:
            concerned.setdefault(v, []).append(k)
    plain = prover.tree.steady and prover.tree.shows(evidence.facts.shapes)
    left: list[tuple[Rule, list[Rank]]] = []
    for rule in prover.model.system.rules:
        order = {k for v, _ in rule.updates if v in concerned for k in concerned[v]}
        mine = [evidence.components[k] for k in sorted(order)]
        if not plain or not _plainly(prover.tree, rule, mine):
            left.append((rule, mine))
    if not left:
        return
    if plain:
        terms = [c.term for c in evidence.components if c.term is not None]
        known = _near(prover, evidence.facts, [rule for rule, _ in left], terms)
    else:
        known = prover.established(evidence.facts)
    for rule, mine in left:
        for case in prover.model.cases(rule):
            step = prover.placed(case, known)
            if step is not None and not any(_falls(prover, step, c, known) for c in mine):
                raise Wrong(f"`{step.rule.name}` makes nothing fall")


def _near(prover: Prover, facts: Facts, rules: Sequence[Rule], terms: Collection[Expr]) -> Known:
    """The facts, where their shapes are shown by the tree: of what these say, only what concerns
    the threads of which the rules speak, and those above them, and the resources of which the
    rules, the terms of the measure or the invariants do."""
    system = prover.model.system
    spoken = variables(r.guard for r in rules) | {v for r in rules for v, _ in r.updates}
    near: dict[int, Thread] = {}
    for v in spoken & prover.tree.thread.keys():
        t: Thread | None = prover.tree.thread[v]
        while t is not None and t.id not in near:
            near[t.id] = t
            t = None if t.parent is None else system.threads[t.parent]
    said = {system.variables[v].name for v in spoken | variables([*facts.invariants, *terms])}
    shapes = [s for s in facts.shapes if _names(s) in ("", *said)]
    shown = [f for s in shapes for f in prover.written_out(s, [*near.values()])]
    return prover.knowing([*shown, *prover.established(Facts(facts.invariants)).facts], system)


def _names(shape: str) -> str:
    """The resource of which a shape says something; "" for all threads."""
    return shape.partition(" ")[2]


def _plainly(tree: Tree, rule: Rule, components: Sequence[Rank]) -> bool:
    """Whether places alone show it, as far as they can be read off the guard."""
    before, own, gone = tree.before[rule.index], tree.sent[rule.index], tree.cancelled(rule.bundle)
    if before is None:
        return True
    for c in components:
        if c.thread is None or own is None or gone is None:
            return False
        v = tree.system.threads[c.thread].location
        then = c.ranks[own[v] if v in own else gone[v]]
        least = min(c.ranks[p] for p in tree.sources(rule, v))
        if least <= then:
            if least < then:
                return False
            continue
        return True
    return False


def _falls(prover: Prover, step: Step, c: Rank, known: Known) -> bool:
    return _rank(step, c, prover.tree) if c.term is None else _term(prover, step, c.term, known)


def _rank(step: Step, c: Rank, tree: Tree) -> bool:
    """True: it falls; False: it does not grow."""
    assert c.thread is not None
    t = tree.system.threads[c.thread]
    new = step.updates.get(t.location)
    if new is None:
        return False
    if new.op is not Op.CONST or not isinstance(new.value, int):
        raise Wrong(f"`{step.rule.name}` may move {t.name} anywhere")
    then = c.ranks[new.value]
    old = step.pins.get(t.location)
    if old is not None and isinstance(old.value, int):
        before: Sequence[int] = [c.ranks[old.value]]
    else:
        before = [c.ranks[p] for p in tree.sources(step.rule, t.location)]
    if all(b > then for b in before):
        return True
    if all(b >= then for b in before):
        return False
    raise Wrong(f"`{step.rule.name}` may lift {t.name}")


def _term(prover: Prover, step: Step, term: Expr, known: Known) -> bool:
    if not variables([term]) & step.updates.keys():
        return False
    one = const(1) if term.sort is Sort.INT else None
    if one is None:
        raise Wrong("a measure of no whole number")
    now, then = step.before(term), step.after(term)
    if prover.follows(step, and_(le(add(then, one), now), le(const(0), now)), known):
        return True
    if prover.follows(step, le(then, now), known):
        return False
    raise Wrong(f"`{step.rule.name}` may make a term of the measure grow")
