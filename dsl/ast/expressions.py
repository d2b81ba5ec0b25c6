"""Nodes that have a value, and types as written."""

from __future__ import annotations

from dataclasses import field
from fractions import Fraction

from ..closed import ClosedStr
from ..errors import NOWHERE, Span
from ..records import dataclass
from ..types import Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    span: Span = field(default=NOWHERE, compare=False, repr=False)


# --- types as written ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TypeName(Node):
    """`bool`, `int`, `real`, `duration`, `string`, an enum or a `type` alias."""

    name: str


@dataclass(frozen=True, slots=True)
class RangeType(Node):
    """`int a..b`."""

    lo: Expression
    hi: Expression


@dataclass(frozen=True, slots=True)
class RecordType(Node):
    fields: tuple[tuple[str, TypeExpr], ...]


@dataclass(frozen=True, slots=True)
class ArrayType(Node):
    """`T[4]` or `T[Enum]`: `index` is a constant expression or the name of an enum."""

    elem: TypeExpr
    index: Expression


@dataclass(frozen=True, slots=True)
class SetType(Node):
    elem: TypeExpr


@dataclass(frozen=True, slots=True)
class OptionType(Node):
    elem: TypeExpr


TypeExpr = TypeName | RangeType | RecordType | ArrayType | SetType | OptionType

# --- expressions -----------------------------------------------------------------------------


class RefKind(ClosedStr):
    """What a name in an expression stands for."""

    CONST = "constant"
    PARAM = "parameter"
    ENUM_VALUE = "enum value"
    SHARED = "shared variable"
    STORE = "store"
    METRIC = "metric"
    VAR = "variable"  # of the enclosing workflow
    ARG = "argument"  # of the enclosing workflow
    ACTIVITY_ARG = "activity argument"
    RESULT = "result"  # of the activity whose contract this is, or of the workflow in `ensures`
    BINDER = "bound name"  # of a quantifier, `each`, `for p in P`, `receive x`, a law
    ENUM_TYPE = "enum"  # the enum itself, as a domain: `forall s in Status: ..`
    INSTANCES = "workflow"  # a workflow as a domain: `forall o in order: ..`


@dataclass(frozen=True, slots=True, kw_only=True)
class Expr(Node):
    type: Type | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class BoolLit(Expr):
    value: bool


@dataclass(frozen=True, slots=True)
class IntLit(Expr):
    value: int


@dataclass(frozen=True, slots=True)
class RealLit(Expr):
    value: Fraction


@dataclass(frozen=True, slots=True)
class DurationLit(Expr):
    """Seconds; `text` is the spelling (`1h30m`)."""

    value: Fraction
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StrLit(Expr):
    value: str


@dataclass(frozen=True, slots=True)
class Name(Expr):
    name: str
    ref: RefKind | None = field(default=None, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    op: str  # "not" | "-"
    arg: Expression


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    op: str  # "=>" "or" "and" "==" "!=" "<" "<=" ">" ">=" "in" "+" "-" "*" "/" "%"
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Range(Expr):
    """`a..b`, both ends included; only a domain (of a quantifier, `each`, `in`)."""

    lo: Expression
    hi: Expression


@dataclass(frozen=True, slots=True)
class Index(Expr):
    base: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Member(Expr):
    """`r.f`; after checking also `o.x`, a variable of a bound workflow instance."""

    base: Expression
    name: str


@dataclass(frozen=True, slots=True)
class RecordLit(Expr):
    fields: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class ArrayLit(Expr):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class SetLit(Expr):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class NoneLit(Expr):
    """`none` of an option type."""


@dataclass(frozen=True, slots=True)
class Apply(Expr):
    """A built-in function: `some min max abs is_some value size old next`."""

    func: str
    args: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Quantifier(Expr):
    """`forall i in D: e`; `kind` is forall | exists | sum | count.

    `domain` is a Range, an enum or workflow name, or a set/array-valued expression.
    """

    kind: str
    var: str
    domain: Expression
    body: Expression


@dataclass(frozen=True, slots=True)
class StatePredicate(Expr):
    """`done(a)`, `done(o.a)`, `used(r)`, `instances(w)`, `len(c)`, ..; `kind` is its name.

    `instance` is the bound instance (`o`, `self`) or None.
    """

    kind: str  # started running done failed times used free held len instances
    target: str
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class Now(Expr):
    """Virtual time, a duration since the start."""


Expression = (
    BoolLit
    | IntLit
    | RealLit
    | DurationLit
    | StrLit
    | Name
    | Unary
    | Binary
    | Range
    | Index
    | Member
    | RecordLit
    | ArrayLit
    | SetLit
    | NoneLit
    | Apply
    | Quantifier
    | StatePredicate
    | Now
)
