"""How much can follow each state of a search for the latest end: the search the other way round.

Of a state a hull of what follows is kept: bounds on differences of the present and of the ends of
what runs, and how much later than each of them the whole may end.  It is made from the states that
can come next, the last ones first.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from .response_network import Network, State, members

# To each state from others: whose end it is, and what starts then.
Edges = dict[State, dict[State, tuple[int, int]]]


class Following:
    def __init__(self, network: Network, edges: Edges, until: float) -> None:
        self.network = network
        self.edges = edges
        self.until = until
        self.ahead: dict[State, list[int]] = {}
        self.rows: dict[State, list[list[int]]] = {}

    def found(self) -> Mapping[State, list[int]] | None:
        """Of each state from which the end can be reached: how much later the whole may end than
        now, and than the end of each activity that runs, by number.  None: out of time."""
        last = self.network.all, 0, False
        self.ahead[last] = [0]
        self.rows[last] = [[0]]
        for state in sorted(self.edges, key=lambda s: s[0].bit_count(), reverse=True):
            if state not in self.ahead:
                continue
            if time.monotonic() > self.until:
                return None
            for before, (ended, started) in self.edges[state].items():
                self.back(before, ended, started, state)
        return self.ahead

    def back(self, before: State, ended: int, started: int, state: State) -> None:
        """Over one step, at the present of `state`."""
        network = self.network
        ahead, rows = self.ahead[state], self.rows[state]
        runs = members(state[1])
        for place, k in enumerate(runs, 1):
            if started >> k & 1:
                # It starts now, so how long it lasts bounds when it ends.
                rows = _tightened(rows, place, 0, network.hi[k])
                rows = _tightened(rows, 0, place, -network.lo[k])
        if any(rows[i][i] < 0 for i in range(len(rows))):
            return
        ahead = [min(a + rows[j][i] for j, a in enumerate(ahead)) for i in range(len(ahead))]
        position = {k: place for place, k in enumerate(runs, 1)}
        mine = members(before[1])
        order = [position[k] if k != ended else 0 for k in mine]
        # All that ran before ends no later than so much after what is the present there.
        most = [network.hi[k] for k in mine]
        after = [min(h + rows[i][j] for h, j in zip(most, order, strict=True)) for i in order]
        if before[2]:
            after = [min(a, rows[i][0]) for a, i in zip(after, order, strict=True)]
        sooner = [rows[0][j] for j in order]
        if any(a + s < 0 for a, s in zip(after, sooner, strict=True)):
            return
        new = [[0, *sooner]]
        for a, i in zip(after, order, strict=True):
            new.append([a, *(min(rows[i][j], a + s) for j, s in zip(order, sooner, strict=True))])
        later = min(h + ahead[j] for h, j in zip(most, order, strict=True))
        if before[2]:
            later = min(later, ahead[0])
        further = [later, *(min(ahead[i], later + s) for i, s in zip(order, sooner, strict=True))]
        if before in self.ahead:
            further = list(map(max, further, self.ahead[before]))
            new = [list(map(max, a, b)) for a, b in zip(new, self.rows[before], strict=True)]
        self.ahead[before], self.rows[before] = further, new


def _tightened(rows: list[list[int]], i: int, j: int, most: int) -> list[list[int]]:
    """With x_i - x_j <= most; the diagonal is negative where nothing is left."""
    if rows[i][j] <= most:
        return rows
    from_j = rows[j]
    return [
        [min(old, row[i] + most + last) for old, last in zip(row, from_j, strict=True)]
        for row in rows
    ]
