"""The same models for wfverify and for Spin (Holzmann): time to a verdict.

    python bench/peers.py [--models WORD] [--sizes first,middle,last | all] [--repeat N]
                          [--seconds S] [--megabytes MB] [--speed]

wfverify is timed as a whole process, from the text of the spec; Spin as `spin -a`, `gcc -O2` and
the search together, and the search alone too.  Its models (bench/peers/) are written by hand, a
process for each worker, and searched with partial-order reduction and collapse compression.
Each time is the least of `--repeat` (once, if it takes long).  `--speed`: states per second of
our search alone and of Spin's, without reduction, on the same rules.  Needs spin and gcc.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import spin  # noqa: E402
from peer_models import MODELS, Model  # noqa: E402
from wfverify import __version__  # noqa: E402
from wfverify.dsl import load_text  # noqa: E402
from wfverify.semantics.lower import lower  # noqa: E402
from wfverify.semantics.system import Obligation, TransitionSystem  # noqa: E402
from wfverify.verifier.engines.packed.beside import Machine  # noqa: E402
from wfverify.verifier.engines.packed.run import PackedSearch, Reductions  # noqa: E402
from wfverify.verifier.engines.search import MACHINE, Exploration, Holds, explore  # noqa: E402
from wfverify.verifier.engines.slice import whole  # noqa: E402
from wfverify.verifier.export.promela import promela  # noqa: E402

LONG = 8.0  # seconds after which a measurement is not repeated
DEPTHS = (100_000, 5_000_000)  # of Spin's search; the second if the first is not enough
REDUCED = ("-O2", "-DSAFETY", "-DCOLLAPSE")
FULL = ("-O2", "-DSAFETY", "-DNOREDUCE", "-DVECTORSZ=16384")
OUT = {spin.TIME: "time", spin.MEMORY: "memory", spin.DEPTH: "depth"}
SPEED = {"pool": 11, "philosophers, ordered": 10, "two-phase": 6, "side by side": 12, "readers": 7}


@dataclass(frozen=True)
class Limits:
    repeat: int
    seconds: float
    megabytes: int


@dataclass(frozen=True)
class Row:
    """Seconds to a verdict, of both; `ours` and `theirs` are None where there was none."""

    n: int
    ours: float | None
    theirs: float | None
    text: str

    @property
    def ratio(self) -> float | None:
        return None if self.ours is None or self.theirs is None else self.ours / self.theirs


def wfverify(model: Model, n: int, limits: Limits) -> tuple[float, str]:
    """Seconds and verdict: of several checks the worst."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.wf"
        path.write_text(model.spec(n), encoding="utf-8")
        command = [sys.executable, "-m", "wfverify", str(path), "--timeout", str(limits.seconds)]
        command += [word for name in model.only for word in ("--only", name)]
        best, verdict = float("inf"), ""
        for _ in range(limits.repeat):
            since = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            took = time.perf_counter() - since
            best = min(best, took)
            verdict = {0: "PROVED", 1: "REFUTED", 3: "UNKNOWN"}.get(done.returncode, done.stderr)
            if took > LONG:
                break
    return best, verdict


def spin_answer(model: Model, n: int, limits: Limits) -> tuple[float, spin.Answer]:
    best, answer = float("inf"), spin.Answer("")
    for _ in range(limits.repeat):
        found = searched(model.promela(n), REDUCED, limits)
        if sum(found.seconds) < best:
            best, answer = sum(found.seconds), found
        if sum(found.seconds) > LONG:
            break
    return best, answer


def searched(text: str, compiler: Sequence[str], limits: Limits) -> spin.Answer:
    """The answer with the smallest depth that is enough; only that search counts."""
    for depth in DEPTHS:
        found = spin.check(
            text,
            ends=True,
            compiler=compiler,
            options=(f"-m{depth}",),
            megabytes=limits.megabytes,
            seconds=limits.seconds,
        )
        if found.verdict != spin.DEPTH:
            break
    return found


def compare(model: Model, n: int, limits: Limits) -> Row:
    mine, verdict = wfverify(model, n, limits)
    theirs, answer = spin_answer(model, n, limits)
    want = "REFUTED" if model.refuted else "PROVED"
    if verdict not in (want, "UNKNOWN"):
        raise AssertionError(f"{model.name} {n}: {verdict}, not {want}")
    wrong = (spin.VIOLATED, spin.INVALID_END) if model.refuted else (spin.HOLDS,)
    if answer.verdict not in (*wrong, *OUT):
        raise AssertionError(f"{model.name} {n}: Spin: {answer}")
    decided = answer.verdict not in OUT
    ours = mine if verdict == want else None
    spins = theirs if decided else None
    how = f"{theirs:8.2f} {answer.seconds[2]:8.2f} {answer.states:10,}"
    if not decided:
        how = f"out of {OUT[answer.verdict]} after {theirs:.0f} s".rjust(28)
    ratio = f"{mine / theirs:8.2f}" if ours is not None and spins is not None else f"{'':8}"
    return Row(n, ours, spins, f"{n:4} {mine:8.2f} {verdict:8} {how:>28} {ratio}")


