"""The latest end of contended networks by OR-tools, against all runs and the interpreter."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from durationgen import ends
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.interpreter.timing import Scheduling
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.contended import network
from wfverify.verifier.checks.contended import contended, scheduled
from wfverify.verifier.checks.limits import _by_constraint, start_with
from wfverify.verifier.checks.pacing import as_planned
from wfverify.verifier.engines.schedules import available, latest
from wfverify.verifier.lasting import measured
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Proved, Refuted

needed = pytest.mark.skipif(not available(), reason="OR-tools is not installed")


def _spec(seed: int) -> str:
    rng = random.Random(seed)
    activities: list[str] = []

    def leaf() -> str:
        name = f"a{len(activities)}"
        least = rng.randint(0, 2)
        uses = rng.choice(["uses r 1", "uses r 1", "uses q 1", "uses q 2", ""])
        activities.append(
            f" activity {name} {{ {uses} takes {least}s..{least + rng.randint(0, 2)}s }}"
        )
        return name

    def term(size: int) -> str:
        if size <= 1:
            return leaf()
        cut = rng.randint(1, size - 1)
        mark = rng.choice([" ; ", " || ", " || "])
        return f"{{ {{ {term(cut)} }}{mark}{{ {term(size - cut)} }} }}"

    body = term(rng.randint(3, 5))
    head = f"resource r : pool({rng.randint(1, 2)})\nresource q : pool(2)\nworkflow w {{\n"
    return head + "\n".join(activities) + f"\n run {{ {body} }}\n}}\n"


@needed
def test_no_run_is_later_and_one_unit_each_is_exact() -> None:
    exact = 0
    for seed in range(12):
        text = _spec(seed)
        spec = load_text(text, "s.wf")
        system = lower(spec)
        tasks = network(spec, [])
        assert tasks is not None
        capacity = {r.name: int(r.capacity.value or 0) for r in system.resources}
        found = latest(tasks, capacity, 10.0)
        real = ends(system, 20_000)["ends"].most
        assert found is not None and not isinstance(found, bool) and real is not None
        assert real <= found.bound, text
        if all(units == 1 for t in tasks for _, units in t.asks):
            assert found.bound == real, text
            exact += 1
    assert exact >= 2


@needed
def test_its_schedule_is_a_run() -> None:
    for seed in (3, 8, 21):
        text = _spec(seed).replace("uses q 2", "uses q 1")
        spec = load_text(text, "s.wf")
        system = lower(spec)
        tasks = network(spec, [])
        assert tasks is not None
        capacity = {r.name: int(r.capacity.value or 0) for r in system.resources}
        found = latest(tasks, capacity, 10.0)
        assert found is not None and not isinstance(found, bool)
        initial = start_with(system, {})
        assert initial is not None
        names = [t.activity for t in tasks]
        trace = as_planned(system, initial, names, found.begins, found.takes)
        assert trace is not None and replay(system, trace).ok
        assert Scheduling(system).misplaced(trace) is None
        assert trace.steps[-1].time == found.seconds == found.bound, text


def test_all_schedules_bound_all_runs_and_the_last_is_one() -> None:
    """By zones, from the text to a run that the interpreter takes."""
    waited = 0
    for seed in range(24):
        text = _spec(seed)
        spec = load_text(text, "s.wf")
        system = lower(spec)
        session = Session(system, Options(timeout=20), replay, schedule, simulator)
        known = contended(session, spec)
        real = ends(system, 20_000)["ends"].most
        if known is None:
            continue
        found = scheduled(session, spec, 20.0)
        assert found is not None and found.trace is not None, text
        assert found.bound == found.seconds == real, text
        assert replay(system, found.trace).ok
        assert Scheduling(system).misplaced(found.trace) is None
        waited += 1
    assert waited >= 8


@needed
def test_a_schedule_of_or_tools_refutes_and_never_proves() -> None:
    refuted = 0
    for seed in range(8):
        text = _spec(seed)
        real = ends(lower(load_text(text, "s.wf")), 20_000)["ends"].most
        assert real is not None
        for within in (real - 1, real):
            limited = text.replace("workflow w {", f"workflow w {{\n deadline {within}s")
            spec = load_text(limited, "s.wf")
            options = Options(timeout=20, engines=("constraint",))
            session = Session(lower(spec), options, replay, schedule, simulator)
            if contended(session, spec) is None or within < 0:
                continue
            (limit,) = session.system.limits
            verdict = _by_constraint(session, limit, {}, spec)
            assert not isinstance(verdict, Proved)
            if isinstance(verdict, Refuted):
                assert within < real and verdict.engine == "constraint", text
                assert Scheduling(session.system).misplaced(verdict.trace) is None
                refuted += 1
    assert refuted >= 3


def test_two_at_a_time_and_the_longest_last() -> None:
    activities = "\n".join(f" activity a{i} {{ uses r 1 takes 1s..{i + 1}s }}" for i in range(5))
    text = f"resource r : pool(2)\nworkflow w {{\n{activities}\n"
    spec = load_text(text + " run { a0 || a1 || a2 || a3 || a4 }\n}\n", "s.wf")
    session = Session(lower(spec), Options(timeout=20), replay, schedule, simulator)
    (x,) = measured(session, spec)
    assert x.longest is not None and x.most_attained and x.most_value == Fraction(10)


def test_a_network_is_what_runs_once() -> None:
    for body in ("a + a", "retry(1) { a }", "within 2s { a }", "if (x) { a }", "wait 1s ; a"):
        text = "workflow w(x: bool) fails Timeout {\n activity a { takes 1s }\n run { "
        text += body + " }\n}"
        assert network(load_text(text, "s.wf"), []) is None


NETWORK = """resource r : pool(2)
PARAM
workflow w { activity a { uses r 1 takes 1s } activity b { uses r 2 takes 1s..2s } run { a || b } }
system { w[N] MORE }
"""


def test_a_network_is_of_instances_that_are_there_and_claims_that_are_kept() -> None:
    def made(n: str = "2", more: str = "", param: str = "", text: str = NETWORK) -> int | None:
        for word, other in (("MORE", more), ("PARAM", param), ("N]", f"{n}]")):
            text = text.replace(word, other)
        found = network(load_text(text, "s.wf"), [])
        return None if found is None else len(found)

    assert made() == 4
    assert made("k", param="param k: int 1..3") is None
    assert made(more="scheduler fifo") == 4
    assert made(more="scheduler head_of_line") is None
    assert made(more="faults crash w at_most 1 back within 5s") is None
    assert made("1", more="arrive every 3s") is None
    leased = NETWORK.replace("pool(2)", "pool(2) lease 5s")
    assert made(text=leased) is None
    assert made(text=leased.replace("lease 5s", "lease 5s silent")) is None
