"""Instances that come faster than they are served: the least that each needs, against what each
has had in runs of the interpreter; and that more and more are under way, whoever is next.

A longer campaign: WFVERIFY_LOADS=0..500 pytest tests/verifier/test_overload.py.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from fractions import Fraction

import pytest
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.semantics.trace import Trace
from wfverify.semantics.values import evaluate
from wfverify.verifier.checks.overload import loads, overload
from wfverify.verifier.checks.piling import piling
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Refuted

SEEDS = range(*map(int, os.environ.get("WFVERIFY_LOADS", "0..30").split("..")))
SCHEDULERS = ("any", "fifo", "priority", "fair")


class Maker:
    """Clients that come every so often, and hold this and that of a pool and a lock."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def spec(self) -> str:
        pick = self.rng.choice
        more = pick(["", f"  w[*] arrive every {pick([1, 2, 5])}s", "  w"])
        late = pick(["", "", " timeout 2s", " lease 2s"])
        return f"""
error B transient
error Full permanent
resource r : pool({pick([1, 2, 3])}){pick(["", "", "", " on_busy fail Full"])}{late[:9]}
resource l : lock
shared s: int 0..1 = 0
{self.workflow("client")}
{self.workflow("w")}
system {{ client[*] arrive every {pick([1, 2, 3])}s{more}  scheduler {pick(SCHEDULERS)} }}
""".replace(" timeout ", " ")

    def workflow(self, name: str) -> str:
        pick = self.rng.choice
        fails = pick(["", "", " fails B retry 1 on B", " timeout 2s"])
        return f"""workflow {name} fails B, Full, Timeout, LeaseExpired {{
  activity a {{ uses r {pick([1, 1, 2])}  takes {self.takes()}{fails} priority {pick([1, 2])} }}
  activity b {{ uses l exclusive  takes {self.takes()} }}
  activity c {{ takes {self.takes()} do {{ s := 1 }} }}
  run {{ {self.body(2)} }}
}}"""

    def takes(self) -> str:
        return self.rng.choice(["1s", "1s..2s", "2s", "3s", "0s..4s"])

    def body(self, depth: int) -> str:
        pick = self.rng.choice
        if not depth:
            return pick(["a", "a", "b", "c", "skip"])
        one, two = self.body(depth - 1), self.body(depth - 1)
        return pick(
            [
                f"{one} ; {two}",
                f"{one} ; {two}",
                f"{{ {one} || {two} }}",
                f"using (r 1) {{ {one} ; c }}",
                f"using (l exclusive) {{ {one} }}",
                f"if (s == 1) {{ {one} }} else {{ {two} }}",
                f"within 2s {{ {one} }} else {{ {two} }}",
                f"try {{ {one} }} catch * {{ {two} }}",
                f"{{ {one} + {two} }}",
            ]
        )


def session_of(text: str) -> Session:
    spec = load_text(text, "w.wf")
    session = Session(lower(spec, room=1), Options(timeout=20), replay, schedule, simulator)
    session.spec = spec
    return session


def between(session: Session) -> dict[str, Fraction]:
    groups = session.system.any_number
    return {g.workflow: Fraction(g.between.value) for g in groups}  # type: ignore[union-attr, arg-type]


def had(system: TransitionSystem, trace: Trace, used: int) -> dict[int, Fraction]:
    """By instance that is over: for how many unit-seconds it has held something."""
    out: Counter[int] = Counter()
    states = replay(system, trace).states
    now = Fraction(0)
    for state, step in zip(states, trace.steps, strict=False):
        for t in system.threads:
            for v, amount in t.points[int(state[t.location])].holds:
                if v == used:
                    out[t.instance] += (step.time - now) * evaluate(amount, state)
        now = step.time
    last = states[-1]
    over = [i for i in system.instances if last[system.threads[i.root].location] == i.completed]
    return {i.id: out[i.id] for i in over}


def test_the_least_that_is_held_for_seeds() -> None:
    counts: Counter[bool] = Counter()
    for seed in SEEDS:
        text = Maker(seed).spec()
        try:
            session = session_of(text)
        except Rejected:
            continue
        assert session.spec is not None
        many = lower(session.spec, (12, 12))
        found = loads(session)
        counts[bool(found)] += 1
        trace = simulator(many)(seed, 0.0, {}, (), 1.0) if found else None
        if trace is None:
            continue
        for load in found:
            used = load.resource.used
            if load.resource.kind == "lock":
                assert load.resource.exclusive is not None
                used = load.resource.exclusive
            for i, units in had(many, trace, used).items():
                least = load.each.get(many.instances[i].workflow, Fraction(0))
                assert units >= least, (seed, load, text)
    assert counts[True] and counts[False], counts


def under_way(session: Session, number: int) -> int:
    """How many are, when the last of so many comes."""
    assert session.spec is not None
    system = lower(session.spec, (number, number))
    trace = simulator(system)(0, 0.0, {}, (), 1.0)
    assert trace is not None
    until = (number - 1) * min(between(session).values())
    steps = [s for s in trace.steps if s.time <= until]
    state = replay(system, Trace(trace.initial, tuple(steps))).states[-1]
    ends = [(i, system.threads[i.root].location) for i in system.instances]
    return sum(state[at] not in (0, i.completed, i.failed) for i, at in ends)


def test_more_and_more_are_under_way_for_seeds() -> None:
    counts: Counter[bool] = Counter()
    for seed in SEEDS:
        text = Maker(seed).spec()
        try:
            session = session_of(text)
        except Rejected:
            continue
        assert session.spec is not None
        found = overload(session, session.spec, between(session))
        counts[bool(found)] += 1
        for verdict in found.values():
            assert verdict.system is not None and replay(verdict.system, verdict.trace).ok
            assert under_way(session, 20) < under_way(session, 60), (seed, text)
    assert counts[True] and counts[False], counts


QUEUE = """
resource r : RESOURCE
workflow client { activity work { uses r CLAIM  takes TAKES }  run { BODY } }
system { client[*] arrive every 2s  scheduler SCHEDULER }
"""


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(
    ("resource", "claim", "takes", "body", "grows"),
    [
        ("lock", "exclusive", "3s", "work", True),
        ("lock", "exclusive", "1s..2s", "work", False),
        ("lock", "shared", "9s", "work", False),
        ("pool(2)", "1", "3s..5s", "work", True),
        ("pool(2)", "1", "3s..4s", "work", False),
        ("pool(3)", "2", "1s..3s", "work", True),
        ("pool(3)", "2", "1s..2s", "work", False),
        ("lock", "exclusive", "1500ms", "work ; work", True),
        ("lock", "exclusive", "1500ms", "within 1s { work } else { skip }", False),
    ],
)
def test_whoever_is_next(
    resource: str, claim: str, takes: str, body: str, grows: bool, scheduler: str
) -> None:
    text = QUEUE.replace("RESOURCE", resource).replace("CLAIM", claim).replace("TAKES", takes)
    session = session_of(text.replace("BODY", body).replace("SCHEDULER", scheduler))
    assert session.spec is not None
    assert bool(overload(session, session.spec, between(session))) is grows
    found = piling(session, session.spec)
    assert any(isinstance(v, Refuted) for v in found.values()) is grows
