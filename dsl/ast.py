"""The syntax tree of a `.wf` file: frozen nodes, every one with its span.

Spans, types and references are left out of equality, so that a formatted file can be compared
with its source.  The parser leaves `type` and `ref` at None; `dsl.check` returns the same tree
with them filled in.  Importers build these nodes as well: an imported machine is a workflow
whose body is a `Flow`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from .errors import NOWHERE, Diagnostic, Span
from .types import Type


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


class RefKind(StrEnum):
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

# --- terms -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim(Node):
    """One claim of a resource.  `mode` is units | shared | exclusive; `amount` only for units."""

    resource: str
    mode: str = "units"
    amount: Expression | None = None  # None: one unit
    key: Expression | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class RetrySpec(Node):
    """`attempts` more attempts after the first, on `errors` (empty: on every error)."""

    attempts: Expression
    errors: tuple[str, ...] = ()
    backoff: Expression | None = None
    factor: Expression | None = None
    max: Expression | None = None
    jitter: Expression | None = None


@dataclass(frozen=True, slots=True)
class Skip(Node):
    pass


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An activity or a child workflow; `bind` receives the result (`x <- name(args)`)."""

    name: str
    args: tuple[Expression, ...] = ()
    bind: Expression | None = None


@dataclass(frozen=True, slots=True)
class Assign(Node):
    target: Expression
    value: Expression
    op: str = ":="  # ":=" | "+=" | "-="


@dataclass(frozen=True, slots=True)
class Fail(Node):
    error: str


