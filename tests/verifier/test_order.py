"""The order of two steps, told from their terms, against taking them in both orders."""

from __future__ import annotations

from itertools import combinations

import oracle
import pytest
import specgen
from footprint import looks_while_running, unsettled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import World
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.semantics.lower import lower
from wfverify.verifier.checks.order import DATA, matters, order

STEPS = (
    "x := {n}",
    "x := x + {n}",
    "x := {n} * x - y",
    "y := x",
    "atomic {{ if (x == {n}) {{ x := y }} else {{ y := {n} }} }}",
    "atomic {{ x := y ; y := x }}",
    "wait until (x < {n})",
    "wait until (x == y or x > {n})",
    "if (x < {n}) {{ y := 1 }} else {{ x := 2 }}",
    "assert x != {n}",
    "a",
    "b(x)",
    "x += {n}",
    "f[y] := {n}",
    "f[0] += x",
    "x := f[1]",
    "c",
    "d",
)
SPEC = """\
workflow w {{
  var x: int 0..3 = 0
  var y: int 0..1 = 0
  var f: int[2]
  activity a {{ takes 1s  writes y  do {{ x := min(x + 1, 3) }} }}
  activity b(k: int) {{ takes 1s..2s  reads y  do {{ y := k % 2 }} }}
  activity c {{ takes 1s..1s * (x + 1) }}
  activity d {{ takes 1s * y..3s }}
  run {{ {run} }}
}}
"""


def _compared(text: str) -> tuple[int, int]:
    """In how many (state, pair) the order was looked at, and in how many it matters."""
    system = lower(load_text(text, "w.wf"))
    world = World(system, 300)
    data = tuple(v.index for v in system.variables if v.kind in DATA)
    looked = found = 0
    for n, moves in enumerate(world.moves):
        state = world.states[n]
        able: dict[int, list[oracle.State]] = {}
        for rule, inputs, _ in moves:
            able.setdefault(rule, []).append(inputs)
        for k, m in combinations(sorted(able), 2):
            a, b = system.rules[k], system.rules[m]
            if a.thread == b.thread:
                continue
            instant, first, second = matters(system, a, b, data, state)
            runs = [
                any(looks_while_running(system, x, y, i, state) for i in able[y.index])
                for x, y in ((a, b), (b, a))
            ]
            now = any(r for r, x in zip(runs, (a, b), strict=True) if x.delay is None)
            parted = now or any(
                unsettled(system, (a, i), (b, j), state) for i in able[k] for j in able[m]
            )
            where = f"{a.name} and {b.name} in {state} of\n{text}"
            looked += 1
            found += parted
            if order(system, a, b, data).exact and not (a.inputs or b.inputs):
                assert instant == parted, where
            else:
                assert instant or not parted, where
            for said, is_, x, y in ((first, runs[0], a, b), (second, runs[1], b, a)):
                if y.inputs:
                    assert said or not is_ or x.delay is None, where
                else:
                    assert said == (is_ and x.delay is not None), where
    return looked, found


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3)), min_size=1, max_size=3),
        min_size=2,
        max_size=3,
    )
)
def test_the_order_of_steps_matters_exactly_where_it_is_said(
    branches: list[list[tuple[str, int]]],
) -> None:
    terms = (" ; ".join(step.format(n=n) for step, n in branch) for branch in branches)
    try:
        _compared(SPEC.format(run=" || ".join(f"{{ {t} }}" for t in terms)))
    except (oracle.TooBig, Rejected):
        return


@pytest.mark.parametrize("seed", range(25))
def test_the_same_of_random_specs(seed: int) -> None:
    try:
        _compared(specgen.from_seed(seed))
    except (oracle.TooBig, Rejected):
        return


@pytest.mark.parametrize("bound", ["c || x := 2", "d || y := 1", "c || y := 1 || x := 1"])
def test_a_bound_of_a_duration_is_read_while_it_runs(bound: str) -> None:
    looked, _ = _compared(SPEC.format(run=bound))
    assert looked > 0


def test_there_is_something_to_compare() -> None:
    run = "x := 1 || { x := y ; a } || wait until (x < 2) || { wait until (x == 0) ; y := 1 }"
    looked, found = _compared(SPEC.format(run=run))
    assert looked > found > 3
