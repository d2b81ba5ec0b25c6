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
import pytest
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.verifier.checks import answers, layers
from wfverify.verifier.engines.structure import Structure

SEEDS = range(*map(int, os.environ.get("WFVERIFY_LAYERS", "0..40").split("..")))
STATES = 300
NUMBERS = (1, 2, 3, 4)  # of instances


HEAD = """
error A transient
channel r : bool -> bool capacity 2
channel m : bool capacity 1
resource k : lock
activity work { takes 1s..2s }
"""
CLIENT = "while (true) { b <- request(true) to r }"
SERVER = "while (true) { receive x from r ; work ; send x to x }"
SURE = [  # client, server, third, whether nobody waits for ever, whether each answer arrives
    (CLIENT, SERVER, "skip", True, True),
    (CLIENT, SERVER, SERVER, True, True),
    # Only a client that ends need not release who receives.
    ("b <- request(true) to r", SERVER, "skip", False, True),
    ("b <- request(true) to r", SERVER, CLIENT, True, True),
    # The other one stops, or stops in between, or never comes to the answer.
    (CLIENT, SERVER, "receive x from r ; send x to x", True, True),
    (CLIENT, SERVER, "receive x from r", False, False),
    (CLIENT, SERVER, "receive x from r ; while (true) { work } ; send x to x", False, True),
    (CLIENT, "receive x from r ; send x to x", "skip", False, True),
    # Two at a time, each in another hand, and two answers to one.
    (CLIENT, SERVER.replace("work", "receive y from r ; send y to y"), "skip", False, False),
    (CLIENT, SERVER.replace("work", "send x to x"), "skip", True, False),
    (CLIENT, SERVER.replace("work ; send x to x", "{ skip + send x to x }"), "skip", False, False),
    # Locks, around the request and before its answer.
    (f"using (k exclusive) {{ {CLIENT[15:-2]} }}", SERVER, "skip", False, True),
    (
        "while (true) { using (k exclusive) { b <- request(true) to r } }",
        SERVER,
        "while (true) { receive x from r ; using (k exclusive) { work } ; send x to x }",
        False,
        True,
    ),
    (
        "while (true) { using (k exclusive) { b <- request(true) to r } }",
        SERVER,
        "while (true) { using (k exclusive) { work } }",
        True,
        True,
    ),
    # Who gives up waiting leaves an answer to nobody.
    (
        "while (true) { try { b <- request(true) to r within 3s } catch * { skip } }",
        SERVER,
        "skip",
        False,
        False,
    ),
    # A loop inside the round that does not come to the step.
    ("while (true) { while (b) { work } ; send true to m }", SERVER, CLIENT, False, True),
    (
        CLIENT,
        "while (true) { receive x from r ; send x to x ; send true to m }",
        "skip",
        False,
        True,
    ),
    (
        CLIENT,
        "while (true) { receive x from r ; send x to x ; send true to m }",
        "while (true) { receive y from m }",
        True,
        True,
    ),
    ("while (true) { send true to m }", "while (true) { receive x from m }", CLIENT, False, True),
    # Branches inside the round, around the step, and beside a loop.
    (CLIENT, SERVER.replace("work", "{ work || work }"), "skip", True, True),
    (CLIENT, f"while (true) {{ {{ {SERVER[15:-2]} }} || work }}", "skip", True, True),
    (CLIENT, f"{{ {SERVER} }} || {{ while (true) {{ work }} }}", "skip", True, True),
    (f"while (true) {{ {{ {CLIENT[15:-2]} }} || work }}", SERVER, "skip", True, True),
    (CLIENT, f"{{ {SERVER} }} || work", "skip", True, True),
    # A branch that never ends keeps the others from the next round; one that need not come to the
    # step, or is cut off before.
    (
        CLIENT,
        f"while (true) {{ {{ {SERVER[15:-2]} }} || {{ while (true) {{ work }} }} }}",
        "skip",
        False,
        True,
    ),
    (
        CLIENT,
        f"while (true) {{ {{ if (b) {{ {SERVER[15:-2]} }} }} || work }}",
        "skip",
        False,
        True,
    ),
    (
        CLIENT,
        f"while (true) {{ par any {{ {{ {SERVER[15:-2]} }} || work }} }}",
        "skip",
        False,
        False,
    ),
    (CLIENT, f"{{ {SERVER} }} || {{ work ; fail A }}", "skip", False, False),
    # A round of one step, in a branch.
    (
        CLIENT,
        SERVER.replace("work", "{ { while (not b) { b := b } } || work }"),
        "skip",
        False,
        True,
    ),
    # What never comes is not waited for in vain only.
    (CLIENT, SERVER.replace("work", "wait until (1 == 2)"), "skip", False, True),
    (
        CLIENT,
        SERVER.replace("work", "if (b) { skip } else { wait until (false) }"),
        "skip",
        False,
        True,
    ),
]


