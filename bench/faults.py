"""Do the tests notice deliberate faults?

    python bench/faults.py [--only ID]... [--jobs N] [--narrow] [--table FILE]

Puts the faults of faults.toml, one at a time, into a copy of this checkout and runs first the
tests that should notice, then (not with `--narrow`) those of the whole area, each time until one
fails.  That test must pass without the fault, or it does not count.  Prints, for each fault, the
test that caught it or `slipped`, and the seconds of processor time of all tests that were run.
With `--table` the rows go into that file as well, in place of the older rows of the same faults.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_suffix(".toml")
# By the first folder of a fault's file: what to run when none of the named tests noticed.
AREAS = {
    "semantics": ("tests/semantics", "tests/test_agreement.py", "tests/test_cases.py"),
    "verifier": (
        "tests/verifier",
        "tests/test_cases.py",
        "tests/test_verdicts.py",
        "tests/proofs",
    ),
    "interpreter": ("tests/interpreter", "tests/test_replay.py", "tests/test_agreement.py"),
}
# Given to pytest: notes the first test that fails, or file that cannot be read, by its whole name.
NOTES = """
import os

def _note(report):
    if report.failed and not os.path.exists(os.environ["FIRST_FAILURE"]):
        with open(os.environ["FIRST_FAILURE"], "w") as file:
            file.write(report.nodeid)

