"""Errors, sorted by what the machine does with them.

A task may fail with every error that its own or an outer Retry or Catch names, and with some
other one, for which `States.TaskFailed` stands.  Errors that every retrier and catcher on the
way out treats alike are one error here: the machine cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...records import dataclass
from .data import Scope
from .machine import Machine, State

ALL = "States.ALL"
FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
HEARTBEAT = "States.HeartbeatTimeout"
NO_CHOICE = "States.NoChoiceMatched"
RUNTIME = "States.Runtime"
BRANCH = "States.BranchFailed"
TOLERATED = "States.ExceedToleratedFailureThreshold"
READER = "States.ItemReaderFailed"
WRITER = "States.ResultWriterFailed"

PREDEFINED = frozenset(
    "States." + name
    for name in [
        "ALL",
        "TaskFailed",
        "Timeout",
        "HeartbeatTimeout",
        "NoChoiceMatched",
        "Runtime",
        "BranchFailed",
        "ExceedToleratedFailureThreshold",
        "ItemReaderFailed",
        "ResultWriterFailed",
        "DataLimitExceeded",
        "IntrinsicFailure",
        "ParameterPathFailure",
        "ResultPathMatchFailure",
        "Permissions",
        "QueryEvaluationError",
    ]
) | {"States.Http.Socket"}

# named in a Retry or Catch, these do not mean an error that the task's own work raises
_NOT_OF_A_TASK = frozenset(
    (ALL, FAILED, TIMEOUT, HEARTBEAT, NO_CHOICE, RUNTIME, BRANCH, TOLERATED, READER, WRITER)
) | {"States.DataLimitExceeded"}


def takes(pattern: str, name: str, state: State) -> bool:
    """Does `pattern` in a Retry or Catch of `state` match the error `name`?"""
    if name in (RUNTIME, "States.DataLimitExceeded"):
        return pattern == name and name != RUNTIME
    if pattern == ALL:
        return True
    if pattern == FAILED:
        return name != TIMEOUT
    if pattern == TIMEOUT:
        return name in (TIMEOUT, HEARTBEAT)
    if pattern == BRANCH:
        return state.kind == "Parallel"
    return pattern == name


def retrier_of(state: State, name: str) -> int | None:
    """Index of the first retrier that takes the error: the only one that counts it."""
    for i, retrier in enumerate(state.retries):
        if any(takes(p, name, state) for p in retrier.errors):
            return i
    return None


def catcher_of(state: State, name: str) -> int | None:
    for i, catcher in enumerate(state.catches):
        if any(takes(p, name, state) for p in catcher.errors):
            return i
    return None


def outwards(state: State, scope: Scope) -> Iterator[State]:
    """The state and the Parallels and Maps around it, innermost first."""
    yield state
    at: Scope | None = scope
    while at is not None and at.owner is not None:
        yield at.owner
        at = at.parent


def leaving(name: str, state: State) -> str:
    """An error's name outside of `state`: a distributed Map counts failures of its runs."""
    return TOLERATED if state.kind == "Map" and state.distributed else name


Treatment = tuple[tuple[int | None, int | None], ...]


def treatment(name: str, state: State, scope: Scope) -> Treatment:
    """Which retrier and catcher take the error at each level on its way out."""
    levels = list[tuple[int | None, int | None]]()
    for i, level in enumerate(outwards(state, scope)):
        if i:
            name = leaving(name, level)
        caught = catcher_of(level, name)
        levels.append((retrier_of(level, name), caught))
        if caught is not None:
            break
    return tuple(levels)


def fails_with(state: State) -> str:
    """The error of a Fail state."""
    return state.node.text("Error") or "Failed"


def raised_by_fail(machine: Machine) -> set[str]:
    """The errors that Fail states of the machine name."""
    found = set[str]()
    for _, state in machine.walk():
        name = state.node.text("Error") if state.kind == "Fail" else None
        if name:
            found.add(name)
    return found


@dataclass(frozen=True, slots=True)
class Errors:
    """What can go wrong, by state.  `raised` are the names that Fail states raise."""

    raised: frozenset[str]

    def of_task(self, state: State, scope: Scope) -> tuple[str, ...]:
        """One name for each class of errors that the task's work may fail with."""
        names = [FAILED]
        for level in outwards(state, scope):
            for group in (level.retries, level.catches):
                for clause in group:
                    names.extend(n for n in clause.errors if self.possible(n))
        return _representatives(names, state, scope)

    def possible(self, name: str) -> bool:
        if name in _NOT_OF_A_TASK:
            return False
        return not name.startswith("States.") or name in PREDEFINED

    def leaving_task(self, state: State, scope: Scope) -> tuple[str, ...]:
        """Of the task's errors with its time-outs, all names."""
        names = list(self.of_task(state, scope))
        if state.timeout is not None:
            names.append(TIMEOUT)
        if state.heartbeat is not None:
            names.append(HEARTBEAT)
        return tuple(names)

    def inside(self, state: State, scopes: list[Scope], scope: Scope) -> tuple[str, ...]:
        """Every error that may come out of the branches of a Parallel or Map."""
        found = dict[str, None]()
        if state.node.has("ItemReader"):
            found[READER] = None
        if state.node.has("ResultWriter"):
            found[WRITER] = None
        for inner in scopes:
            if inner.owner is not state or inner.parent is not scope:
                continue
            if inner.machine.timeout is not None:
                found[leaving(TIMEOUT, state)] = None
            for child in inner.machine.states.values():
                for name in self.leaving(child, scopes, inner):
                    if catcher_of(child, name) is None:
                        found[leaving(name, state)] = None
        return tuple(found)

    def leaving(self, state: State, scopes: list[Scope], scope: Scope) -> tuple[str, ...]:
        """Every error that the work of a state may end with, before its own Retry and Catch."""
        match state.kind:
            case "Task":
                return self.leaving_task(state, scope)
            case "Parallel" | "Map":
                return self.inside(state, scopes, scope)
            case "Fail":
                return (fails_with(state),)
            case "Choice" if state.default is None:
                return (NO_CHOICE, RUNTIME)
            case _:
                return ()


def _representatives(names: Iterable[str], state: State, scope: Scope) -> tuple[str, ...]:
    found = dict[Treatment, str]()
    for name in names:
        found.setdefault(treatment(name, state, scope), name)
    return tuple(found.values())
