"""Where a declared scheduler leaves nothing open: against the scheduler of the interpreter."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from contended_specs import Contended
from timed_specs import Maker
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.plan import build_plan
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.scheduler import InOrder
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import Collector, schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.semantics.trace import Trace
from wfverify.verifier.checks.scheduled import decided
from wfverify.verifier.engines.partings import clock_of
from wfverify.verifier.session import Options, Session


def in_order(text: str, scheduler: str) -> TransitionSystem:
    for line in text.splitlines():
        if line.startswith("system {"):
            kept = line.replace(" scheduler fifo", "").replace(" scheduler priority", "")
            text = text.replace(line, kept.replace(" }", f" scheduler {scheduler} }}"))
    if "system {" not in text:
        text += f"system {{ w scheduler {scheduler} }}\n"
    return lower(load_text(text, "s.wf"))


def left_open(system: TransitionSystem, trace: Trace) -> str:
    """A step of a run beside which another one might have been taken; "" for none."""
    plan = build_plan(system)
    scheduler = InOrder(plan, Random(0), system.scheduler == "priority")
    collector = Collector(plan, plan.clock, trace.initial, scheduler)
    times = [0, *(plan.clock.ticks(s.time) for s in trace.steps)]
    for number, step in enumerate(trace.steps):
        now = times[number + 1]
        rule = system.rules[step.rule]
        if rule.delay is None:
            ready = scheduler.firsts(collector.dynamics.state)
            if ready != {step.rule}:
                return f"{rule.name} among {sorted(system.rules[r].name for r in ready)}"
        else:
            begun = collector.begun(step.rule)
            for other, since in collector._since.items():
                low, high = collector._limits[other]
                passed = now - times[since]
                if clock_of(system.rules[other]) == clock_of(rule) or since != begun:
                    continue
                if low <= passed and (high is None or passed <= high):
                    return f"{rule.name} and {system.rules[other].name} are due at once"
        scheduler.step = number + 1
        collector.step(step.rule, step.inputs)
    return ""


def lies(text: str, scheduler: str) -> tuple[bool, str]:
    """(whether nothing is said to be open, what is)."""
    system = in_order(text, scheduler)
    session = Session(system, Options(), replay, schedule)
    if decided(session) is None:
        return False, ""
    simulate = simulator(system)
    for seed in range(12):
        trace = simulate(seed, (0.0, 0.5, 0.9)[seed % 3], {}, ())
        found = left_open(system, trace) if trace is not None else ""
        if found:
            return True, found
    return True, ""


@pytest.mark.parametrize("scheduler", ["fifo", "priority"])
@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_open(seed: int, scheduler: str) -> None:
    for text in (Contended(seed).spec(), Maker(seed).spec()):
        try:
            assert lies(text, scheduler)[1] == "", text
        except Rejected:
            continue


HEAD = """
resource r : pool(1)
shared last: int = 0
workflow w(id: int 1..2) {
  activity a { uses r 1  takes 1s..2s }
  activity b { uses r 1  takes 1s  do { last := id } }
"""


@pytest.mark.parametrize(
    ("body", "yes"),
    [
        ("a ; b", True),
        ("if (last == 0) { a } else { b }", True),
        ("{ a || b }", False),  # two of one instance are ready since one step
        ("{ a + b }", False),
        ("wait 1s ; b", False),  # two clocks start at the beginning, and are due together
    ],
)
def test_decided(body: str, yes: bool) -> None:
    assert lies(f"{HEAD} run {{ {body} }}\n}}\nsystem {{ w(1) w(2) }}\n", "fifo") == (yes, "")
