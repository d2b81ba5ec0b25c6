"""Nodes of control: what a `run` or a `steps` is made of, with claims and retries."""

from __future__ import annotations

from dataclasses import field

from ..records import dataclass
from ..types import Type
from .expressions import Expression, Node


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
    place: str = ""  # one of several environments, while it is lowered


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
    """`answers`: `channel` is the name of a received request, which came through that channel."""

    value: Expression
    channel: str
    key: Expression | None = None
    answers: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Receive(Node):
    """`resolved`: the type of `var`, where that is a new name and no variable."""

    var: str
    channel: str
    key: Expression | None = None
    where: Expression | None = None
    resolved: Type | None = field(default=None, compare=False, repr=False)


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