@dataclass(frozen=True, slots=True)
class Assert(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class Assume(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class Return(Node):
    value: Expression | None = None


@dataclass(frozen=True, slots=True)
class Seq(Node):
    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Par(Node):
    """`policy` is all (fail fast) | wait_all | any | n (then `n` successes are needed)."""

    parts: tuple[Term, ...]
    policy: str = "all"
    n: Expression | None = None


@dataclass(frozen=True, slots=True)
class Choice(Node):
    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class If(Node):
    cond: Expression
    then: Term
    orelse: Term | None = None


@dataclass(frozen=True, slots=True)
class Case(Node):
    values: tuple[Expression, ...]
    body: Term


@dataclass(frozen=True, slots=True)
class Switch(Node):
    subject: Expression
    cases: tuple[Case, ...]
    default: Term | None = None


@dataclass(frozen=True, slots=True)
class While(Node):
    cond: Expression
    body: Term
    at_most: Expression | None = None
    decreases: Expression | None = None


@dataclass(frozen=True, slots=True)
class Each(Node):
    """`each i in D [seq | at_most k at once] [tolerate n as bad] { }`."""

    var: str
    domain: Expression
    body: Term
    sequential: bool = False
    at_once: Expression | None = None
    tolerate: Expression | None = None
    bad: Expression | None = None


@dataclass(frozen=True, slots=True)
class Within(Node):
    """Exactly one of `duration`, `until`, `receive` is given."""

    body: Term
    orelse: Term | None = None
    duration: Expression | None = None
    until: Expression | None = None
    receive: Receive | None = None


@dataclass(frozen=True, slots=True)
class Handler(Node):
    """`catch E, F { }`; `errors` is empty for `catch *`."""

    errors: tuple[str, ...]
    body: Term


@dataclass(frozen=True, slots=True)
class Try(Node):
    body: Term
    handlers: tuple[Handler, ...] = ()
    final: Term | None = None


@dataclass(frozen=True, slots=True)
class Retry(Node):
    spec: RetrySpec
    body: Term


@dataclass(frozen=True, slots=True)
class Saga(Node):
    body: Term


@dataclass(frozen=True, slots=True)
class Using(Node):
    claims: tuple[Claim, ...]
    body: Term


@dataclass(frozen=True, slots=True)
class Transaction(Node):
    body: Term


@dataclass(frozen=True, slots=True)
class Abort(Node):
    pass


@dataclass(frozen=True, slots=True)
class Require(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class Atomic(Node):
    body: Term


@dataclass(frozen=True, slots=True)
class NoCancel(Node):
    body: Term


@dataclass(frozen=True, slots=True)
class Wait(Node):
    duration: Expression


@dataclass(frozen=True, slots=True)
class WaitUntil(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class Send(Node):
    value: Expression
    channel: str
    key: Expression | None = None


@dataclass(frozen=True, slots=True)
class Receive(Node):
    var: str
    channel: str
    key: Expression | None = None
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Request(Node):
    bind: Expression | None
    value: Expression
    channel: str
    within: Expression | None = None


@dataclass(frozen=True, slots=True)
class StepNode(Node):
    """A node of a `steps` graph.  `join` is all | any | n | always | on_failure."""

    name: str
    body: Term
    after: tuple[str, ...] = ()
    when: Expression | None = None
    join: str = "all"
    n: Expression | None = None


@dataclass(frozen=True, slots=True)
class Steps(Node):
    nodes: tuple[StepNode, ...]


@dataclass(frozen=True, slots=True)
class FlowEdge(Node):
    """Where a flow goes on: to a state, or to the end (`target` None).

    `cond` None is the default edge; edges are tried in order, the first true one is taken.
    With `raises` the state fails with that error instead; without a `cond` besides, this is what
    happens where no edge applies, and check `exhaustive` is about it.
    """

    target: str | None
    cond: Expression | None = None
    raises: str = ""


@dataclass(frozen=True, slots=True)
class FlowCatch(Node):
    """An error that leaves the state's body goes to `target`; no `errors` means every one."""

    errors: tuple[str, ...]
    target: str


@dataclass(frozen=True, slots=True)
class FlowState(Node):
    """One state of an imported machine: a body, then the first edge that applies."""

    name: str
    body: Term
    edges: tuple[FlowEdge, ...] = ()
    catches: tuple[FlowCatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow(Node):
    """Control as a graph with cycles: what importers produce; it has no surface syntax."""

    start: str
    states: tuple[FlowState, ...]


Term = (
    Skip
    | Call
    | Assign
    | Fail
    | Assert
    | Assume
    | Return
    | Seq
    | Par
    | Choice
    | If
    | Switch
    | While
    | Each
    | Within
    | Try
    | Retry
    | Saga
    | Using
    | Transaction
    | Abort
    | Require
    | Atomic
    | NoCancel
    | Wait
    | WaitUntil
    | Send
    | Receive
    | Request
    | Steps
    | Flow
)

# --- activities ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Param(Node):
    """A formal argument of an activity or a workflow."""

    name: str
    type: TypeExpr
    resolved: Type | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Takes(Node):
    """Support `lo..hi` (`hi` None: unbounded) and, for simulation, a distribution.

    `dist` is "" (uniform over the support), normal, exponential or uniform with `args`.
    """

    lo: Expression | None
    hi: Expression | None
    dist: str = ""
    args: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class FailClause(Node):
    error: str
    probability: Expression | None = None


@dataclass(frozen=True, slots=True)
class Undo(Node):
    """`kind` is block | call | skip | none; `body` is the block or the Call."""

    kind: str
    body: Term | None = None
    orelse: Term | None = None


@dataclass(frozen=True, slots=True)
class Runs(Node):
    """How a real engine would run it: `kind` shell | http | python | container."""

    kind: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Activity(Node):
    name: str
    params: tuple[Param, ...] = ()
    returns: TypeExpr | None = None
    resolved: Type | None = field(default=None, compare=False, repr=False)
    uses: tuple[Claim, ...] = ()
    takes: Takes | None = None
    runs_in: str | None = None
    needs: tuple[Expression, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    do: Term | None = None
    ensures: tuple[Expression, ...] = ()
    fails: tuple[FailClause, ...] = ()
    retry: RetrySpec | None = None
    timeout: Expression | None = None
    timeout_schedule: Expression | None = None
    heartbeat: Expression | None = None
    beats: Takes | None = None
    undo: Undo | None = None
    undone_when: Expression | None = None
    idempotent_by: Expression | None = None
    at_least_once: bool = False
    priority: Expression | None = None
    runs: Runs | None = None
    doc: str = field(default="", compare=False)


# --- properties ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Invariant(Node):
    name: str
    cond: Expression


@dataclass(frozen=True, slots=True)
class Always(Node):
    name: str
    cond: Expression


@dataclass(frozen=True, slots=True)
class Requires(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class Ensures(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class Pattern(Node):
    """`kind` is never_after | precedes | leads_to | eventually."""

    name: str
    kind: str
    p: Expression
    q: Expression | None = None
    within: Expression | None = None


@dataclass(frozen=True, slots=True)
class AssumeEventually(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class CheckOn(Node):
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SkipCheck(Node):
    name: str
    reason: str
    at: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectRefuted(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Deadline(Node):
    duration: Expression


@dataclass(frozen=True, slots=True)
class Equivalent(Node):
    """`kind` is equivalent | refines | upgrade."""

    kind: str
    name: str
    left: str
    right: str
    under: str = ""
    observing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Law(Node):
    name: str
    metavariables: tuple[str, ...]
    left: Term
    right: Term
    under: str = ""


Property = (
    Invariant
    | Always
    | Requires
    | Ensures
    | Pattern
    | AssumeEventually
    | CheckOn
    | SkipCheck
    | ExpectRefuted
    | Deadline
    | Equivalent
    | Law
)

# --- items -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VarDecl(Node):
    """`var x: T = e` in a workflow, `shared x: T = e` or `store x: T = e` at top level."""

    name: str
    type: TypeExpr
    init: Expression | None = None
    resolved: Type | None = field(default=None, compare=False, repr=False)
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Workflow(Node):
    name: str
    params: tuple[Param, ...]
    body: Term
    returns: TypeExpr | None = None
    resolved: Type | None = field(default=None, compare=False, repr=False)
    fails: tuple[str, ...] = ()
    variables: tuple[VarDecl, ...] = ()
    activities: tuple[Activity, ...] = ()
    properties: tuple[Property, ...] = ()
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ConstDecl(Node):
    name: str
    value: Expression
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ParamDecl(Node):
    """`param N: int 1..8`."""

    name: str
    type: TypeExpr
    resolved: Type | None = field(default=None, compare=False, repr=False)
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class EnumDecl(Node):
    name: str
    values: tuple[str, ...]
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TypeDecl(Node):
    name: str
    type: TypeExpr
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Resource(Node):
    """`kind` is pool (capacity) | lock | rate (capacity per `per`, burst)."""

    name: str
    kind: str
    capacity: Expression | None = None
    per: Expression | None = None
    burst: Expression | None = None
    key: TypeExpr | None = None
    advisory: bool = False
    on_busy: str = "wait"  # wait | fail | cancel_holder | replace_waiting
    busy_error: str | None = None
    lease: Expression | None = None
    silent: bool = False
    priority: bool = False
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ErrorDecl(Node):
    """`kind` is transient | permanent | system."""

    name: str
    kind: str
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Channel(Node):
    name: str
    type: TypeExpr
    key: TypeExpr | None = None
    capacity: Expression | None = None
    delivery: str = ""
    order: str = ""
    ttl: Expression | None = None
    broadcast: bool = False
    optional: bool = False
    environment: bool = False
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Unsupported(Node):
    """A form whose meaning comes later: `form` is its name, `text` its source (for `fmt`).

    `exprs` and `refs` (kind, name) are what the checker can resolve: they stand in `text` too.
    """

    form: str
    text: str
    name: str = ""
    exprs: tuple[Expression, ...] = field(default=(), compare=False, repr=False)
    refs: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class InstanceDecl(Node):
    """`w`, `w[3]`, `w[*]` (`any_number`), `w(id: 7)`, `w(p) for p in P`, `w arrive every 5s`.

    An argument is (name or None, value).
    """

    workflow: str
    count: Expression | None = None
    any_number: bool = False
    args: tuple[tuple[str | None, Expression], ...] = ()
    binder: str | None = None
    domain: Expression | None = None
    arrive: Expression | None = None


@dataclass(frozen=True, slots=True)
class Fault(Node):
    workflow: str
    at_most: Expression | None = None
    back_within: Expression | None = None
    never: bool = False


@dataclass(frozen=True, slots=True)
class System(Node):
    instances: tuple[InstanceDecl, ...]
    scheduler: str = "any"
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared(Node):
    """`shared x: T = e` (`durable` False) or `store x: T = e` (True)."""

    decl: VarDecl
    durable: bool = False


PROPERTIES = (
    Invariant,
    Always,
    Requires,
    Ensures,
    Pattern,
    AssumeEventually,
    CheckOn,
    SkipCheck,
    ExpectRefuted,
    Deadline,
    Equivalent,
    Law,
)

Item = (
    ConstDecl
    | ParamDecl
    | EnumDecl
    | TypeDecl
    | Resource
    | ErrorDecl
    | Channel
    | Unsupported
    | Shared
    | Activity
    | Workflow
    | System
    | Property
)


@dataclass(frozen=True, slots=True)
class Abstraction(Node):
    """Something an importer could not keep exactly, and what stands in its place.

    Most abstractions have more runs than the original: a proof holds all the same.  `bounds`
    marks one that leaves runs out: a proof rests on it, and is listed with it.
    """

    what: str
    instead: str
    bounds: bool = False


@dataclass(frozen=True, slots=True)
class Spec(Node):
    """A whole file, items in source order within each kind."""

    file: str = field(compare=False)
    source: str = field(compare=False, repr=False)
    constants: tuple[ConstDecl, ...] = ()
    params: tuple[ParamDecl, ...] = ()
    enums: tuple[EnumDecl, ...] = ()
    types: tuple[TypeDecl, ...] = ()
    resources: tuple[Resource, ...] = ()
    errors: tuple[ErrorDecl, ...] = ()
    channels: tuple[Channel, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    shared: tuple[Shared, ...] = ()
    activities: tuple[Activity, ...] = ()
    workflows: tuple[Workflow, ...] = ()
    system: System | None = None
    properties: tuple[Property, ...] = ()
    items: tuple[Item, ...] = field(default=(), compare=False, repr=False)  # all, in file order
    abstractions: tuple[Abstraction, ...] = field(default=(), compare=False)
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)
    imported_from: str = field(default="", compare=False)  # "asl", or "" for a .wf file
