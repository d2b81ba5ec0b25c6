"""Small random transition systems with finite types, for comparison with the oracle.

Ranges of 0..20 are too wide for the search to enumerate, so it treats them as symbolic data,
while the oracle tries them all.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random

from wfverify.dsl.errors import NOWHERE
from wfverify.dsl.types import Bool, Enum, Int
from wfverify.semantics import expr as e
from wfverify.semantics.expr import FALSE, TRUE, Expr, Sort
from wfverify.semantics.system import (
    Input,
    Instance,
    Obligation,
    Point,
    PointKind,
    Rule,
    RuleKind,
    Thread,
    TransitionSystem,
    Variable,
    VarKind,
)
from wfverify.semantics.walks import substitute

COLOUR = Enum("Colour", ("red", "green", "blue"))
WIDE = 20


class Maker:
    def __init__(self, seed: int, wide: bool = True) -> None:
        self.r = Random(seed)
        self.wide = wide
        self.variables: list[Variable] = []
        self.inputs: list[Input] = []

    def add(self, name: str, sort: Sort, kind: VarKind, init: Expr | None, **more: object) -> int:
        index = len(self.variables)
        type_ = more.pop("type", Bool() if sort is Sort.BOOL else Int())
        self.variables.append(
            Variable(index, name, sort, type_, kind, init, **more)  # type: ignore[arg-type]
        )
        return index

    def some(self, sort: Sort) -> list[Expr]:
        """Leaves of a sort."""
        out = [e.var(v.index, v.sort) for v in self.variables if v.sort is sort]
        out += [e.inp(k, i.sort) for k, i in enumerate(self.inputs) if i.sort is sort]
        return out

    def bool(self, depth: int) -> Expr:
        r = self.r
        k = r.randrange(8) if depth else 7
        if k == 0:
            return e.not_(self.bool(depth - 1))
        if k in (1, 2):
            join = e.and_ if k == 1 else e.or_
            return join(self.bool(depth - 1), self.bool(depth - 1))
        if k in (3, 4, 5):
            compare = (e.le, e.lt, e.eq)[k - 3]
            return compare(self.int(depth - 1), self.int(depth - 1))
        if k == 6 and depth:
            a, b = self.int(depth - 1), self.int(depth - 1)
            half = e.div(e.to_real(a), e.const(Fraction(2)))
            return e.le(half, e.to_real(b))
        leaves = self.some(Sort.BOOL)
        return r.choice(leaves) if leaves and r.random() < 0.8 else e.const(r.random() < 0.5)

    def int(self, depth: int) -> Expr:
        r = self.r
        k = r.randrange(8) if depth else 7
        if k in (0, 1):
            return e.add(self.int(depth - 1), self.int(depth - 1))
        if k == 2:
            return e.sub(self.int(depth - 1), self.int(depth - 1))
        if k == 3:
            return e.mul(self.int(depth - 1), e.const(r.randrange(-2, 3)))
        if k == 4:
            return e.ite(self.bool(depth - 1), self.int(depth - 1), self.int(depth - 1))
        if k == 5:
            op = r.choice((e.div, e.mod))
            return op(self.int(depth - 1), e.const(r.choice((2, 3, -3, 0))))
        leaves = self.some(Sort.INT)
        return r.choice(leaves) if leaves and r.random() < 0.7 else e.const(r.randrange(-1, 5))

    def bounded(self, depth: int) -> Expr:
        """An integer that stays small, so that the system is finite."""
        r = self.r
        k = r.randrange(5)
        data = [x for x in self.some(Sort.INT) if x.op is not e.Op.VAR or self.is_data(x.index)]
        if k == 0 or not data:
            return e.const(r.randrange(0, 4))
        if k == 1:
            return r.choice(data)
        if k == 2:
            return e.ite(self.bool(depth), r.choice(data), e.const(r.randrange(3)))
        return e.mod(self.int(depth), e.const(r.choice((3, 5, 7))))

    def is_data(self, index: int) -> bool:
        return self.variables[index].kind is VarKind.DATA


def random_system(seed: int, *, wide: bool = True, excluded: bool = False) -> TransitionSystem:
    """Two or three threads over shared data; each instance is a thread."""
    m = Maker(seed, wide)
    r = m.r
    threads: list[Thread] = []
    count = r.choice((1, 2, 2, 3))
    sizes = []
    for t in range(count):
        size = r.randrange(3, 5)
        location = m.add(f"loc{t}", Sort.INT, VarKind.LOCATION, e.const(0), instance=t)
        kinds = [PointKind.ENTRY, *[PointKind.READY] * (size - 2), PointKind.END]
        points = tuple(Point(p, kinds[p], f"p{p}", NOWHERE) for p in range(size))
        threads.append(Thread(t, f"t{t}", t, location, None, points))
        sizes.append(size)
    m.add("flag", Sort.BOOL, VarKind.DATA, None if r.random() < 0.3 else e.const(False))
    m.add("colour", Sort.INT, VarKind.DATA, e.const(0), type=COLOUR)
    x = m.add("x", Sort.INT, VarKind.DATA, e.const(r.randrange(3)))
    if wide and r.random() < 0.5:
        m.add("n", Sort.INT, VarKind.PARAM, None, lo=0, hi=WIDE, type=Int(0, WIDE))
    if r.random() < 0.5:
        m.add("y", Sort.INT, VarKind.DATA, e.var(x, Sort.INT) if r.random() < 0.5 else e.const(1))
    initial = m.bool(1) if r.random() < 0.3 else TRUE
    rules: list[Rule] = []
    for t in range(count):
        for _ in range(r.randrange(2, 6)):
            rules.append(_rule(m, len(rules), t, threads[t].location, sizes[t]))
    m.inputs = []
    instances = tuple(
        Instance(t, f"w[{t}]", "w", t, sizes[t] - 1, sizes[t] - 1, 0, NOWHERE) for t in range(count)
    )
    obligations = []
    for _ in range(3):
        obligations.append(Obligation("invariant", "", m.bool(2), "", NOWHERE))
    if rules:
        chosen = r.randrange(len(rules))
        m.inputs = list(rules[chosen].inputs)
        obligations.append(Obligation("arithmetic", "", m.bool(2), "", NOWHERE, rule=chosen))
        m.inputs = []
    obligations.append(Obligation("always", "", _step(m, m.bool(2)), "", NOWHERE, every_step=True))
    return TransitionSystem(
        name=f"random{seed}",
        variables=tuple(m.variables),
        initial=initial,
        rules=tuple(rules),
        threads=tuple(threads),
        instances=instances,
        resources=(),
        obligations=tuple(obligations),
        errors=(),
        excluded=m.bool(2) if excluded else FALSE,
    )


def _step(m: Maker, condition: Expr) -> Expr:
    """p => next(p), or next(p)."""
    after = substitute(condition, lambda n: e.post(n.index, n.sort) if n.op is e.Op.VAR else n)
    return e.implies(condition, after) if m.r.random() < 0.7 else after


def _rule(m: Maker, index: int, thread: int, location: int, size: int) -> Rule:
    r = m.r
    inputs: list[Input] = []
    if r.random() < 0.4:
        k = r.randrange(3 if m.wide else 2)
        if k == 0:
            inputs.append(Input("b", Sort.BOOL, Bool()))
        elif k == 1:
            inputs.append(Input("c", Sort.INT, COLOUR))
        else:
            inputs.append(Input("i", Sort.INT, Int(0, WIDE), 0, WIDE))
    here = r.randrange(size - 1)
    there = min(size - 1, here + 1) if r.random() < 0.7 else r.randrange(size)
    guard = e.eq(e.var(location, Sort.INT), e.const(here))
    if r.random() < 0.5:
        guard = e.and_(guard, m.bool(2))
    m.inputs = inputs
    target: Expr = e.const(there)
    if r.random() < 0.2:
        target = e.ite(m.bool(1), e.const(there), e.const(min(size - 1, here + 1)))
    own = [(location, target)]
    for v in m.variables:
        if v.kind is not VarKind.DATA or r.random() < 0.6:
            continue
        if v.sort is Sort.BOOL:
            own.append((v.index, m.bool(2)))
        elif v.type is COLOUR:
            colours = [e.const(k) for k in range(3)]
            colours += [e.inp(k, Sort.INT) for k, i in enumerate(inputs) if i.type is COLOUR]
            own.append((v.index, e.ite(m.bool(1), r.choice(colours), r.choice(colours))))
        else:
            own.append((v.index, m.bounded(2)))
    relation = m.bool(2) if inputs and r.random() < 0.5 else TRUE
    m.inputs = []
    return Rule(
        index,
        f"r{index}",
        RuleKind.STEP,
        thread,
        thread,
        guard,
        tuple(own),
        NOWHERE,
        relation=relation,
        inputs=tuple(inputs),
    )
