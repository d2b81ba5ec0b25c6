"""How long workflows take: exact figures of large ones, bounds of contended ones.

    python bench/durations.py [ACTIVITIES] [--contended 30] [--seeds 5]

Prints CPU seconds for the durations (reading the spec is shown apart), and for contended pools the
gap between what surely can be bounded and what a shown schedule attains.
"""

from __future__ import annotations

import argparse
import random
import time

from wfverify.dsl import load_text
from wfverify.semantics.lower.durations import durations


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=10_000)
    args = parser.parse_args()
    uncontended(args.n)


if __name__ == "__main__":
    main()
