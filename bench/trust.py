"""Random specs, each verdict against all that is true of the spec.

    python bench/trust.py [--seed N] [--count N] [--jobs N] [--size N] [--timeout SECONDS]
                          [--kinds KIND,..] [--keep DIR] [--record FILE] [--spin]
    python bench/trust.py --sum FILE

Kinds: `wide` (nearly every form of a workflow), `claims` (pools and locks in several instances),
`timed` (few activities in which time decides); and those of `tests/comparisons.py`, each compared
with what does not know how the tool comes to its answer: `faults` (stores, keys, leases, claims
that do not wait, crashes), `messages`, `messages_in_time`, `crowds` (any number of instances),
`durations` (how long terms last), `terms` (what they mean) and `clock`.  Of the first three a
verdict is compared

- with the graph of all states (`tests/oracle.py`), and a refutation with the run it shows;
- a proof about results or ends with all timed runs of every environment
  (`tests/verifier/timed_naive.py`), if they are few;
- if the spec is not small, with some random timed runs, in pairs of one environment;
- with the verdict on a spec that means the same: its branches in the other order, or put beside
  `skip` or a side of `+` that can never move.

With `--spin` each safety claim, and whether the whole can get stuck, is compared with what Spin
says of the export to Promela instead (`tests/judge_spin.py`); needs spin and gcc.

Each disagreement is written as a .wf file, with what disagreed, into DIR.  Exit status 1 if there
is one.  `--record` adds a line per kind to a file: the commit, the seeds, how many were compared;
`--sum` adds up such a file.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "verifier")]

import comparisons  # noqa: E402
import judge  # noqa: E402
import judge_spin  # noqa: E402
import oracle  # noqa: E402
import specgen  # noqa: E402
import spin  # noqa: E402
import timed_specs  # noqa: E402
from wfverify.dsl import load_text  # noqa: E402
from wfverify.dsl.errors import Rejected  # noqa: E402
from wfverify.interpreter.retrace import replay  # noqa: E402
from wfverify.interpreter.simulation import simulator  # noqa: E402
from wfverify.interpreter.timing import schedule  # noqa: E402
from wfverify.semantics.lower import lower  # noqa: E402
from wfverify.verifier.portfolio import Options, verify  # noqa: E402
from wfverify.verifier.verdict import Proved, Refuted, Result  # noqa: E402

KINDS = ("timed", "wide", "claims", *comparisons.KINDS)
SHAPES = ("mirrored", "beside skip", "or stuck", "after skip")
# What a new side or branch is itself an answer to.
NOT_KEPT = {"or stuck": ("no_dead_code",)}


@dataclass
class Row:
    kind: str
    seed: int
    text: str = ""
    left_out: str = ""  # rejected
    large: bool = False  # compared with some runs only
    counts: Counter[str] = field(default_factory=Counter)
    timed: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Settings:
    size: int
    timeout: float
    states: int
    timed: int
    spin: bool


def spec_of(kind: str, seed: int, size: int) -> str:
    match kind:
        case "timed":
            return timed_specs.Maker(seed, size - 1).spec()
        case "claims":
            return specgen.contention(seed)
    return specgen.from_seed(seed, size)


# --- specs that mean the same ---------------------------------------------------------------------


def mirrored(text: str) -> str:
    """The same with the branches of every `||` and the sides of every `+` in reverse."""
    out, _ = _group(text, 0)
    return out


def _group(text: str, at: int) -> tuple[str, int]:
    """From `at` to the brace that closes, or the end."""
    parts = [""]
    how = ""
    while at < len(text):
        if text[at] == "{":
            inner, at = _group(text, at + 1)
            parts[-1] += "{" + inner + "}"
        elif text[at] == "}":
            break
        elif text.startswith("||", at) or (text.startswith("+ {", at) and how != "||"):
            how = "||" if text[at] == "|" else "+"
            parts.append("")
            at += len(how) - 1
        else:
            parts[-1] += text[at]
        at += 1
    return f" {how} ".join(reversed(parts)), at


def shaped(text: str, shape: str) -> str:
    if shape == "mirrored":
        return mirrored(text)
    out = ""
    for line in text.splitlines(keepends=True):
        head, run, body = line.partition("run { ")
        if run and "workflow" not in head and "activity" not in head:
            term, end = _group(body, 0)
            term, rest = body[:end].strip(), body[end:]
            match shape:
                case "beside skip":
                    term = f"{{ {term} }} || skip"
                case "or stuck":
                    term = f"{{ {{ {term} }} + {{ wait until (false) ; skip }} }}"
                case _:
                    term = f"skip ; {term}"
            line = f"{head}run {{ {term} {rest}"
        out += line
    return out


def verdicts(text: str, timeout: float) -> list[Result]:
    spec = load_text(text, "s.wf")
    options = Options(timeout=timeout)
    system = lower(spec)
    return verify(spec, system, options, replay=replay, schedule=schedule, simulate=simulator)


def contradictions(mine: Iterable[Result], others: Iterable[Result], shape: str) -> Iterator[str]:
    table: dict[tuple[str, str, bool], list[Result]] = {}
    for r in others:
        table.setdefault((r.check, r.name, r.warning), []).append(r)
    for r in mine:
        if r.check in NOT_KEPT.get(shape, ()):
            continue
        same = table.get((r.check, r.name, r.warning), [])
        for other in [same.pop(0)] if same else []:
            pair = (type(r.verdict), type(other.verdict))
            if pair in ((Proved, Refuted), (Refuted, Proved)):
                one, two = (t.__name__.upper() for t in pair)
                yield f"{r.check} {r.name}: {one}, but {two} of the same spec {shape}"


# --- one spec -------------------------------------------------------------------------------------


def _judged(text: str, settings: Settings) -> tuple[judge.Judgement, bool]:
    try:
        found = judge.judge(
            text, timeout=settings.timeout, limit=settings.states, timed=settings.timed
        )
        return found, False
    except oracle.TooBig:
        return judge.judge_by_runs(text, settings.timeout), True


def examine(job: tuple[str, int], settings: Settings) -> Row:
    kind, seed = job
    row = Row(kind, seed)
    since = time.perf_counter()
    try:
        if kind in comparisons.KINDS:
            compared = comparisons.KINDS[kind](seed, settings.timeout)
            row.text, row.problems = compared.text, compared.problems
            row.unknown = compared.unknown
            for what, number in compared.counts.items():
                verdict = what.endswith(("PROVED", "REFUTED", "UNKNOWN"))
                (row.counts if verdict else row.timed)[what] += number
            return row
        row.text = spec_of(kind, seed, settings.size)
        if settings.spin:
            asked = judge_spin.compare(row.text, timeout=settings.timeout)
            row.timed, row.problems = asked.counts, asked.problems
            return row
        judged, row.large = _judged(row.text, settings)
        row.counts, row.unknown, row.timed = judged.counts, judged.unknown, judged.timed
        row.problems = judged.problems
        rng = random.Random(f"shape {seed}")
        shape = rng.choice(SHAPES)
        if rng.random() < 0.3 and "return" not in row.text:
            others = verdicts(shaped(row.text, shape), settings.timeout)
            row.problems += contradictions(judged.results, others, shape)
            row.timed["the same spec in another shape"] += 1
    except comparisons.LeftOut as why:
        row.left_out = str(why)
    except Rejected as error:
        codes = {d.code for d in error.diagnostics}
        row.left_out = "rejected: " + ", ".join(sorted(codes))
        if codes - {"E0900"}:
            row.left_out += f" ({error.diagnostics[0].message})"
    except Exception:
        row.problems.append(traceback.format_exc())
    finally:
        row.seconds = time.perf_counter() - since
    return row


# --- what is told ---------------------------------------------------------------------------------


@dataclass
class Total:
    specs: int = 0
    compared: int = 0
    large: int = 0
    disagreements: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    timed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")

    def add(self, row: Row) -> None:
        self.specs += 1
        self.compared += not row.left_out
        self.large += row.large
        self.disagreements += bool(row.problems)
        self.counts += row.counts
        self.timed += row.timed
        if row.left_out:
            self.left_out[row.left_out] += 1
        for line in row.unknown:
            self.unknown[_reason(line)] += 1
        self.slowest = max(self.slowest, (row.seconds, f"{row.kind} {row.seed}"))

    def table(self) -> Iterator[str]:
        yield f"{'check':20} {'proved':>8} {'refuted':>8} {'unknown':>8}"
        names = ("PROVED", "REFUTED", "UNKNOWN")
        for check in sorted({k.rpartition(" ")[0] for k in self.counts}):
            numbers = [self.counts[f"{check} {n}"] for n in names]
            yield f"{check:20} " + " ".join(f"{n:8}" for n in numbers)
        sums = [sum(n for k, n in self.counts.items() if k.endswith(w)) for w in names]
        yield f"{'all':20} " + " ".join(f"{n:8}" for n in sums)


def _reason(line: str) -> str:
    """An UNKNOWN without the names of its spec."""
    name, _, why = line.partition(": ")
    words = ["`..`" if k % 2 else part for k, part in enumerate(why.split("`"))]
    out = "".join(words)
    return f"{name.split()[0]}: {' '.join(w for w in out.split() if '.wf:' not in w)}"


def keep(folder: Path, row: Row) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{row.kind}_{row.seed}"
    (folder / f"{name}.wf").write_text(row.text)
    (folder / f"{name}.txt").write_text("\n".join(row.problems) + "\n")


RECORD = ("commit", "date", "kind", "first", "last", "specs", "compared", "disagreements")


def record(file: Path, by_kind: Mapping[str, list[Row]]) -> None:
    """Adds what was done, a line per kind, tabs between; a new file gets a heading."""
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    lines = [] if file.exists() else ["\t".join(RECORD)]
    for kind, rows in by_kind.items():
        seeds = [r.seed for r in rows]
        counts = (len(rows), sum(not r.left_out for r in rows), sum(bool(r.problems) for r in rows))
        today = time.strftime("%Y-%m-%d")
        lines.append("\t".join(map(str, (commit, today, kind, min(seeds), max(seeds), *counts))))
    with file.open("a") as out:
        out.write("\n".join(lines) + "\n")


def add_up(file: Path) -> Iterator[str]:
    """The sums of a record, by kind."""
    sums: dict[str, Counter[str]] = {}
    commits: dict[str, None] = {}
    for line in file.read_text().splitlines()[1:]:
        cells = dict(zip(RECORD, line.split("\t"), strict=True))
        commits[cells["commit"]] = None
        for kind in (cells["kind"], "all"):
            total = sums.setdefault(kind, Counter())
            total.update({k: int(cells[k]) for k in RECORD[5:]})
    yield f"{'kind':20} {'specs':>8} {'compared':>8} {'disagreements':>14}"
    for kind in sorted(sums, key=lambda k: (k == "all", k)):
        specs, compared, wrong = (sums[kind][k] for k in RECORD[5:])
        yield f"{kind:20} {specs:8} {compared:8} {wrong:14}"
    yield f"commits: {' '.join(commits)}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=100, help="how many seeds of each kind")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--size", type=int, default=4)
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds to verify a spec")
    parser.add_argument("--states", type=int, default=400, help="of a spec that is compared")
    parser.add_argument("--timed", type=int, default=6000, help="states of its timed runs")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--spin", action="store_true", help="compare with Spin instead")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--record", type=Path, metavar="FILE", help="add what was done to it")
    parser.add_argument("--sum", type=Path, metavar="FILE", help="add up such a file, do no more")
    args = parser.parse_args()
    if args.sum is not None:
        print("\n".join(add_up(args.sum)))
        return 0
    if args.spin and spin.MISSING:
        print(f"skipped: {spin.MISSING}")
        return 0
    seeds = range(args.seed, args.seed + args.count)
    jobs = [(kind, seed) for seed in seeds for kind in args.kinds.split(",")]
    settings = Settings(args.size, args.timeout, args.states, args.timed, args.spin)
    total = Total()
    since = time.perf_counter()
    by_kind: dict[str, list[Row]] = {}
    for row in _rows(jobs, settings, args.jobs):
        total.add(row)
        by_kind.setdefault(row.kind, []).append(row)
        if row.problems:
            if args.keep is not None:
                keep(args.keep, row)
            print(f"\n{row.kind} {row.seed}: {row.problems[0]}\n{row.text}", flush=True)
        if sys.stderr.isatty() or total.specs % 50 == 0:
            end = "\r" if sys.stderr.isatty() else "\n"
            passed = time.perf_counter() - since
            line = f"{total.specs} of {len(jobs)}, {total.disagreements} wrong, {passed:.0f} s"
            print(line, end=end, file=sys.stderr, flush=True)
    if args.record is not None:
        record(args.record, by_kind)
    passed = time.perf_counter() - since
    last = max(seeds.start, seeds.start + (total.specs - 1) // len(args.kinds.split(",")))
    print(f"\nseeds {seeds.start}..{last} of {args.kinds}, size {args.size}")
    print(f"{total.specs} specs, {passed:.0f} s, {args.jobs} at once")
    print(f"{total.compared} compared, {total.large} of them with some runs only")
    print(f"slowest: {total.slowest[0]:.1f} s ({total.slowest[1]})")
    print(f"{total.disagreements} disagreements\n")
    more = "compared with all timed runs, or with the same in another shape"
    if args.spin:
        more = "claims, and whether the whole can get stuck"
    else:
        print("\n".join(total.table()))
    for title, counter in (
        ("left out", total.left_out),
        (more, total.timed),
        ("why unknown", total.unknown),
    ):
        print(f"\n{title}:")
        for what, number in counter.most_common(12):
            print(f"{number:6}  {what}")
    return 1 if total.disagreements else 0


def _rows(jobs: list[tuple[str, int]], settings: Settings, workers: int) -> Iterator[Row]:
    work = partial(examine, settings=settings)
    try:
        if workers == 1:
            yield from map(work, jobs)
        else:
            with ProcessPoolExecutor(workers) as pool:
                yield from pool.map(work, jobs)
    except KeyboardInterrupt:
        return  # what has been done is told


if __name__ == "__main__":
    sys.exit(main())
