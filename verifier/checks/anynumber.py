"""`w[*]`: what holds whatever the number of instances is.

Runs of a few instances refute, because so many may be meant; they prove nothing.  Proofs:

- *rule by rule*: `atomicity`, and from the structure whatever looks at each thread, or at each
  pair of threads, by itself.  All instances have the same rules up to names, and two of them are
  among the few; what they may hold together is without bound (`Structure.peak`).
- *by itself*: a `deadline` that an instance keeps however long its claims wait.
- *by a crowd* (`engines.crowd`): claims about states and steps, shown of one instance among any
  number of others that are counted.  The same for a loop: it ends whatever the others do.
- from these: `terminates`, `can_finish`, `starvation_free` as for a fixed number.

A property at top level must speak of one instance at a time: `forall o in w: ..`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from ...dsl import ast
from ...semantics.atonce import looks_at_instances, unlike
from ...semantics.expr import FALSE, TRUE, Expr
from ...semantics.lower import lower
from ...semantics.system import Obligation, RuleKind, TimeLimit, TransitionSystem
from ...semantics.walks import variables
from ..engines.crowd import Crowd
from ..engines.crowd_endless import Endless
from ..engines.crowd_terms import serves
from ..engines.mailbox import MESSAGES
from ..session import Session
from ..tasks import PROPERTY
from ..verdict import Proved, Refuted, Verdict
from . import (
    blocking,
    conflicts,
    ending,
    events,
    liveness,
    messages,
    obligations,
)
from . import limits as by_time
from .alike_many import Many
from .anyroom import in_range
from .arrivals import arrivals
from .controlled import by_order
from .coverage import sources
from .enough import Enough
from .few import Few
from .incrowd import BY_CROWD, InCrowd
from .obligations import Claim, claims
from .refusals import unrefused
from .ruled import ruled

FOR_EVER = "where one instance may be while any number of others move, on"
ALONE = "each is over before the next of its kind comes, and "
ONE, TWO = (1, 1), (2, 2)
MOST_RULES = 6  # of a place that nobody may come to


class AnyNumber:
    """Proofs of one system in which a workflow has any number of instances."""

    def __init__(self, session: Session, spec: ast.Spec, wanted: Sequence[Claim] = ()) -> None:
        self.session = session
        self.few = Few(session, wanted)
        self.spec = spec
        self.many = frozenset(g.workflow for g in session.system.any_number)
        self.unlike = frozenset(unlike(spec, self.many))  # properties that tell numbers apart
        self.apart = not looks_at_instances(spec, self.many)  # no step depends on their number
        self.two = lower(spec, TWO, crowd=True)
        # Channels of which only the number of messages is known.
        self.counted = [c for c in self.two.channels if c.lengths and c.capacity is None]
        self.free = self.two  # the same, where nobody waits for a turn: it has more runs
        if any(r.turn is not TRUE for r in self.two.rules):
            self.free = lower(_unscheduled(spec), TWO, crowd=True)
        self.span = session.system.any_number[0].span
        self.anew: set[str] = set()  # proved whatever capacity is set meanwhile, by key of a task
        if [r.name for r in self.free.rules] != [r.name for r in self.two.rules]:
            self.apart = False  # (the rules would have other numbers)
        free = arrivals(session, spec).free
        self.pairs = Many(session, spec, self.two, free, bool(self.counted), self._ends)

    @cached_property
    def crowd(self) -> InCrowd | None:
        """Made where it is needed: much is settled without."""
        # (Whether a message that fits is there cannot be told from how many there are.)
        if not self.apart or any(c.chosen and not c.in_order for c in self.counted):
            return None
        turns = {r.index: r.turn for r in self.two.rules if r.turn is not TRUE}
        rooms = arrivals(self.session, self.spec).rooms
        crowd = InCrowd(self.session, self.free, self.span, turns, rooms)
        return crowd if self._sends_in_range(crowd) else None

    def _sends_in_range(self, crowd: InCrowd) -> bool:
        """Whether messages of which nothing is kept say what their type allows, as is assumed."""
        names = {c.name for c in self.counted}
        if not in_range(self.free, names):
            return True
        return None not in crowd.goals(
            lambda made: in_range(made.system, names), search=False, part=0.3
        )

    # --- claims ----------------------------------------------------------------------------

    def in_time(self, limits: Sequence[TimeLimit]) -> Proved | None:
        """Time limits that each instance keeps by itself: the others can make it wait for claims
        only, and every pool counts as contended."""
        if not self.apart or not self.session.may("structure"):
            return None
        return by_time.of_each(self.session, self.spec, limits)

    def settled(self, check: str, known: Mapping[str, Verdict], more: Enough) -> Verdict | None:
        """A check of the whole: proved at once, or refuted by few, or proved at length, or refuted
        by `more`; by these first where sizes say that a few do not use up what there is."""
        found: Verdict | None = self.whole(check, known, True)
        if found is None and more.first:
            found = more.whole(check)
        found = found or self.few.whole(check) or self.whole(check, known)
        return more.whole(check) if found is None and not more.first else found

    def comes_at_last(
        self, name: str, known: Mapping[str, Verdict], more: Enough
    ) -> Verdict | None:
        """A property of what comes at last."""
        found: Verdict | None = more.at_last(name) if more.first else None
        found = found or self.few.comes(name) or self.comes(name, known)
        return more.at_last(name) if found is None and not more.first else found

    def all_claims(self, wanted: Sequence[Claim]) -> dict[int, Verdict]:
        """Those that are settled, by position: what rules show, what few refute, and then what is
        shown at length."""
        out: dict[int, Verdict] = {}
        by_rules = ruled(self.session, wanted) if self.apart else {}
        open_ = [
            i
            for i, c in enumerate(wanted)
            if not all((i, k) in by_rules for k in range(len(c.goals)))
        ]
        if open_:
            out |= self.few.refuted()
        left = [i for i in range(len(wanted)) if i not in out]
        found = self.claims([wanted[i] for i in left])
        return out | {left[k]: v for k, v in found.items()}

    def claims(self, wanted: Sequence[Claim]) -> dict[int, Proved]:
        """Those that are proved, by position."""
        out: dict[int, Proved] = {}
        if not self.apart:
            return out
        by_rules = ruled(self.session, wanted)
        alike: dict[int, Claim] = {}  # the same claims of the system with the crowd
        shown = all((i, k) in by_rules for i, c in enumerate(wanted) for k in range(len(c.goals)))
        first = self.crowd.first if not shown and self.crowd is not None else None
        if first is not None:
            named = _named(first, wanted)
            for i, c in enumerate(wanted):
                # (What is read has to be defined: such claims have no name.)
                told_apart = c.name in self.unlike or (self.unlike and not c.name)
                key = (c.check, c.name, c.warning)
                if key in named and key[:2] not in first.lost and not told_apart:
                    alike[i] = named[key]
        # By claim: what is proved, or the number of a goal of the same claim beside the crowd.
        goals: dict[int, list[Proved | int]] = {}
        for i, c in enumerate(wanted):
            mine = [by_rules.get((i, k)) for k in range(len(c.goals))]
            if all(mine):
                goals[i] = [v for v in mine if v is not None]
            elif i in alike and _same_places(c, alike[i]):
                goals[i] = [k if v is None else v for k, v in enumerate(mine)]
            elif i in alike:
                goals[i] = list(range(len(alike[i].goals)))
        asked = [(wanted[i], k) for i, mixed in goals.items() for k in mixed if isinstance(k, int)]

        def of(made: Crowd) -> list[Obligation]:
            found = _named(made, wanted)
            return [found[c.check, c.name, c.warning].goals[k] for c, k in asked]

        with self.session.slot(0.5):
            found_by = self.crowd.goals(of) if asked and self.crowd is not None else ()
        by_crowd = iter(found_by)
        for i, mixed in goals.items():
            found = [g if isinstance(g, Proved) else next(by_crowd) for g in mixed]
            sure = [v for v in found if v is not None]
            if sure and len(sure) == len(found):
                engines = ", ".join(dict.fromkeys(v.engine for v in sure))
                words = "\n".join(dict.fromkeys(v.how for v in sure))
                figure = next((v.figure for v in sure if v.figure), "")
                out[i] = Proved(engines, words, figure)
        return out

    def dead(self, found: Refuted) -> bool:
        """Whether what no few run can be run by none of any number."""
        if self.crowd is None:
            return False
        counted = {g.members[1] for g in self.free.any_number}
        goals = [
            Obligation("no_dead_code", "", FALSE, "", s.span, rule=r)
            for s in sources(self.free.places)
            if s.span == found.span and found.message.startswith(s.what)
            for c in s.copies
            for r in c.rules
            if self.free.rules[r].instance not in counted
        ]
        if not goals or len(goals) > MOST_RULES:
            return False
        with self.session.slot(0.5):
            return all(self.crowd.goals(lambda _: goals))

    # --- the whole system ------------------------------------------------------------------

    def whole(self, check: str, known: Mapping[str, Verdict], soon: bool = False) -> Proved | None:
        """A proof of one of the checks of the whole, where those that it needs are `known`.
        `soon`: only what is found at once."""
        s = self.session
        if check == "atomicity":
            found = events.atomicity(s)
            return replace(found, figure="") if isinstance(found, Proved) else None
        crashes = any(r.kind is RuleKind.CRASH for r in s.system.rules)
        if not self.apart:
            return None
        if not s.may("structure"):
            # (Most of these arguments begin with what structure says.)
            return self._never_short() if check == "deadlock_free" else None
        match check:
            case "messages":
                return None if soon else self._messages(known)
            case "deadlock_free":
                ends = (lambda: False) if soon else self._ends
                order = blocking.by_order(s, ends) or self._never_short(ends)
                return order if order or soon else self._by_moves()
            case "terminates":
                return None if soon and s.system.loops else self._terminates(known)
            case "starvation_free" if not liveness.anybody_waits(s.system):
                return Proved("structure", liveness.NOBODY)
            case "starvation_free" if s.system.controls and soon:
                return None  # (what follows from others counts for a capacity that stays as it is)
            case "starvation_free" if s.system.controls and (all_ := self._granted(known)):
                return all_
            case "can_finish" | "starvation_free":
                needed = known.get("deadlock_free"), known.get("terminates")
                if not all(isinstance(v, Proved) for v in needed):
                    granted = check == "starvation_free" and not soon
                    return self._granted(known) if granted else None
                assert needed[0] is not None and needed[1] is not None
                how = ending.can_finish if check == "can_finish" else liveness.starvation_free
                found = how(s, needed[0], needed[1])
                return found if isinstance(found, Proved) else None
            case "race_free":
                return conflicts.locally(s)[0] or self._kept_apart()
            case "timing_independent" | "deterministic" if not crashes and not soon:
                return self.pairs.alike(known.get("deadlock_free"), check == "deterministic")
        return None

    def _kept_apart(self) -> Proved | None:
        """`race_free` without refusals that never come, and where no two of a kind are under way
        at once (what is protected may go on when its instance is over)."""
        granted = self.pairs.granted()
        found = None if granted is None else conflicts.locally(granted)[0]
        few = arrivals(self.session, self.spec)
        if found is not None or set(few.rooms.values()) != {1}:
            return found
        one = lower(self.spec, ONE, room=self.session.system.room)
        if any(p.protected for t in one.threads for p in t.points):
            return None
        alone = conflicts.locally(self.session.of(unrefused(one, few.free)))[0]
        return alone and replace(alone, how=f"{ALONE}{alone.how}")

    def comes(self, name: str, known: Mapping[str, Verdict]) -> Proved | None:
        """A property of what comes at last, where every run ends: then nothing is owed."""
        first = self.crowd.first if self.crowd is not None else None
        if first is None or name in self.unlike or ("property", name) in first.lost:
            return None
        passes = self._passes(name, known)
        if passes is not None or not isinstance(known.get("terminates"), Proved):
            return passes
        assert self.crowd is not None
        with self.session.slot(0.5):
            found = self.crowd.goals(
                lambda made: [g.at_end for g in made.system.liveness if g.name == name]
            )
        sure = [v for v in found if v is not None]
        if not sure or len(sure) < len(found):
            return None
        engines = ", ".join(dict.fromkeys(v.engine for v in sure))
        words = "\n".join(dict.fromkeys(v.how for v in sure))
        how = f"every run ends (`terminates`), and then nothing is owed: {words}"
        return Proved(engines, how)

    def _calm(self, known: Mapping[str, Verdict]) -> bool:
        """Whether nobody is ever stuck, whatever capacities are set."""
        found = known.get("deadlock_free")
        anew = not self.session.system.controls or (found is not None and by_order(found))
        return isinstance(found, Proved) and anew

    def _passes(self, name: str, known: Mapping[str, Verdict]) -> Proved | None:
        """The same where runs may go on for ever: what is owed does not stay so in any of them, nor
        where a run ends."""
        assert self.crowd is not None and self.crowd.first is not None
        goals = [g for g in self.crowd.first.system.liveness if g.name == name]
        if not goals:
            return None
        calm = self._calm(known)
        owed = [(g.owed, whose(self.crowd.free, g.owed)) for g in goals]

        def asks(runs: Endless) -> bool:
            return all(
                ((calm and runs.over(cond, i)) or runs.goes_on(cond, i)) and runs.passes(cond, i)
                for cond, i in owed
            )

        nodes = self.crowd.endless(asks)
        if not nodes:
            return None
        self.anew.add(PROPERTY + name)
        how = f"{FOR_EVER} {nodes} nodes: in no fair run it is owed for ever"
        return Proved("search", how)

    def _granted(self, known: Mapping[str, Verdict]) -> Proved | None:
        """Nobody waits for a resource for ever, though runs may go on for ever."""
        if self.crowd is None:
            return None
        calm = self._calm(known)
        waits = [
            (cond, t.instance)
            for t, cond, _ in liveness.waits_for_claims(self.crowd.free)
            if not serves(t)
        ]

        def asks(runs: Endless) -> bool:
            mine = [w for w in waits if w[1] not in runs.members]
            return all((calm or runs.goes_on(cond, i)) and runs.passes(cond, i) for cond, i in mine)

        nodes = self.crowd.endless(asks)
        if nodes:
            self.anew.add("starvation_free")
        how = f"{FOR_EVER} {nodes} nodes: in no fair run somebody waits for a resource for ever"
        return Proved("search", how) if nodes else None

    def _never_short(self, ends: Callable[[], bool] = lambda: False) -> Proved | None:
        return blocking.of_any_number(self.session, ends)

    def _ends(self) -> bool:
        """All loops end, whatever the others do."""
        if not self.session.system.loops:
            return True
        return self.crowd is not None and self.crowd.ends()

    def _by_moves(self) -> Proved | None:
        """In no state before the end is nobody able to move: then whoever waits for others only
        would wait in some run that goes on for ever.  There is none, or none in which what could
        be taken again and again is taken at last."""
        if self.crowd is None or self.free is not self.two:
            return None  # (who may move may be held up by the turns of others)
        if blocking.without_answer(self.session, False):
            return None
        nodes = self.crowd.endless(lambda runs: runs.everybody_moves(), granting=True)
        if not nodes and not self._ends():
            return None
        if nodes and self.crowd.endless(lambda runs: runs.somebody_moves(), granting=True):
            how = f"{FOR_EVER} {nodes} nodes: somebody can move, and nobody need wait for ever"
            return Proved("search", how)

        def of(made: Crowd) -> list[Obligation] | None:
            if made.moves is None:
                return None
            goal = Obligation("deadlock_free", "", made.moves, "nobody can go on", self.span)
            return [goal]

        found = next(iter(self.crowd.goals(of)), None)
        if found is None:
            return None
        if not nodes:
            how = f"every run is finite, and before its end somebody can move, {BY_CROWD}"
            return Proved(found.engine, how)
        how = f"before the end of all somebody can move, {BY_CROWD}; {FOR_EVER} {nodes} nodes: "
        how += "nobody need wait in it for ever"
        return Proved(", ".join(dict.fromkeys(("search", found.engine))), how)

    def _messages(self, known: Mapping[str, Verdict]) -> Proved | None:
        """None is lost, shown of the crowd, and whoever waits for one gets it: nobody is stuck."""
        system = self.session.system
        if not system.channels and not self.session.piling:
            return Proved("structure", messages.NOTHING)
        verdicts: list[Verdict] = [*self.session.piling.values()]
        if not all(isinstance(v, Proved) for v in verdicts):
            return None
        if any(r.kind in MESSAGES for r in system.rules):
            deadlock = known.get("deadlock_free")
            if not isinstance(deadlock, Proved):
                return None
            how = "nobody is ever stuck (`deadlock_free`)"
            verdicts.append(Proved(deadlock.engine, how, deadlock.figure))
        wanted = claims(system, ["messages"])
        found = self.claims(wanted)
        if len(found) < len(wanted):
            return None
        verdicts = [*verdicts, *found.values()]
        together = obligations.together(verdicts) if verdicts else None
        return together if isinstance(together, Proved) else None

    def _terminates(self, known: Mapping[str, Verdict]) -> Proved | None:
        if not isinstance(known.get("deadlock_free"), Proved):
            return None
        if not self.session.system.loops:
            return Proved("structure", "there is no loop; every retry is bounded")
        nodes = self.crowd.endless(lambda runs: runs.ends()) if self.crowd is not None else 0
        if nodes:
            return Proved("search", f"{FOR_EVER} {nodes} nodes: no step can come again and again")
        return Proved("ranking", f"every loop ends, shown {BY_CROWD}") if self._ends() else None


def whose(system: TransitionSystem, cond: Expr) -> int | None:
    """The instance of which a condition speaks; None: of no single one."""
    found = {system.variables[v].instance for v in variables([cond])}
    return found.pop() if len(found) == 1 else None


def _unscheduled(spec: ast.Spec) -> ast.Spec:
    """The spec under `scheduler any`."""
    system = spec.system
    return spec if system is None else replace(spec, system=replace(system, scheduler="any"))


def _named(made: Crowd, wanted: Sequence[Claim]) -> dict[tuple[str, str, bool], Claim]:
    """The claims of a system with a crowd."""
    return {(c.check, c.name, c.warning): c for c in claims(made.system, _checks(wanted))}


def _same_places(a: Claim, b: Claim) -> bool:
    """Whether the goals of two systems are about the same, one by one."""
    return [(g.message, g.span) for g in a.goals] == [(g.message, g.span) for g in b.goals]


def _checks(wanted: Sequence[Claim]) -> list[str]:
    return list(dict.fromkeys(c.check for c in wanted))
