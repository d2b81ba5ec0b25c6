"""Effects (`do`) against a reading of their own: what they leave, and whether all they met was
defined."""

from __future__ import annotations

from random import Random

import pytest
from lowered import run
from wfverify.semantics.expr import euclid

Data = dict[str, int]
NAMES = ("x", "y", "n")


class Reading:
    """Statements and expressions made, written and run at once: a text, and what it does."""

    def __init__(self, seed: int, data: Data) -> None:
        self.r = Random(seed)
        self.data = dict(data)
        self.items = [1, 2]
        self.wrong: set[str] = set()

    def number(self, depth: int, live: bool) -> tuple[str, int]:
        """`live`: control comes here, so that what is not defined counts."""
        pick = self.r.random()
        if depth == 0 or pick < 0.3:
            if self.r.random() < 0.5:
                name = self.r.choice(NAMES)
                return name, self.data[name]
            k = self.r.randrange(3)
            return str(k), k
        a, x = self.number(depth - 1, live)
        if pick >= 0.7:
            b, y = self.variable()
            op = self.r.choice("/%")
            if y == 0 and live:
                self.wrong.add("division by zero")
            return f"({a} {op} {b})", euclid(x, y)[op == "%"]
        b, y = self.number(depth - 1, live)
        if pick < 0.55:
            return f"({a} + {b})", x + y
        return f"({a} - {b})", x - y

    def variable(self) -> tuple[str, int]:
        """No constant: what is always wrong is refused before."""
        name, k = self.r.choice(NAMES), self.r.randrange(2)
        return (f"({name} - 1)" if k else name), self.data[name] - k

    def test(self, live: bool) -> tuple[str, bool]:
        a, x = self.number(1, live)
        b, y = self.number(0, live)
        if self.r.random() < 0.3:
            # The second part is looked at where the first is true only.
            c, z = self.number(1, live and x == y)
            return f"({a} == {b} and {c} >= 0)", x == y and z >= 0
        return (f"({a} < {b})", x < y) if self.r.random() < 0.5 else (f"({a} == {b})", x == y)

    def block(self, size: int, live: bool) -> str:
        return " ; ".join(self.statement(size - 1, live) for _ in range(self.r.randint(1, 2)))

    def statement(self, size: int, live: bool) -> str:
        pick = self.r.random()
        if size <= 0 or pick < 0.4:
            return self.assign(live)
        before = dict(self.data), list(self.items)
        if pick < 0.8:
            cond, holds = self.test(live)
            then, other = self.sides(size, live, holds, before)
            return f"if {cond} {{ {then} }} else {{ {other} }}"
        subject, value = self.number(1, live)
        case = self.r.randrange(3)
        then, other = self.sides(size, live, value == case, before)
        return f"switch ({subject}) {{ case {case} {{ {then} }} default {{ {other} }} }}"

    def sides(
        self, size: int, live: bool, holds: bool, before: tuple[Data, list[int]]
    ) -> tuple[str, str]:
        texts, after = [], []
        for taken in (holds, not holds):
            self.data, self.items = dict(before[0]), list(before[1])
            texts.append(self.block(size, live and taken))
            after.append((self.data, self.items))
        self.data, self.items = after[0 if holds else 1]
        return texts[0], texts[1]

    def assign(self, live: bool) -> str:
        text, value = self.number(2, live)
        name = self.r.choice(NAMES)
        if self.r.random() < 0.7:
            self.data[name] = value
            return f"{name} := {text}"
        index, at = self.variable()
        if 0 <= at < 2:
            self.items[at] = value
        elif live:
            self.wrong.add("index out of range")
        return f"ar[{index}] := {text}"


def differences(seed: int) -> list[str]:
    r = Random(seed)
    data = {name: r.randrange(3) for name in NAMES}
    reading = Reading(seed, data)
    text = reading.block(3, True)
    first = " ".join(f"var {name}: int = {value}" for name, value in data.items())
    graph = run(
        f"""
workflow w {{
  {first} var ar: int[2] = [1, 2]
  activity a {{ do {{ {text} }} }}
  run {{ a }}
}}
system {{ w }}
"""
    )
    out = []
    names = (*NAMES, "ar[0]", "ar[1]")
    values = [str(x) for x in (*(reading.data[n] for n in NAMES), *reading.items)]
    if graph.outcomes(*names) != {("completed", *values)}:
        out.append(f"{data} {text}: {graph.outcomes(*names)}, not {values}")
    said = set(graph.broken_goals("arithmetic"))
    if said != reading.wrong:
        out.append(f"{data} {text}: said to be wrong {said}, is {reading.wrong}")
    return out


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_random_effects(first: int) -> None:
    for seed in range(first, first + 50):
        assert differences(seed) == []


def test_they_are_of_all_kinds() -> None:
    found: set[str] = set()
    for seed in range(300):
        r = Random(seed)
        reading = Reading(seed, {name: r.randrange(3) for name in NAMES})
        reading.block(3, True)
        found |= reading.wrong or {"defined"}
    assert found == {"defined", "division by zero", "index out of range"}
