"""Certificates of two specs that were compared, read again by the checker alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..dsl.ast import Spec
from ..dsl.records import dataclass
from ..proofs.certificate import Certificate, spec_hash
from ..proofs.check import Answer, Checked, Checker
from ..proofs.compared import Comparing
from ..proofs.solvers import Solvers
from ..semantics.claimed import UNDER
from ..semantics.lower.between import KINDS, Options, alike, between, chosen
from ..semantics.system import TransitionSystem

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
    if kind not in KINDS or under not in UNDER or certificate.claim.get("name") != under:
        return Checked(Answer.INVALID, "the spec makes another claim of this name")
    pair = Pair((files[0], files[1]), (specs[0], specs[1]), options_of(spec))
    checker = pair.checker(kind, under, solvers)
    return of_few(checker, certificate, checker.check(certificate))


def of_few(checker: Checker, certificate: Certificate, checked: Checked) -> Checked:
    """Of any number of instances a few are compared: what holds of them is not shown of all,
    unless laws of terms show it of each."""
    several = checker.system.any_number
    of_each = certificate.claim["verdict"] != "PROVED" or certificate.kind == "derivation"
    if checked.answer is not Answer.VALID or of_each or not several:
        return checked
    few = ", ".join(f"{len(a.members)} of {a.workflow}[*]" for a in several)
    return Checked(Answer.HOLEY, f"it is shown of a few instances only: {few}")
