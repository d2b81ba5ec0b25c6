"""Where durations do not tie, a machine that is proved deterministic has one end.

All schedules of random environments are tried; durations come from a fine grid and time limits
differ, so that only steps without a duration are ready at one instant.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from fractions import Fraction
from itertools import count

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from wfverify.dsl.importers import import_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.checks.walk import Walker
from wfverify.verifier.engines.timed import Environment, Schedules
from wfverify.verifier.portfolio import verify
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved

ERRORS = st.sampled_from(["A", "B"])
TEST = {"Variable": "$.x", "BooleanEquals": True}


@st.composite
def machines(draw, depth=1, numbers=None):
    """A chain of states; whatever is caught goes to the last one, which ends well or not."""
    numbers = numbers or count(1)
    names = [f"S{next(numbers)}" for _ in range(draw(st.integers(1, 2)))]
    last = f"E{next(numbers)}"
    states = {}
    for name, follows in zip(names, [*names[1:], last], strict=True):
        kinds = ["task", "task", "limit", "choice", "fail"] + ["parallel", "map"] * depth * 2
        kind = draw(st.sampled_from(kinds))
        state = {"Next": follows}
        if kind in ("task", "limit"):
            state |= {"Type": "Task", "Resource": "arn", "ResultPath": draw(PLACES)}
            if kind == "limit":
                state["TimeoutSeconds"] = next(numbers)
        elif kind == "choice":
            state = {"Type": "Choice", "Choices": [{**TEST, "Next": follows}], "Default": last}
        elif kind == "fail":
            state = {"Type": "Fail", "Error": draw(ERRORS)}
        elif kind == "parallel":
            inner = [draw(machines(depth - 1, numbers)) for _ in range(2)]
            state |= {"Type": "Parallel", "Branches": inner}
        else:
            state |= {"Type": "Map", "ItemProcessor": draw(machines(depth - 1, numbers))}
        if kind not in ("choice", "fail"):
            for key in draw(st.sets(st.sampled_from(["Catch", "Retry"]))):
                clause = {"ErrorEquals": [draw(ERRORS)]}
                clause |= {"Next": last} if key == "Catch" else {"MaxAttempts": 1}
                state[key] = [clause]
        states[name] = state
    states[last] = {"Type": "Fail", "Error": "A"} if draw(st.booleans()) else {"Type": "Succeed"}
    machine = {"StartAt": names[0], "States": states}
    if draw(st.integers(0, 3)) == 0:
        machine["TimeoutSeconds"] = next(numbers)
    return machine


PLACES = st.sampled_from(["$.x", "$.y"])


def fine(lo, hi, rng):
    return lo if lo == hi else lo + Fraction(rng.randrange(1, 10**9), 10**8)


def ends(system, seed):
    """The results of all schedules of one environment."""
    walker = Walker(system)
    initial = walker.start(random.Random(seed))
    assume(initial is not None)
    environment = Environment(seed, 0.5, fine, walker.answer)
    found, _ = Schedules(system, environment).outcomes(initial, 1.0, 300)
    assume(not environment.broken)
    return {outcome.result for outcome in found}


def test_one_end_where_durations_do_not_tie():
    told = Counter[str]()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(machines(), st.integers(0, 99))
    def one(machine, seed):
        spec = import_text(json.dumps(machine), "m.json")
        system = lower(spec)
        assume(len(system.rules) < 120)
        options = Options(jobs=1, timeout=5, only=("deterministic",))
        (result,) = verify(
            spec, system, options, replay=replay, schedule=schedule, simulate=simulator
        )
        told[type(result.verdict).__name__] += 1
        for number in range(3):
            if len(ends(system, seed * 10 + number)) > 1:
                assert not isinstance(result.verdict, Proved)

    one()
    assert told[Proved.__name__] > 10
