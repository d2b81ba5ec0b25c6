"""What is declared and claimed of a transition system, for checks and for who shows runs."""

from __future__ import annotations

from collections.abc import Sequence

from ..dsl.changed import filled
from ..dsl.errors import Span
from ..dsl.records import dataclass
from .expr import TRUE, Expr


@dataclass(frozen=True, slots=True)
class Within:
    """Where the capacity of a pool stays; `first` and `last` are the least `lo` and the largest
    `hi` that parameters allow."""

    lo: Expr
    hi: Expr
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    """A pool has one USED variable; a lock has `used` (shared borrows) and `exclusive`."""

    name: str
    kind: str  # pool | lock
    capacity: Expr  # of a lock: unused
    enforced: bool
    used: int
    exclusive: int | None
    span: Span
    hidden: bool = False  # the slots of `at most k at once`
    within: Within | None = None  # where controllers keep the capacity


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A declared channel.  `lengths`: how many messages are in each of its queues (one for each
    key; of a broadcast, one for each instance that receives).  From the environment: none.
    `tested`: a term looks at `len(c)`.  Otherwise its variables are in guards of message steps only
    as what these wait for: that a message which fits is there, or room for one."""

    name: str
    lengths: tuple[int, ...]
    span: Span
    tested: bool = False
    capacity: Expr | None = None  # of each queue
    # Of a channel without a bound, which was given room for so many: somebody would send, and has
    # no room.  As long as that is never so, it is as if there were no bound.
    full: Expr | None = None
    # By queue and slot, what a slot consists of.
    slots: tuple[tuple[tuple[int, ...], ...], ...] = ()
    # Of messages that grow old, by queue and slot: which one it is, from 1 (0: the slot is empty).
    # Otherwise () and the oldest is in the first slot.
    turns: tuple[tuple[int, ...], ...] = ()
    in_order: bool = True  # the oldest message is taken, whatever it is
    chosen: bool = False  # somebody receives only what fits
    # There is room for what so many instances send that stand for any number of them: more
    # instances have more.
    by_instances: bool = False
    asks: bool = False  # its messages are requests: the last part of a slot says who asks
    hands: tuple[int, ...] = ()  # who asked what has been received and is not answered yet
    # By queue, how many have been taken out, of a channel of which only numbers are kept.
    taken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Obligation:
    """What a check must show.

    With `rule`: whenever that rule is taken, `cond` holds of the state before, the inputs and
    (POST) the state after.  With `every_step`: the same for every rule.  Otherwise `cond` holds
    in every reachable state.  `cond` FALSE with a rule: the rule is never taken.
    """

    check: str
    name: str
    cond: Expr
    message: str
    span: Span
    rule: int | None = None
    every_step: bool = False
    warning: bool = False
    unless: Expr | None = None  # where this is never true, the claim says nothing


@dataclass(frozen=True, slots=True)
class Liveness:
    """In every fair run something comes: until then the ghost `owed` is true.  `at_end`: nothing
    is owed when all has ended."""

    name: str
    owed: Expr
    at_end: Obligation


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """`owed` holds for at most `within` (seconds, Real-sorted, of what never changes) without a
    break, in every timed run.  `check` and `name` are those of its line of the table.

    `workflow` and `instance`: it is the deadline of a workflow, whose end is owed.  `unless`:
    where this is never true, the claim says nothing.
    """

    check: str
    name: str
    owed: Expr
    within: Expr
    message: str
    span: Span
    instance: int | None = None
    workflow: str = ""
    unless: Expr | None = None


@dataclass(frozen=True, slots=True)
class Retrying:
    """A retry: `tries` (a variable) counts the failures that it has taken; 0 outside of it."""

    what: str
    span: Span
    tries: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A `wait until`: control is before it where `here` holds; `over` is what it waits for."""

    span: Span
    here: Expr
    over: Expr


@dataclass(frozen=True, slots=True)
class AnyNumber:
    """`w[*]`: of any number of instances, the first few; `number` is the variable (None: a
    constant) that says how many of them there are.  `between`: where they arrive one after the
    other, the seconds from one to the next."""

    workflow: str
    members: tuple[int, ...]  # ids of instances, all alike
    number: int | None
    span: Span
    between: Expr | None = None


@dataclass(frozen=True, slots=True)
class ControlStep:
    """While the detector says so, the capacity goes `way` (up or down) by so much."""

    way: str
    amount: Expr
    detector: str
    metric: str
    kind: str  # of the detector: above | below | rises | falls
    level: Expr


@dataclass(frozen=True, slots=True)
class Control:
    """A controller.  Times are in seconds; terms are over parameters.

    `gains` are kp, ki, kd; () with `steps`.  `plant`: gain and lag of the metric's answer to the
    capacity, `lag m' + m = gain u`.
    """

    name: str
    metric: str
    resource: str
    capacity: int  # the variable that it sets
    lo: Expr
    hi: Expr
    first: Expr  # the declared capacity
    gains: tuple[Expr, ...]
    target: Expr | None
    every: Expr
    cooldown: Expr
    plant: tuple[Expr, Expr] | None
    steps: tuple[ControlStep, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Loop:
    """A `while`: `head` holds when its test is about to be taken; `rules` lie in its body."""

    span: Span
    thread: int
    head: Expr
    cond: Expr
    rules: tuple[int, ...]
    back: tuple[int, ...]  # rules after which control is at the head again
    bounded: bool = False  # by at_most
    graph: bool = False  # a cyclic Flow: no single head
    decreases: Expr | None = None


@filled
@dataclass(frozen=True, slots=True)
class Place:
    """Something that `no_dead_code` wants to see run: any of `rules` witnesses it."""

    what: str
    rules: Sequence[int]
    span: Span
    path: Expr = TRUE  # tests of arguments and parameters that surely hold there


@dataclass(frozen=True, slots=True)
class SagaInfo:
    """`exits` are the rules that leave the saga after its compensation."""

    span: Span
    exits: tuple[int, ...]
    written: tuple[int, ...]
