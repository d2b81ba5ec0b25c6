"""The LALR(1) tables at run time: decoded from `_tables.py`, or built when that is stale."""

from __future__ import annotations

from functools import cache

from .records import dataclass

PASS, LIST, COLLECT, ACT = range(4)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a reduction does.

    `kind`: PASS hands its only child on, LIST makes an inlined list, COLLECT hands a single
    child on and acts on several, ACT calls the action.  `simple` holds the indices of the
    children where none is inlined and none absent, otherwise `steps` says it all.  A `unit` only
    hands on what is on top of the stack, a `leaf` acts on nothing but that, and `grows` (not 0) is
    the index of the one child that a list takes in.  What only `moves` makes no new value.
    """

    origin: int
    length: int
    kind: int
    action: str
    simple: tuple[int, ...] | None
    steps: tuple[tuple[int, bool, int], ...]
    trailing: int
    unit: bool
    leaf: bool
    grows: int
    moves: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """`actions[state][terminal]`: >= 0 shift to that state, < 0 reduce by rule `-1 - value`."""

    actions: tuple[dict[str, int], ...]
    gotos: tuple[dict[int, int], ...]
    rules: tuple[Rule, ...]
    end: int


@cache
def tables() -> Tables:
    """The tables of the grammar that lies beside this module."""
    from . import _tables, tablegen

    grammar = tablegen.grammar_text()
    if tablegen.digest(grammar) == _tables.GRAMMAR:
        data = tablegen.unpack(_tables.TABLES)
    else:
        data = tablegen.build(grammar)[0]
    names = data["terminals"]
    rows = [{names[t]: a for t, a in zip(row[::2], row[1::2], strict=True)} for row in data["rows"]]
    gotos = tuple(dict(zip(row[::2], row[1::2], strict=True)) for row in data["gotos"])
    return Tables(
        tuple(rows[r] for r in data["actions"]),
        gotos,
        tuple(_rule(*rule) for rule in data["rules"]),
        data["end"],
    )


def _rule(
    origin: int, length: int, action: str, expand1: int, steps: list[list[int]], trailing: int
) -> Rule:
    plain = all(not inline and not absent for _, inline, absent in steps) and not trailing
    if not action:
        kind = LIST
    elif expand1:
        kind = PASS if plain and len(steps) == 1 else COLLECT
    else:
        kind = ACT
    simple = tuple(i for i, _, _ in steps) if plain else None
    unit = kind in (PASS, COLLECT) and length == 1 and simple == (0,)
    grows = steps[1][0] if kind == LIST and _grows(steps) and not trailing else 0
    return Rule(
        origin,
        length,
        kind,
        action,
        simple,
        tuple((i, bool(inline), absent) for i, inline, absent in steps),
        trailing,
        unit,
        kind == ACT and length == 1 and [step[:2] for step in steps] == [[0, 0]],
        grows,
        kind == PASS or unit or grows > 0,
    )


def _grows(steps: list[list[int]]) -> bool:
    """A list, and one more behind it."""
    return len(steps) == 2 and steps[0] == [0, 1, 0] and steps[1][1:] == [0, 0]
