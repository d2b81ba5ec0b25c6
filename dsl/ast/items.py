"""What stands at the top of a file, and the file itself."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from ..errors import Diagnostic
from ..records import dataclass
from ..types import Type
from .activities import Activity, Amount, Param
from .expressions import Expression, Node, TypeExpr
from .properties import Property
from .terms import Term

if TYPE_CHECKING:
    from ..walk import Kinds


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
    # Of some body, where they were looked for; ask `walk.nodes_of`.
    nodes: Kinds | None = field(default=None, compare=False, repr=False)


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
    key_type: Type | None = field(default=None, compare=False, repr=False)


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
    answer: TypeExpr | None = None  # of a channel of requests
    doc: str = field(default="", compare=False)
    resolved: Type | None = field(default=None, compare=False, repr=False)
    resolved_key: Type | None = field(default=None, compare=False, repr=False)
    resolved_answer: Type | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Environment(Node):
    """`capacities` are shared by all that runs there, `limits` hold for each activity."""

    name: str
    kind: str = ""
    capacities: tuple[Amount, ...] = ()
    limits: tuple[Amount, ...] = ()
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Metric(Node):
    """`metric m = e every 5s`."""

    name: str
    value: Expression
    every: Expression | None = None
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Detector(Node):
    """`kind` is above | below | rises | falls; it is so for `samples` in a row (None: one)."""

    name: str
    metric: str
    kind: str
    level: Expression
    samples: Expression | None = None
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StepAction(Node):
    """`step up 2 on busy`: while the detector says so."""

    way: str  # up | down
    amount: Expression
    detector: str


@dataclass(frozen=True, slots=True)
class Controller(Node):
    """`pid` are up to three gains; `resource` is the pool whose capacity it sets, within lo..hi."""

    name: str
    metric: str
    target: Expression | None = None
    pid: tuple[Expression, ...] = ()
    steps: tuple[StepAction, ...] = ()
    resource: str = ""
    lo: Expression | None = None
    hi: Expression | None = None
    every: Expression | None = None
    cooldown: Expression | None = None
    gain: Expression | None = None
    lag: Expression | None = None
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


Item = (
    ConstDecl
    | ParamDecl
    | EnumDecl
    | TypeDecl
    | Resource
    | ErrorDecl
    | Channel
    | Environment
    | Metric
    | Detector
    | Controller
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
    environments: tuple[Environment, ...] = ()
    metrics: tuple[Metric, ...] = ()
    detectors: tuple[Detector, ...] = ()
    controllers: tuple[Controller, ...] = ()
    shared: tuple[Shared, ...] = ()
    activities: tuple[Activity, ...] = ()
    workflows: tuple[Workflow, ...] = ()
    system: System | None = None
    properties: tuple[Property, ...] = ()
    items: tuple[Item, ...] = field(default=(), compare=False, repr=False)  # all, in file order
    abstractions: tuple[Abstraction, ...] = field(default=(), compare=False)
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)
    imported_from: str = field(default="", compare=False)  # "asl", or "" for a .wf file