def judged(rows: list[Row]) -> Iterator[str]:
    """The bar: at most twice Spin's time on the smallest, ahead from the middle on, decided where
    Spin is not."""
    first, middle = rows[0], len(rows) // 2
    missed = []
    if first.ours is None or (first.ratio is not None and first.ratio > 2):
        missed.append(f"{first.n} (more than twice)")
    for row in rows[middle:]:
        if row.ours is None:
            missed.append(f"{row.n} (not decided)")
        elif row.ratio is not None and row.ratio >= 1:
            missed.append(f"{row.n} (behind)")
    yield f"  bar: {'missed at ' + ', '.join(missed) if missed else 'met'}"


def speed(limits: Limits) -> Iterator[str]:
    yield "States per second without reduction, on the same rules, claims checked at each, in one"
    yield "process.  Ours: the loop in machine code; whole: all of `explore`, with the compiler and"
    yield "what goes on in Python beside it; Python: without machine code, for 5 s.  Spin: states"
    yield "stored by the search of the export (-O2 -DNOREDUCE), and of the model by hand, without"
    yield "spin and gcc.  Seconds of processor time; the ratio is of the loops."
    yield ""
    head = (
        f"{'model':32} {'states':>9} {'ours/s':>9} {'whole/s':>9} {'Python/s':>9} "
        f"{'Spin states':>11} {'Spin/s':>9} {'ratio':>6}"
    )
    yield head + f" {'by hand':>10} {'by hand/s':>10}"
    for word, n in SPEED.items():
        model = next(m for m in MODELS if word in m.name)
        system = lower(load_text(model.spec(n), "model.wf"))
        goals = [g for g in system.obligations if g.check in ("resources", "borrows", "invariant")]
        goals = goals or [g for g in system.obligations if g.check in model.only]
        loops = [loop(system, goals, limits) for _ in range(limits.repeat)]
        runs = [wholly(system, goals, limits.seconds) for _ in range(limits.repeat)]
        found, taken = min(runs, key=lambda run: run[1])
        if not all(isinstance(f, Holds) for f in found.findings):
            rate = found.states / taken
            yield f"{model.name:28} {n:3} not done: {found.states:,} states, {rate:,.0f}/s"
            continue
        slow, slowly = wholly(system, goals, 5.0, None)
        ours = max(loops)
        rates = []
        for text in (promela(system, goals, whole=True), model.promela(n)):
            answers = [searched(text, FULL, limits) for _ in range(limits.repeat)]
            answer = min(answers, key=lambda a: a.elapsed)
            rates.append((answer.states, answer.states / max(0.01, answer.elapsed)))
        (states, theirs), (hand, by_hand) = rates
        yield (
            f"{model.name:28} {n:3} {found.states:9,} {ours:9,.0f} "
            f"{found.states / taken:9,.0f} {slow.states / slowly:9,.0f} "
            f"{states:11,} {theirs:9,.0f} {ours / theirs:6.2f} {hand:10,} {by_hand:10,.0f}"
        )


def wholly(
    system: TransitionSystem,
    goals: list[Obligation],
    seconds: float,
    machine: Machine | None = MACHINE,
) -> tuple[Exploration, float]:
    """With seconds of processor time, the compiler's as well."""
    before = sum(os.times()[:4])
    found = explore(system, goals, max_states=10**7, seconds=seconds, machine=machine)
    return found, sum(os.times()[:4]) - before


def loop(system: TransitionSystem, goals: list[Obligation], limits: Limits) -> float:
    """States per second of the loop in machine code alone."""
    out = PackedSearch(
        system,
        whole(system),
        goals,
        10**7,
        time.monotonic() + limits.seconds,
        Reductions(),
        machine=Machine(after=0, waits=True),
    ).run()
    return out.states / out.machine if out.machine else 0.0


def versions() -> Iterator[str]:
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        name = found[1] if found else name
    python = platform.python_version()
    yield f"{datetime.date.today()}; {name}, {os.cpu_count()} cores; Python {python}"
    for command in (["spin", "-V"], ["gcc", "--version"]):
        yield subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
    yield f"wfverify {__version__}"


def chosen(sizes: list[int], which: str) -> list[int]:
    if which == "all":
        return sizes
    at = {"first": 0, "middle": len(sizes) // 2, "last": len(sizes) - 1}
    return [sizes[at[word]] for word in which.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="", metavar="WORD", help="with this in their name")
    parser.add_argument("--sizes", default="all")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0, help="for a verdict")
    parser.add_argument("--megabytes", type=int, default=4096, help="for Spin's search")
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    if spin.MISSING:
        print(f"skipped: {spin.MISSING}")
        return 0
    limits = Limits(args.repeat, args.seconds, args.megabytes)
    print("\n".join(versions()))
    print(f"least of {limits.repeat}; {limits.seconds:.0f} s and {limits.megabytes} MB at most\n")
    if args.speed:
        for line in speed(limits):
            print(line, flush=True)
        return 0
    for model in MODELS:
        if args.models not in model.name:
            continue
        print(f"{model.name} ({', '.join(model.only)})")
        head = f"{'N':>4} {'wfverify':>8} {'':8} {'Spin':>8} {'search':>8} {'states':>10}"
        print(f"{head} {'ours/Spin':>9}", flush=True)
        rows = []
        for n in chosen(list(model.sizes), args.sizes):
            rows.append(compare(model, n, limits))
            print(rows[-1].text, flush=True)
        print("\n".join(judged(rows)) + "\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
