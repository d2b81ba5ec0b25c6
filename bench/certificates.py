"""Certificates over a corpus: the share of proofs that check again, and what that costs.

    python bench/certificates.py [SPEC...] [--timeout 20] [--one-solver]

Without files: tests/cases.  For each check: lines PROVED, certificates valid, of which with
something to show (the spec has obligations, or the check is of the whole system), holey and
invalid; then seconds for proving, for certifying, and for checking again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from wfverify.cli.certifying import Certifier
from wfverify.cli.loading import load_spec
from wfverify.cli.rechecking import Reader
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import replay, schedule, simulator
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import verify
from wfverify.verifier.session import Options

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="*")
    parser.add_argument("--timeout", type=float, default=20.0)
    parser.add_argument("--one-solver", action="store_true")
    parser.add_argument("--holes", action="store_true", help="name every proof that is not valid")
    args = parser.parse_args()
    specs = args.specs or sorted(map(str, (ROOT / "tests" / "cases").glob("*.wf")))
    count: Counter[tuple[str, str]] = Counter()
    seconds: Counter[str] = Counter()
    solvers = Solvers(second=not args.one_solver)
    for number, file in enumerate(specs):
        try:
            since = time.perf_counter()
            spec = load_spec(file)
            system = lower(spec)
        except Rejected:
            continue
        options = Options(timeout=args.timeout)
        results = verify(
            spec, system, options, replay=replay, schedule=schedule, simulate=simulator
        )
        seconds["prove"] += time.perf_counter() - since
        with tempfile.TemporaryDirectory() as folder:
            since = time.perf_counter()
            certifier = Certifier(spec, system, file, Path(folder))
            for result in results:
                certifier.one(result)
            seconds["certify"] += time.perf_counter() - since
            since = time.perf_counter()
            reader = Reader(Path(folder), None, solvers)
            for path in certifier.written:
                line = reader.one(path)
                if line.claim.get("verdict") == "REFUTED":
                    count["refuted", line.checked.answer.value] += 1
                    continue
                plain = line.kind == "syntactic" and line.claim["check"] != "atomicity"
                answer = "nothing" if plain else line.checked.answer.value
                count[line.claim["check"], answer] += 1
                if args.holes and answer not in ("valid", "nothing"):
                    print(f"{file}: {line.claim['check']} {line.claim['name']}: ", end="")
                    print(line.kind, line.checked.why[:100])
            seconds["recheck"] += time.perf_counter() - since
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{len(specs)}", end="", file=sys.stderr)
    report(count, seconds, solvers.used)
    return 0


def report(count: Counter[tuple[str, str]], seconds: Counter[str], used: list[str]) -> None:
    print(f"{'':22}{'lines':>6}{'valid':>7}{'nothing':>9}{'holey':>7}{'invalid':>9}")
    proofs = sorted({c for c, _ in count} - {"refuted"})
    for check in [*proofs, "all", "refuted"]:
        mine = {
            a: sum(
                n
                for (c, b), n in count.items()
                if b == a and (c == check or (check == "all" and c != "refuted"))
            )
            for a in ("valid", "nothing", "holey", "invalid")
        }
        row = f"{check:<22}{sum(mine.values()):>6}{mine['valid']:>7}{mine['nothing']:>9}"
        print(f"{row}{mine['holey']:>7}{mine['invalid']:>9}")
        if check == "all" and sum(mine.values()):
            some = sum(mine.values()) - mine["nothing"]
            share = 100 * (mine["valid"] + mine["nothing"]) / sum(mine.values())
            real = 100 * mine["valid"] / max(1, some)
            print(f"  valid: {share:.1f} % of all; {real:.1f} % where there is something to show")
    print(", ".join(f"{what} {s:.1f} s" for what, s in seconds.items()))
    print(f"checked with {' and '.join(used)}")


if __name__ == "__main__":
    raise SystemExit(main())
