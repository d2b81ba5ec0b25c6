"""Decision diagrams: ordered, shared, anything at the leaves (Bryant 1986, Fujita et al. 1997).

One `Diagrams` holds the conditions (leaves True and False) and the behaviours (leaves: what is
done next) of both terms, so that equal ones are the same number.
"""

from __future__ import annotations

from collections.abc import Hashable

Cube = tuple[tuple[str, bool], ...]  # values of atomic tests, as far as they matter


class TooMany(Exception):
    """More nodes than allowed."""


class Diagrams:
    """Nodes are numbers.  A leaf has level LEAF and a value, another a variable and two nodes.

    Variables are numbers; smaller ones are tested first.
    """

    LEAF = 1 << 60

    def __init__(self, limit: int = 1_500_000) -> None:
        self.level: list[int] = []
        self.high: list[int] = []
        self.low: list[int] = []
        self.value: dict[int, Hashable] = {}
        self._leaves: dict[Hashable, int] = {}
        self._nodes: dict[tuple[int, int, int], int] = {}
        self._ite: dict[tuple[int, int, int], int] = {}
        self._limit = limit
        self.false = self.leaf(False)
        self.true = self.leaf(True)

    def leaf(self, value: Hashable) -> int:
        # True == 1 and False == 0 for a dictionary: the type goes into the key.
        key = (type(value), value)
        found = self._leaves.get(key)
        if found is None:
            found = self._leaves[key] = self._new(self.LEAF, 0, 0)
            self.value[found] = value
        return found

    def node(self, variable: int, high: int, low: int) -> int:
        if high == low:
            return high
        key = (variable, high, low)
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = self._new(variable, high, low)
        return found

    def _new(self, level: int, high: int, low: int) -> int:
        if len(self.level) >= self._limit:
            raise TooMany(f"more than {self._limit} nodes")
        self.level.append(level)
        self.high.append(high)
        self.low.append(low)
        return len(self.level) - 1

    def variable(self, variable: int) -> int:
        return self.node(variable, self.true, self.false)

    def not_(self, a: int) -> int:
        return self.ite(a, self.false, self.true)

    def ite(self, cond: int, then: int, orelse: int) -> int:
        """`then` where the condition holds, `orelse` elsewhere."""
        level, high, low, memo = self.level, self.high, self.low, self._ite
        values: list[int] = []
        # A frame is a triple to be found, or (variable, triple) whose two halves are on `values`.
        todo: list[tuple[int, int, int] | tuple[int, tuple[int, int, int]]] = [(cond, then, orelse)]
        while todo:
            item = todo.pop()
            if len(item) == 2:
                v, triple = item
                b = values.pop()
                a = values.pop()
                memo[triple] = made = self.node(v, a, b)
                values.append(made)
                continue
            f, g, h = item
            if f == self.true or g == h:
                values.append(g)
                continue
            if f == self.false:
                values.append(h)
                continue
            known = memo.get(item)
            if known is not None:
                values.append(known)
                continue
            v = level[f]
            below = level[g] if level[g] < level[h] else level[h]
            if v < below and high[f] == self.true and low[f] == self.false:
                memo[item] = made = self.node(v, g, h)
                values.append(made)
                continue
            v = min(v, below)
            f1, f0 = (high[f], low[f]) if level[f] == v else (f, f)
            g1, g0 = (high[g], low[g]) if level[g] == v else (g, g)
            h1, h0 = (high[h], low[h]) if level[h] == v else (h, h)
            todo.append((v, item))
            todo.append((f0, g0, h0))
            todo.append((f1, g1, h1))
        return values[0]
