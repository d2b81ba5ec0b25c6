"""`equiv --certify`: certificates of two specs that were compared."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ..proofs.certificate import Certificate, spec_hash, write
from ..proofs.check import Checker
from ..proofs.solvers import Solvers
from ..report import certificates as shown
from ..semantics.evidence import Part, Trusted
from ..verifier.equivalence.evidence import told
from ..verifier.equivalence.findings import LEVELS, Comparison, Fails, Finding, Holds
from .comparing_evidence import compared
from .rechecking_pairs import AGAINST, Pair, of_few


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
        parts = _parts(checker, claim, finding, patience)
        if not parts:
            continue
        encoded = tuple(map(checker.codec.encode, parts))
        certificate = Certificate(_named(pair, folder, level), claim, encoded)
        done.append(of_few(checker, certificate, checker.judged(claim, parts)))
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


def _parts(
    checker: Checker, claim: Mapping[str, str], finding: Finding, patience: float
) -> Sequence[Part]:
    if isinstance(finding, Holds):
        found = compared(checker, claim, patience)
        return found or [Part(Trusted(finding.engine, finding.how))]
    shown_by = told(finding) if isinstance(finding, Fails) else None
    return [] if shown_by is None else [Part(shown_by)]


def _named(pair: Pair, folder: Path, under: str) -> dict[str, str]:
    """Which specs, and how they were compared."""
    one, other = (os.path.relpath(f, folder) if os.path.exists(f) else f for f in pair.files)
    mine, yours = (spec_hash(s.source) for s in pair.specs)
    out = {"file": one, "sha256": mine, AGAINST: other, f"{AGAINST}_sha256": yours}
    return out | {k: str(v) for k, v in asdict(pair.options).items()} | {"under": under}


def _file(pair: Pair, level: str, verdict: str) -> str:
    stems = "-".join(re.sub(r"[^A-Za-z0-9_]+", "-", Path(f).stem)[:40] for f in pair.files)
    return f"{stems}.{level}{'.run' if verdict == 'REFUTED' else ''}.json"
