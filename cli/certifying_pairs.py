"""`equiv --certify`: certificates of two specs that were compared, written and read again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..dsl.ast import Spec
from ..proofs.certificate import Certificate, spec_hash, write
from ..proofs.check import Answer, Checked, Checker
from ..proofs.compared import Comparing
from ..proofs.solvers import Solvers
from ..report import certificates as shown
from ..semantics.evidence import Part, Trusted
from ..semantics.lower.between import KINDS, Options, alike, between, chosen
from ..semantics.system import TransitionSystem
from ..verifier.equivalence.evidence import told
from ..verifier.equivalence.findings import LEVELS, Comparison, Fails, Finding, Holds
from .comparing_evidence import compared

AGAINST = "against"  # the field of a certificate that names the second file


@dataclass(frozen=True, slots=True)
class Pair:
    """Two specs that are compared, with the files that they are from."""

    files: tuple[str, str]
    specs: tuple[Spec, Spec]
    options: Options

    def checker(self, kind: str, under: str, solvers: Solvers) -> Checker:
        """Of what may be claimed of them.  Raises `Rejected`."""
        both = chosen(self.specs, self.options.workflow)
        system: TransitionSystem = alike(both)[0]
        claimed = between(both, kind, under, self.options)
        return Checker(system, solvers, {(kind, under): Comparing(claimed)})


def certify(
    pair: Pair, found: Comparison, kind: str, under: str, folder: Path, patience: float
) -> str:
    """Writes what shows each answer that `equiv` gives; returns what to say of it."""
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for level, finding in _told(found, under):
        checker = pair.checker(kind, level, Solvers(second=False))
        verdict = "PROVED" if isinstance(finding, Holds) else "REFUTED"
        claim = checker.claim(kind, level, "error", verdict)
        part = _part(checker, claim, finding, patience)
        if part is None:
            continue
        encoded = (checker.codec.encode(part),)
        certificate = Certificate(_named(pair, folder, level), claim, encoded)
        done.append(_of_few(checker, certificate, checker.judged(claim, [part])))
        path = folder / _file(pair, level, verdict)
        path.write_text(write(certificate), encoding="utf-8")
    return shown.written(str(folder), done)


def _told(found: Comparison, under: str) -> Iterator[tuple[str, Finding]]:
    """The finest that holds, what does not hold and is the coarsest, and what was asked."""
    holds = found.finest()
    fails = [x for x in LEVELS if isinstance(found.levels.get(x), Fails)]
    for level in dict.fromkeys((holds, fails[-1] if fails else None, under)):
        if level is not None and isinstance(found.levels.get(level), Holds | Fails):
            yield level, found.levels[level]


def _part(
    checker: Checker, claim: Mapping[str, str], finding: Finding, patience: float
) -> Part | None:
    if isinstance(finding, Holds):
        evidence = compared(checker, claim, patience)
        return Part(evidence or Trusted(finding.engine, finding.how))
    shown_by = told(finding) if isinstance(finding, Fails) else None
    return None if shown_by is None else Part(shown_by)


def _named(pair: Pair, folder: Path, under: str) -> dict[str, str]:
    """Which specs, and how they were compared."""
    one, other = (os.path.relpath(f, folder) if os.path.exists(f) else f for f in pair.files)
    mine, yours = (spec_hash(s.source) for s in pair.specs)
    out = {"file": one, "sha256": mine, AGAINST: other, f"{AGAINST}_sha256": yours}
    return out | {k: str(v) for k, v in asdict(pair.options).items()} | {"under": under}


def _file(pair: Pair, level: str, verdict: str) -> str:
    stems = "-".join(re.sub(r"[^A-Za-z0-9_]+", "-", Path(f).stem)[:40] for f in pair.files)
    return f"{stems}.{level}{'.run' if verdict == 'REFUTED' else ''}.json"


# --- read again --------------------------------------------------------------------------------


def options_of(spec: Mapping[str, str]) -> Options:
    """As a certificate keeps them."""
    return Options(*(spec.get(name, "") for name in Options.__dataclass_fields__))


def check(
    certificate: Certificate, files: Sequence[str], specs: Sequence[Spec], solvers: Solvers
) -> Checked:
    """Of a certificate of two specs.  Raises `Rejected`, ValueError."""
    spec = certificate.spec
    for n, key in enumerate(("sha256", f"{AGAINST}_sha256")):
        if spec_hash(specs[n].source) != spec.get(key):
            return Checked(Answer.INVALID, f"its spec {files[n]} is another one, or was changed")
    kind, under = certificate.claim.get("check", ""), spec.get("under", "")
    if kind not in KINDS or under not in LEVELS or certificate.claim.get("name") != under:
        return Checked(Answer.INVALID, "the spec makes another claim of this name")
    pair = Pair((files[0], files[1]), (specs[0], specs[1]), options_of(spec))
    checker = pair.checker(kind, under, solvers)
    return _of_few(checker, certificate, checker.check(certificate))


def _of_few(checker: Checker, certificate: Certificate, checked: Checked) -> Checked:
    """Of any number of instances a few are compared: what holds of them is not shown of all,
    unless laws of terms show it of each."""
    several = checker.system.any_number
    of_each = certificate.claim["verdict"] != "PROVED" or certificate.kind == "derivation"
    if checked.answer is not Answer.VALID or of_each or not several:
        return checked
    few = ", ".join(f"{len(a.members)} of {a.workflow}[*]" for a in several)
    return Checked(Answer.HOLEY, f"it is shown of a few instances only: {few}")
