"""40 loops over whole and real numbers, each with a question and its answer, no hint given.

    python bench/loops.py [NAME..] [--seconds N]

The specs are bench/loops/*.wf; the first line of each says what is asked and what is true.  Each
is a process of its own that has N seconds of processor time (10).  Prints a line for each spec and
the number that were decided; exit status 1 if an answer is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "loops"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    specs = [FOLDER / f"{n}.wf" for n in args.names] or sorted(FOLDER.glob("*.wf"))
    decided = wrong = 0
    for spec in specs:
        truth = asked(spec)
        answers, seconds = ask(spec, list(truth), args.seconds)
        late = seconds > args.seconds
        for check, true in truth.items():
            verdict, engine = answers.get(check, ("NONE", ""))
            wrong += verdict not in (true, "UNKNOWN", "NONE")
            shown = "TOO LATE" if late else verdict
            print(f"{spec.stem:22} {check:11} {true:8} {shown:9} {engine:14} {seconds:6.2f} s")
        decided += not late and all(answers.get(c, ("", ""))[0] == t for c, t in truth.items())
        sys.stdout.flush()
    print(f"{decided} of {len(specs)} decided, {wrong} wrong")
    sys.exit(1 if wrong else 0)


def asked(spec: Path) -> dict[str, str]:
    """What the first line asks: a verdict for each check."""
    first = spec.read_text(encoding="utf-8").splitlines()[0].removeprefix("//")
    return dict(pair.split() for pair in first.split(","))


def ask(spec: Path, checks: list[str], seconds: float) -> tuple[dict[str, tuple[str, str]], float]:
    """Verdict and engine for each check, and the seconds of processor time."""
    command = [sys.executable, "-m", "wfverify", str(spec), "--format", "json"]
    command += ["--timeout", str(3 * seconds)]  # of the wall: the machine may be busy
    for check in checks:
        command += ["--only", check]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        printed = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    report = json.loads(printed) if printed else {"results": []}
    found = {r["check"]: (r["verdict"], r["engine"]) for r in report["results"]}
    return found, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
