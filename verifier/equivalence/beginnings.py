"""Where two systems with data of any values begin, with the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, Expr, Op, Scalar, eq, var
from ...semantics.observing import plain
from ...semantics.symbolic import is_valid
from ...semantics.walks import substitute
from .runs import OutOfReach
from .symbolic import Moves, Place

MILLISECONDS = 2000
MOST = 64


@dataclass(frozen=True, slots=True)
class Beginning:
    """`values` of the data, by number (`numbered`), over the arguments, which are numbered alike,
    where `cond` holds of these.  `arguments`: there are some."""

    places: tuple[Place, Place]
    cond: Expr
    values: Mapping[int, Expr]
    arguments: bool


def numbered(side: Moves, left: Moves, v: int) -> int:
    """The number of a variable beside those of the other system: the left ones come first."""
    return v if side is left else v + len(left.system.variables)


def beginnings(left: Moves, right: Moves) -> Iterator[Beginning]:
    """For each choice of the arguments that are enumerated; the others are terms.

    Raises OutOfReach, also where the two allow other arguments.
    """
    names: dict[str, tuple[Scalar, ...]] = {}
    for side in (left, right):
        for v, values in side.space.enumerated.items():
            name = plain(side.system, side.system.variables[v].name)
            names[name] = tuple(dict.fromkeys((*names.get(name, ()), *values)))
    choices = list(product(*names.values()))
    if len(choices) > MOST:
        raise OutOfReach("too many arguments")
    for choice in choices:
        begin = _from(left, right, dict(zip(names, choice, strict=True)))
        if begin is not None:
            yield begin


def _from(left: Moves, right: Moves, chosen: Mapping[str, Scalar]) -> Beginning | None:
    values: dict[int, Expr] = {}
    conds: list[Expr] = []
    places: list[Place] = []
    free: dict[str, Expr] = {}
    for side in (left, right):
        system = side.system
        open_ = {v.index: plain(system, v.name) for v in system.variables if v.init is None}
        mine = {v: chosen[name] for v, name in open_.items() if name in chosen}
        cond, start = side.start(mine)
        put: dict[int, Expr] = {}
        for v, name in open_.items():
            if v not in mine:
                sort = system.variables[v].sort
                put[v] = free.setdefault(name, var(numbered(side, left, v), sort))
                if put[v].sort is not sort:
                    raise OutOfReach(f"`{name}` is of different types")
        conds.append(_put(cond, put))
        terms = [_put(e, put) for e in start]
        places.append(side.place(terms))
        values.update((numbered(side, left, v), terms[v]) for v in side.data)
    if not is_valid(eq(conds[0], conds[1]), MILLISECONDS):
        raise OutOfReach("the two allow other arguments")
    if conds[0] is FALSE:
        return None
    return Beginning((places[0], places[1]), conds[0], values, bool(chosen or free))


def _put(term: Expr, values: Mapping[int, Expr]) -> Expr:
    return substitute(term, lambda n: values.get(n.index, n) if n.op is Op.VAR else n)
