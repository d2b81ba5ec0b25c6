"""Cycles of a small directed graph, given by the successors of each node."""

from __future__ import annotations

MOST_WORK = 1_000_000  # nodes times edges, in search of the shortest cycle


def find_cycle(edges: dict[int, set[int]]) -> list[int] | None:
    """Some cycle of a directed graph, as its nodes in order, or None."""
    state: dict[int, int] = {}
    for root in sorted(edges):
        if root in state:
            continue
        path: list[int] = [root]
        state[root] = 1
        stack = [iter(sorted(edges[root]))]
        while stack:
            for node in stack[-1]:
                if state.get(node) == 1:
                    return path[path.index(node) :]
                if node not in state:
                    state[node] = 1
                    path.append(node)
                    stack.append(iter(sorted(edges.get(node, ()))))
                    break
            else:
                state[path.pop()] = 2
                stack.pop()
    return None


def shortest_cycle(edges: dict[int, set[int]], known: list[int]) -> list[int]:
    """The shortest cycle through any node; in a large graph, through a node of the known one."""
    size = sum(map(len, edges.values()))
    best = known
    for start in sorted(edges) if len(edges) * size <= MOST_WORK else known:
        before: dict[int, int] = {}
        layer = [start]
        for _ in range(len(best) - 1):
            following = []
            for node in layer:
                for target in sorted(edges.get(node, ())):
                    if target not in before:
                        before[target] = node
                        following.append(target)
            layer = following
            if start in before:
                cycle = [before[start]]
                while cycle[-1] != start:
                    cycle.append(before[cycle[-1]])
                best = cycle[::-1]
                break
    return best
