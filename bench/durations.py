"""How long workflows take: exact figures of large ones, bounds of contended ones.

    python bench/durations.py [ACTIVITIES] [--contended 30] [--seeds 6] [--seconds 60]

Prints CPU seconds for the durations (reading the spec is shown apart), and for contended pools how
much longer than the longest run that was found nothing takes: as is proved (by structure or all
schedules), and as OR-tools says, if it is installed and that is not exact.
"""

from __future__ import annotations

import argparse
import random
import time

from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.durations import durations
from wfverify.verifier.lasting import measured
from wfverify.verifier.session import Options, Session


def series_parallel(n: int, seed: int, parameters: bool, pools: int = 0) -> str:
    """A workflow of `n` activities; a third of the longest times depend on a parameter."""
    rng = random.Random(seed)
    activities: list[str] = []

    def leaf() -> str:
        name = f"a{len(activities)}"
        low = rng.randint(1, 9)
        factor = "p * " if parameters and rng.random() < 0.3 else ""
        uses = f"uses r{rng.randrange(pools)} 1  " if pools else ""
        takes = f"takes {low}s..{factor}{low + rng.randint(0, 9)}s"
        activities.append(f"  activity {name} {{ {uses}{takes} }}")
        return name

    def term(size: int) -> str:
        if size <= 1:
            return leaf()
        parts = min(size, rng.randint(2, 5))
        cuts = sorted(rng.sample(range(1, size), parts - 1))
        sizes = [b - a for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
        mark = rng.choice((" ; ", " || "))
        return mark.join("{ " + term(s) + " }" for s in sizes)

    body = term(n)
    head = [f"resource r{k} : pool({rng.randint(2, 3)})" for k in range(pools)]
    head += ["param p: int 1..8"] if parameters else []
    return "\n".join([*head, "workflow big {", *activities, f"  run {{ {body} }}", "}", ""])


def uncontended(n: int) -> None:
    for parameters in (False, True):
        text = series_parallel(n, 1, parameters)
        since = time.process_time()
        spec = load_text(text, "big.wf")
        read = time.process_time()
        (found,) = durations(spec)
        done = time.process_time()
        assert found.ends.exact and found.ends.hi is not None
        said = found.words(found.ends.hi)
        print(
            f"{n} activities{', a parameter' if parameters else ''}: exact in {done - read:.2f} s"
        )
        print(f"    (reading the spec: {read - since:.2f} s); worst {said[:60]}")


def contended(n: int, pools: int, seeds: int, seconds: float) -> None:
    """What `wfverify time` says, within a time: bounds, a run, and OR-tools."""
    close = 0
    for seed in range(seeds):
        spec = load_text(series_parallel(n, seed, False, pools), "big.wf")
        since, busy = time.perf_counter(), time.process_time()
        session = Session(lower(spec), Options(timeout=seconds), replay, schedule, simulator)
        (x,) = measured(session, spec)
        took, cpu = time.perf_counter() - since, time.process_time() - busy
        assert x.longest is not None and x.most_value is not None
        best = x.longest.seconds
        more = float(x.most_value / best - 1)
        close += more <= 0.05
        proved = "exactly" if not more else f"by {x.how} {more:+.1%}"
        line = f"    seed {seed}: a run of {best} s; {proved}"
        if x.believed is not None:
            line += f", by OR-tools {float(x.believed / best - 1):+.0%}"
        print(f"{line}; {took:.0f} s ({cpu:.0f} s CPU)", flush=True)
    print(f"    {close} of {seeds} exact or within 5 %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=10_000)
    parser.add_argument("--contended", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    uncontended(args.n)
    print(f"{args.contended} activities, 3 pools:")
    contended(args.contended, 3, args.seeds, args.seconds)


if __name__ == "__main__":
    main()
