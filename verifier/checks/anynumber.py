"""`w[*]`: what holds whatever the number of instances is.

Runs of a few instances refute, because so many may be meant; they prove nothing.  Proofs:

- *rule by rule*: `atomicity`, and from the structure whatever looks at each thread, or at each
  pair of threads, by itself.  All instances have the same rules up to names, and two of them are
  among the few; what they may hold together is without bound (`Structure.peak`).
- *by a crowd* (`engines.crowd`): claims about states and steps, shown of one instance among any
  number of others that are counted.  The same for a loop: it ends whatever the others do.
- from these: `terminates`, `can_finish`, `starvation_free` as for a fixed number.

A property at top level must speak of one instance at a time: `forall o in w: ..`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...dsl import ast
from ...dsl.walk import walk
from ...semantics.expr import TRUE, var
from ...semantics.lower import lower
from ...semantics.system import Obligation, RuleKind, VarKind
from ..engines.common import Budget, in_domain
from ..engines.crowd import Crowd, Unsupported, crowd
from ..engines.induction import Inductive, prove_invariants
from ..engines.mailbox import MESSAGES
from ..engines.search import Holds, explore
from ..engines.slice import slice_for, steps_stutter
from ..session import Session
from ..verdict import Proved, Refuted, Result, Unknown, Verdict
from . import (
    blocking,
    conflicts,
    ending,
    events,
    independence,
    liveness,
    loops,
    messages,
    obligations,
    parts,
    peaks,
)
from .obligations import Claim, claims

BY_CROWD = "of one instance among any number of others, which are counted"
PAIRWISE = "two instances of each kind were looked at, and each by itself"
TWO = (2, 2)
STATES = 20_000


class AnyNumber:
    """Proofs of one system in which a workflow has any number of instances."""

    def __init__(self, session: Session, spec: ast.Spec) -> None:
        self.session = session
        self.spec = spec
        self.many = frozenset(g.workflow for g in session.system.any_number)
        self.unlike = frozenset(_unlike(spec, self.many))  # properties that tell numbers apart
        self.apart = not _looks_at_instances(spec, self.many)  # no step depends on their number
        self.crowd: Crowd | None = None
        self.beside: Session | None = None
        self.ranged: tuple[Crowd, Session] | None = None  # the same, with ranges of what is theirs
        self.tried = False  # to find these
        self.two = lower(spec, TWO)
        self.free = self.two  # the same, where nobody waits for a turn: it has more runs
        if any(r.turn is not TRUE for r in self.two.rules):
            self.free = lower(_unscheduled(spec), TWO)
        if self.apart:
            try:
                self.crowd = crowd(self.free)
            except Unsupported:
                return
            self.beside = session.of(self.crowd.system)

    # --- claims ----------------------------------------------------------------------------

    def claims(self, wanted: Sequence[Claim]) -> dict[int, Proved]:
        """Those that are proved, by position."""
        out: dict[int, Proved] = {}
        if not self.apart:
            return out
        alike: dict[int, Claim] = {}  # the same claims of the system with the crowd
        if self.crowd is not None:
            named = {
                (c.check, c.name, c.warning): c for c in claims(self.crowd.system, _checks(wanted))
            }
            for i, c in enumerate(wanted):
                # (What is read has to be defined: such claims have no name.)
                told_apart = c.name in self.unlike or (self.unlike and not c.name)
                key = (c.check, c.name, c.warning)
                if key in named and key[:2] not in self.crowd.lost and not told_apart:
                    alike[i] = named[key]
        by_rules = self._by_rules(wanted)
        goals: dict[int, list[Proved | Obligation]] = {}  # by claim: proved, or left to the crowd
        for i, c in enumerate(wanted):
            mine = [by_rules.get((i, k)) for k in range(len(c.goals))]
            if all(mine):
                goals[i] = [v for v in mine if v is not None]
            elif i in alike and _same_places(c, alike[i]):
                goals[i] = [v or g for v, g in zip(mine, alike[i].goals, strict=True)]
            elif i in alike:
                goals[i] = list(alike[i].goals)
        asked = [g for mixed in goals.values() for g in mixed if isinstance(g, Obligation)]
        with self.session.slot(0.5) if self.beside is None else self.beside.slot(0.5):
            answers = iter(self._goals(asked))
        for i, mixed in goals.items():
            found = [g if isinstance(g, Proved) else next(answers) for g in mixed]
            sure = [v for v in found if v is not None]
            if sure and len(sure) == len(found):
                engines = ", ".join(dict.fromkeys(v.engine for v in sure))
                words = "\n".join(dict.fromkeys(v.how for v in sure))
                figure = next((v.figure for v in sure if v.figure), "")
                out[i] = Proved(engines, words, figure)
        return out

    def _by_rules(self, wanted: Sequence[Claim]) -> dict[tuple[int, int], Proved]:
        """From the structure alone: of resources, whose goals are the same for any number."""
        if not self.session.may("structure"):
            return {}
        mine = [
            (i, k, goal)
            for i, c in enumerate(wanted)
            if c.check in ("resources", "borrows")
            for k, goal in enumerate(c.goals)
        ]
        found = peaks.by_structure(self.session, [goal for _, _, goal in mine])
        return {(i, k): found[n] for n, (i, k, _) in enumerate(mine) if n in found}

    def _goals(self, goals: Sequence[Obligation]) -> list[Proved | None]:
        """For each goal, why it holds in the system with the crowd."""
        out: list[Proved | None] = [None] * len(goals)
        for made, session in self._views():
            if None not in out:
                break
            if session.may("induction"):
                self._inductive(made, session, goals, out)
            if session.may("search"):
                for k, goal in enumerate(goals):
                    if out[k] is None and session.left() > 0:
                        out[k] = _searched(made, session, goal)
        return out

    def _views(self) -> Iterator[tuple[Crowd, Session]]:
        """The system with the crowd; then with what is known of the ranges of what is theirs."""
        if self.crowd is None or self.beside is None:
            return
        yield self.crowd, self.beside
        if not self.tried:
            self.tried = True
            self.ranged = self._ranged(self.crowd)
        if self.ranged is not None:
            yield self.ranged

    def _ranged(self, plain: Crowd) -> tuple[Crowd, Session] | None:
        """Of each variable that stays in its range if all have done so before, that it does so:
        induction over all instances at once, for the first step that leaves a range is a step of
        somebody, and all are alike."""
        within = plain.ranged
        while within and self.session.may("induction"):
            made = crowd(self.free, within)
            session = self.session.of(made.system)
            declared = [made.system.variables[v] for v in sorted(within)]
            span = self.session.system.any_number[0].span
            goals = [
                Obligation("arithmetic", "", in_domain(v, var(v.index, v.sort)), "", span)
                for v in declared
            ]
            budget = Budget(session.share(0.1))
            found = prove_invariants(made.system, made.invariants, goals, budget, False)
            answers = zip(declared, found.answers, strict=True)
            kept = frozenset(v.index for v, answer in answers if isinstance(answer, Inductive))
            if kept == within:
                return made, session
            within = kept
        return None

    def _inductive(
        self,
        made: Crowd,
        session: Session,
        goals: Sequence[Obligation],
        out: list[Proved | None],
    ) -> None:
        control = session.structure.never_entered() if len(made.system.rules) <= 2_000 else []
        for guess in (False, True):
            left = [k for k, done in enumerate(out) if done is None]
            if not left:
                return
            candidates = [*made.invariants, *control]
            budget = Budget(session.share(0.15))
            found = prove_invariants(
                made.system, candidates, [goals[k] for k in left], budget, guess
            )
            for k, answer in zip(left, found.answers, strict=True):
                if isinstance(answer, Inductive):
                    how = f"{BY_CROWD}: it holds at the start, and every step keeps it"
                    out[k] = Proved("induction", how)

    # --- the whole system ------------------------------------------------------------------

    def whole(self, check: str, known: Mapping[str, Verdict]) -> Proved | None:
        """A proof of one of the checks of the whole, where those that it needs are `known`."""
        s = self.session
        if check == "atomicity":
            found = events.atomicity(s)
            return replace(found, figure="") if isinstance(found, Proved) else None
        crashes = any(r.kind is RuleKind.CRASH for r in s.system.rules)
        if not self.apart or not s.may("structure"):
            return None
        match check:
            case "messages":
                return self._messages(known)
            case "deadlock_free":
                return blocking.by_order(s, self._ends) or self._by_moves()
            case "terminates":
                return self._terminates(known)
            case "starvation_free" if not liveness.anybody_waits(s.system):
                return Proved("structure", liveness.NOBODY)
            case "can_finish" | "starvation_free":
                needed = known.get("deadlock_free"), known.get("terminates")
                if not all(isinstance(v, Proved) for v in needed):
                    return None
                assert needed[0] is not None and needed[1] is not None
                how = ending.can_finish if check == "can_finish" else liveness.starvation_free
                found = how(s, needed[0], needed[1])
                return found if isinstance(found, Proved) else None
            case "race_free":
                clash = next(conflicts.conflicts(s.structure), None)
                return None if clash else Proved("structure", conflicts.APART)
            case "timing_independent" | "deterministic" if not crashes:
                return self._alike(check, known)
        return None

    def comes(self, name: str, known: Mapping[str, Verdict]) -> Proved | None:
        """A property of what comes at last, where every run ends: then nothing is owed."""
        if not isinstance(known.get("terminates"), Proved) or self.crowd is None:
            return None
        if name in self.unlike or ("property", name) in self.crowd.lost:
            return None
        goals = [g.at_end for g in self.crowd.system.liveness if g.name == name]
        with self.session.slot(0.5):
            found = self._goals(goals)
        sure = [v for v in found if v is not None]
        if not sure or len(sure) < len(found):
            return None
        engines = ", ".join(dict.fromkeys(v.engine for v in sure))
        words = "\n".join(dict.fromkeys(v.how for v in sure))
        how = f"every run ends (`terminates`), and then nothing is owed: {words}"
        return Proved(engines, how)

    def _ends(self) -> bool:
        """All loops end, whatever the others do."""
        if not self.session.system.loops:
            return True
        return any(
            all(loops.ends(beside, x) for x in beside.system.loops) for _, beside in self._views()
        )

    def _by_moves(self) -> Proved | None:
        """No run is infinite, and in no state before the end is nobody able to move: then whoever
        waits for others only would wait at the end of some run, where nobody moves."""
        if self.crowd is None or self.crowd.moves is None or self.free is not self.two:
            return None  # (who may move is held up by the turns of others)
        if not self._ends():
            return None
        if blocking.without_answer(self.session, False):
            return None
        span = self.session.system.any_number[0].span
        goal = Obligation("deadlock_free", "", self.crowd.moves, "nobody can go on", span)
        (found,) = self._goals([goal])
        if found is None:
            return None
        how = f"every run is finite, and before its end somebody can move, {BY_CROWD}"
        return Proved(found.engine, how)

    def _messages(self, known: Mapping[str, Verdict]) -> Proved | None:
        """None is lost, shown of the crowd, and whoever waits for one gets it: nobody is stuck."""
        system = self.session.system
        if not system.channels:
            return Proved("structure", messages.NOTHING)
        wanted = claims(system, ["messages"])
        found = self.claims(wanted)
        if len(found) < len(wanted):
            return None
        verdicts: list[Verdict] = list(found.values())
        if any(r.kind in MESSAGES for r in system.rules):
            deadlock = known.get("deadlock_free")
            if not isinstance(deadlock, Proved):
                return None
            how = "nobody is ever stuck (`deadlock_free`)"
            verdicts.append(Proved(deadlock.engine, how, deadlock.figure))
        together = obligations.together(verdicts) if verdicts else None
        return together if isinstance(together, Proved) else None

    def _terminates(self, known: Mapping[str, Verdict]) -> Proved | None:
        if not isinstance(known.get("deadlock_free"), Proved) or not self._ends():
            return None
        if not self.session.system.loops:
            return Proved("structure", "there is no loop; every retry is bounded")
        return Proved("ranking", f"every loop ends, shown {BY_CROWD}")

    def _alike(self, check: str, known: Mapping[str, Verdict]) -> Proved | None:
        deadlock = known.get("deadlock_free")
        late = check == "deterministic"
        if not independence.obstacle(self.session, deadlock, late, self._ends):
            return Proved("structure", f"steps commute, so every schedule ends alike: {PAIRWISE}")
        if deadlock is None or not self.session.may("search") or self.session.system.controls:
            return None
        two = self.session.of(self.two)
        free = parts.granted(two.system)
        members = {i for g in two.system.any_number for i in g.members}
        if free is None or any(len(p) > 1 and members & set(p) for p in parts.parts(free)):
            return None
        found = parts.alike(two, deadlock, late, self._ends)
        return found and replace(found, how=f"{found.how} ({PAIRWISE})", figure="")


def _unscheduled(spec: ast.Spec) -> ast.Spec:
    """The spec under `scheduler any`."""
    system = spec.system
    return spec if system is None else replace(spec, system=replace(system, scheduler="any"))


def _searched(made: Crowd, session: Session, goal: Obligation) -> Proved | None:
    """All states of its cone, what is in use of resources left open; at first, where those of the
    crowd are as well, so that each step of one of them is possible at any time."""
    system = made.system
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    if goal.every_step and not steps_stutter(goal):
        return None  # (of the steps outside of a cone nothing is known)
    for cut in (used | made.counters, used):
        found = explore(
            system,
            [goal],
            max_states=STATES,
            seconds=session.share(0.05),
            cone=slice_for(system, [goal], cut),
        ).findings[0]
        if isinstance(found, Holds):
            return Proved("search", f"{BY_CROWD}: all {found.states} states that can matter")
    return None


def _same_places(a: Claim, b: Claim) -> bool:
    """Whether the goals of two systems are about the same, one by one."""
    return [(g.message, g.span) for g in a.goals] == [(g.message, g.span) for g in b.goals]


def lifted(verdict: Verdict, check: str, session: Session) -> Verdict:
    """A verdict on a few instances, of any number of them."""
    most = max(len(g.members) for g in session.system.any_number)
    few = f"up to {most} instances of " + ", ".join(
        dict.fromkeys(g.workflow for g in session.system.any_number)
    )
    match verdict:
        case Proved() if check == "no_dead_code":
            return verdict  # by runs, which are runs of so many instances
        case Proved():
            return Unknown(verdict.engine, f"it holds for {few}; for any number it was not proved")
        case Refuted() if check == "no_dead_code":
            return Unknown(verdict.engine, f"with {few}: {verdict.message}; with more it may run")
    return verdict


def lifted_line(result: Result, session: Session) -> Result:
    """Of what is said beside the checks; that a contract can be met is a matter of one rule."""
    verdict = result.verdict
    if result.check == "contracts":
        if result.name == "assume" and isinstance(verdict, Refuted):
            why = f"with a few instances: {verdict.message}; with more one may"
            return replace(result, verdict=Unknown(verdict.engine, why))
        return result
    if result.check == "timeouts" and isinstance(verdict, Proved) and verdict.engine == "structure":
        return result  # of each instance, with claims that wait for any number of others
    return replace(result, verdict=None if verdict is None else lifted(verdict, "", session))


# --- what a spec says of several instances at once -----------------------------------------------


def _checks(wanted: Sequence[Claim]) -> list[str]:
    return list(dict.fromkeys(c.check for c in wanted))


def _looks_at_instances(spec: ast.Spec, many: frozenset[str]) -> bool:
    """Whether a step may depend on which, or how many, instances there are."""
    given = (p for p in spec.properties if isinstance(p, ast.Requires))
    bodies = (*spec.activities, *spec.workflows, *spec.shared, *given)
    return any(_of_instances(node, many) for node in walk(tuple(bodies)))


def _of_instances(node: object, many: frozenset[str]) -> bool:
    match node:
        case ast.Quantifier(domain=ast.Name(name=name)):
            return name in many
        case ast.Each(domain=ast.Name(name=name)):
            return name in many
        case ast.StatePredicate(kind="instances", target=name):
            return name in many
    return False


def _unlike(spec: ast.Spec, many: frozenset[str]) -> Iterator[str]:
    """Names of properties at top level that do not speak of one instance at a time."""
    for p in spec.properties:
        conditions = [e for e in walk(p) if isinstance(e, ast.Expression)]
        if not any(_of_instances(e, many) for e in conditions):
            continue
        if isinstance(p, ast.Invariant | ast.Always) and _one_by_one(p.cond, many):
            continue
        yield "system" if isinstance(p, ast.Ensures) else getattr(p, "name", "")


def _one_by_one(e: ast.Expression, many: frozenset[str]) -> bool:
    if isinstance(e, ast.Binary) and e.op == "and":
        return _one_by_one(e.left, many) and _one_by_one(e.right, many)
    if isinstance(e, ast.Quantifier) and e.kind == "forall" and _of_instances(e, many):
        return not any(_of_instances(x, many) for x in walk(e.body))
    return not any(_of_instances(x, many) for x in walk(e))
