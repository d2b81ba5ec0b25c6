"""Instances of laws: random terms for their names, and what closed terms do, found naively."""

from __future__ import annotations

import random
import re

import naive
import naive_lts
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.proofs.laws.catalogue import DECLARED
from wfverify.semantics.lower import lower
from wfverify.semantics.system import RuleKind, TransitionSystem


def random_term(rng: random.Random, name: str, depth: int, *keeps: str) -> str:
    """A term without loops; its activities are `name`1, `name`2 and, failing, `name`x; `name`u is
    undone, the undo of `name`w may fail, and of `name`l nobody knows whether it happened.

    `keeps`, of these: calm (it raises nothing), fixed (it writes no test), undone (it may have to
    be undone)."""
    calm, undone = "calm" in keeps, "undone" in keeps
    leaves = ["skip", f"{name}1", f"{name}2", "wait until (false)"]
    leaves += [] if "fixed" in keeps else ["{ b := not b }"]
    leaves += [] if calm else ["fail E", "fail F", f"{name}x", "return"]
    leaves += [f"{name}u", f"{name}u", f"{name}l"] if undone else []
    leaves += [f"{name}w"] if undone and not calm else []
    if depth == 0:
        return rng.choice(leaves)
    p, q = (random_term(rng, name, depth - 1, *keeps) for _ in range(2))
    forms = [f"{{ {p} ; {q} }}", f"({p} + {q})", f"({p} || {q})", f"nocancel {{ {p} }}"]
    forms += [f"if (b) {{ {p} }} else {{ {q} }}", f"try {{ {p} }} catch E {{ {q} }}"]
    forms += [f"try {{ {p} }} finally {{ {q} }}", f"if (c) {{ {p} }}", *leaves]
    forms += [f"saga {{ {p} }}", f"saga {{ {p} ; {q} }}", *leaves] if undone else []
    return rng.choice(forms)


def spec(term: str, names: list[str]) -> TransitionSystem:
    lines = [
        "error E permanent",
        "error F transient",
        "shared b: bool = false",
        "shared c: bool = true",
        "resource m : pool(1)",
        "resource n : pool(1)",
        f"workflow w fails E, F {{\n{DECLARED}",
        *(f"  activity {p}{i} {{ }}" for p in names for i in (1, 2)),
        *(f"  activity {p}x {{ fails E }}" for p in names),
        *(f"  activity {p}u {{ undo {p}2() }}" for p in names),
        *(f"  activity {p}w {{ undo {p}x() }}" for p in names),
        *(f"  activity {p}l {{ at_least_once undo {p}2() }}" for p in names),
        f"  run {{ {term} }}\n}}",
    ]
    return lower(load_text("\n".join(lines), "law.wf"))


def graph(system: TransitionSystem) -> naive_lts.System:
    """All that the system does, as the naive explorer finds it."""
    found = naive.explore(system, 120)
    number = {state: i for i, state in enumerate(found.states)}
    edges = set()
    for state, moves in found.successors.items():
        for index, _, after in moves:
            rule = system.rules[index]
            name = re.sub(r"\[\d+\]|#\d+", "", rule.activity)
            label = {
                RuleKind.START: f"{name} starts",
                RuleKind.COMPLETE: f"{name} ends",
                RuleKind.FAIL: f"{name} fails {rule.error}",
                RuleKind.END: f"over {state[system.instances[0].error]}",
            }.get(rule.kind, naive_lts.TAU)
            edges.add((number[state], label, number[after]))
    return len(number), 0, frozenset(edges)


def agree(left: naive_lts.System, right: naive_lts.System, level: str) -> bool:
    both, other = naive_lts.disjoint(left, right)
    if level == "bisimulation":
        return (left[1], other) in naive_lts.strong(both)
    if level == "branching":
        return naive_lts.rooted(both, left[1], other)
    return naive_lts.by_runs(both, left[1], other, level == "failures") is None


def graphs(texts: list[str]) -> tuple[naive_lts.System, naive_lts.System] | None:
    """None: too large for the naive checkers."""
    try:
        left, right = (graph(spec(t, list("hkpqrsz"))) for t in texts)
    except (naive.TooBig, Rejected):
        return None
    return (left, right) if left[0] + right[0] <= 60 else None
