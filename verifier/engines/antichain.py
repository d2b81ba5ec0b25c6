"""The heaviest antichain of a weighted acyclic graph, by maximum flow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence


def heaviest_antichain(weights: Sequence[int], edges: Sequence[tuple[int, int]]) -> int:
    """The greatest total weight of nodes no two of which are ordered by `edges`.

    `edges` (a, b): a comes before b; acyclic, not necessarily transitive.  By Dilworth's theorem
    for weights (Frank 1980) it is the total weight less the greatest amount that can be passed
    on from nodes to later ones: a flow from a copy of each node (supply) through relays along
    the edges to another copy (demand).  Dinic's algorithm.
    """
    n = len(weights)
    source, sink = 3 * n, 3 * n + 1
    graph: list[list[int]] = [[] for _ in range(3 * n + 2)]
    to: list[int] = []
    room: list[int] = []

    def link(a: int, b: int, capacity: int) -> None:
        graph[a].append(len(to))
        to.append(b)
        room.append(capacity)
        graph[b].append(len(to))
        to.append(a)
        room.append(0)

    total = sum(weights)
    for v in range(n):
        link(source, v, weights[v])
        link(2 * n + v, n + v, total)
        link(n + v, sink, weights[v])
    for a, b in edges:
        link(a, 2 * n + b, total)
        link(2 * n + a, 2 * n + b, total)
    return total - _max_flow(graph, to, room, source, sink)


def _max_flow(
    graph: list[list[int]], to: list[int], room: list[int], source: int, sink: int
) -> int:
    flow = 0
    while True:
        level = {source: 0}
        queue = deque([source])
        while queue:
            node = queue.popleft()
            for e in graph[node]:
                if room[e] and to[e] not in level:
                    level[to[e]] = level[node] + 1
                    queue.append(to[e])
        if sink not in level:
            return flow
        following = [iter(edges) for edges in graph]
        while pushed := _push(graph, to, room, source, sink, level, following):
            flow += pushed


def _push(
    graph: list[list[int]],
    to: list[int],
    room: list[int],
    source: int,
    sink: int,
    level: dict[int, int],
    following: list[Iterator[int]],
) -> int:
    """One augmenting path in the level graph; 0 when there is none left."""
    path: list[int] = []
    node = source
    while node != sink:
        for e in following[node]:
            if room[e] and level.get(to[e], -1) == level[node] + 1:
                path.append(e)
                node = to[e]
                break
        else:
            if not path:
                return 0
            level[node] = -1
            node = to[path.pop() ^ 1]
    amount = min(room[e] for e in path)
    for e in path:
        room[e] -= amount
        room[e ^ 1] += amount
    return amount
