"""Imports and verifies every state machine of a directory; writes bench/results/asl.md.

    python bench/asl.py [DIR] [--timeout SECONDS] [--jobs N] [--out FILE]

DIR is a folder of Amazon States Language files, by default ../shared/corpora/asl beside the
checkout.  One line per file: states, findings, one letter per check (P proved, R refuted,
r refuted at warning level, ? unknown, - nothing of the kind), steps of the importer and time.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from wfverify.dsl import ast
from wfverify.dsl.errors import Rejected
from wfverify.dsl.importers import load_foreign
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import CHECKS, verify
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Refuted, Result, Unknown

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "corpora" / "asl"
RESULTS = ROOT / "bench" / "results" / "asl.md"
SHOWN = (
    "exhaustive",
    "deadlock_free",
    "can_finish",
    "terminates",
    "handled",
    "no_dead_code",
    "race_free",
    "timing_independent",
    "deterministic",
    "atomicity",
    "arithmetic",
    "contracts",
)


@dataclass
class Row:
    file: str
    states: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    verdicts: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    refuted: list[str] = field(default_factory=list)
    imported: float = 0.0
    seconds: float = 0.0
    cpu: float = 0.0
    failed: str = ""  # rejected or crashed


def count_states(term: ast.Term) -> int:
    """The states of a machine and of the machines inside it."""
    match term:
        case ast.Flow(states=states):
            named = [s for s in states if not s.name.endswith(")") or " (" not in s.name]
            return len(named) + sum(count_states(s.body) for s in states)
        case ast.Seq(parts=parts) | ast.Par(parts=parts) | ast.Choice(parts=parts):
            return sum(count_states(p) for p in parts)
        case ast.If(then=then):
            return count_states(then)
        case (
            ast.Each(body=body) | ast.Within(body=body) | ast.Retry(body=body) | ast.Try(body=body)
        ):
            return count_states(body)
        case _:
            return 0


def letter(results: list[Result]) -> str:
    """The worst verdict of a check: refuted, unknown, proved."""
    verdicts = [r.verdict for r in results if r.verdict is not None]
    if any(isinstance(r.verdict, Refuted) and not r.warning for r in results):
        return "R"
    if any(isinstance(v, Refuted) for v in verdicts):
        return "r"
    if any(isinstance(v, Unknown) for v in verdicts):
        return "?"
    return "P" if any(isinstance(v, Proved) for v in verdicts) else "-"


def measure(path: Path, timeout: float) -> Row:
    """One file, from its text to all verdicts.  Whatever goes wrong stands in the row."""
    row, since, busy = Row(path.name), time.perf_counter(), time.process_time()
    try:
        spec = load_foreign(str(path))
        assert spec is not None
        row.imported = time.perf_counter() - since
        row.states = sum(count_states(w.body) for w in spec.workflows)
        row.findings.update(d.code for d in spec.warnings)
        options = Options(timeout=timeout, jobs=1)
        results = verify(
            spec, lower(spec), options, replay=replay, schedule=schedule, simulate=simulator
        )
        for check in CHECKS:
            found = [r for r in results if r.check == check]
            row.verdicts[check] = letter(found)
            for result in found:
                name = f"{check} {result.name}".strip()
                if isinstance(result.verdict, Unknown):
                    row.unknown.append(f"{name}: {result.verdict.why}")
                elif isinstance(result.verdict, Refuted):
                    row.refuted.append(f"{name}: {result.verdict.message}")
    except Rejected as refusal:
        row.failed = f"rejected: {refusal.diagnostics[0].message}"
    except Exception as error:  # a crash is what this bench looks for
        row.failed = f"CRASH {type(error).__name__}: {error}"
    row.seconds = time.perf_counter() - since
    row.cpu = time.process_time() - busy
    return row


def summary(rows: list[Row], wall: float, jobs: int) -> list[str]:
    """The figures of the whole corpus, as lines of Markdown."""
    crashed = [r for r in rows if r.failed]
    states = sum(r.states for r in rows)
    lines = [
        f"{len(rows)} files, {states} states, {len(crashed)} rejected or crashed, "
        f"{wall:.1f} s in all with {jobs} processes ({sum(r.cpu for r in rows):.1f} s of "
        f"processor time; import {sum(r.imported for r in rows):.1f} s), "
        f"slowest {max(r.seconds for r in rows):.1f} s.",
        "",
        "| check | proved | refuted | unknown |",
        "|---|---|---|---|",
    ]
    for check in SHOWN:
        found = Counter(r.verdicts.get(check, "") for r in rows)
        refuted = found["R"] + found["r"]
        lines.append(f"| `{check}` | {found['P']} | {refuted} | {found['?']} |")
    codes = Counter[str]()
    files = Counter[str]()
    for row in rows:
        codes.update(row.findings)
        files.update(row.findings.keys())
    lines += ["", "| finding | times | files |", "|---|---|---|"]
    lines += [f"| {code} | {codes[code]} | {files[code]} |" for code in sorted(codes)]
    return lines


def table(rows: list[Row]) -> list[str]:
    names = [c.replace("_", " ") for c in SHOWN]
    lines = [
        "| file | states | findings | " + " | ".join(names) + " | s |",
        "|---|---|---|" + "---|" * (len(SHOWN) + 1),
    ]
    for row in rows:
        found = ", ".join(
            code if n == 1 else f"{code} x{n}" for code, n in sorted(row.findings.items())
        )
        cells = [row.verdicts.get(check, " ") for check in SHOWN]
        note = f" ({row.failed})" if row.failed else ""
        lines.append(
            f"| {row.file}{note} | {row.states} | {found} | "
            + " | ".join(cells)
            + f" | {row.seconds:.2f} |"
        )
    return lines


def undecided(rows: list[Row], folder: Path) -> list[str]:
    """Why each unknown is one."""
    lines = ["## Not decided", ""]
    for row in rows:
        for text in row.unknown:
            where, _, why = text.partition(": ")
            lines.append(f"- {row.file}: `{where}`: {why.replace(str(folder) + os.sep, '')}")
    return lines


def main() -> int:
    """0 when no file crashed and none was rejected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dir", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds per file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="files at once")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    paths = sorted(args.dir.glob("*.json"))
    if not paths:
        print(f"no state machines in {args.dir}", file=sys.stderr)
        return 2
    rows, since = list[Row](), time.perf_counter()
    with ProcessPoolExecutor(args.jobs) as pool:
        for row in pool.map(measure, paths, [args.timeout] * len(paths)):
            rows.append(row)
            print(f"\r{len(rows)}/{len(paths)} {row.file:70.70}", end="", file=sys.stderr)
    wall = time.perf_counter() - since
    print("\r" + " " * 90 + "\r", end="", file=sys.stderr)
    head = [
        "# Amazon States Language: every machine of the corpus",
        "",
        "Written by `bench/asl.py`; P proved, R refuted, r refuted at warning level, ? unknown, "
        "- nothing of the kind.",
        "",
        *summary(rows, wall, args.jobs),
        "",
    ]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [*head, *table(rows), "", *undecided(rows, args.dir), ""]
    args.out.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(summary(rows, wall, args.jobs)))
    for row in rows:
        if row.failed:
            print(f"{row.file}: {row.failed}")
    return 1 if any(row.failed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
