"""`--certify`: certificates written."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from ..dsl.ast import Spec
from ..dsl.records import dataclass
from ..proofs.anynumber import OfAnyNumber, checker
from ..proofs.certificate import Certificate, spec_hash, write
from ..proofs.check import LINES, WHOLE, Answer, Checked, Checker, goals_of
from ..proofs.facts import Open, Wrong
from ..proofs.plain import some_only
from ..proofs.roomy import Roomy
from ..proofs.solvers import Solvers
from ..proofs.states import View, explored
from ..report import certificates as shown
from ..semantics.evidence import Evidence, Part, Runs, States, Trusted
from ..semantics.smtlib import Unreadable
from ..semantics.system import Obligation, TransitionSystem
from ..verifier.certify import Learned, for_goal, for_whole
from ..verifier.engines.structure import Structure
from ..verifier.verdict import Proved, Refuted, Result
from .certifying_runs import that_meet, to_all_places
from .comparing_evidence import compared
from .rechecking import ROOM, comparisons

MOST_STATES = 20_000
SEARCHES = 4  # that may take all of the patience
COUNTS = "the run finds no channel full; what may come after it was looked at with some room only"
PATIENCE = 5.0  # seconds for one candidate, and as many for each thousand rules


@dataclass
class Certifier:
    """Writes certificates of one spec; each is checked before, and says what is not checkable."""

    spec: Spec
    system: TransitionSystem
    file: str
    folder: Path
    checker: Checker = field(init=False)
    written: list[Path] = field(default_factory=list)
    most_states: int = MOST_STATES
    _sets: dict[tuple[int, ...], States | None] = field(default_factory=dict)
    _late: list[frozenset[int]] = field(default_factory=list)  # variables with too many states
    learned: Learned = field(default_factory=Learned)
    runs: list[Runs] = field(default_factory=list)  # to every place: what others may use, too
    _each: Certifier | None = None
    _enough: dict[Evidence | None, list[int]] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.structure = Structure(self.system)
        self.patience = PATIENCE * (1 + len(self.system.rules) / 1000)
        self.searching = SEARCHES * self.patience  # seconds left to look for states
        # The second solver is for whoever checks again.
        solvers = Solvers(second=False)
        self.checker = checker(self.spec, self.system, solvers, comparisons(self.spec))

    def one(self, result: Result) -> Checked | None:
        """Writes the certificate of a line of the table; None where there is nothing to write."""
        verdict = result.verdict
        self.checker.solvers.until = float("inf")
        if isinstance(verdict, Proved):
            claim = self._claim(result, self.level(result), "PROVED")
            parts = [*self.parts(claim, verdict)]
            self.checker.solvers.until = float("inf")
            checked = self.checker.judged(claim, parts)
        elif isinstance(verdict, Refuted) and verdict.told:
            claim, parts = self._claim(result, "error", "REFUTED"), [*map(Part, verdict.told)]
            checked = self.checker.judged(claim, parts)
        elif isinstance(verdict, Refuted) and verdict.system is not None:
            return None  # (the checker makes the spec's own rules only)
        elif isinstance(verdict, Refuted) and verdict.trace.initial:
            runs = (verdict.trace, *((verdict.second,) if verdict.second is not None else ()))
            run = Part(Runs(runs))
            # Where two lines have one name, the run tells which of them it breaks.
            for level in dict.fromkeys((self.level(result), "error", "warning")):
                claim = self._claim(result, level, "REFUTED")
                parts = [run, *self.of_room(claim, [run], Trusted(verdict.engine, COUNTS))]
                checked = self.checker.judged(claim, parts)
                if checked.answer is not Answer.INVALID:
                    break
            else:
                if isinstance(self.checker, Roomy):
                    return None  # that a channel grows is not what the rules with some room say
        else:
            return None
        where = os.path.relpath(self.file, self.folder) if os.path.exists(self.file) else self.file
        room = {ROOM: str(self.system.room)} if self.system.room is not None else {}
        certificate = Certificate(
            {"file": where, "sha256": spec_hash(self.spec.source), **room},
            claim,
            tuple(self.checker.codec.encode(p) for p in parts),
        )
        path = self._path(result, claim["verdict"])
        path.write_text(write(certificate), encoding="utf-8")
        self.written.append(path)
        return checked

    def _claim(self, result: Result, level: str, verdict: str) -> dict[str, str]:
        return self.checker.claim(result.check, result.name, level, verdict)

    def level(self, result: Result) -> str:
        """A line may be raised to an error; its obligations keep their level."""
        found = {
            o.warning: o.span
            for o in reversed(self.system.obligations)
            if (o.check, o.name) == (result.check, result.name)
        }
        mine = [w for w, span in found.items() if span == result.span] or list(found)
        return "warning" if mine and mine[0] else "error"

    def _path(self, result: Result, said: str) -> Path:
        stem = re.sub(r"[^A-Za-z0-9_]+", "-", f"{result.check}-{result.name}").strip("-")
        base = f"{Path(self.file).stem}.{stem[:80]}" + (".run" if said == "REFUTED" else "")
        path, number = self.folder / f"{base}.json", 1
        while path in self.written:
            number += 1
            path = self.folder / f"{base}-{number}.json"
        return path

    def parts(self, claim: Mapping[str, str], verdict: Proved) -> Iterator[Part]:
        parts = [*self._of_claim(claim, verdict)]
        yield from parts
        yield from self.of_room(claim, parts, Trusted(verdict.engine, verdict.how))

    def of_room(
        self, claim: Mapping[str, str], parts: Sequence[Part], trusted: Trusted
    ) -> list[Part]:
        """Where a channel has no bound: that its room is enough, behind the goals of a claim, if
        its parts need that; for all claims alike, where evidence of it is found."""
        if not isinstance(self.checker, Roomy):
            return []
        if self.checker.judged(claim, parts).answer is not Answer.INVALID:
            return []
        goals = self.checker.enough
        own = len(goals_of(self.system, claim["check"], claim["name"], claim["level"]))
        if self._enough is None:
            self._enough = self._of_goals("room", goals, {}, guess=True)
        behind = [(e, [own + k for k in mine]) for e, mine in self._enough.items()]
        return [Part(trusted if e is None else e, mine) for e, mine in behind]

    def _of_claim(self, claim: Mapping[str, str], verdict: Proved) -> Iterator[Part]:
        check = claim["check"]
        goals = goals_of(self.system, check, claim["name"], claim["level"])
        trusted = Trusted(verdict.engine, verdict.how)
        if self.system.any_number and some_only(self.system, check, goals, check in WHOLE):
            yield from self.of_all(claim, verdict) or [Part(trusted, tuple(range(len(goals))))]
            return
        if check in LINES:
            yield from compared(self.checker, claim, self.patience) or [Part(trusted)]
            return
        if not goals or check == "messages":
            yield from self._whole(claim, verdict) or [Part(trusted)]
        hints = {g: p.evidence for p in verdict.evidence for g in p.goals}
        done = self._of_goals(check, goals, hints, "induction" in verdict.engine)
        for evidence, mine in done.items():
            yield Part(trusted if evidence is None else evidence, mine)

    def _of_goals(
        self,
        check: str,
        goals: Sequence[Obligation],
        hints: Mapping[int, Evidence],
        guess: bool,
    ) -> dict[Evidence | None, list[int]]:
        """What shows goals, with their positions; None: nothing that was found."""
        done: dict[Evidence | None, list[int]] = {}
        for k, goal in enumerate(goals):
            found: Evidence | None = None
            self.learned.induction = guess or bool(self._late)
            for evidence in self.candidates(goal, hints.get(k)):
                self.checker.solvers.until = time.monotonic() + self.patience
                made = self.made(evidence)
                if made is not None and self._fits(made) and self._shows(check, made, goal):
                    found = made
                    self.learned.learn(goal, evidence)
                    break
            else:
                self.learned.learn(goal, None)
            done.setdefault(found, []).append(k)
        return done

    def _whole(self, claim: Mapping[str, str], verdict: Proved) -> list[Part]:
        """Evidence for what is said of the whole system."""
        hints = [p.evidence for p in verdict.evidence]
        if claim["check"] == "contracts":
            hints = that_meet(self.checker.watch, self.runs, self.patience)
        for several in for_whole(self.structure, claim["check"], hints):
            self.checker.solvers.until = time.monotonic() + self.patience
            ready = [self.made(e) for e in several]
            parts = [Part(e) for e in ready if e is not None and self._fits(e)]
            try:
                if self.checker.proof(claim["check"], claim["name"], (), parts).why:
                    continue  # it says less than what is claimed
            except Wrong:
                continue
            except Open:
                pass  # it says what is not checked
            return parts
        return []

    def candidates(self, goal: Obligation, hint: Evidence | None) -> Iterator[Evidence]:
        """What may show a goal, the likeliest first."""
        return for_goal(self.structure, goal, hint, self.learned)

    def of_all(self, claim: Mapping[str, str], verdict: Proved) -> list[Part]:
        """Evidence on a few instances that shows a claim about any number of them; or nothing."""
        if not isinstance(self.checker, OfAnyNumber) or self.checker.each is None:
            return []
        if self._each is None:
            from .certifying_each import OfEach

            self._each = OfEach(self)
        parts = [*self._each.parts(claim, verdict)]
        return parts if self.checker.judged(claim, parts).answer is Answer.VALID else []

    def made(self, evidence: Evidence) -> Evidence | None:
        if not isinstance(evidence, States) or evidence.states:
            return evidence
        if evidence.variables not in self._sets:
            if any(late <= set(evidence.variables) for late in self._late):
                return None  # with more variables it would not be faster
            try:
                view = View(self.system, evidence.variables)
                since = time.monotonic()
                until = since + min(self.patience, self.searching)
                found = explored(view, self.most_states, until)
                self._sets[evidence.variables] = found
                self.searching -= time.monotonic() - since
                if found is None and time.monotonic() > until:
                    self._late.append(frozenset(evidence.variables))
            except Wrong:
                self._sets[evidence.variables] = None
        return self._sets[evidence.variables]

    def _fits(self, evidence: Evidence) -> bool:
        """Can it be written down?"""
        try:
            self.checker.codec.encode(Part(evidence))
        except Unreadable:
            return False
        return True

    def _shows(self, check: str, evidence: Evidence, goal: Obligation) -> bool:
        try:
            self.checker.part(check, evidence, [goal])
        except (Wrong, Open):
            return False
        return True


def certify(
    spec: Spec,
    system: TransitionSystem,
    file: str,
    folder: str,
    results: Sequence[Result],
    progress: Callable[[str], None],
) -> str:
    """Writes all certificates of a spec; returns what to say of it."""
    certifier = Certifier(spec, system, file, Path(folder))
    found: list[Checked] = []
    certifier.runs += to_all_places(results)
    for result in results:
        progress(f"certificate of {result.check} {result.name}")
        checked = certifier.one(result)
        if checked is not None:
            found.append(checked)
    return shown.written(folder, found)
