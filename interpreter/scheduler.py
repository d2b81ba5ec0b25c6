"""Which of the enabled rules fires: the system's own freedom.

Rules come in buckets that open and close as a whole (see `plan`), so taking one of a thousand
rules that wait for the same pool must not touch the others.
"""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random
from typing import Protocol

from ..semantics.expr import Scalar
from ..semantics.values import evaluate
from .plan import Plan

NAMES = ("any", "fifo", "priority", "fair", "head_of_line")


class Scheduler(Protocol):
    """Holds the enabled rules without a delay and picks one."""

    eager: bool  # whether a timer that is due goes before urgent rules
    count: int  # of rules in open buckets
    step: int  # how many steps the run has; the runner counts

    def add(self, bucket: int, rule: int) -> None: ...
    def remove(self, bucket: int, rule: int) -> None: ...
    def open(self, bucket: int) -> None: ...
    def close(self, bucket: int) -> None: ...
    def pick(self, state: list[Scalar]) -> int: ...


def make_scheduler(name: str, plan: Plan, random: Random) -> Scheduler:
    """`any`: seeded random; `fifo` (also `fair`): longest enabled first; `priority`.

    With `head_of_line` a rule is enabled only in its turn (`semantics.lower.queue`)."""
    if name in ("any", "head_of_line"):
        return AnyOrder(plan, random)
    if name in ("fifo", "fair"):
        return InOrder(plan, random, False)
    if name == "priority":
        return InOrder(plan, random, True)
    raise ValueError(f"`{name}` is not a scheduler; one of {', '.join(NAMES)}")


class Counting:
    """No order at all: only how many are enabled (for `schedule`)."""

    eager = False

    def __init__(self, buckets: int) -> None:
        self.count = 0
        self.step = 0
        self._size = [0] * buckets
        self._open = bytearray(buckets)

    def add(self, bucket: int, rule: int) -> None:
        self._size[bucket] += 1
        self.count += self._open[bucket]

    def remove(self, bucket: int, rule: int) -> None:
        self._size[bucket] -= 1
        self.count -= self._open[bucket]

    def open(self, bucket: int) -> None:
        self._open[bucket] = 1
        self.count += self._size[bucket]

    def close(self, bucket: int) -> None:
        self._open[bucket] = 0
        self.count -= self._size[bucket]


class AnyOrder:
    """Each enabled rule is equally likely."""

    eager = False

    def __init__(self, plan: Plan, random: Random) -> None:
        self.count = 0
        self.step = 0
        self._random = random.random
        self._members: list[list[int]] = [[] for _ in plan.conditions]
        self._position = [0] * len(plan.bucket)
        self._open: dict[int, list[int]] = {}

    def add(self, bucket: int, rule: int) -> None:
        members = self._members[bucket]
        self._position[rule] = len(members)
        members.append(rule)
        if bucket in self._open:
            self.count += 1

    def remove(self, bucket: int, rule: int) -> None:
        members = self._members[bucket]
        last = members.pop()
        if last != rule:
            at = self._position[rule]
            members[at] = last
            self._position[last] = at
        if bucket in self._open:
            self.count -= 1

    def open(self, bucket: int) -> None:
        members = self._open[bucket] = self._members[bucket]
        self.count += len(members)

    def close(self, bucket: int) -> None:
        self.count -= len(self._open.pop(bucket))

    def pick(self, state: list[Scalar]) -> int:
        number = int(self._random() * self.count)
        for members in self._open.values():
            if number < len(members):
                return members[number]
            number -= len(members)
        raise AssertionError("pick without an enabled rule")


# rank, step in which it was enabled, instance, a number drawn, rule, token
_Entry = tuple[Scalar, int, int, float, int, int]


class InOrder(Counting):
    """Longest enabled first; or priority before that.

    Among rules that were enabled by one step those of the instance that comes first in the
    spec; which of the same instance's is the environment's choice (`a + b`), so it is drawn.  A
    priority is read once, when the rule comes into its bucket.
    """

    eager = True

    def __init__(self, plan: Plan, random: Random, by_priority: bool) -> None:
        super().__init__(len(plan.conditions))
        self._random = random.random
        rules = plan.system.rules
        self._priority = [rule.priority if by_priority else None for rule in rules]
        self._instance = [rule.instance for rule in rules]
        self._token = [0] * len(rules)  # of its entry; 0: not in its bucket
        self._tokens = 0
        self._opened = [0] * len(plan.conditions)
        # A rule that has left stays in the heap until it comes to the top.
        self._heaps: list[list[_Entry]] = [[] for _ in plan.conditions]
        self._unranked: list[tuple[int, int, _Entry]] = []

    def add(self, bucket: int, rule: int) -> None:
        super().add(bucket, rule)
        self._tokens += 1
        self._token[rule] = self._tokens
        entry = (0, self.step, self._instance[rule], self._random(), rule, self._tokens)
        if self._priority[rule] is None:
            heappush(self._heaps[bucket], entry)
        else:
            self._unranked.append((bucket, rule, entry))

    def remove(self, bucket: int, rule: int) -> None:
        super().remove(bucket, rule)
        self._token[rule] = 0

    def open(self, bucket: int) -> None:
        super().open(bucket)
        self._opened[bucket] = self.step

    def _rank(self, state: list[Scalar]) -> None:
        for bucket, rule, entry in self._unranked:
            priority = self._priority[rule]
            if self._token[rule] == entry[5] and priority is not None:
                heappush(self._heaps[bucket], (-evaluate(priority, state), *entry[1:]))
        self._unranked.clear()

    def firsts(self, state: list[Scalar]) -> set[int]:
        """All rules that `pick` might answer, had it drawn other numbers."""
        self._rank(state)
        keys: dict[int, tuple[Scalar, int, int, int]] = {}
        for bucket, heap in enumerate(self._heaps):
            if not self._open[bucket]:
                continue
            mine = [e for e in heap if self._token[e[4]] == e[5]]
            least = min((e[:3] for e in mine), default=None)
            for rank, step, instance, _, rule, _ in mine:
                if (rank, step, instance) == least:
                    keys[rule] = (rank, max(step, self._opened[bucket]), step, instance)
        best = min(keys.values(), default=None)
        return {rule for rule, key in keys.items() if key == best}

    def order(self) -> tuple[object, ...]:
        """What it goes by, up to the number of steps that have been taken."""
        mine: list[tuple[int, Scalar | None, int, int]] = [
            (bucket, e[0], e[1], e[4])
            for bucket, heap in enumerate(self._heaps)
            for e in heap
            if self._token[e[4]] == e[5]
        ]
        mine += [(b, None, e[1], r) for b, r, e in self._unranked if self._token[r] == e[5]]
        opened = [self._opened[b] if self._open[b] else -1 for b in range(len(self._opened))]
        ages = {age: k for k, age in enumerate(sorted({*opened, *(m[2] for m in mine)}))}
        entries = sorted(((b, r, ages[age], rank) for b, rank, age, r in mine), key=repr)
        return tuple(entries), tuple(ages[age] for age in opened)

    def pick(self, state: list[Scalar]) -> int:
        self._rank(state)
        best: tuple[Scalar, int, _Entry] | None = None
        for bucket, heap in enumerate(self._heaps):
            if not self._open[bucket]:
                continue
            while heap and self._token[heap[0][4]] != heap[0][5]:
                heappop(heap)
            if heap:
                top = heap[0]
                key = (top[0], max(top[1], self._opened[bucket]), top)
                if best is None or key < best:
                    best = key
        if best is None:
            raise AssertionError("pick without an enabled rule")
        return best[2][4]
