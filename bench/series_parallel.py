"""A random series-parallel workflow with pools, `if`, `while` and `try`: every check decided?

    python bench/series_parallel.py [ACTIVITIES] [--resources 20] [--seed 1] [--keep FILE]

Prints seconds and peak memory of the whole call in a process of its own, and the verdicts.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def generate(n: int, pools: int, seed: int) -> str:
    """The text of a spec with `n` activities."""
    rng = random.Random(seed)
    head = [f"resource r{k} : pool({rng.randint(2, 9)})" for k in range(pools)]
    head += ["error Trouble permanent", ""]
    activities: list[str] = []
    counters: list[str] = []
    flags: list[str] = []

    def leaf(fails: bool = False) -> str:
        name = f"a{len(activities)}"
        low = rng.randint(1, 9)
        claims = ", ".join(f"r{k} 1" for k in sorted(rng.sample(range(pools), rng.randint(0, 2))))
        uses = f"uses {claims}  " if claims else ""
        failing = "  fails Trouble" if fails else ""
        activities.append(
            f"  activity {name} {{ {uses}takes {low}s..{low + rng.randint(0, 9)}s{failing} }}"
        )
        return name

    def term(size: int, depth: int) -> str:
        if size <= 1:
            return leaf()
        kind = rng.random()
        pad = "  " * depth
        if kind < 0.08:
            flag = f"b{len(flags)}"
            flags.append(f"{flag}: bool")
            other = max(1, size // 3)
            yes, no = term(size - other, depth + 1), term(other, depth + 1)
            return f"if ({flag}) {{\n{pad}{yes}\n{pad}}} else {{\n{pad}{no}\n{pad}}}"
        if kind < 0.12:
            counter = f"c{len(counters)}"
            counters.append(counter)
            rounds = rng.randint(1, 3)
            inner = "{ " + term(size, depth + 1) + " }"
            after = f"{counter} := {counter} + 1"
            return f"while ({counter} < {rounds}) {{\n{pad}{inner} ;\n{pad}{after}\n{pad}}}"
        if kind < 0.18 and size >= 3:
            inner = "{ " + term(size - 2, depth + 1) + " }"
            return (
                f"try {{\n{pad}{inner} ;\n{pad}{leaf(True)}\n{pad}}} catch Trouble {{ {leaf()} }}"
            )
        parts = rng.randint(2, 5)
        sizes = split(size, parts)
        mark = " ;\n" if kind < 0.62 else " ||\n"
        return f"{mark}{pad}".join("{ " + term(s, depth + 1) + " }" for s in sizes)

    def split(size: int, parts: int) -> list[int]:
        parts = min(parts, size)
        cuts = sorted(rng.sample(range(1, size), parts - 1))
        return [b - a for a, b in zip([0, *cuts], [*cuts, size], strict=True)]

    body = term(n, 2)
    variables = [f"  var {c}: int = 0" for c in counters]
    head.append("workflow big(" + ", ".join(flags) + ") {")
    return "\n".join([*head, *variables, *activities, "  run {", "    " + body, "  }", "}", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=10_000)
    parser.add_argument("--resources", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    args = parser.parse_args()
    text = generate(args.n, args.resources, args.seed)
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(args.keep) if args.keep else Path(folder) / "big.wf"
        spec.write_text(text)
        since = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "wfverify", str(spec), "--timeout", "60"],
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - since
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{args.n} activities: {seconds:.1f} s, peak {peak:.0f} MiB, exit {done.returncode}")
    words = ("PROVED", "REFUTED", "UNKNOWN")
    print("\n".join(x for x in done.stdout.splitlines() if x.startswith(words))[:4000])
    if done.returncode not in (0, 1, 3):
        print(done.stderr[-2000:])


if __name__ == "__main__":
    main()
