"""Internal steps: the cycles that they make, and what is reached by them alone."""

from __future__ import annotations

from ...dsl.records import dataclass
from .lts import TAU, Adjacency, Lts, adjacency, distinct

DIVERGENCE = "(internal steps for ever)"


@dataclass(frozen=True, slots=True)
class Contracted:
    """`part[s]` is the number of the cycle of internal steps that s lies on (its own, mostly).

    In `lts` the parts are states, in an order in which internal steps lead to smaller numbers.
    `divergence` is the label of a loop at each part that can go round for ever internally.
    """

    lts: Lts
    part: list[int]
    divergence: int


def contract(lts: Lts) -> Contracted:
    """Each strongly connected part of the internal steps as one state."""
    out = adjacency(lts.states, lts.source)
    part, count = _parts(lts, out)
    divergence = len(lts.labels)
    width = divergence + 1
    keys = (
        (part[s] * width + (a or (divergence if part[s] == part[t] else TAU))) * count + part[t]
        for s, a, t in zip(lts.source, lts.label, lts.target, strict=True)
    )
    labels = (*lts.labels, DIVERGENCE)
    made = Lts(count, part[lts.initial], labels, *distinct(keys, width, count))
    return Contracted(made, part, divergence)


def _parts(lts: Lts, out: Adjacency) -> tuple[list[int], int]:
    """By state its part, and how many there are."""
    n = lts.states
    # First those from which no cycle is reached (Kahn), which are most of them.
    ahead = [0] * n
    into: list[list[int]] = [[] for _ in range(n)]
    for s, a, t in zip(lts.source, lts.label, lts.target, strict=True):
        if a == TAU:
            ahead[s] += 1
            into[t].append(s)
    part = [-1] * n
    order = [s for s in range(n) if not ahead[s]]
    for count, t in enumerate(order):
        part[t] = count
        for s in into[t]:
            ahead[s] -= 1
            if not ahead[s]:
                order.append(s)
    if len(order) == n:
        return part, n
    return _cycles(lts, out, part, len(order))


def _cycles(lts: Lts, out: Adjacency, part: list[int], count: int) -> tuple[list[int], int]:
    """Tarjan's algorithm over internal steps, without recursion, where there is no part yet."""
    label, target = lts.label, lts.target
    n = lts.states
    index, low = [0] * n, [0] * n
    seen = 0
    stack: list[int] = []
    for root in range(n):
        if index[root] or part[root] >= 0:
            continue
        seen += 1
        index[root] = low[root] = seen
        stack.append(root)
        work = [(root, out.start[root])]
        while work:
            s, at = work.pop()
            end = out.start[s + 1]
            while at < end:
                k = out.edges[at]
                at += 1
                if label[k] != TAU:
                    continue
                t = target[k]
                if part[t] >= 0:
                    continue
                if not index[t]:
                    seen += 1
                    index[t] = low[t] = seen
                    stack.append(t)
                    work.append((s, at))
                    work.append((t, out.start[t]))
                    break
                if low[t] < low[s]:
                    low[s] = low[t]
            else:
                if low[s] == index[s]:
                    while True:
                        t = stack.pop()
                        part[t] = count
                        if t == s:
                            break
                    count += 1
                if work:
                    above = work[-1][0]
                    if low[s] < low[above]:
                        low[above] = low[s]
    return part, count
