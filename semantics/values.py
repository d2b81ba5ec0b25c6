"""The plain reading of terms as exact values, and of rules as steps.

This is the reference: short, free of recursion, and slow.  The interpreter's generated code is
tested against it, and counterexamples are replayed with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
from typing import assert_never

from ..dsl.types import Bool, Duration, Enum, Int, Real, Str, Type
from .expr import Expr, Op, Scalar, Sort, euclid, popped, pushed, topmost
from .system import Input, Rule, TransitionSystem, Variable
from .walks import fold

State = Sequence[Scalar]


class Unreadable(ValueError):
    """A value that a person gave is not one of the type."""


def evaluate(
    expr: Expr, state: State, inputs: Sequence[Scalar] = (), after: State | None = None
) -> Scalar:
    """The value of `expr`; `after` is the state after the step, needed only where POST occurs."""

    def build(node: Expr, args: Sequence[Scalar]) -> Scalar:
        return _apply(node, args, state, inputs, after)

    return fold(expr, build)


def reader(state: State) -> Callable[[Expr], Scalar]:
    """Values of many terms in one state, shared parts evaluated once over all of them.

    The terms must live as long as the reader: it remembers them by identity.
    """
    memo: dict[int, Scalar] = {}

    def build(node: Expr, args: Sequence[Scalar]) -> Scalar:
        return _apply(node, args, state, (), None)

    return lambda expr: fold(expr, build, memo)


def evaluate_all(
    exprs: Sequence[Expr], state: State, inputs: Sequence[Scalar] = (), after: State | None = None
) -> list[Scalar]:
    """The values of several terms, each shared part evaluated once."""
    memo: dict[int, Scalar] = {}

    def build(node: Expr, args: Sequence[Scalar]) -> Scalar:
        return _apply(node, args, state, inputs, after)

    return [fold(expr, build, memo) for expr in exprs]


def _apply(
    node: Expr,
    args: Sequence[Scalar],
    state: State,
    inputs: Sequence[Scalar],
    after: State | None,
) -> Scalar:
    match node.op:
        case Op.CONST:
            assert node.value is not None
            return node.value
        case Op.VAR:
            return state[node.index]
        case Op.POST:
            if after is None:
                raise ValueError("the state after the step is needed to read next(..)")
            return after[node.index]
        case Op.INPUT:
            return inputs[node.index]
        case Op.NOT:
            return not args[0]
        case Op.AND:
            return all(args)
        case Op.OR:
            return any(args)
        case Op.ITE:
            return args[1] if args[0] else args[2]
        case Op.EQ:
            return args[0] == args[1]
        case Op.LE:
            return args[0] <= args[1]
        case Op.LT:
            return args[0] < args[1]
        case Op.ADD:
            return sum(args, Fraction(0) if node.sort is Sort.REAL else 0)
        case Op.NEG:
            return -args[0]
        case Op.MUL:
            return args[0] * args[1]
        case Op.DIV:
            if node.sort is Sort.REAL:
                return Fraction(args[0]) / args[1] if args[1] else Fraction(0)
            return euclid(int(args[0]), int(args[1]))[0]
        case Op.MOD:
            return euclid(int(args[0]), int(args[1]))[1]
        case Op.TO_REAL:
            return Fraction(args[0])
        case Op.PUSH:
            return pushed(args[0], args[1])  # type: ignore[no-any-return]
        case Op.POP:
            return popped(args[0])  # type: ignore[no-any-return]
        case Op.TOP:
            return topmost(args[0], node.sort)  # type: ignore[no-any-return]
        case _:
            assert_never(node.op)


# --- rules -----------------------------------------------------------------------------------


def enabled(rule: Rule, state: State) -> bool:
    """Whether the guard holds (whether inputs exist is another question)."""
    return bool(evaluate(rule.guard, state))


def fire(rule: Rule, state: State, inputs: Sequence[Scalar] = ()) -> tuple[Scalar, ...]:
    """The state after the step; every update reads `state`.  Guard and relation not checked."""
    after = list(state)
    targets = [v for v, _ in rule.updates]
    values = evaluate_all([e for _, e in rule.updates], state, inputs)
    for index, value in zip(targets, values, strict=True):
        after[index] = value
    return tuple(after)


def relation_holds(
    rule: Rule, state: State, inputs: Sequence[Scalar], after: State | None = None
) -> bool:
    """Whether the environment may answer `inputs`: number, bounds and relation."""
    if len(inputs) != len(rule.inputs):
        return False
    for given, declared in zip(inputs, rule.inputs, strict=True):
        if not fits(declared, given):
            return False
    return bool(evaluate(rule.relation, state, inputs, after))


def fits(declared: Input | Variable, value: Scalar) -> bool:
    """Whether `value` is of the declared sort and range."""
    if isinstance(value, bool) != (declared.sort is Sort.BOOL):
        return False
    if isinstance(value, tuple) != (declared.sort is Sort.STACK):
        return False
    if declared.sort is Sort.INT and not isinstance(value, int):
        return False
    if isinstance(declared.type, Enum) and not 0 <= value < len(declared.type.values):
        return False
    if declared.lo is not None and value < declared.lo:
        return False
    return declared.hi is None or value <= declared.hi


def initial_state(
    system: TransitionSystem, choices: Mapping[int, Scalar] | Sequence[Scalar] = ()
) -> tuple[Scalar, ...]:
    """The first state; `choices` gives the free variables, by index or in order of index.

    `system.initial` is not checked: see `initial_holds`.
    """
    queue = [] if isinstance(choices, Mapping) else list(reversed(choices))
    state: list[Scalar] = []
    for variable in system.variables:
        if variable.init is not None:
            state.append(evaluate(variable.init, state))
        elif isinstance(choices, Mapping):
            if variable.index not in choices:
                raise ValueError(f"no value was chosen for {variable.name}")
            state.append(choices[variable.index])
        elif queue:
            state.append(queue.pop())
        else:
            raise ValueError(f"no value was chosen for {variable.name}")
    return tuple(state)


def initial_holds(system: TransitionSystem, state: State) -> bool:
    """Whether `state` is a first state of the system."""
    if len(state) != len(system.variables):
        return False
    for variable in system.variables:
        if variable.init is None:
            if not fits(variable, state[variable.index]):
                return False
        elif evaluate(variable.init, state) != state[variable.index]:
            return False
    return bool(evaluate(system.initial, state))


# --- as text ---------------------------------------------------------------------------------


def show(declared: Variable | Input | Type, value: Scalar, strings: Sequence[str] = ()) -> str:
    """`value` as a person would write it: enum names, quoted strings, durations, decimals."""
    kind = declared.type if isinstance(declared, Variable | Input) else declared
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(show(_kind(x), x) for x in value)}]"
    if isinstance(kind, Enum) and isinstance(value, int):
        return kind.values[value] if 0 <= value < len(kind.values) else str(value)
    if isinstance(kind, Str) and isinstance(value, int):
        # A number beyond the table is a string that the spec does not mention.
        return f'"{strings[value]}"' if 0 <= value < len(strings) else f'"<other {value}>"'
    if isinstance(kind, Duration):
        return show_duration(Fraction(value))
    return show_number(value)


def _kind(value: Scalar) -> Type:
    return Real() if isinstance(value, Fraction) else Int()


def show_number(value: int | Fraction) -> str:
    """A decimal where it is finite and short, otherwise `p/q`."""
    if isinstance(value, int):
        return str(value)
    if value.denominator == 1:
        return str(value.numerator)
    digits, rest = 0, value.denominator
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest //= prime
            power += 1
        digits = max(digits, power)
    if rest != 1 or digits > 12:
        return f"{value.numerator}/{value.denominator}"
    scaled = str(abs(value.numerator) * 10**digits // value.denominator).rjust(digits + 1, "0")
    return ("-" if value < 0 else "") + f"{scaled[:-digits]}.{scaled[-digits:]}"


_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def show_duration(seconds: Fraction) -> str:
    """Exact, as the language writes it: `1h30m`, `2.5s`, `250ms`, `-3s`, `1/3 s`."""
    if seconds < 0:
        return "-" + show_duration(-seconds)
    if 0 < seconds < 1 and (seconds * 1000).denominator == 1:
        return f"{seconds * 1000}ms"
    text, rest = "", seconds
    for unit, size in _UNITS:
        count = rest // size
        if count:
            text += f"{count}{unit}"
            rest -= count * size
    if rest or not text:
        number = show_number(rest)
        text += f"{number} s" if "/" in number else f"{number}s"
    return text


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZES = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "h": Fraction(3600)}


def read_duration(text: str) -> Fraction:
    """`1h30m`, `250ms`; a bare number is seconds."""
    total, at = Fraction(0), 0
    stripped = text.strip()
    if len(stripped) > 1000:
        raise Unreadable(f"`{stripped[:20]}..` is not a duration")
    for found in _DURATION.finditer(stripped):
        if found.start() != at:
            break
        total += Fraction(found[1]) * _SIZES.get(found[2], Fraction(86400))
        at = found.end()
    if stripped and at == len(stripped):
        return total
    try:
        return _fraction(stripped)
    except (ValueError, ZeroDivisionError):
        raise Unreadable(f"`{text}` is not a duration; write one like 250ms, 1.5s or 1h30m") from (
            None
        )


def _fraction(text: str) -> Fraction:
    """Exact.  A large exponent is refused: as a fraction it would fill the memory."""
    _, _, exponent = text.lower().partition("e")
    if len(exponent) > 4:
        raise ValueError(text)
    return Fraction(text)


def read(declared: Variable | Input, given: object, strings: Sequence[str] = ()) -> Scalar:
    """The value that a person wrote (text, or a JSON number or bool) for a variable or input.

    Raises `Unreadable` with the mend when it is not one of the type or range.
    """
    value = _read(declared, given, strings)
    if not fits(declared, value):
        bounds = [str(b) if b is not None else "" for b in (declared.lo, declared.hi)]
        raise Unreadable(f"{given} is outside {'..'.join(bounds)}, the range of `{declared.name}`")
    return value


def _read(declared: Variable | Input, given: object, strings: Sequence[str]) -> Scalar:
    kind, text = declared.type, str(given).strip()
    wrong = Unreadable(f"`{given}` is not a value of `{declared.name}`, which is of type {kind}")
    if isinstance(kind, Bool) or declared.sort is Sort.BOOL:
        if text.lower() not in ("true", "false"):
            raise wrong
        return text.lower() == "true"
    if isinstance(given, bool):
        raise wrong
    if isinstance(kind, Enum):
        if text in kind.values:
            return kind.values.index(text)
        near = get_close_matches(text, kind.values, 1)
        hint = f"; did you mean `{near[0]}`?" if near else f"; one of {', '.join(kind.values)}"
        raise Unreadable(f"`{text}` is not a value of {kind}{hint}")
    if isinstance(kind, Str):
        bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
        if bare in strings:
            return strings.index(bare)
        # Strings are compared only: one that the spec does not mention differs from all of them.
        return len(strings)
    if isinstance(kind, Duration):
        return read_duration(text)
    try:
        if isinstance(kind, Real) or declared.sort is Sort.REAL:
            return _fraction(text)
        if isinstance(kind, Int) or declared.sort is Sort.INT:
            return int(text)
    except (ValueError, ZeroDivisionError):
        raise wrong from None
    raise wrong
