"""How many messages can be in a channel at once, from how fast they come and how fast they are
taken (network calculus: Le Boudec and Thiran, Network Calculus, 2001, theorem 1.4.1).

Let `sent` messages at most come within any span of x seconds, its ends included: a x + b.  Look at
any moment, and at the last one before it at which the channel was empty, x seconds earlier (or the
start).  Since then a message has always been there, so that whoever receives has not waited.  A
loop that receives k times in each round, which takes r seconds at most if no receive waits, and
that needs l seconds at most to the end of the round in which it was, has received
k (floor((x - l) / r)) times at least, which is k ((x - l) / r - 1) or more.  What is left is no
more than a x + b - k ((x - l) / r - 1), summed over the loops; it does not grow with x where a is
no more than the sum of k / r.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction

from ...dsl import ast
from ...dsl.records import dataclass
from ...dsl.walk import walk
from ..expr import TRUE
from .channels import Channel
from .context import Ctx
from .lasting import read
from .lasting_facts import Reading
from .messages import heard
from .times import DONE, Arithmetic, Lasts
from .world import contexts


@dataclass(frozen=True, slots=True)
class Taken:
    """By one loop: `messages` in each round of at most `each` seconds, if none is waited for;
    within `late` seconds at most the first round begins that counts."""

    messages: int
    each: Fraction
    late: Fraction


@dataclass(frozen=True, slots=True)
class Arriving:
    """Instances that come one every `between` seconds, of which `room` are under way at most."""

    between: Fraction
    room: int


def most_there(
    spec: ast.Spec,
    arriving: Mapping[str, Arriving],
    free: Collection[str],
    room: int | None = None,
) -> dict[str, int]:
    """By channel without a capacity: how many messages there are in it at most at any time, however
    many instances arrive; those of which it is found.

    `free` names resources whose claims never wait.  Nothing may crash, and whoever can be granted
    a claim is.
    """
    out: dict[str, int] = {}
    made = contexts(spec, room)
    for c in made[0].world.channels.values() if made else ():
        if c.decl.capacity is not None or c.decl.broadcast or c.decl.answer is not None:
            continue
        if c.decl.key is not None or c.decl.environment or c.decl.ttl is not None:
            continue
        sent = _sent(c, arriving)
        if sent is not None:
            found = _left(*sent, list(_taken(made, c.name, arriving, frozenset(free))))
            if found is not None:
                out[c.name] = found
    return out


def _left(rate: Fraction, burst: Fraction, taken: list[Taken]) -> int | None:
    at_once = [t.late for t in taken if not t.each]
    if at_once:  # no longer than that is it never empty
        return int(rate * min(at_once) + burst)
    if rate > sum((t.messages / t.each for t in taken), Fraction(0)):
        return None
    return int(burst + sum(t.messages * (t.late / t.each + 1) for t in taken))


def _sent(c: Channel, arriving: Mapping[str, Arriving]) -> tuple[Fraction, Fraction] | None:
    """Within x seconds, the ends included: no more than rate x + burst."""
    rate = burst = Fraction(0)
    for s in c.senders:
        if s.workflow in arriving and s.instances is None:
            if s.most is None:
                return None
            a = arriving[s.workflow]
            # Of those that have come within `room * between` seconds before, or since.
            rate += s.most / a.between
            burst += s.most * (a.room + 1)
        elif s.instances is None:
            return None
        elif s.most is not None:
            burst += s.most * s.instances
        elif s.rounds is not None:
            each, least = s.rounds
            rate += s.instances * each / least
            burst += s.instances * each * 2
        else:
            return None
    return rate, burst


# --- how fast a loop receives ---------------------------------------------------------------------


def _taken(
    made: list[Ctx], channel: str, arriving: Mapping[str, Arriving], free: frozenset[str]
) -> Iterator[Taken]:
    for ctx in made:
        w = ctx.inst.workflow
        if w.name in arriving or ctx.inst.active is not TRUE or ctx.inst.arrives is not None:
            continue  # (who comes later has not been there all the time)
        parts = w.body.parts if isinstance(w.body, ast.Seq) else (w.body,)
        last = parts[-1]
        if not isinstance(last, ast.While) or last.at_most is not None:
            continue
        if not (isinstance(last.cond, ast.BoolLit) and last.cond.value):
            continue
        many = _received(last.body, channel)
        found = _rounds(ctx, parts[:-1], last.body, channel, free) if many else None
        if found is not None:
            yield Taken(many, *found)


def _rounds(
    ctx: Ctx, before: tuple[ast.Term, ...], body: ast.Term, channel: str, free: frozenset[str]
) -> tuple[Fraction, Fraction] | None:
    """How long a round takes at most, and how long it is until the next one begins."""
    r = Reading(Arithmetic(ctx.b.variables), free, filled=frozenset((channel,)))

    def longest(here: Ctx, t: ast.Term) -> Fraction | None:
        found = dict(read(r, here, t).ways)
        lasts = found.pop(DONE, None)
        if found or not isinstance(lasts, Lasts) or lasts.hi is None or r.restless:
            return None
        return r.arithmetic.extent(lasts.hi)[1]

    first: Fraction | None = Fraction(0)
    for part in before:
        d = longest(ctx, part)
        first = None if d is None or first is None else first + d
        ctx = heard(ctx, part)
    each = longest(ctx, body)
    # Who has given up waiting when a message comes does what comes instead.
    others = [n.orelse for n in walk((body,)) if isinstance(n, ast.Within) and n.orelse is not None]
    late = [longest(ctx, t) for t in others]
    if first is None or each is None or None in late:
        return None
    return each, max(first, each + sum(d for d in late if d is not None))


def _received(t: ast.Term, channel: str) -> int:
    """How many messages a round takes out at least, if they are there."""
    match t:
        case ast.Receive(channel=name, where=None) if name == channel:
            return 1
        case ast.Seq(parts=parts):
            return sum(_received(p, channel) for p in parts)
        case ast.If(then=then, orelse=ast.Node() as orelse):
            return min(_received(then, channel), _received(orelse, channel))
        case ast.Within(body=body, duration=ast.DurationLit(value=d)) if d > 0:
            # What comes first is taken before any time has passed.
            first = body.parts[0] if isinstance(body, ast.Seq) else body
            return _received(first, channel) if isinstance(first, ast.Receive) else 0
        case ast.Using(body=body):
            return _received(body, channel)
    return 0


__all__ = ["Arriving", "most_there"]
