"""`wfverify recheck` and `replay` of certificates: checked by the checker alone.

Nothing that finds proofs is imported here.
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from ..dsl.ast import Spec
from ..dsl.errors import Rejected
from ..dsl.records import dataclass
from ..proofs.anynumber import checker
from ..proofs.certificate import KINDS, Certificate, Damaged, parse, spec_hash
from ..proofs.check import Answer, Checked, Checker
from ..proofs.compared import Comparing
from ..proofs.solvers import Solvers
from ..report import certificates as shown
from ..report.outcome import Exit
from ..semantics.evidence import Instance, Runs
from ..semantics.lower import lower
from ..semantics.lower.claimed import claimed
from ..semantics.lower.own_names import plain
from ..semantics.system import TransitionSystem
from ..semantics.trace import Trace
from . import rechecking_pairs
from .loading import load_spec
from .rechecking_pairs import AGAINST
from .terminal import Progress, complain
from .terminal import write as to_stdout

ROOM = "room"  # the field of a certificate that says for how many messages its rules have room
MOST_ROOM = 1000


def comparisons(spec: Spec) -> dict[tuple[str, str], Comparing]:
    """What a spec claims of two workflows, for the checker."""
    return {line: Comparing(c) for line, c in claimed(spec).items()}


def room_of(text: str) -> int | None:
    """For how many messages there is room, as a certificate says it.  Raises ValueError."""
    room = int(text) if text else None
    if room is not None and (str(room) != text or not 1 <= room <= MOST_ROOM):
        raise ValueError(text)
    return room


def recheck(args: argparse.Namespace) -> int:
    """Checks every certificate of a folder.

    Status 0: all valid; 1: one is invalid; 3: none is, but something had to be trusted; 2: there
    is no certificate to check.
    """
    folder = Path(args.folder)
    files = sorted(folder.glob("*.json")) if folder.is_dir() else [folder]
    if not files or not files[0].is_file():
        complain(f"there is no certificate in {folder}; make some: wfverify SPEC --certify DIR")
        return Exit.USAGE
    solvers = Solvers()
    progress = Progress()
    reader = Reader(folder if folder.is_dir() else folder.parent, args.spec, solvers)
    found: list[shown.Line] = []
    for path in files:
        progress(path.name)
        found.append(reader.one(path))
    progress.clear()
    to_stdout(shown.table(found, solvers.used, args.verbose))
    gc.freeze()  # the process ends: nothing to look for in what was made of the rules either
    answers = {line.checked.answer for line in found}
    if Answer.INVALID in answers:
        return Exit.REFUTED
    return Exit.UNKNOWN if Answer.HOLEY in answers else Exit.PROVED


def replayed(path: str) -> int:
    """Is the counterexample of a file a run of its spec, and does it break its claim?

    The checker says so by itself; the interpreter's replay must agree.  Status 0: accepted; 1:
    rejected; 3: the run is one, but that it breaks the claim was not checked; 2: no such file.
    """
    reader = Reader(Path(path).parent, None, Solvers(second=False))
    line = reader.one(Path(path))
    if line.claim.get("verdict") != "REFUTED" and line.claim:
        complain(f"{path} is no counterexample: `wfverify recheck {path}` checks it")
        return Exit.USAGE
    checked, steps, where = line.checked, 0, ""
    if checked.answer is not Answer.INVALID:
        certificate = parse(Path(path).read_bytes())
        steps = sum(len(e.get("run", ())) for e in certificate.evidence)
        where = "".join(map(_put, certificate.evidence))
        for trace, system in reader.runs(certificate):
            steps += len(trace.steps)
            wrong = _disagrees(system, trace)
            if wrong:
                checked = Checked(Answer.INVALID, wrong)
    to_stdout(shown.replayed(path, replace(line, checked=checked), steps, where))
    status = {Answer.VALID: Exit.PROVED, Answer.HOLEY: Exit.UNKNOWN, Answer.INVALID: Exit.REFUTED}
    return status[checked.answer]


def _put(evidence: Mapping[str, Any]) -> str:
    """What stands for the names of a law, as a reader knows it; "" for other evidence."""
    if evidence.get("kind") != KINDS[Instance]:
        return ""
    parts = [f"{name} = {term}" for name, term in evidence["terms"]]
    parts += [f"beside it {evidence['beside']}"] if evidence["beside"] else []
    return plain(f"with {', '.join(parts)}" if parts else "")


def _disagrees(system: TransitionSystem, trace: Trace) -> str:
    """What the interpreter has against a run; "" for nothing."""
    from ..interpreter import Scheduling, replay
    from ..interpreter.following import follows

    found = replay(system, trace)
    if not found.ok:
        return found.why
    scheduling = Scheduling(system)
    late = scheduling.misplaced(replace(trace, loop_at=None))
    if late is not None:
        return f"step {late + 1} cannot happen at its time"
    if system.in_order and not follows(scheduling.plan, trace):
        return f"`scheduler {system.scheduler}` does not take this run"
    return ""


@dataclass
class Reader:
    """Checks files; each spec that they name is read once."""

    folder: Path
    spec: str | None
    solvers: Solvers
    _checkers: dict[tuple[str, str], tuple[str, Checker | None]] = field(default_factory=dict)

    def one(self, path: Path) -> shown.Line:
        try:
            certificate = parse(path.read_bytes())
        except (Damaged, OSError) as wrong:
            return shown.Line(path.name, {}, "", Checked(Answer.INVALID, str(wrong)))
        checked = self.check(certificate)
        return shown.Line(path.name, dict(certificate.claim), certificate.kind, checked)

    def check(self, certificate: Certificate) -> Checked:
        if AGAINST in certificate.spec:
            return self._pair(certificate)
        named = certificate.spec.get("file", "")
        file = self.spec or os.path.normpath(self.folder / named)
        sha256, checker = self._checker(file, certificate.spec.get(ROOM, ""))
        if checker is None:
            return Checked(Answer.INVALID, f"its spec {file} cannot be read as it says")
        if sha256 != certificate.spec.get("sha256"):
            return Checked(Answer.INVALID, f"its spec {file} is another one, or was changed")
        return checker.check(certificate)

    def _pair(self, certificate: Certificate) -> Checked:
        """Of two specs."""
        names = (certificate.spec.get("file", ""), certificate.spec[AGAINST])
        files = [os.path.normpath(self.folder / name) for name in names]
        try:
            specs = [load_spec(f) for f in files]
            return rechecking_pairs.check(certificate, files, specs, self.solvers)
        except (Rejected, OSError, ValueError):
            both = " and ".join(files)
            return Checked(Answer.INVALID, f"its specs {both} cannot be read and compared")

    def runs(self, certificate: Certificate) -> Iterator[tuple[Trace, TransitionSystem]]:
        """Of a counterexample that was read; of two specs, none is a run of one of them alone."""
        if AGAINST in certificate.spec:
            return
        file = self.spec or os.path.normpath(self.folder / certificate.spec["file"])
        _, checker = self._checker(file, certificate.spec.get(ROOM, ""))
        assert checker is not None
        for fields in certificate.evidence:
            evidence = checker.codec.decode(fields).evidence
            if isinstance(evidence, Runs):
                for trace in evidence.runs:
                    yield trace, checker.system

    def _checker(self, file: str, room: str) -> tuple[str, Checker | None]:
        """`room`: as the certificate says for how many messages its rules have room; "": not."""
        if (file, room) not in self._checkers:
            try:
                spec = load_spec(file)
                system = lower(spec, room=room_of(room))
                if (str(system.room or "") != room) or (system.room and system.any_number):
                    raise ValueError(room)
                made = checker(spec, system, self.solvers, comparisons(spec))
                # It stays until the end: nothing to look for in it, nor in what is made of it.
                gc.freeze()
                gc.set_threshold(2_000_000, 100, 100)
                self._checkers[file, room] = spec_hash(spec.source), made
            except (Rejected, OSError, ValueError):
                self._checkers[file, room] = "", None
        return self._checkers[file, room]
