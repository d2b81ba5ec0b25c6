"""Certificates of a text, made and checked in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wfverify.cli.certifying import Certifier
from wfverify.cli.rechecking import comparisons
from wfverify.dsl import load_text
from wfverify.dsl.ast import Spec
from wfverify.interpreter import replay, schedule, simulator
from wfverify.proofs.anynumber import checker
from wfverify.proofs.certificate import Certificate, parse
from wfverify.proofs.check import Answer, Checked, Checker, claim_of, goals_of
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.evidence import Evidence, Part
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.growth import fitted
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Result

# Who gets the lock first is open; what is left is the same.
TURNS = """\
resource r : lock
shared x: int = 0
shared y: int = 0
workflow w(me: int 1..2) {
  var n: int = 0
  activity a -> int { uses r exclusive }
  activity b { uses r exclusive  do { if (y < 5) { y := 7 } } }
  run { n <- a() ; x := x + n ; b }
}
system { w(1)  w(2) }
"""


@dataclass
class Certified:
    """A spec with its results; `files` are the certificates, by name of the file."""

    system: TransitionSystem
    results: list[Result]
    files: dict[str, bytes]
    spec: Spec

    def of(self, check: str, name: str = "") -> Certificate:
        """The certificate of a line of the table."""
        found = [c for c in map(parse, self.files.values()) if c.claim["check"] == check]
        (one,) = [c for c in found if c.claim["name"] == name]
        return one

    def checker(self, second: bool = False) -> Checker:
        return checker(self.spec, self.system, Solvers(second=second), comparisons(self.spec))


def certified(
    source: str,
    folder: Path,
    file: str = "w.wf",
    timeout: float = 20,
    jobs: int = 0,
    only: tuple[str, ...] = (),
) -> Certified:
    """Verifies a text and writes its certificates."""
    spec = load_text(source, file)
    options = Options(only, timeout, jobs)
    fit = fitted(spec, lower(spec, room=1), options, replay, schedule, simulator)
    system = fit.system
    results = verify(
        spec,
        system,
        options,
        replay=replay,
        schedule=schedule,
        simulate=simulator,
        growth=fit.growth,
    )
    certifier = Certifier(spec, system, file, folder)
    for result in results:
        certifier.one(result)
    return Certified(system, results, {p.name: p.read_bytes() for p in certifier.written}, spec)


def system_of(source: str) -> TransitionSystem:
    return lower(load_text(source, "w.wf"))


def judged(
    checker: Checker, check: str, name: str, *evidence: Evidence, verdict: str = "PROVED"
) -> Checked:
    """One piece of evidence for all goals of a claim, or several for a whole check."""
    claim = claim_of(checker.system, check, name, "error", verdict)
    goals = range(len(goals_of(checker.system, check, name, "error")))
    return checker.judged(claim, [Part(e, list(goals)) for e in evidence])


def valid(checked: Checked) -> bool:
    return checked.answer is Answer.VALID
