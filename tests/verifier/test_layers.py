"""Clients and servers in layers: what is read off the rules is so in all states of 1, 2, .. of
each.

A longer campaign: WFVERIFY_LAYERS=0..5000 pytest tests/verifier/test_layers.py -k seeds.
"""

from __future__ import annotations

import os
from collections import Counter

import comparisons
import layergen
import naive
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.verifier.checks import answers, layers
from wfverify.verifier.engines.structure import Structure

SEEDS = range(*map(int, os.environ.get("WFVERIFY_LAYERS", "0..40").split("..")))
STATES = 300
NUMBERS = (1, 2, 3, 4)  # of instances


def wrong(text: str, counts: Counter[str]) -> list[str]:
    """What is said of any number, and is not so of a few."""
    spec = load_text(text, "w.wf")
    structure = Structure(lower(spec, room=comparisons.ROOM))
    free = layers.all_met(structure, structure.contended()) is not None
    goals = structure.system.obligations
    sure = {(goals[k].name, goals[k].message) for k in answers.by_structure(structure, goals)}
    counts["met" if free else "not met"] += 1
    counts["reached"] += any(message == answers.ORPHAN for _, message in sure)
    out: list[str] = []
    for n in NUMBERS if free or sure else ():
        try:
            graph = comparisons.of_number(spec, n, STATES)
        except naive.TooBig:
            break
        counts[f"of {n}"] += free
        if free and any(graph.dead_threads(s) for s in graph.states):
            out.append(f"with {n} somebody is stuck")
        for goal in graph.system.obligations:
            if (goal.name, goal.message) in sure and graph.broken(goal) is not None:
                out.append(f"with {n} not so: {goal.name}: {goal.message}")
    return out


def test_what_is_read_off_for_seeds_is_so() -> None:
    counts: Counter[str] = Counter()
    found = []
    for seed in SEEDS:
        text = layergen.from_seed(seed)
        found += [f"seed {seed}: {p}\n{text}" for p in wrong(text, counts)]
    assert found == []
    assert min(counts[k] for k in ("met", "not met", "reached", "of 1", "of 2")) > 2, counts
