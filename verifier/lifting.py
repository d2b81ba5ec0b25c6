"""What a verdict on the rules says of the system that is meant.

Rules are of a few instances where any number is meant, have room for so many messages where a
channel has no bound, and one capacity where a controller sets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..dsl import ast
from .chosen import allowed
from .growth import lifted as lifted_to_any_room
from .session import Session
from .tasks import LIMIT, PROPERTY, Kind, limits_by_line
from .verdict import Proved, Refuted, Result, Unknown, Verdict

if TYPE_CHECKING:
    from .checks.anynumber import AnyNumber
    from .checks.enough import Enough
    from .checks.obligations import Claim

FOR_ANY_NUMBER = 0.7  # of the time, for its proofs; the rest is for runs of a few that refute

Key = int | str


def kind_of(key: Key) -> Kind:
    """Of what a verdict is about."""
    if isinstance(key, int):
        return Kind.CLAIMS
    if key.startswith(LIMIT):
        return Kind.LIMIT
    return Kind.LIVENESS if key.startswith(PROPERTY) else Kind.WHOLE


class Lifting:
    """`shown`: what is proved, or refuted, of the system that is meant (by claim, check, property
    or limit); `anew` of these: also whatever capacity is set."""

    def __init__(self, session: Session, spec: ast.Spec, claims: Sequence[Claim]) -> None:
        self.session = session
        self.spec = spec
        self.claims = claims
        self.shown: set[Key] = set()
        self.anew: frozenset[Key] = frozenset()
        self._proofs: AnyNumber | None = None

    # --- proofs of all that is meant -----------------------------------------------------------

    def of_any_number(
        self,
        verdicts: MutableMapping[str, Verdict],
        whole: Iterable[str],
        at_last: Iterable[str],
        limits: Iterable[str],
    ) -> dict[Key, Verdict]:
        """Whatever the number of instances; of checks of the whole also into `verdicts`, which
        others rest on."""
        from .checks.anynumber import AnyNumber

        found: dict[Key, Verdict] = {}
        with self.session.limit(), self.session.slot(FOR_ANY_NUMBER):
            proofs = self._proofs = AnyNumber(self.session, self.spec, self.claims)
            chosen = self.session.options.engines
            found.update(proofs.all_claims(self.claims).items())
            for check in whole:
                verdict = proofs.settled(check, verdicts, self._enough)
                if verdict is not None and allowed(chosen, verdict) is verdict:
                    found[check] = verdicts[check] = verdict
            for name in at_last:
                verdict = proofs.comes_at_last(name, verdicts, self._enough)
                if verdict is not None and allowed(chosen, verdict) is verdict:
                    found[PROPERTY + name] = verdict
            for name in limits:
                verdict = proofs.in_time(limits_by_line(self.session.system)[name])
                if verdict is not None:
                    found[name] = verdict
        self.shown |= found.keys()
        if self._proofs is not None:
            self.anew = frozenset(self._proofs.anew & found.keys())
        return found

    @cached_property
    def _enough(self) -> Enough:
        from .checks.enough import Enough

        return Enough(self.session, self.spec)

    def of_any_room(self, verdicts: MutableMapping[str, Verdict]) -> dict[Key, Verdict]:
        """However many messages there are in channels without a bound."""
        from .checks.anyroom import AnyRoom

        found: dict[Key, Verdict] = {}
        with self.session.limit():
            proofs = AnyRoom(self.session, self.spec)
            found.update(proofs.claims(self.claims).items())
            free = proofs.race_free()
            if free is not None:
                found["race_free"] = verdicts["race_free"] = free
        self.shown |= found.keys()
        return found

    # --- verdicts on the rules -----------------------------------------------------------------

    def verdict(self, verdict: Verdict, key: Key, verdicts: Mapping[str, Verdict]) -> Verdict:
        """What it says of the system; `verdicts` are those of checks of the whole."""
        system = self.session.system
        shown = key in self.shown
        # (`messages` says so itself, `atomicity` is of rules; a crowd has room for all.)
        if key not in ("messages", "atomicity") and not (shown and isinstance(verdict, Proved)):
            verdict = lifted_to_any_room(self.session, verdict)
        if system.any_number and not shown:
            if key == "no_dead_code" and isinstance(verdict, Refuted) and self._proofs is not None:
                with self.session.limit():
                    if self._proofs.dead(verdict):
                        return verdict
            more = self._of_enough(verdict, key)
            if more is not None:
                return more
            verdict = _of_more(verdict, key, self.session, self._in_the_way(key))
        if system.controls and not (key in self.anew and isinstance(verdict, Proved)):
            from .checks.controlled import of_claim, of_whole

            if isinstance(key, int):
                return of_claim(system, verdict, self.claims[key])
            return of_whole(system, key, verdict, verdicts)
        return verdict

    def _of_enough(self, verdict: Verdict, key: Key) -> Verdict | None:
        """What runs of so many instances show as a few cannot."""
        if isinstance(verdict, Refuted) is not (key == "no_dead_code"):
            return None  # (nothing is open)
        with self.session.limit():
            if key == "no_dead_code":
                return self._enough.alive()
            if isinstance(key, int):
                claim = self.claims[key]
                return self._enough.broken(claim.check, claim.name, claim.warning)
            if key.startswith(LIMIT):
                return self._enough.late(limits_by_line(self.session.system)[key][0])
        return None

    def line(self, line: Result) -> Result:
        """Of what is said beside the checks."""
        by_steps = line.check == "contracts" and line.name != "assume"  # (of single ones)
        if line.verdict is not None and not by_steps:
            line = replace(line, verdict=lifted_to_any_room(self.session, line.verdict))
        return _line_of_more(line, self.session) if self.session.system.any_number else line

    def _in_the_way(self, key: Key) -> str:
        """Of a proof for more instances."""
        if kind_of(key) is Kind.LIMIT:
            from .checks.limits import in_the_way

            limits = limits_by_line(self.session.system)[str(key)]
            why = in_the_way(self.session, self.spec, limits)
            return f": {why}" if why else ""
        if kind_of(key) is Kind.LIVENESS:
            return ", where every run has to end for that (`terminates`)"
        return ""


def _of_more(verdict: Verdict, key: Key, session: Session, because: str = "") -> Verdict:
    """A verdict on a few instances, of any number of them."""
    most = max(len(g.members) for g in session.system.any_number)
    few = f"up to {most} instances of " + ", ".join(
        dict.fromkeys(g.workflow for g in session.system.any_number)
    )
    match verdict:
        case Proved() if key == "no_dead_code":
            return verdict  # by runs, which are runs of so many instances
        case Proved():
            why = f"it holds for {few}; for any number it was not proved{because}"
            return Unknown(verdict.engine, why)
        case Refuted() if key == "no_dead_code":
            return Unknown(verdict.engine, f"with {few}: {verdict.message}; with more it may run")
    return verdict


def _line_of_more(result: Result, session: Session) -> Result:
    """That a contract can be met is a matter of one rule."""
    verdict = result.verdict
    if result.check == "contracts":
        if result.name == "assume" and isinstance(verdict, Refuted):
            why = f"with a few instances: {verdict.message}; with more one may"
            return replace(result, verdict=Unknown(verdict.engine, why))
        return result
    if result.check == "timeouts" and isinstance(verdict, Proved) and verdict.engine == "structure":
        return result  # of each instance, with claims that wait for any number of others
    return replace(result, verdict=None if verdict is None else _of_more(verdict, "", session))
