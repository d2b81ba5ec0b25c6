"""Verdicts: PROVED with evidence, REFUTED with a run, UNKNOWN with a reason."""

from __future__ import annotations

from dataclasses import field

from ..dsl.errors import Span
from ..dsl.records import dataclass
from ..semantics.evidence import Compared, Part
from ..semantics.system import TransitionSystem
from ..semantics.trace import Trace


@dataclass(frozen=True, slots=True)
class Proved:
    """`how` is one or more plain sentences (shown with -v); `engine` found it."""

    engine: str
    how: str
    figure: str = ""  # "peak 2 of 3", "14 states"
    warning: str = ""  # holds for a trivial reason, or only thanks to a time-out
    assumptions: tuple[str, ...] = ()
    evidence: tuple[Part, ...] = ()  # for a certificate; not every engine has some


@dataclass(frozen=True, slots=True)
class Refuted:
    """`trace` was replayed; `second` is the other run where the claim is about two runs.  `core`
    has the steps of `trace` that matter, where these are not all (see `essential`).  `system` has
    the same runs as the spec's, in what the claim is about (arrivals as loops)."""

    engine: str
    message: str
    trace: Trace
    span: Span
    figure: str = ""
    second: Trace | None = None
    notes: tuple[str, ...] = ()  # e.g. the wait-for cycle, line by line
    abstract: tuple[str, ...] = ()  # abstractions of an importer that it rests on
    told: tuple[Compared, ...] = ()  # of two workflows, or of an instance of a law: how they differ
    core: Trace | None = None
    system: TransitionSystem | None = None  # of which it is a run, where not of the spec's own


@dataclass(frozen=True, slots=True)
class Unknown:
    engine: str
    why: str
    figure: str = ""


Verdict = Proved | Refuted | Unknown


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table.  `check` is a built-in check's or a property kind's name."""

    check: str
    name: str  # what of it: the property's name, a resource, "" for the whole
    verdict: Verdict | None  # None: skipped
    span: Span
    warning: bool = False  # level: shown, does not decide the exit status
    seconds: float = 0.0
    skipped: str = ""  # the reason given in the spec
    expected: bool = False  # `expect refuted` names it
    fix: str = ""
    others: tuple[str, ...] = field(default=())
