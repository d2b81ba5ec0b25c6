"""Requests and their answers, read off the rules: for any number of those who ask.

Of a channel of requests it is looked at where those stand who have taken one and not answered it
(`busy`).  If

- no request is lost or doubled, grows old, or is taken by an interrupt,
- whoever takes one comes to a busy point by that step, nobody comes to one in another way or leaves
  one without the answer, and no other step changes who asked,
- who asks waits at a point that is left by the answer only, and come to by asking only,

then of each that waits and has no answer there is one request, in the channel or with one who is
busy, and no other request is anywhere: by induction over steps.  So each answer has somebody who
waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...semantics.expr import TRUE, const, same
from ...semantics.phrases import LEFT, ORPHAN
from ...semantics.system import ChannelInfo, Obligation, Rule, RuleKind
from ..engines.moves import OVER, Moves, targets
from ..engines.structure import Structure
from ..verdict import Proved

REACHED = "whoever asks waits for the answer, and each request is taken once and answered once"
SOMEBODY = "one who receives never ends"


def by_structure(structure: Structure, goals: Sequence[Obligation]) -> dict[int, Proved]:
    """By position, of what must hold of messages: that answers reach their askers, and that none is
    left."""
    channels = {c.name: c for c in structure.system.channels}
    moves = Moves(structure)
    out: dict[int, Proved] = {}
    fine: dict[str, bool] = {}
    for k, goal in enumerate(goals):
        c = channels.get(goal.name)
        if goal.check != "messages" or c is None:
            continue
        if goal.message == ORPHAN:
            if c.name not in fine:
                fine[c.name] = _each_reached(moves, c)
            if fine[c.name]:
                out[k] = Proved("structure", REACHED)
        elif goal.message == LEFT and _always_taken(moves, c):
            out[k] = Proved("structure", SOMEBODY)
    return out


def puts(structure: Structure, c: ChannelInfo) -> list[Rule]:
    """The steps that send into the one queue of a channel."""
    (length,) = c.lengths
    return [r for r in structure.writing(length) if r.kind is RuleKind.SEND]


def takes(structure: Structure, c: ChannelInfo) -> list[Rule]:
    """The steps that receive from it."""
    (length,) = c.lengths
    return [r for r in structure.writing(length) if r.kind is RuleKind.RECEIVE]


def kept(structure: Structure, c: ChannelInfo) -> bool:
    """Each request stays as it is until somebody receives it."""
    (length,) = c.lengths
    # (What has inputs the network may lose or double.  Others may grow old, or interrupt.)
    return all(
        not r.inputs if r.kind is RuleKind.SEND else r.kind is RuleKind.RECEIVE
        for r in structure.writing(length)
    )


def answers(structure: Structure, c: ChannelInfo, taking: Rule) -> tuple[int, set[int]] | None:
    """Of who has taken a request: the variable that says who asked, and the rules of the same
    thread that answer it."""
    hands = [v for v, _ in taking.updates if v in c.hands]
    if len(hands) != 1:
        return None  # who asked is forgotten
    (hand,) = hands
    return hand, {
        r.index
        for r in structure.writing(hand)
        if r.thread == taking.thread and _is_answer(r, c, hand)
    }


def _is_answer(r: Rule, c: ChannelInfo, hand: int) -> bool:
    gone = dict(r.updates).get(hand)
    answering = r.kind is RuleKind.STEP and r.channel == c.name
    return answering and gone is not None and same(gone, const(0))


def busy(moves: Moves, c: ChannelInfo, taking: Rule) -> set[int] | None:
    """The points between the step that takes a request and its answer; None where another request
    may be taken there, or who asked may be forgotten, or the thread may end."""
    structure = moves.structure
    thread = structure.system.threads[taking.thread]
    found = answers(structure, c, taking)
    if found is None:
        return None
    hand, answering = found
    points = moves.reached(thread, targets(taking, thread), answering)
    if any(thread.points[p].kind in OVER for p in points):
        return None
    again = {r.index for r in takes(structure, c)}
    if any(m.begin in points and m.rule in again for m in moves.of(thread)):
        return None
    for r in structure.writing(hand):
        # (Who asks anew crosses out what was asked before from the same place only.)
        fine = r.index in answering or (r.kind is RuleKind.SEND and r.channel == c.name)
        if not fine and not points.isdisjoint(structure.standing(r.guard, thread)):
            return None
    return points


def _each_reached(moves: Moves, c: ChannelInfo) -> bool:
    structure = moves.structure
    if not c.asks or len(c.lengths) != 1 or c.chosen or not kept(structure, c):
        return False
    if any(r.kind is RuleKind.CRASH for r in structure.system.rules):
        return False
    slots = {v for queue in c.slots for slot in queue for v in slot}
    known = {r.index for r in (*puts(structure, c), *takes(structure, c))}
    if not slots or any(r.index not in known for v in slots for r in structure.writing(v)):
        return False
    return _answered_once(moves, c) and all(_waits(moves, c, r) for r in puts(structure, c))


def _answered_once(moves: Moves, c: ChannelInfo) -> bool:
    structure = moves.structure
    system = structure.system
    own: dict[int, set[int]] = {}  # by variable that says who asked: where it does
    into: dict[int, set[int]] = {}  # by the same: the rules by which it comes to do so
    for r in takes(structure, c):
        points, found = busy(moves, c, r), answers(structure, c, r)
        if points is None or found is None:
            return False
        own.setdefault(found[0], set()).update(points)
        into.setdefault(found[0], set()).add(r.index)
    for hand in c.hands:
        first = system.variables[hand].init
        if first is None or not same(first, const(0)):
            return False
        for r in structure.writing(hand):
            if r.kind is RuleKind.SEND and r.channel == c.name:
                continue
            thread = system.threads[r.thread]
            points = own.get(hand, set())
            if _is_answer(r, c, hand) and not moves.standing(r, thread) <= points:
                return False  # there may be nobody any more
    for hand, points in own.items():
        (owner,) = {system.rules[k].thread for k in into[hand]}
        for m in moves.of(system.threads[owner]):
            if m.end in points and m.begin not in points and m.rule not in into[hand]:
                return False
        if 0 in points:
            return False
    return all(
        r.index in {k for hand in own for k in _answering(structure, c, hand)}
        for r in system.rules
        if r.kind is RuleKind.STEP and r.channel == c.name
    )


def _answering(structure: Structure, c: ChannelInfo, hand: int) -> list[int]:
    return [r.index for r in structure.writing(hand) if _is_answer(r, c, hand)]


def _waits(moves: Moves, c: ChannelInfo, asking: Rule) -> bool:
    """Who asks comes to a point that nobody comes to, and nobody leaves, in another way."""
    thread = moves.structure.system.threads[asking.thread]
    rules = moves.structure.system.rules
    points = set(targets(asking, thread))
    for m in moves.of(thread):
        if m.begin in points:
            r = rules[m.rule]
            heard = r.kind is RuleKind.RECEIVE and r.channel == c.name
            if not heard or r.thread != thread.id or c.lengths[0] in dict(r.updates):
                return False
        if m.end in points and m.rule != asking.index:
            return False
    return len(points) == 1 and 0 not in points


def _always_taken(moves: Moves, c: ChannelInfo) -> bool:
    """There is somebody who receives and never ends."""
    system = moves.structure.system
    if len(c.lengths) != 1 or any(r.kind is RuleKind.CRASH for r in system.rules):
        return False
    mine = {r.instance for r in takes(moves.structure, c)}
    return any(
        i.active is TRUE and moves.never_over(system.threads[i.root])
        for i in system.instances
        if i.id in mine
    )


__all__ = ["answers", "busy", "by_structure", "kept", "puts", "takes"]