pytest_runtest_logreport = pytest_collectreport = _note
"""
NEVER_ENDS = 900  # seconds of processor time of one run of tests


@dataclass(frozen=True)
class Fault:
    """In `file`, `before` (once in it) is replaced by `after`; `tests` are arguments of pytest."""

    id: str
    file: str
    before: str
    after: str
    what: str
    tests: tuple[str, ...]

    def put_into(self, root: Path) -> None:
        """Raises ValueError if the text is not there, or more than once."""
        text = (root / self.file).read_text(encoding="utf-8")
        found = text.count(self.before)
        if found != 1:
            raise ValueError(f"{self.id}: `before` occurs {found} times in {self.file}")
        _write(root / self.file, text.replace(self.before, self.after))


def faults(path: Path = LIST) -> list[Fault]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Fault(name, **{**row, "tests": tuple(row["tests"])}) for name, row in table.items()]


def _write(path: Path, text: str) -> None:
    """A module; what was compiled of it before goes (it may be of the same second and size)."""
    path.write_text(text, encoding="utf-8")
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


@dataclass(frozen=True)
class Row:
    id: str
    what: str
    caught_by: str
    seconds: float
    commit: str

    def __str__(self) -> str:
        return (
            f"{self.id:26} {self.caught_by}\n    {self.what} ({self.seconds:.0f} s; {self.commit})"
        )


@dataclass
class Copy:
    """A copy of the checkout that imports itself: it lies in a folder under the package's name,
    which comes before what is installed."""

    folder: Path
    _good: dict[str, bool] = field(default_factory=dict)  # by test: passes without a fault

    @property
    def root(self) -> Path:
        return self.folder / "wfverify"

    def make(self) -> None:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, self.root / name)
        (self.folder / "first_failure.py").write_text(NOTES)
        self._check()

    def _check(self) -> None:
        """A fault that breaks everything is noticed, and by this copy's own code."""
        module = self.root / "semantics" / "expr.py"
        good = module.read_text(encoding="utf-8")
        _write(module, good + '\nraise ImportError("a fault that breaks everything")\n')
        asked = ("-c", "import wfverify.semantics.expr")
        said = subprocess.run(
            [sys.executable, *asked],
            cwd=self.folder,
            env=self._env(),
            capture_output=True,
            text=True,
        )
        if "a fault that breaks everything" not in said.stderr or str(module) not in said.stderr:
            raise SystemExit(f"the copy does not import itself:\n{said.stderr}")
        failed, _ = self.test(["tests/semantics/test_values.py"])
        _write(module, good)
        if not failed:
            raise SystemExit("tests pass although nothing can be imported")

    def _env(self) -> dict[str, str]:
        env = {**os.environ, "PYTHONPATH": str(self.folder)}
        env["FIRST_FAILURE"] = str(self._note)
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        return env

    @property
    def _note(self) -> Path:
        return self.folder / "failure"

    def test(self, tests: Sequence[str]) -> tuple[str, float]:
        """The first test that fails, or nothing; and the seconds of processor time."""
        shutil.rmtree(self.root / ".hypothesis", ignore_errors=True)
        self._note.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["-p", "first_failure"]
        with tempfile.TemporaryFile("w+") as out:
            run = subprocess.Popen(
                [*command, *tests], cwd=self.root, env=self._env(), stdout=out, stderr=out
            )
            resource.prlimit(run.pid, resource.RLIMIT_CPU, (NEVER_ENDS, NEVER_ENDS))
            _, status, used = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            text = out.read()
        seconds = used.ru_utime + used.ru_stime
        if run.returncode in (0, 5):  # 5: none was selected
            return "", seconds
        if run.returncode < 0:
            return f"{tests[0]} (does not end)", seconds
        if not self._note.exists():
            raise SystemExit(f"pytest {' '.join(tests)} ended with {run.returncode}:\n{text}")
        return self._note.read_text(), seconds

    def judge(self, fault: Fault, narrow: bool) -> Row:
        """Which test catches the fault."""
        path = self.root / fault.file
        good = path.read_text(encoding="utf-8")
        wide = () if narrow else AREAS[fault.file.split("/")[0]]
        used = 0.0
        caught = "slipped"
        fault.put_into(self.root)
        for tests in (*fault.tests, *wide):
            found, seconds = self.test(shlex.split(tests))
            used += seconds
            if found:
                _write(path, good)
                if self._passes(found):
                    caught = found
                    break
                fault.put_into(self.root)
        _write(path, good)
        return Row(fault.id, fault.what, caught, used, commit())

    def _passes(self, test: str) -> bool:
        """Without a fault."""
        name = test.removesuffix(" (does not end)")
        if name not in self._good:
            self._good[name] = not self.test([name])[0]
        return self._good[name]


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def run(chosen: Sequence[Fault], jobs: int, narrow: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        free: SimpleQueue[Copy] = SimpleQueue()
        for k in range(jobs):
            copy = Copy(Path(folder) / str(k))
            copy.make()
            free.put(copy)

        def one(fault: Fault) -> Row:
            mine = free.get()
            try:
                return mine.judge(fault, narrow)
            finally:
                free.put(mine)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(one, chosen)


def kept(table: Path) -> dict[str, str]:
    """The rows of an earlier table, by fault."""
    text = table.read_text(encoding="utf-8") if table.is_file() else ""
    rows = re.findall(r"^(\S+) +\S.*\n    .*$", text, re.MULTILINE)
    whole = re.findall(r"^\S+ +\S.*\n    .*$", text, re.MULTILINE)
    return dict(zip(rows, whole, strict=True))


def write(table: Path, rows: Iterable[Row], order: Sequence[str]) -> None:
    known = {**kept(table), **{r.id: str(r) for r in rows}}
    lines = [known[name] for name in order if name in known]
    slipped = sum(line.split()[1] == "slipped" for line in lines)
    head = (
        "Deliberate faults, each put alone into a copy of the checkout (python bench/faults.py),\n"
        f"{date.today()}.  Each fault with the first test that fails with it; then what is wrong,\n"
        "the processor time of the tests that were run for it, and the commit.\n\n"
        f"{len(lines)} faults, {slipped} slipped\n\n"
    )
    table.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="ID", action="append", default=[])
    parser.add_argument("--jobs", metavar="N", type=int, default=1)
    parser.add_argument("--narrow", action="store_true", help="the named tests only")
    parser.add_argument("--table", metavar="FILE", type=Path)
    args = parser.parse_args()
    everything = {f.id: f for f in faults()}
    unknown = [name for name in args.only if name not in everything]
    if unknown:
        parser.error(f"there is no fault {', '.join(unknown)}")
    chosen = [everything[name] for name in args.only] or list(everything.values())
    rows: list[Row] = []
    for row in run(chosen, args.jobs, args.narrow):
        print(row, flush=True)
        rows.append(row)
        if args.table is not None:
            write(args.table, rows, list(everything))
    raise SystemExit(any(r.caught_by == "slipped" for r in rows))


if __name__ == "__main__":
    main()
