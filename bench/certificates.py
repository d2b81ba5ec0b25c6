"""Certificates over a corpus: the share of proofs that check again, and what that costs.

    python bench/certificates.py [SPEC...] [--timeout 20] [--limit 60] [--one-solver]
                                 [--holes] [--keep FILE]

Without files: tests/cases.  For each check: lines PROVED, certificates valid, of which with
something to show (the spec has obligations, or the check is of the whole system), holey and
invalid; then why proofs are holey; then CPU seconds for proving, for certifying, and for checking
again.  Each spec has a process of its own and so many seconds (`--limit`); specs that need more are
counted, and not looked at further.  What was found is kept in a file, line by line, so that a call
that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

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
CASES = ROOT / "tests" / "cases"
Found = Mapping[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="*")
    parser.add_argument("--timeout", type=float, default=20.0)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one spec in all")
    parser.add_argument("--one-solver", action="store_true")
    parser.add_argument("--holes", action="store_true", help="name every proof that is not valid")
    parser.add_argument("--keep", type=Path, help="go on from this file, and add to it")
    args = parser.parse_args()
    specs = args.specs or sorted(map(str, CASES.glob("*.wf")))
    known: dict[str, Found] = {}
    if args.keep and args.keep.exists():
        for line in args.keep.read_text().splitlines():
            one = json.loads(line)
            known[one["spec"]] = one
    for number, file in enumerate(specs):
        if file not in known:
            known[file] = {"spec": file, **alone(file, args)}
            if args.keep:
                with args.keep.open("a") as kept:
                    kept.write(json.dumps(known[file]) + "\n")
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{len(specs)}", end="", file=sys.stderr)
    report([known[f] for f in specs], args.holes)
    return 0


def alone(file: str, args: argparse.Namespace) -> Found:
    """What is found of a spec within the limit, in a process that is ended with all it started."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=told, args=(file, args, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(args.limit):
            return {"late": True}
        return dict(ours.recv())
    except EOFError:
        return {"died": True}
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()  # it has not come to have a group yet, or is over
        process.join()


def told(file: str, args: argparse.Namespace, to: Connection) -> None:
    os.setpgid(0, 0)
    to.send(looked_at(file, args.timeout, Solvers(second=not args.one_solver)))


def looked_at(file: str, timeout: float, solvers: Solvers) -> Found:
    """`lines`: check, name, verdict, answer, kind, why; `seconds` of CPU."""
    since = spent()
    seconds = {}
    try:
        spec = load_spec(file)
        system = lower(spec)
    except Rejected:
        return {"rejected": True}
    options = Options(timeout=timeout)
    results = verify(spec, system, options, replay=replay, schedule=schedule, simulate=simulator)
    seconds["prove"], since = spent() - since, spent()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        certifier = Certifier(spec, system, file, Path(folder))
        for result in results:
            certifier.one(result)
        seconds["certify"], since = spent() - since, spent()
        reader = Reader(Path(folder), None, solvers)
        for path in certifier.written:
            line = reader.one(path)
            claim = line.claim
            plain = line.kind == "syntactic" and claim["check"] != "atomicity"
            answer = "nothing" if plain else line.checked.answer.value
            said = claim["check"], claim["name"], claim["verdict"]
            lines.append([*said, answer, line.kind, line.checked.why])
        seconds["recheck"] = spent() - since
    return {"lines": lines, "seconds": seconds, "used": solvers.used}


def spent() -> float:
    """CPU seconds, of what was started, too."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def report(found: list[Found], holes: bool) -> None:
    count: Counter[tuple[str, str]] = Counter()
    seconds: Counter[str] = Counter()
    why: Counter[tuple[str, str]] = Counter()
    for one in found:
        seconds.update(one.get("seconds", {}))
        for check, name, verdict, answer, kind, reason in one.get("lines", ()):
            refuted = verdict == "REFUTED"
            count["refuted" if refuted else check, answer] += 1
            if answer in ("holey", "invalid"):
                why["refuted" if refuted else "proved", f"{check}: {classified(reason)}"] += 1
                if holes and not refuted:
                    print(f"{one['spec']}: {check} {name}: {kind} {reason[:100]}")
    rows(count)
    print("not valid, by what was trusted:")
    for (verdict, reason), n in sorted(why.items(), key=lambda x: (x[0][0], -x[1])):
        print(f"{n:>6}  {verdict:<8} {reason}")
    for what in ("late", "died", "rejected"):
        names = [Path(one["spec"]).stem for one in found if what in one]
        print(f"{what}: {len(names)} {' '.join(names) if what != 'rejected' else ''}")
    print(", ".join(f"{what} {s:.1f} s" for what, s in seconds.items()))
    used = {solver: None for one in found for solver in one.get("used", ())}
    print(f"checked with {' and '.join(used)}")


def classified(reason: str) -> str:
    """The same words for the same argument, whatever it is about."""
    words = re.sub(r"`[^`]*`", "`..`", reason)
    return re.sub(r"\d[\d,.]*", "N", words)[:90]


def rows(count: Counter[tuple[str, str]]) -> None:
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


if __name__ == "__main__":
    raise SystemExit(main())
