"""Is a certificate's evidence evidence for its claim?  One small function for each kind.

The claim is made again from the rules, and so is what it asks: obligations by their check and
name, and of the checks of the whole system what stands in WHOLE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import Enum

from ..dsl.records import dataclass
from ..semantics.claimed import COMPARED
from ..semantics.evidence import (
    Answered,
    Evidence,
    Inductive,
    Measure,
    Pairs,
    Part,
    Peaks,
    Progress,
    Runs,
    States,
    Syntactic,
    Trusted,
)
from ..semantics.expr import Op
from ..semantics.smtlib import Unreadable
from ..semantics.system import Obligation, TransitionSystem
from ..semantics.walks import variables
from .certificate import Certificate, Codec, Damaged
from .compared import Comparing
from .facts import Open, Prover, Wrong
from .moved import of_whole
from .peaks import peaks
from .plain import PLAIN, is_line, may_show, some_only, taken
from .reading import Model
from .refuted import refuted
from .runs import Watch, by_runs
from .solvers import Solvers
from .states import View, closed, holds
from .tried import Tried

# What a certificate of a check of the whole system claims, and the evidence that it needs: of
# these kinds one each.  So of a line by itself, of which the spec asks nothing elsewhere.
WHOLE = {
    "atomicity": "the events of each rule, applied one by one, give exactly what it writes",
    "deadlock_free": "in no reachable state do some only wait for each other",
    "terminates": "every run comes to an end, where all instances are over",
    "can_finish": "from every reachable state an end of all instances can be reached",
    "starvation_free": "whoever waits for a resource gets it, or need not wait any more",
    "messages": "whoever waits for a message, or for room for one, can go on",
    "no_dead_code": "every place of the spec that can be meant to run is run by some run",
    "race_free": "no two steps that may run at once conflict on data without a common lock",
    "timing_independent": "the result does not depend on who finishes first",
    "deterministic": "the same answers of the environment give the same result",
}
NEEDS: dict[str, tuple[tuple[type[Evidence], ...], ...]] = {
    "atomicity": ((Syntactic,),),
    "deadlock_free": ((Progress,), (Measure, Progress), (States,)),
    "terminates": ((Measure, Progress), (States,)),
    "can_finish": ((Measure, Progress), (States,)),
    "no_dead_code": ((Runs,),),
    "contracts: ensures": ((Runs,),),
    "starvation_free": ((Syntactic,), (Measure, Progress), (States,)),
    "messages": ((Syntactic,), (Progress,), (Measure, Progress), (States,)),
    "race_free": ((Pairs,), (States, Pairs)),
    "timing_independent": ((Pairs,), (Measure, Progress, Pairs), (States, Pairs), (Answered,)),
    "deterministic": ((Pairs,), (Measure, Progress, Pairs), (States, Pairs), (Answered,)),
}
# Checks of which a spec may have nothing.
NOTHING = {"resources", "borrows", "dependencies", "handled", "compensated"}
NOTHING |= {"exhaustive", "arithmetic", "idempotency", "timeouts"}
LINES = (*COMPARED, "law")  # of two workflows, or of two terms
Goals = Sequence[Obligation]
Beside = Sequence[Evidence]
Claims = Mapping[tuple[str, str], Comparing]


class Answer(Enum):
    VALID = "valid"
    HOLEY = "holey"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Checked:
    """`why`: what is wrong (invalid), or what had to be trusted (holey)."""

    answer: Answer
    why: str = ""


def goals_of(system: TransitionSystem, check: str, name: str, level: str) -> list[Obligation]:
    """What a line of the table asks."""
    if check == "messages":  # one line of all channels
        return [o for o in system.obligations if o.check == check]
    warning = level == "warning"
    return [o for o in system.obligations if (o.check, o.name, o.warning) == (check, name, warning)]


def claim_of(
    system: TransitionSystem,
    check: str,
    name: str,
    level: str,
    verdict: str,
    claimed: Claims | None = None,
) -> dict[str, str]:
    """The claim, made from the rules.  `level` tells apart two lines of one name."""
    goals = goals_of(system, check, name, level)
    said = list(dict.fromkeys(g.message for g in goals))
    place = f"{goals[0].span.line}:{goals[0].span.col}" if goals else ""
    explained = f"`wfverify explain {check}`"
    other = "the spec has nothing of the kind" if check in NOTHING else explained
    never = [f"never: {'; '.join(said)}"] if goals else []
    whole = [WHOLE[check]] if check in WHOLE and (not goals or check == "messages") else []
    says = "; ".join([*never, *whole]) or other
    if claimed and (check, name) in claimed:
        place, says = (line := claimed[check, name].claimed).place, line.says
    out = {"check": check, "name": name, "level": level, "place": place, "says": says}
    return {**out, "verdict": verdict}


@dataclass
class Checker:
    """Of all certificates of one spec; what was shown once is not asked again."""

    system: TransitionSystem
    solvers: Solvers = field(default_factory=Solvers)
    claimed: Claims = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prover = Prover(Model(self.system), self.solvers)
        self.codec = Codec(self.system)
        self._watch: Watch | None = None
        self.tried = Tried()

    @property
    def watch(self) -> Watch:
        if self._watch is None:
            self._watch = Watch(self.system, self.prover.tree)
        return self._watch

    def claim(self, check: str, name: str, level: str, verdict: str) -> dict[str, str]:
        return claim_of(self.system, check, name, level, verdict, self.claimed)

    def check(self, certificate: Certificate) -> Checked:
        """Of a certificate whose spec is this one."""
        claim = certificate.claim
        try:
            known = [claim[n] for n in ("check", "name", "level", "verdict")]
            if known[3] not in ("PROVED", "REFUTED") or self.claim(*known) != claim:
                return Checked(Answer.INVALID, "the spec makes another claim of this name")
            parts = [self.tried.read(self.codec, e) for e in certificate.evidence]
        except (Damaged, Unreadable) as wrong:
            return Checked(Answer.INVALID, str(wrong))
        except KeyError as missing:
            return Checked(Answer.INVALID, f"the claim has no {missing}")
        return self.judged(claim, parts)

    def judged(self, claim: Mapping[str, str], parts: Sequence[Part]) -> Checked:
        """Of a claim that the spec makes."""
        goals = goals_of(self.system, claim["check"], claim["name"], claim["level"])
        line = (claim["check"], claim["name"]) in self.claimed
        known = line if claim["check"] in LINES else not is_line(claim, parts)
        if not goals and not known and claim["check"] in (*WHOLE, *NOTHING, *LINES):
            return Checked(Answer.INVALID, "the spec has no such line")
        try:
            if claim["verdict"] == "REFUTED":
                both = self.claimed.get((claim["check"], claim["name"]))
                refuted(self.watch, self.solvers, claim, goals, parts, both)
                return Checked(Answer.VALID)
            return self.proof(claim["check"], claim["name"], goals, parts)
        except Open as hole:
            return Checked(Answer.HOLEY, str(hole))
        except Wrong as wrong:
            return Checked(Answer.INVALID, str(wrong))

    # --- proofs -----------------------------------------------------------------------------

    def proof(self, check: str, name: str, goals: Goals, parts: Sequence[Part]) -> Checked:
        """Raises `Wrong` where a part does not show what it is for."""
        trusted = [p.evidence for p in parts if isinstance(p.evidence, Trusted)]
        late = check == "property" and any(x.name == name for x in self.system.liveness)
        if late and not trusted:
            raise Wrong("no evidence shows what happens at last")
        if check in LINES and not trusted:
            self.claimed[check, name].check([p.evidence for p in parts], self.solvers)
            return Checked(Answer.VALID)
        if (not goals or check == "messages") and not trusted:
            nothing = ((Syntactic,),) if check in NOTHING else ()
            kinds = tuple(type(p.evidence) for p in parts if not p.goals)
            if kinds not in NEEDS.get(check, NEEDS.get(f"{check}: {name}", nothing)):
                raise Wrong("this evidence does not belong to this check")
            ordered = any(isinstance(p.evidence, Progress) and p.evidence.order for p in parts)
            # Who holds a resource gives it back only if it does not go round for ever.
            if ordered and not any(isinstance(p.evidence, Measure) for p in parts):
                raise Wrong("an order of resources needs a measure beside it")
            if check in NOTHING and any(o.check == check for o in self.system.obligations):
                raise Wrong("the spec asks something of this check")
        open_ = set(range(len(goals)))
        beside = [p.evidence for p in parts]
        for part in parts:
            if not may_show(part, len(goals)):
                raise Wrong("evidence for a goal that there is not, or of a kind that shows none")
            self.part(check, part.evidence, [goals[g] for g in part.goals], beside)
            open_ -= set(part.goals)
        if open_ and not (trusted and not goals):
            raise Wrong(f"nothing is said of {len(open_)} of its goals")
        why = taken(trusted) or some_only(self.system, check, goals, check in WHOLE, beside)
        return Checked(Answer.HOLEY if why else Answer.VALID, why)

    def part(self, check: str, evidence: Evidence, goals: Goals, beside: Beside = ()) -> None:
        """`Wrong` where the evidence, with what is beside it, does not show the goals."""
        match evidence:
            case Inductive(facts):
                for goal in goals:
                    if not self.prover.tree.plainly(goal, facts):
                        self.prover.goal(goal, self.prover.established(facts))
            case States(kept, _):
                also = variables([g.cond for g in goals], Op.INPUT)
                view = View(self.system, kept, frozenset(also))
                states = closed(view, evidence)
                for goal in goals:
                    holds(view, states, goal)
                if not goals:
                    of_whole(check, view, states)
            case Peaks():
                for goal in goals:
                    peaks(self.prover, evidence, goal)
            case Progress() | Measure() | Pairs() | Answered():
                self.tried.shown(self.prover, evidence, check, beside)
            case Runs(runs):
                by_runs(check, self.watch, runs)
            case Syntactic():
                if check in PLAIN and not goals:
                    PLAIN[check](self.prover)
                elif any(g.cond.op is not Op.CONST or g.cond.value is not True for g in goals):
                    raise Wrong("there is something to show")
