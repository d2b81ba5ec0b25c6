"""Guards and updates as Python code: the fast path of the search.

Values are exact: int, bool, and Fraction for reals.  A state is a tuple; `slots` maps variables
to positions in it.  Nodes that are shared or lie deep are assigned to a local first, because
Python's parser nests only so far and a shared term must not be printed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from ...semantics.expr import TRUE, Expr, Op, Scalar, Sort, euclid, popped, pushed, topmost
from ...semantics.system import Obligation, Rule
from ...semantics.walks import postorder
from .common import conjuncts

Values = tuple[Any, ...]
Fire = Callable[[Values, list[tuple[Rule, Values, Values]]], None]
Test = Callable[[Values], bool]
StepTest = Callable[[Values, Values, Values], bool]

DEEP = 25


def real_division(a: Fraction, b: Fraction) -> Fraction:
    return a / b if b else Fraction(0)


def quotient(a: int, b: int) -> int:
    return euclid(a, b)[0]


def remainder(a: int, b: int) -> int:
    return euclid(a, b)[1]


class Writer:
    """Emits the lines of one function.  (`source` and `assign` say how a term reads in Python; a
    writer for another language overrides them.)"""

    def __init__(self, leaf: Callable[[Expr], str]) -> None:
        self.lines: list[str] = []
        self.env: dict[str, object] = {
            "Fraction": Fraction,
            "quotient": quotient,
            "remainder": remainder,
            "real_division": real_division,
            "pushed": pushed,
            "popped": popped,
            "topmost": topmost,
            **{sort.name: sort for sort in Sort},
        }
        self.indent = 1
        self._leaf = leaf
        self._known: dict[int, str] = {}
        self._alive: list[Expr] = []
        self._locals = 0

    def forget(self) -> None:
        """What was assigned so far may not be there in what follows."""
        self._known = {}

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def assign(self, name: str, source: str, node: Expr) -> None:
        """The value of a term gets a name."""
        self.line(f"{name} = {source}")

    def bind(self, value: object) -> str:
        """A name for a Python object inside the function."""
        name = f"k{len(self.env)}"
        self.env[name] = value
        return name

    def terms(self, roots: Sequence[Expr]) -> list[str]:
        """The source of each root; writes the assignments that they need."""
        self._alive.extend(roots)
        order = postorder(roots)
        uses: dict[int, int] = {}
        for node in order:
            for arg in node.args:
                uses[id(arg)] = uses.get(id(arg), 0) + 1
        text = self._known
        depth: dict[int, int] = {}
        for node in order:
            if id(node) in text:
                depth[id(node)] = 0
                continue
            source = self.source(node, [text[id(a)] for a in node.args])
            level = 1 + max((depth[id(a)] for a in node.args), default=-1)
            if node.args and (uses.get(id(node), 0) > 1 or level > DEEP):
                self._locals += 1
                self.assign(f"t{self._locals}", source, node)
                source, level = f"t{self._locals}", 0
            text[id(node)], depth[id(node)] = source, level
        return [text[id(r)] for r in roots]

    def source(self, node: Expr, a: list[str]) -> str:
        match node.op:
            case Op.CONST:
                value = node.value
                if isinstance(value, Fraction | tuple):
                    return self.bind(value)
                return repr(value) if isinstance(value, bool) or value >= 0 else f"({value})"  # type: ignore[operator]
            case Op.VAR | Op.POST | Op.INPUT:
                return self._leaf(node)
            case Op.NOT:
                return f"(not {a[0]})"
            case Op.AND:
                return f"({' and '.join(a)})" if a else "True"
            case Op.OR:
                return f"({' or '.join(a)})" if a else "False"
            case Op.ITE:
                return f"({a[1]} if {a[0]} else {a[2]})"
            case Op.EQ:
                return f"({a[0]} == {a[1]})"
            case Op.LE:
                return f"({a[0]} <= {a[1]})"
            case Op.LT:
                return f"({a[0]} < {a[1]})"
            case Op.ADD:
                return f"({' + '.join(a)})"
            case Op.NEG:
                return f"(-{a[0]})"
            case Op.MUL:
                return f"({a[0]} * {a[1]})"
            case Op.DIV | Op.MOD:
                return self._divide(node, a)
            case Op.TO_REAL:
                return f"Fraction({a[0]})"
            case Op.PUSH:
                return f"pushed({a[0]}, {a[1]})"
            case Op.POP:
                return f"popped({a[0]})"
            case Op.TOP:
                return f"topmost({a[0]}, {node.sort.name})"

    def _divide(self, node: Expr, a: list[str]) -> str:
        if node.sort is Sort.REAL:
            return f"real_division({a[0]}, {a[1]})"
        divisor = node.args[1]
        if divisor.op is Op.CONST and isinstance(divisor.value, int) and divisor.value > 0:
            return f"({a[0]} {'//' if node.op is Op.DIV else '%'} {a[1]})"
        return f"{'quotient' if node.op is Op.DIV else 'remainder'}({a[0]}, {a[1]})"

    def function(self, head: str) -> Any:
        """The finished function; `head` is `f(s, ..)`."""
        source = f"def {head}:\n" + "\n".join(self.lines or ["    pass"]) + "\n"
        exec(compile(source, "<rules>", "exec"), self.env)
        return self.env[head.split("(")[0]]


def _leaf(slots: Mapping[int, int]) -> Callable[[Expr], str]:
    names = {Op.VAR: "s", Op.POST: "n", Op.INPUT: "i"}

    def leaf(node: Expr) -> str:
        at = node.index if node.op is Op.INPUT else slots[node.index]
        return f"{names[node.op]}[{at}]"

    return leaf


def compile_test(parts: Sequence[Expr], leaf: Callable[[Expr], str]) -> Any:
    """`f(s)`: whether all parts hold; `leaf` says how to read a variable of `s`."""
    writer = Writer(leaf)
    for part in parts:
        writer.line(f"if not {writer.terms([part])[0]}: return False")
    writer.line("return True")
    return writer.function("f(s)")


def compile_state(parts: Sequence[Expr], slots: Mapping[int, int]) -> Test:
    """`f(state)`: whether all parts hold."""
    test: Test = compile_test(parts, _leaf(slots))
    return test


def compile_step(goals: Sequence[Obligation], slots: Mapping[int, int]) -> StepTest:
    """`f(before, inputs, after)`: whether the conditions of all the obligations hold."""
    writer = Writer(_leaf(slots))
    for goal in goals:
        writer.line(f"if not {writer.terms([goal.cond])[0]}: return False")
    writer.line("return True")
    test: StepTest = writer.function("f(s, i, n)")
    return test


def compile_rule(
    rule: Rule,
    slots: Mapping[int, int],
    known: Mapping[int, Scalar],
    domains: Sequence[Sequence[Scalar]],
) -> Fire:
    """`f(state, out)` appends (rule, inputs, next state) for every step of the rule.

    `known` are values that the caller has already tested (the rule's location).
    """
    inputs = bool(rule.inputs)

    def leaf(node: Expr) -> str:
        if node.op is Op.INPUT:
            return f"i{node.index}"
        return f"s[{slots[node.index]}]"

    writer = Writer(leaf)
    for part in conjuncts(rule.guard):
        if _tested(part, known):
            continue
        writer.line(f"if not {writer.terms([part])[0]}: return")
    given = f"({', '.join(f'i{k}' for k in range(len(domains)))},)" if inputs else "()"
    if inputs:
        # One loop, however many inputs: Python nests only twenty.
        writer.line(f"for {given} in {writer.bind(tuple(product(*domains)))}:")
        writer.indent += 1
        for part in conjuncts(rule.relation):
            writer.line(f"if not {writer.terms([part])[0]}: continue")
    elif rule.relation is not TRUE:
        writer.line(f"if not {writer.terms([rule.relation])[0]}: return")
    updates = [(v, e) for v, e in rule.updates if v in slots]
    texts = writer.terms([e for _, e in updates])
    writer.line("n = list(s)")
    for (v, _), text in zip(updates, texts, strict=True):
        writer.line(f"n[{slots[v]}] = {text}")
    writer.line(f"out.append(({writer.bind(rule)}, {given}, tuple(n)))")
    fire: Fire = writer.function("f(s, out)")
    return fire


def _tested(part: Expr, known: Mapping[int, Scalar]) -> bool:
    if part.op is not Op.EQ:
        return False
    a, b = part.args
    if b.op is Op.VAR:
        a, b = b, a
    if a.op is Op.VAR and b.op is Op.CONST and a.index in known:
        return known[a.index] == b.value
    return False
