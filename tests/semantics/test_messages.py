"""What the rules of messages do is what the terms say, step by step, over random small specs."""

from __future__ import annotations

import os
from typing import Any

import message_specs
import naive
import pytest
import test_agreement as agreement
from message_specs import Explorer, Spec
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.run import RunOptions, run
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem

# A longer campaign: WFVERIFY_SEEDS=0..2000 pytest tests/semantics/test_messages.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..12").split("..")))
FORMS = (
    "",
    "where unordered len",
    "delivery broadcast",
    "keyed where environment",
    "within unordered",
    "request within",
    "ttl where unordered delivery keyed",
    "protocol unordered delivery broadcast keyed request",
    "where unordered len delivery broadcast keyed environment within request",
)


def projected(spec: Spec, system: TransitionSystem, state: naive.State) -> tuple[Any, ...]:
    """A state of the rules, as `Explorer.projected` sees one."""
    names = {v.name: v.index for v in system.variables}
    ended, values = [], []
    for i in system.instances:
        ended.append(state[system.threads[i.root].location] in (i.completed, i.failed))
        values.append(state[names[f"{i.name}.v"]])
    queues = []
    for c in system.channels:
        for length in c.lengths:
            label = system.variables[length].name.removeprefix("len(").removesuffix(")")
            slots = [
                (n, state[names[f"{label}[{n}]"]]) for n in range(50) if f"{label}[{n}]" in names
            ]
            if f"{label}[0] turn" in names:  # each message stays where it is
                turns = [state[names[f"{label}[{n}] turn"]] for n, _ in slots]
                slots = sorted((turn, v) for turn, (_, v) in zip(turns, slots, strict=True) if turn)
                assert [turn for turn, _ in slots] == list(range(1, state[length] + 1))
            queues.append(tuple(v for _, v in slots[: state[length]]))
    return tuple(ended), tuple(values), tuple(queues)


@pytest.mark.parametrize("forms", FORMS)
def test_rules_take_the_steps_of_the_terms(forms: str) -> None:
    compared = 0
    for seed in SEEDS:
        spec = message_specs.from_seed(seed, forms)
        text = spec.text()
        try:
            system = lower(load_text(text, "s.wf"))
        except Rejected as error:
            raise AssertionError(f"{error}\n{text}") from None
        mine = Explorer(spec, 1500)
        if not mine.explore():
            continue
        try:
            rules = naive.explore(system, 6000)
        except naive.TooBig:
            continue
        theirs = {s: projected(spec, system, s) for s in rules.states}
        ours = {w: mine.projected(w) for w in mine.states}
        where = f"seed {seed}\n{text}"
        assert set(theirs.values()) == set(ours.values()), where
        one = {(ours[w], ours[a]) for w, out in mine.states.items() for a in out}
        two = {(theirs[s], theirs[a]) for s, out in rules.successors.items() for _, _, a in out}
        assert one == two, where
        lost = any(mine.left(w) or w.lost or w.orphan for w in mine.states)
        goals = [o for o in system.obligations if o.check == "messages"]
        assert lost == any(rules.broken(g) is not None for g in goals), where
        compared += 1
    assert compared >= len(SEEDS) // 3


@pytest.mark.parametrize("forms", (FORMS[-1], "ttl where unordered"))
def test_values_and_solver_read_the_rules_alike(forms: str) -> None:
    """Each step of a run satisfies the formula of its rule, and no other state after it would."""
    for seed in list(SEEDS)[:6]:
        system = lower(load_text(message_specs.from_seed(seed, forms).text(), "s.wf"))
        result = run(system, RunOptions(seed=seed, max_steps=40))
        states = replay(system, result.trace).states
        seen: set[int] = set()
        for k, step in enumerate(result.trace.steps):
            if step.rule not in seen:
                seen.add(step.rule)
                rule = system.rules[step.rule]
                agreement._check_step(system, rule, states[k], step.inputs, states[k + 1])
