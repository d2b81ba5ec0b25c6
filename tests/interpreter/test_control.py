"""Control loops in runs: the law against its own words, the log, and what was proved."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path

import pytest
from wfverify import cli
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.interpreter.run import RunOptions, Status, run
from wfverify.semantics.lower import lower
from wfverify.semantics.values import evaluate, fire
from wfverify.verifier.portfolio import SAFETY, Options, verify
from wfverify.verifier.verdict import Proved

SPEC = """
resource agents : pool(3)
shared n: int = 0
metric load = 100 * used(agents) / (used(agents) + free(agents))
metric left = used(agents) every 3s
detector busy on load above 80 for 2 samples
detector dropped on left falls 1
controller k on load target {target} pid({kp}, {ki}, {kd})
  acts agents within {lo}..{hi} every 2s cooldown {cooldown}s
workflow w {{
  activity a {{ uses agents 1  takes 1s..5s  do {{ n += 1 }} }}
  activity b {{ uses agents 2  takes 0s..3s }}
  run {{ each i in 1..3 seq {{ a || b }} }}
}}
invariant never_more : used(agents) <= {hi}
invariant never_less : n >= 0
invariant too_few : used(agents) <= {lo}
system {{ w[2] }}
"""


def drawn(seed: int) -> dict[str, object]:
    r = random.Random(seed)
    lo = r.randint(2, 3)
    return {
        "target": r.randint(20, 90),
        "kp": r.choice(["-0.02", "-0.05", "0.1", "0"]),
        "ki": r.choice(["0", "-0.01", "0.02"]),
        "kd": r.choice(["0", "-0.01", "0.03"]),
        "lo": lo,
        "hi": 3 + r.randint(0, 4),
        "cooldown": r.choice([1, 2, 3, 5]),
    }


@pytest.mark.parametrize("seed", range(12))
def test_the_law_in_its_own_words(seed: int, tmp_path: Path) -> None:
    """The capacities of a run are those that the samples ask for."""
    values = drawn(seed)
    spec, log = tmp_path / "w.wf", tmp_path / "w.jsonl"
    spec.write_text(SPEC.format(**values))
    assert cli.main(["run", str(spec), "--seed", str(seed), "--log", str(log), "-q"]) in (0, 1)
    assert cli.main(["replay", str(log)]) == 0
    system = lower(load_text(spec.read_text(), "w.wf"), run=True)
    (control,) = system.controls
    index = {v.name: v.index for v in system.variables}
    seen = index["load seen by k"]
    events = [json.loads(line) for line in log.read_text().splitlines()]
    period = Fraction({1: 2, 2: 2, 3: 4, 5: 6}[values["cooldown"]])  # type: ignore[index]
    kp, ki, kd = (Fraction(str(values[x])) for x in ("kp", "ki", "kd"))
    lo, hi, target = values["lo"], values["hi"], values["target"]
    assert isinstance(lo, int) and isinstance(hi, int) and isinstance(target, int)
    capacity, total, before, times = 3, Fraction(0), None, []
    applied: dict[str, int] = {}
    checked = 0
    for e in events:
        changes = dict(e.get("changes", ()))
        if e.get("kind") == "ControlApplied":
            applied[e["time"]] = changes[control.capacity]
        if e.get("kind") != "MetricSampled" or seen not in changes:
            continue
        times.append(Fraction(e["time"]))
        error = target - Fraction(changes[seen])
        slope = Fraction(0) if before is None else (error - before) / period
        before = error

        def law(total: Fraction, error: Fraction = error, slope: Fraction = slope) -> Fraction:
            return 3 + kp * error + ki * period * total + kd * slope

        wanted = law(total + error)
        windup = (wanted > hi and ki * error > 0) or (wanted < lo and ki * error < 0)
        if not windup:
            total += error
        new = min(hi, max(lo, floor(law(total) + Fraction(1, 2))))
        assert applied.get(e["time"], capacity) == new, e
        capacity = new
        checked += 1
    assert checked
    assert all(b - a == period for a, b in pairwise(times))


@pytest.mark.parametrize("seed", range(6))
def test_runs_keep_what_is_proved(seed: int) -> None:
    """What is proved of each capacity holds while the capacity changes."""
    text = SPEC.format(**drawn(seed))
    spec = load_text(text, "w.wf")
    system = lower(spec)
    options = Options(only=SAFETY, timeout=20, jobs=1)
    results = verify(spec, system, options, replay=replay, schedule=schedule)
    proved = {(r.check, r.name) for r in results if isinstance(r.verdict, Proved)}
    assert ("invariant", "never_more") in proved and ("resources", "agents") in proved
    assert ("invariant", "too_few") not in proved or drawn(seed)["lo"] == drawn(seed)["hi"]
    running = lower(spec, run=True)
    (control,) = running.controls
    goals = [o for o in running.obligations if (o.check, o.name) in proved and o.rule is None]
    (pool,) = running.resources
    changed = 0
    for k in range(4):
        done = run(running, RunOptions(seed=10 * seed + k))
        assert done.status in (Status.ENDED, Status.DEADLOCK)
        state = done.trace.initial
        for step in done.trace.steps:
            rule = running.rules[step.rule]
            after = fire(rule, state, step.inputs)
            if rule.gains:
                assert after[pool.used] <= after[control.capacity]
            changed += after[control.capacity] != state[control.capacity]
            lo, hi = evaluate(control.lo, after), evaluate(control.hi, after)
            assert lo <= after[control.capacity] <= hi
            assert all(evaluate(g.cond, after) for g in goals if not g.every_step)
            state = after
    assert changed or drawn(seed)["lo"] == drawn(seed)["hi"] or drawn(seed)["kp"] == "0"


def _capacities(text: str, seed: int, *values: str) -> list[tuple[Fraction | None, object]]:
    """When the capacity of a run changes, and to what."""
    running = lower(load_text(text, "w.wf"), run=True)
    (control,) = running.controls
    done = run(running, RunOptions(seed=seed, set_values=values))
    state, out = done.trace.initial, []
    for step in done.trace.steps:
        after = fire(running.rules[step.rule], state, step.inputs)
        if after[control.capacity] != state[control.capacity]:
            out.append((step.time, after[control.capacity]))
        state = after
    return out


@pytest.mark.parametrize("seed", range(8))
def test_with_parameters_it_does_what_it_does_with_constants(seed: int) -> None:
    values = drawn(seed)
    # Nothing is left to chance, for a loop that looks more often draws more often.
    spec = (
        SPEC.replace("1s..5s", "2s").replace("0s..3s", "1s").replace("w[2]", "w[2] scheduler fifo")
    )
    constant = spec.format(**values)
    spec = spec.replace("every 2s cooldown {cooldown}s", "every 1s * PACE cooldown 1s * REST")
    text = "param LO: int 2..3\nparam HI: int 3..7\nparam REST: int 1..5\nparam PACE: int 1..2\n"
    text += spec.format(**{**values, "lo": "LO", "hi": "HI"})
    chosen = (f"LO={values['lo']}", f"HI={values['hi']}", f"REST={values['cooldown']}", "PACE=2")
    assert _capacities(constant, seed) == _capacities(text, seed, *chosen)


def test_a_detector_needs_samples_in_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    text = """
    resource r : pool(1)
    metric m = used(r)
    detector d on m above 0 for 3 samples
    detector up on m rises 0
    workflow w { activity a { uses r 1  takes 5s }  run { wait 2500ms ; a ; wait 3s } }
    """
    system = lower(load_text(text, "w.wf"), run=True)
    done = run(system, RunOptions())
    index = {v.name: v.index for v in system.variables}
    state, found = done.trace.initial, []
    for step in done.trace.steps:
        after = fire(system.rules[step.rule], state, step.inputs)
        for name in ("d", "up"):
            if after[index[name]] and not state[index[name]]:
                found.append((name, step.time))
        state = after
    assert found == [("up", 3), ("d", 5)]


def test_who_waits_for_ever_beside_a_loop_is_stuck() -> None:
    text = """
    resource r : pool(1)
    metric m = used(r)
    controller k on m target 1 pid(0.1) acts r within 1..2 every 1s
    workflow w { var go: bool = false  activity a { takes 1s }  run { a ; wait until (go) } }
    """
    done = run(lower(load_text(text, "w.wf"), run=True), RunOptions())
    assert done.status is Status.DEADLOCK
    assert done.blocked
