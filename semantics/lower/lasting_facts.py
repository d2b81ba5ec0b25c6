"""What is known and found while it is read how long terms last."""

from __future__ import annotations

from dataclasses import field

from ...dsl.errors import Span
from ...dsl.records import dataclass
from ..expr import Expr, add
from .counting import Counters
from .measure import Measure
from .times import Arithmetic, Lasts


@dataclass(frozen=True, slots=True)
class Open:
    """A place without a longest time, and why.  `what`: nothing says that this ever ends."""

    span: Span
    why: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Attempts:
    """A retry: how long all of its attempts and waits take at most (None: not bounded)."""

    span: Span
    what: str
    most: Expr | None


@dataclass(frozen=True, slots=True)
class Beats:
    """An activity that says how often it beats: `late` where a beat may come too late (TRUE where
    that depends on data, and perhaps the limit: None)."""

    name: str
    span: Span
    limit: Expr | None
    late: Expr


@dataclass(frozen=True, slots=True)
class Cut:
    """A retry inside a limit: `body` is how long what the limit watches takes at most."""

    retry: Attempts
    limit: Expr
    span: Span
    body: Expr | None


@dataclass(slots=True)
class Reading:
    """What one reading of a workflow is told and finds.

    `free`: names of resources whose claims never wait.  With a `measure` it is not time that is
    read but what that says, and waiting for the other claims is left out.
    """

    arithmetic: Arithmetic
    free: frozenset[str]
    open: list[Open] = field(default_factory=list)
    restless: list[Span] = field(default_factory=list)
    contended: dict[str, Span] = field(default_factory=dict)
    retries: list[Attempts] = field(default_factory=list)
    calls: dict[str, list[Lasts]] = field(default_factory=dict)  # of child workflows
    cuts: list[Cut] = field(default_factory=list)
    beats: list[Beats] = field(default_factory=list)
    # By limit (of a `within`): where it may strike, of all places from which it is called.
    strikes: dict[Span, Expr] = field(default_factory=dict)
    # By workflow: its loops (identities), and what counts in it.
    counters: dict[str, tuple[set[int], Counters]] = field(default_factory=dict)
    measure: Measure | None = None
    asked: int = 0  # claims that may wait, with a measure
    losing: int = 0  # sagas an undo of which may fail
    alone: bool = True  # no other branch of the instance runs beside this place
    filled: frozenset[str] = frozenset()  # channels in which there is a message whenever it matters

    def endless(self, span: Span, why: str, what: str = "") -> None:
        self.open.append(Open(span, why, what))

    def longer(self, a: Expr | None, b: Expr | None) -> Expr | None:
        return None if a is None or b is None else self.arithmetic.most(a, b)

    def plus(self, a: Expr | None, b: Expr | None) -> Expr | None:
        return None if a is None or b is None else add(a, b)