@pytest.mark.parametrize(("client", "server", "third", "free", "reached"), SURE)
def test_what_is_read_off(client: str, server: str, third: str, free: bool, reached: bool) -> None:
    made = [
        f"workflow {name} {{ var b: bool = false  run {{ {body} }} }}\n"
        for name, body in (("client", client), ("server", server), ("third", third))
    ]
    text = HEAD + "".join(made) + "system { client[*]  server  third }\n"
    system = lower(load_text(text, "w.wf"), room=comparisons.ROOM)
    structure = Structure(system)
    assert (layers.all_met(structure, structure.contended()) is not None) == free
    found = answers.by_structure(structure, system.obligations)
    arrives = [k for k, goal in enumerate(system.obligations) if goal.message == answers.ORPHAN]
    assert all(k in found for k in arrives) == reached
    assert wrong(text, Counter()) == []


PUT, TAKE = "send true to m", "receive x from m"
BALANCED = [  # each client, whether it is seen that nobody waits for ever
    (f"{{ {PUT} }} || {{ {TAKE} }}", True),
    (f"{{ {PUT} ; unit }} || {{ {TAKE} ; unit }} || work", True),
    (f"work ; {{ {{ {PUT} }} || {{ {TAKE} }} }} ; work", True),
    (f"{{ using (k exclusive) {{ work }} ; {PUT} }} || {{ {TAKE} }}", True),
    # One more is taken, or put in, than the other; perhaps.
    (f"{{ {PUT} }} || {{ {TAKE} ; receive y from m }}", False),
    (f"{{ {PUT} }} || {{ {TAKE} }} || {{ receive y from m }}", False),
    (f"{{ {PUT} ; {PUT} }} || {{ {TAKE} }}", False),
    (f"{{ if (b) {{ {PUT} }} }} || {{ {TAKE} }}", False),
    (f"{{ {PUT} + skip }} || {{ {TAKE} }}", False),
    (f"par any {{ {PUT} || work || {{ {TAKE} }} }}", False),
    (f"par any {{ {PUT} || work }} ; {TAKE}", False),
    (f"{{ may_fail ; {PUT} }} || {{ {TAKE} }}", False),
    (f"try {{ {{ {PUT} }} || may_fail }} catch * {{ skip }} ; {TAKE}", False),
    (f"while (not b) {{ {{ {PUT} }} || {{ {TAKE} }} ; b := true }} ; {TAKE}", False),
    # Who would put one in waits for one.
    (f"{TAKE} ; {PUT}", False),
    (f"{{ {TAKE} ; {PUT} }} || work", False),
    (f"{TAKE} ; {{ {PUT} || work }}", False),
    (f"{{ using (k exclusive) {{ {PUT} }} }} || {{ using (k exclusive) {{ {TAKE} }} }}", False),
]


@pytest.mark.parametrize(("body", "free"), BALANCED)
@pytest.mark.parametrize("system", ["client[*]", "client[*] arrive every 1s", "client[2]"])
def test_as_many_are_put_in_as_are_taken_out(body: str, system: str, free: bool) -> None:
    text = (
        HEAD.replace("capacity 1", "capacity 1 optional")
        + "resource p : pool(2)\nactivity unit { uses p 1  takes 1s }\n"
        + "activity may_fail { takes 1s  fails A }\n"
        + f"workflow client fails A {{ var b: bool = false  run {{ {body} }} }}\n"
        + f"system {{ {system} }}\n"
    )
    structure = Structure(lower(load_text(text, "w.wf"), room=comparisons.ROOM))
    assert (layers.all_met(structure, structure.contended()) is not None) == free
    assert wrong(text, Counter()) == []


def test_those_of_a_number_are_in_balance_together() -> None:
    text = HEAD + (
        f"workflow giver {{ run {{ {PUT} }} }}\nworkflow taker {{ run {{ {TAKE} }} }}\n"
        "system { giver[GIVERS]  taker[TAKERS] }\n"
    )

    def free(givers: str, takers: str) -> bool:
        made = text.replace("GIVERS", givers).replace("TAKERS", takers)
        structure = Structure(lower(load_text(made, "w.wf"), room=comparisons.ROOM))
        assert wrong(made, Counter()) == []
        return layers.all_met(structure, structure.contended()) is not None

    assert free("2", "2") and free("1", "1")
    assert not free("2", "1") and not free("1", "2") and not free("*", "*")


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
