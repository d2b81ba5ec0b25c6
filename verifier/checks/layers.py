"""Clients and servers in layers: that nobody waits for ever, read off the rules, for any number.

What a thread may wait for is a *need*: units of a resource, a message in a channel, room in one,
the answer to a request.  A need is *met* if, from each state that can be reached, some steps lead
to one in which it is there.  They are put in an order, each met with the help of those before it
only (the rule of clients and servers: Brookes and Roscoe 1991, "Deadlock analysis in networks of
communicating processes"; Martin and Welch 1997, "A design strategy for deadlock-free concurrent
systems"; for resources Havender 1968):

- *units*, if whoever waits while it holds some waits for needs that are met;
- *a message*, if some thread surely puts one in again and again, and waits for needs that are met
  only.  (Where there is no room for it there is a message.)
- *room*, if some thread surely takes one out again and again, waiting for such needs only;
- either of them also if those who wait are outnumbered (`balance`): of the steps that bring it
  about one is left, to somebody who waits until then for needs that are met only;
- *an answer*, if there is such a thread that takes requests out, and whoever has taken a request
  comes to its answer before it takes another one, waiting for needs that are met only.

Why: by induction over the order, each need has a continuation from each state that brings it about
in which nobody claims units of needs behind it.  Those who hold units let go of them one after the
other, and nobody takes any meanwhile.  Who puts in, or takes out, moves on to the step that does;
it does not end, and has no round without that step; or it has the step left, and when all who have
one have taken it nobody waits for it any more.  Of a request those ahead of it are taken one
after the other, as none comes before it, and each is answered; then it is taken itself, or has been
by somebody else, who comes to its answer.  A claim of several resources is brought about from the
last in the order to the first.  So if all needs are met each thread that waits has a continuation
in which it moves, and no set of them can be released by its own members only.

All of this looks at one thread at a time, and at the rules of all, so it holds for any number of
instances, and any room in channels.  It speaks of the untimed view.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import field
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE
from ...semantics.system import ChannelInfo, Rule, RuleKind, Thread, TransitionSystem, VarKind
from ...semantics.walks import variables
from ..engines.moves import Moves
from ..engines.structure import Structure
from .answers import answers, busy, kept, puts, takes
from .balance import owed

FREELY = ("any", "fair")  # schedulers that take no finite run away


class What(Enum):
    UNITS = "units"
    MESSAGE = "a message"
    ROOM = "room"
    ANSWER = "an answer"


class Need(NamedTuple):
    """`of`: the position of the resource or of the channel."""

    what: What
    of: int


def all_met(structure: Structure, contended: set[int]) -> list[str] | None:
    """What is waited for, in an order in which each is met; None where there is none, or where
    something else may be waited for."""
    return _Layers(structure, contended).met()


@dataclass
class _Layers:
    structure: Structure
    contended: set[int]
    found: dict[Need, None] = field(default_factory=dict)  # met, in their order

    @cached_property
    def moves(self) -> Moves:
        return Moves(self.structure)

    @property
    def system(self) -> TransitionSystem:
        return self.structure.system

    def met(self) -> list[str] | None:
        system = self.system
        if self.contended and system.scheduler not in FREELY:
            return None
        if system.excluded is not FALSE:
            return None  # (what a continuation comes to may not count)
        if any(r.turn is not TRUE or r.kind is RuleKind.CRASH for r in system.rules):
            return None
        needs = self.needs
        if needs is None:
            return None
        left = dict.fromkeys(n for mine in needs.values() for n in mine)
        while left:
            more = next((n for n in left if self._is_met(n)), None)
            if more is None:
                return None
            self.found[more] = None
            del left[more]
        return [self._said(n) for n in self.found]

    def _said(self, n: Need) -> str:
        place = self.system.resources if n.what is What.UNITS else self.system.channels
        name = place[n.of].name
        match n.what:
            case What.UNITS:
                return name
            case What.ANSWER:
                return f"an answer from {name}"
            case What.MESSAGE | What.ROOM:
                return f"{n.what.value} in {name}"

    # --- what rules wait for ---------------------------------------------------------------

    @cached_property
    def needs(self) -> dict[int, frozenset[Need]] | None:
        """By rule, those that have any; None where a rule waits for something else."""
        out: dict[int, frozenset[Need]] = {}
        position = self.structure.resource_of()
        for q in self.structure.requests(self.contended):
            out[q.rule] = frozenset(Need(What.UNITS, position[w]) for w in q.wanted)
        places = {t.location for t in self.system.threads}
        for r in self.system.rules:
            if r.kind is RuleKind.WAIT and variables([r.guard]) - places:
                return None
            if r.kind is RuleKind.INTERRUPT or not self._asked(r):
                continue  # (nobody waits until an interrupt comes, or until a message is too old)
            need = self._of_messages(r)
            if need is None:
                return None
            out[r.index] = out.get(r.index, frozenset()) | need
        return out

    def _asked(self, r: Rule) -> bool:
        """Whether it looks at messages."""
        if r.kind is RuleKind.TIMER and r.channel:
            return False
        kinds = self.system.variables
        return any(kinds[v].kind is VarKind.CHANNEL for v in variables([r.guard]))

    def _of_messages(self, r: Rule) -> frozenset[Need] | None:
        k = next((k for k, c in enumerate(self.system.channels) if c.name == r.channel), None)
        if k is None:
            return None
        c = self.system.channels[k]
        if len(c.lengths) != 1 or c.tested or c.chosen or not self._has_room(c):
            return None
        if r.kind is RuleKind.SEND:
            return frozenset() if c.by_instances else frozenset((Need(What.ROOM, k),))
        if r.kind is not RuleKind.RECEIVE:
            return None
        if c.lengths[0] in dict(r.updates):
            return frozenset((Need(What.MESSAGE, k),))
        return frozenset((Need(What.ANSWER, k),)) if c.asks else None

    def _has_room(self, c: ChannelInfo) -> bool:
        """For one message at least."""
        if c.capacity is None or c.by_instances:
            return True
        bounds = self.structure.bounds(c.capacity)
        return bounds is not None and bounds[0] >= 1

    def _waits(self, rules: Iterable[Rule]) -> set[Need]:
        assert self.needs is not None
        return {n for r in rules for n in self.needs.get(r.index, ())}

    # --- when a need is met ----------------------------------------------------------------

    def _is_met(self, n: Need) -> bool:
        match n.what:
            case What.UNITS:
                r = self.system.resources[n.of]
                mine = {r.used, r.exclusive}
                holding = (x for x in self.system.rules if mine & {u for u, _ in x.holds})
                return self._waits(holding) <= self.found.keys()
            case What.MESSAGE:
                c = self.system.channels[n.of]
                room = Need(What.ROOM, n.of)
                sending, receiving = puts(self.structure, c), takes(self.structure, c)
                return self._somebody(sending, room) or self._left(c, sending, receiving, room)
            case What.ROOM | What.ANSWER:
                c = self.system.channels[n.of]
                message = Need(What.MESSAGE, n.of)
                sending, receiving = puts(self.structure, c), takes(self.structure, c)
                if self._somebody(receiving, message):
                    return n.what is What.ROOM or self._answered(c)
                return n.what is What.ROOM and self._left(c, receiving, sending, message)

    def _somebody(self, rules: Collection[Rule], but: Need) -> bool:
        """Some thread surely takes one of the rules again and again, and waits for needs that are
        met, `but` for one."""
        known = {*self.found, but}
        for i in self.system.instances:
            mine = {r.index for r in rules if r.thread == i.root}
            if mine and i.active is TRUE:
                whole = [r for r in self.system.rules if r.instance == i.id]
                root = self.system.threads[i.root]
                points = self.moves.reached(root, [0])
                waits = self._waits(whole) <= known
                if waits and self.moves.never_over(root) and self.moves.leave(root, points, mine):
                    return True
        return False

    def _left(
        self, c: ChannelInfo, doing: Collection[Rule], undoing: Collection[Rule], but: Need
    ) -> bool:
        """Somebody has one of the steps `doing` left whenever somebody waits for one, and waits
        until then for needs that are met, `but` for one."""
        known = {*self.found, but}
        sure = owed(self.structure, c, doing, undoing)
        rules = self.system.rules
        return sure is not None and all(
            self._waits(rules[k] for k in x.waits) <= known for x in sure
        )

    def _answered(self, c: ChannelInfo) -> bool:
        """No request is lost, and whoever has taken one comes to its answer."""
        structure = self.structure
        if not kept(structure, c):
            return False
        for taking in takes(structure, c):
            thread = self.system.threads[taking.thread]
            points, found = busy(self.moves, c, taking), answers(structure, c, taking)
            if points is None or found is None:
                return False
            below = {t.id for t in self.system.threads if self._under(t, thread, points)}
            waiting = [
                r
                for r in self.system.rules
                if r.thread in below
                or (
                    r.thread == thread.id
                    and not points.isdisjoint(structure.standing(r.guard, thread))
                )
            ]
            if not self._waits(waiting) <= self.found.keys():
                return False
            if not self.moves.leave(thread, points, found[1]):
                return False
        return True

    def _under(self, t: Thread, thread: Thread, points: Collection[int]) -> bool:
        return any(
            above == thread.id and point in points
            for above, point in self.structure.ancestors(t.id)
            if point is not None
        )


__all__ = ["all_met"]
