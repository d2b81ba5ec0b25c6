"""How many messages a system can put into a channel in all, where the text bounds that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...dsl import ast
from ...dsl.extent import Known, extent
from ...dsl.types import Array, Enum, SetOf
from ...dsl.walk import parts_of


def most_sent(spec: ast.Spec, channel: ast.Channel, known: Known) -> int | None:
    """The number of messages, repeated ones included; None: a loop may send for ever.

    Branches that exclude each other are counted one by one: it is a bound.
    """
    workflows = {w.name: w for w in spec.workflows}
    each = 2 if channel.delivery == "at_least_once" else 1
    total = 0
    for name, instances in _instances(spec, known):
        if name not in workflows:
            continue  # an error of its own
        sent = _Counting(channel.name, each, workflows, known).of(workflows[name].body)
        if sent == 0:
            continue
        if sent is None or instances is None:
            return None
        total += sent * instances
    return total


def by_any_number(spec: ast.Spec) -> bool:
    """Whether there may be any number of instances of some workflow."""
    given = spec.system.instances if spec.system is not None else ()
    return any(d.any_number or d.arrive is not None for d in given)


def _instances(spec: ast.Spec, known: Known) -> Iterator[tuple[str, int | None]]:
    if spec.system is None:
        for w in spec.workflows:
            yield w.name, 1
        return
    for d in spec.system.instances:
        if d.any_number or d.arrive is not None:
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


class _Counting:
    def __init__(
        self, channel: str, each: int, workflows: Mapping[str, ast.Workflow], known: Known
    ) -> None:
        self.channel = channel
        self.each = each
        self.workflows = workflows
        self.known = known

    def of(self, node: object) -> int | None:
        """By this part of the tree; recursion is as deep as it."""
        match node:
            case tuple():
                return _sum([self.of(n) for n in node])
            case ast.Send(channel=name, answers=""):
                return self.each if name == self.channel else 0
            case ast.Request(channel=name):
                return self.each if name == self.channel else 0
            case ast.Call(name=name) if name in self.workflows:
                return self.of(self.workflows[name].body)
            case ast.While(body=body, at_most=most):
                return _times(None if most is None else self._most(most), self.of(body))
            case ast.Each(body=body, domain=domain):
                return _times(_size(domain, self.known), self.of(body))
            case ast.Retry(body=body, spec=spec):
                more = self._most(spec.attempts)
                return _times(None if more is None else more + 1, self.of(body))
            case ast.Flow(states=states):
                return _times(None, self.of(tuple(s.body for s in states)))
            case ast.Node():
                return _sum([self.of(part) for part in parts_of(node)])
        return 0

    def _most(self, e: ast.Expression) -> int | None:
        bounds = extent(e, self.known)
        return None if bounds is None else max(0, bounds[1])


def _sum(parts: list[int | None]) -> int | None:
    known = [p for p in parts if p is not None]
    return sum(known) if len(known) == len(parts) else None


def _times(rounds: int | None, sent: int | None) -> int | None:
    if sent == 0:
        return 0
    return None if rounds is None or sent is None else rounds * sent
