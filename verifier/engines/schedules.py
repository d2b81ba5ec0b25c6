"""The latest that a network of activities with contended pools may end, by OR-tools CP-SAT.

Steps are granted as soon as they can be: what an activity waits for units, others hold all but
fewer than it asks for, all the while.  Of that it is asked only that the units that others hold in
that time, each as long as it overlaps with the wait, add up to enough; with claims of one unit each
it is the same.  So the bound that is found holds of all runs; OR-tools is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, lcm
from typing import Any

from ...dsl.records import dataclass
from ...semantics.network import Task


@dataclass(frozen=True, slots=True)
class Latest:
    """Nothing ends after `bound`; a schedule that ends at `seconds`: when each begins and how long
    it takes."""

    bound: Fraction
    seconds: Fraction
    begins: tuple[Fraction, ...]
    takes: tuple[Fraction, ...]


def available() -> bool:
    try:
        import ortools.sat.python.cp_model  # noqa: F401
    except ImportError:
        return False
    return True


def latest(
    tasks: Sequence[Task],
    capacity: Mapping[str, int],
    seconds: float,
    beyond: Fraction | None = None,
) -> Latest | bool | None:
    """As near to the optimum as the time allows; with `beyond`, one that ends later than that, or
    False: there is none."""
    from ortools.sat.python import cp_model

    scale = lcm(*(x.denominator for t in tasks for x in (t.least, t.most)))
    high = [int(t.most * scale) for t in tasks]
    horizon = sum(high)
    m: Any = cp_model.CpModel()
    begin: list[Any] = []
    end: list[Any] = []
    takes: list[Any] = []
    ready: list[Any] = []
    waits: list[Any] = []
    for k, t in enumerate(tasks):
        d = m.new_int_var(int(t.least * scale), high[k], f"d{k}")
        s, e = m.new_int_var(0, horizon, f"s{k}"), m.new_int_var(0, horizon, f"e{k}")
        at = m.new_int_var(0, horizon, f"r{k}")
        if t.before:
            m.add_max_equality(at, [end[b] for b in t.before])
        else:
            m.add(at == 0)
        w = m.new_int_var(0, horizon if t.asks else 0, f"w{k}")
        m.add(s == at + w)
        m.add(e == s + d)
        for variables, x in zip((begin, end, takes, ready, waits), (s, e, d, at, w), strict=True):
            variables.append(x)
    beside = _beside(tasks)
    intervals = [m.new_interval_var(begin[k], takes[k], end[k], f"i{k}") for k in range(len(tasks))]
    for name in capacity:
        users = [(k, dict(t.asks)[name]) for k, t in enumerate(tasks) if name in dict(t.asks)]
        m.add_cumulative([intervals[k] for k, _ in users], [q for _, q in users], capacity[name])
    for k, t in enumerate(tasks):
        parts = []
        if t.asks:
            # It begins when it is ready, or when another gives back what it waits for.
            at_once = m.new_bool_var(f"n{k}")
            m.add(waits[k] == 0).only_enforce_if(at_once)
            released = [at_once]
            for b in sorted(beside[k]):
                if dict(t.asks).keys() & dict(tasks[b].asks).keys():
                    after = m.new_bool_var(f"a{k}.{b}")
                    m.add(begin[k] == end[b]).only_enforce_if(after)
                    released.append(after)
            m.add_exactly_one(released)
        for name, asked in t.asks:
            mine = m.new_int_var(0, horizon, f"w{k}{name}")
            held = []
            for b, other in enumerate(tasks):
                units = dict(other.asks).get(name, 0)
                if units and b in beside[k]:
                    o = m.new_int_var(0, high[b], f"o{k}.{b}{name}")
                    on = m.new_bool_var(f"p{k}.{b}{name}")
                    m.add(o == 0).only_enforce_if(~on)
                    for limit in (
                        begin[k] - ready[k],
                        begin[k] - begin[b],
                        end[b] - ready[k],
                        end[b] - begin[b],
                    ):
                        m.add(o <= limit).only_enforce_if(on)
                    held.append(units * o)
            m.add(sum(held) >= (capacity[name] - asked + 1) * mine)
            parts.append(mine)
        if parts:
            m.add(sum(parts) >= waits[k])
    last = m.new_int_var(0, horizon, "last")
    m.add_max_equality(last, end)
    if beyond is None:
        m.maximize(last)
    else:
        m.add(last > int(beyond * scale))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 2
    solver.parameters.random_seed = 0
    answer = solver.solve(m)
    if answer not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return False if answer == cp_model.INFEASIBLE else None

    def value(x: Any) -> Fraction:
        return Fraction(solver.value(x), scale)

    bound = Fraction(ceil(solver.best_objective_bound - 1e-6), scale)
    return Latest(bound, value(last), tuple(map(value, begin)), tuple(map(value, takes)))


def _beside(tasks: Sequence[Task]) -> list[set[int]]:
    """Those that may run at the same time, by number."""
    before: list[set[int]] = []
    for t in tasks:
        before.append({b for direct in t.before for b in (direct, *before[direct])})
    everything = range(len(tasks))
    return [
        {b for b in everything if b != k and b not in before[k] and k not in before[b]}
        for k in everything
    ]
