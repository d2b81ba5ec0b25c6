"""How fast the interpreter runs, beside the same model in SimPy.

    python bench/interpreter.py [INSTANCES]

1,000 instances of a workflow of 10 activities, each of which claims one unit of a pool of 5 for 1
to 3 seconds.  SimPy's model does no more than that: it writes no log, checks no guard, and its
order of service is fixed.  An event is one entry of the log (`TaskStarted`, `ResourceAllocated`,
..); without a log they are counted, not written.  For SimPy the same are counted.
"""

from __future__ import annotations

import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ACTIVITIES = 10
POOL = 5


def spec(instances: int) -> str:
    activities = "\n".join(f"  activity a{i} {{ uses agents 1  takes 1s..3s }}" for i in range(10))
    return f"""resource agents : pool({POOL})
workflow w {{
{activities}
  run {{ {" ; ".join(f"a{i}" for i in range(ACTIVITIES))} }}
}}
system {{ w[{instances}] }}
"""


def simpy_model(instances: int, seed: int) -> int:
    """The same in SimPy; answers how many of the same events there were."""
    import simpy

    draw = random.Random(seed)
    env = simpy.Environment()
    pool = simpy.Resource(env, capacity=POOL)
    events = 0

    def instance() -> Generator[Any, Any, None]:
        nonlocal events
        for _ in range(ACTIVITIES):
            with pool.request() as claim:
                yield claim
                events += 2  # allocated, started
                yield env.timeout(draw.randint(1000, 3000))
            events += 3  # released, completed, the next one scheduled

    for _ in range(instances):
        env.process(instance())
    env.run()
    return events


def timed(name: str, work: Callable[[int], int], rounds: int = 3) -> None:
    """The best of several rounds: other work on the machine only makes it slower.

    The second figure counts the time of this process alone, on a machine that is shared.
    """
    wall, cpu, events = min(_once(work, seed) for seed in range(rounds))
    print(
        f"{name:15} {events:>8,} events  {wall:6.3f} s  {events / wall:>9,.0f} events/s"
        f"  (cpu {cpu:6.3f} s  {events / cpu:>9,.0f} events/s)"
    )


def _once(work: Callable[[int], int], seed: int) -> tuple[float, float, int]:
    start, used = time.perf_counter(), time.process_time()
    events = work(seed)
    return time.perf_counter() - start, time.process_time() - used, events


def main() -> None:
    from wfverify.dsl import load_text
    from wfverify.interpreter import RunOptions, Scheduling, build_plan, open_log, replay_log
    from wfverify.interpreter.run import run
    from wfverify.semantics.lower import lower

    instances = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    start = time.perf_counter()
    system = lower(load_text(spec(instances), "bench.wf"))
    lowered = time.perf_counter()
    plan = build_plan(system)
    planned = time.perf_counter()
    gc.freeze()  # the system stays: no collector need look at it again
    rules = len(system.rules)
    print(f"{instances:,} instances, {rules:,} rules, {len(system.variables):,} variables")
    print(f"load and lower {lowered - start:.2f} s, analyse {planned - lowered:.2f} s\n")

    with tempfile.TemporaryDirectory() as folder:

        def logged(suffix: str) -> Callable[[int], int]:
            def work(seed: int) -> int:
                log = open_log(Path(folder, f"{seed}.{suffix}"))
                result = run(system, RunOptions(seed=seed), log, plan)
                log.close()
                return result.events

            return work

        timed("no log", lambda seed: run(system, RunOptions(seed=seed), None, plan).events)
        timed("SQLite", logged("db"))
        timed("JSON Lines", logged("jsonl"))
        if find_spec("simpy") is None:
            print(f"{'SimPy, no log':15} not measured: SimPy is not installed (pip install simpy)")
        else:
            timed("SimPy, no log", lambda seed: simpy_model(instances, seed))
        timed("log read back", lambda seed: replay_log(Path(folder, f"{seed}.db")).events)
    result = run(system, RunOptions(), None, plan)
    scheduling = Scheduling(system, plan)
    start = time.perf_counter()
    assert scheduling.schedule(result.trace) is not None
    print(f"\ntimes for a trace of {result.steps:,} steps: {time.perf_counter() - start:.2f} s")
    print(f"{plan.compiler.shapes} functions compiled")


if __name__ == "__main__":
    main()
