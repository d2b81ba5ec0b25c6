"""How many messages can be in a channel at once, where the text bounds that.

A message that is sent stays for as long as nobody takes it, so all that is ever sent is counted.
A request leaves before its asker goes on, who waits for the answer: of those that one thread asks
for, one after the other, there is one at a time.  Only who gives up (a `within`, a sibling that
fails) leaves a request behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from fractions import Fraction
from typing import NamedTuple, get_args

from ...dsl import ast
from ...dsl.extent import Known, extent
from ...dsl.records import dataclass
from ...dsl.types import Array, Enum, SetOf
from ...dsl.walk import parts_of, walk
from .rounds import Least, Seconds


class Sent(NamedTuple):
    """By a part of a spec: how many messages it may have in the channel at once, and how many are
    left there when it is over.  None: no number bounds that."""

    most: int | None = 0
    left: int | None = 0


def most_sent(
    spec: ast.Spec, channel: ast.Channel, known: Known, seconds: Seconds, many: int = 0
) -> int | None:
    """The number of messages, repeated ones included; None: a loop may send for ever.

    Branches that exclude each other are counted one by one: it is a bound.  `many`: how many
    instances stand for any number of them.
    """
    total = 0
    for sent in senders(spec, channel, known, seconds):
        if sent.most is None:
            return None
        total += sent.most * (many if sent.instances is None else sent.instances)
    return total


class Sender(NamedTuple):
    """Of the instances of a group the most messages that are of one of them (None: no number
    bounds that), and how many instances there are (None: any number).  `rounds`: where it is a loop
    at last that sends for ever, how many each round sends at most, and how many seconds it takes
    at least."""

    workflow: str
    most: int | None
    instances: int | None
    rounds: tuple[int, Fraction] | None = None


def senders(
    spec: ast.Spec, channel: ast.Channel, known: Known, seconds: Seconds
) -> Iterator[Sender]:
    """By group of instances in the system, those that send something.

    Of messages that grow too old only those count that are sent within this time (a `ttl`, its
    ends included, for at one instant any order of the steps is possible); so rounds that take
    time are few.  (Who crashes begins anew, and nothing is said of how long that takes.)
    """
    revoked = {
        r.name for r in spec.resources if r.lease is not None or r.on_busy == "cancel_holder"
    }
    workflows = {w.name: w for w in spec.workflows}
    copies = 2 if channel.delivery == "at_least_once" else 1
    ttl = seconds(channel.ttl) if channel.ttl is not None else None
    crashes = spec.system is not None and bool(spec.system.faults)
    counting = _Counting(
        channel,
        copies,
        workflows,
        known,
        frozenset(revoked),
        Least(_activities(spec), workflows, seconds),
        None if crashes else ttl,
    )
    for name, instances in _instances(spec, known):
        if name not in workflows:
            continue  # an error of its own
        body = workflows[name].body
        most = counting.of(body).most
        if most != 0:
            yield Sender(name, most, instances, counting.rounds(body) if most is None else None)


def _activities(spec: ast.Spec) -> dict[str, list[ast.Activity]]:
    """All of one name, of whatever workflow."""
    out: dict[str, list[ast.Activity]] = {}
    for a in (*spec.activities, *(a for w in spec.workflows for a in w.activities)):
        out.setdefault(a.name, []).append(a)
    return out


def _instances(spec: ast.Spec, known: Known) -> Iterator[tuple[str, int | None]]:
    """By group: the workflow, and how many there are at most (None: any number)."""
    if spec.system is None:
        for w in spec.workflows:
            yield w.name, 1
        return
    for d in spec.system.instances:
        if d.any_number or (d.arrive is not None and d.count is None and d.domain is None):
            yield d.workflow, None
        elif d.domain is not None:
            yield d.workflow, _size(d.domain, known)
        elif d.count is not None:
            bounds = extent(d.count, known)
            yield d.workflow, None if bounds is None else max(0, bounds[1])
        else:
            yield d.workflow, 1


def _size(domain: ast.Expression, known: Known) -> int | None:
    if isinstance(domain, ast.Range):
        low, high = extent(domain.lo, known), extent(domain.hi, known)
        return None if low is None or high is None else max(0, high[1] - low[0] + 1)
    match domain.type:
        case Enum(values=values) | SetOf(elem=Enum(values=values)):
            return len(values)
        case Array(size=size):
            return size
    return None


_TERMS = get_args(ast.Term)
# A branch of these only cannot fail, so it cancels no other.
_NEVER_FAILS = (
    ast.Seq,
    ast.Request,
    ast.Send,
    ast.Receive,
    ast.Assign,
    ast.Skip,
    ast.Wait,
    ast.WaitUntil,
    ast.If,
    ast.Par,
)


@dataclass(slots=True)
class _Counting:
    """`revoked`: resources whose holder may be interrupted."""

    channel: ast.Channel
    copies: int
    workflows: Mapping[str, ast.Workflow]
    known: Known
    revoked: frozenset[str]
    least: Least
    ttl: Fraction | None  # messages older than that are gone
    memo: dict[str, Sent] = field(default_factory=dict)

    def of(self, node: object) -> Sent:
        """By this part of the tree; recursion is as deep as it."""
        match node:
            case tuple():
                return _in_turn([self.of(n) for n in node])
            case ast.Send(channel=name, answers="") if name == self.channel.name:
                return Sent(self.copies, self.copies)
            case ast.Request(channel=name) if name == self.channel.name:
                # A copy that comes twice is there when the first has been answered.
                later = self.copies if self.channel.broadcast else self.copies - 1
                asked = Sent(self.copies, later)
                return asked if node.within is None else _given_up(asked)
            case ast.Call(name=name) if name in self.workflows:
                if name not in self.memo:
                    self.memo[name] = self.of(self.workflows[name].body)
                return self.memo[name]
            case ast.While(body=body, at_most=most):
                return self._rounds(None if most is None else self._most(most), body)
            case ast.Each(body=body, domain=domain, sequential=True):
                return self._rounds(_size(domain, self.known), body)
            case ast.Each(body=body, domain=domain):
                return _given_up(_at_once(_size(domain, self.known), self.of(body)))
            case ast.Retry(body=body, spec=spec):
                more = self._most(spec.attempts)
                return _times(None if more is None else more + 1, self.of(body))
            case ast.Flow(states=states):
                return _times(None, _given_up(self.of(tuple(s.body for s in states))))
            case ast.Par(parts=parts, policy="all" | "wait_all"):
                found = _beside([self.of(p) for p in parts])
                return found if _never_fail(parts) else _given_up(found)
            case ast.Par() | ast.Steps() | ast.Within():
                return _given_up(_beside([self.of(p) for p in parts_of(node)]))
            case ast.Using(claims=claims) if any(c.resource in self.revoked for c in claims):
                return _given_up(_beside([self.of(p) for p in parts_of(node)]))
            case ast.Node():
                return _in_turn([self.of(part) for part in parts_of(node)])
        return Sent()

    def _rounds(self, rounds: int | None, body: ast.Term) -> Sent:
        if self.ttl is not None:
            alive = self.least.rounds(body, self.ttl)
            if alive is not None:
                rounds = alive if rounds is None else min(rounds, alive)
        return _times(rounds, self.of(body))

    def rounds(self, body: ast.Term) -> tuple[int, Fraction] | None:
        """Of a loop that is all there is, or the last part."""
        parts = body.parts if isinstance(body, ast.Seq) else (body,)
        last = parts[-1]
        if not isinstance(last, ast.While) or any(self.of(p).most != 0 for p in parts[:-1]):
            return None
        each, least = self.of(last.body).most, self.least.of(last.body)
        return None if each is None or least <= 0 else (each, least)

    def _most(self, e: ast.Expression) -> int | None:
        bounds = extent(e, self.known)
        return None if bounds is None else max(0, bounds[1])


def _never_fail(parts: tuple[ast.Term, ...]) -> bool:
    terms = (n for n in walk(parts) if isinstance(n, _TERMS))
    return all(isinstance(n, _NEVER_FAILS) for n in terms)


def _sum(parts: list[int | None]) -> int | None:
    known = [p for p in parts if p is not None]
    return sum(known) if len(known) == len(parts) else None


def _in_turn(parts: list[Sent]) -> Sent:
    """One after the other, whichever comes first."""
    if any(p.most is None for p in parts):
        return Sent(None, None)
    left = _sum([p.left for p in parts])
    if left is None:
        return Sent(None, None)
    return Sent(left + max((p.most or 0) - (p.left or 0) for p in parts), left) if parts else Sent()


def _beside(parts: list[Sent]) -> Sent:
    """At the same time."""
    return Sent(_sum([p.most for p in parts]), _sum([p.left for p in parts]))


def _given_up(sent: Sent) -> Sent:
    """Where it may be interrupted, what is there then is left."""
    return Sent(sent.most, sent.most)


def _times(rounds: int | None, sent: Sent) -> Sent:
    """So often, one after the other."""
    if sent.left == 0 or sent.most is None:
        return sent
    if rounds is None or sent.left is None:
        return Sent(None, None)
    if rounds == 0:
        return Sent()
    return Sent((rounds - 1) * sent.left + sent.most, rounds * sent.left)


def _at_once(branches: int | None, sent: Sent) -> Sent:
    if sent.most == 0:
        return sent
    if branches is None or sent.most is None:
        return Sent(None, None)
    return Sent(branches * sent.most, branches * sent.most)
