"""Times as formulas that people read: sums of products, maxima and minima, of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .expr import Expr, Op, Sort, same
from .system import Variable
from .values import show_duration
from .walks import fold

MOST_TERMS = 40
FEW = 8  # terms and parts that are compared with each other
MOST_SIGNS = 400

Monomial = tuple[str, ...]  # names and `max(..)`, sorted; () is the constant
Sum = dict[Monomial, Fraction]
INFIX = {Op.AND: " and ", Op.OR: " or ", Op.LE: " <= ", Op.LT: " < ", Op.EQ: " == "}


def formula(variables: Sequence[Variable], e: Expr) -> str:
    """Of a time in seconds."""
    made = _Formula(variables)
    text = made.text(fold(e, made.build), True)
    return text if len(text) <= MOST_SIGNS else text[: MOST_SIGNS - 2] + ".."


class _Formula:
    def __init__(self, variables: Sequence[Variable]) -> None:
        self.variables = variables
        self.parts: dict[str, list[Sum]] = {}  # of `max(..)` and `min(..)`
        self.least = {v.name: v.lo for v in variables if v.lo is not None}

    def build(self, e: Expr, args: Sequence[Sum]) -> Sum:
        match e.op:
            case Op.CONST if not isinstance(e.value, bool | tuple) and e.value is not None:
                return {(): Fraction(e.value)} if e.value else {}
            case Op.VAR:
                return {(self.variables[e.index].name,): Fraction(1)}
            case Op.TO_REAL:
                return args[0]
            case Op.ADD:
                return _added(args)
            case Op.NEG:
                return {m: -x for m, x in args[0].items()}
            case Op.MUL if len(args[0]) * len(args[1]) <= MOST_TERMS:
                return _added(
                    [
                        {tuple(sorted((*m, *n))): x * y}
                        for m, x in args[0].items()
                        for n, y in args[1].items()
                    ]
                )
            case Op.DIV if set(args[1]) == {()}:
                return {m: x / args[1][()] for m, x in args[0].items()}
            case Op.ITE if e.args[0].op is Op.LT:
                pair = e.args[0].args
                if same(pair[0], e.args[2]) and same(pair[1], e.args[1]):
                    return self._chosen("max", args[1:])
                if same(pair[0], e.args[1]) and same(pair[1], e.args[2]):
                    return self._chosen("min", args[1:])
        return {(self._other(e, args),): Fraction(1)}

    def _chosen(self, what: str, args: Sequence[Sum]) -> Sum:
        flat: list[Sum] = []
        for a in args:
            name = next(iter(a))[0] if len(a) == 1 and next(iter(a)) else ""
            whole = len(a) == 1 and next(iter(a)) == (name,) and a[(name,)] == 1
            flat += self.parts[name] if whole and name.startswith(f"{what}(") else [a]
        # Of those that differ by a constant, one decides.
        best: dict[tuple[tuple[Monomial, Fraction], ...], Fraction] = {}
        for a in flat:
            key = tuple(sorted((m, x) for m, x in a.items() if m))
            value = a.get((), Fraction(0))
            pick = max if what == "max" else min
            best[key] = pick(best.get(key, value), value)
        sums = [{**dict(key), **({(): value} if value else {})} for key, value in best.items()]
        if what == "max" and len(sums) <= FEW:
            kept: list[Sum] = []
            for k, a in enumerate(sums):
                rest = (*sums[k + 1 :], *kept)
                if not any(self._at_least(b, a) for b in rest):
                    kept.append(a)
            sums = kept
        if len(sums) == 1:
            return sums[0]
        texts = sorted(self.text(a, True) for a in sums[:MOST_TERMS])
        name = f"{what}({', '.join(texts)}{', ..' if len(sums) > MOST_TERMS else ''})"
        self.parts[name] = sums
        return {(name,): Fraction(1)}

    def _at_least(self, b: Sum, a: Sum, deep: int = 2) -> bool:
        """b >= a, plainly."""
        if len(a) > FEW or len(b) > FEW:
            return False
        rest = _added([b, {m: -x for m, x in a.items()}])
        if all(x >= 0 and self._positive(m) for m, x in rest.items()):
            return True
        for m, x in b.items():
            whole = x == 1 and len(m) == 1 and m[0].startswith("max(")
            if deep and whole and len(self.parts.get(m[0], ())) in range(1, FEW + 1):
                others = {n: y for n, y in b.items() if n != m}
                if any(self._at_least(_added([others, p]), a, deep - 1) for p in self.parts[m[0]]):
                    return True
        return False

    def _positive(self, m: Monomial) -> bool:
        return all(name in self.parts or self.least.get(name, -1) >= 0 for name in m)

    def _other(self, e: Expr, args: Sequence[Sum]) -> str:
        texts = [self.text(a, False) for a in args]
        match e.op:
            case Op.CONST:
                return "true" if e.value else "false"
            case Op.ITE:
                then, other = (self.text(a, e.sort is Sort.REAL) for a in args[1:])
                cond = texts[0][1:-1] if texts[0].startswith("(") else texts[0]
                return f"({then} if {cond} else {other})"
            case Op.NOT:
                return f"not {texts[0]}"
            case Op.DIV | Op.MUL | Op.MOD:
                return f"({texts[0]}) {e.op.value} ({texts[1]})"
            case _:
                return f"({INFIX.get(e.op, ' ? ').join(texts)})"

    def text(self, a: Sum, time: bool) -> str:
        """`time`: constants are durations."""
        out = ""
        for m, x in sorted(a.items(), key=lambda item: (not item[0], item[0]))[: 2 * MOST_TERMS]:
            if not x:
                continue
            sign = "-" if x < 0 else "+"
            one = self._term(m, abs(x), time)
            out += f" {sign} {one}" if out else one if x > 0 else f"-{one}"
        return out or ("0s" if time else "0")

    def _term(self, m: Monomial, x: Fraction, time: bool) -> str:
        named = any(self._is_time(name) for name in m)
        factor = show_duration(x) if time and not named else str(x)
        if not m:
            return factor
        return " * ".join(m) if factor == "1" else " * ".join((factor, *m))

    def _is_time(self, name: str) -> bool:
        """A maximum or a choice of times is one already."""
        return name.startswith(("max(", "min(", "(")) or any(
            v.name == name and v.type.__class__.__name__ == "Duration" for v in self.variables
        )


def _added(parts: Sequence[Sum]) -> Sum:
    out: Sum = {}
    for part in parts:
        for m, x in part.items():
            out[m] = out.get(m, Fraction(0)) + x
    return {m: x for m, x in out.items() if x}
