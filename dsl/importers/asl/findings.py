"""What an engineer wants to know before the first run: warnings W02.., each at its place.

These are read off the machine as written; what needs all runs is left to the verifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ...errors import Diagnostic, Severity, Span
from .conditions import tests_of
from .failures import (
    ALL,
    FAILED,
    PREDEFINED,
    TIMEOUT,
    catcher_of,
    fails_with,
    raised_by_fail,
    retrier_of,
)
from .graph import can_end, components
from .machine import Machine, State


def findings(machine: Machine) -> list[Diagnostic]:
    """All findings of a machine and the machines inside it."""
    found = list[Diagnostic]()
    raised = raised_by_fail(machine)
    todo: list[tuple[Machine, tuple[tuple[Machine, State], ...]]] = [(machine, ())]
    while todo:
        inner, around = todo.pop()
        found.extend(_control(inner, machine.timeout is not None or _limited(inner, around)))
        for name in inner.reachable():
            state = inner.states[name]
            found.extend(_token(state, inner, around))
            found.extend(_time(state, inner, around))
            found.extend(_uncaught(state, inner, around))
            found.extend(_names(state, raised))
        for state in inner.states.values():
            todo.extend((child, (*around, (inner, state))) for child in state.machines)
    return found


def _warn(code: str, span: Span, message: str, fix: str, *related: tuple[Span, str]) -> Diagnostic:
    return Diagnostic(code, span, message, fix, Severity.WARNING, tuple(related))


def _limited(machine: Machine, around: tuple[tuple[Machine, State], ...]) -> bool:
    return machine.timeout is not None or any(m.timeout is not None for m, _ in around)


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


# --- control ---------------------------------------------------------------------------------


def _control(machine: Machine, limited: bool) -> Iterator[Diagnostic]:
    reachable, ending = machine.reachable(), can_end(machine)
    for name, state in machine.states.items():
        if name not in reachable:
            yield _warn(
                "W0204",
                state.span,
                f'nothing leads to state "{name}"',
                "remove it, or name it in a Next, Default or Catch",
            )
    lost = [n for n in machine.states if n in reachable and n not in ending]
    cycles = [c for c in components(machine) if c[0] in reachable]
    trapped = set[str]()
    for cycle in cycles:
        if cycle[0] not in ending:
            trapped.update(cycle)
            yield _warn(
                "W0202",
                machine.states[cycle[0]].span,
                f"the cycle {_list(cycle)} has no way out: this machine never ends",
                "let one of its states go to an end",
            )
        elif not limited and (polling := _unbounded(machine, cycle)) is not None:
            yield polling
    for name in lost:
        if name not in trapped:
            yield _warn(
                "W0205",
                machine.states[name].span,
                f'from state "{name}" no end can be reached',
                "let the cycle that it leads to have a way out",
            )


def _unbounded(machine: Machine, cycle: list[str]) -> Diagnostic | None:
    """A loop that waits and asks again, with nothing that counts its rounds."""
    states = [machine.states[name] for name in cycle]
    waits = [s for s in states if s.kind == "Wait"]
    if not waits or not any(s.kind in ("Task", "Parallel", "Map") for s in states):
        return None
    for state in states:
        leaves = [r for r in state.rules if r.next not in cycle]
        stays = [r for r in state.rules if r.next in cycle]
        for rule in leaves + stays:
            if any(t.kind in ("number", "time") for t in tests_of(rule.cond)):
                return None  # perhaps a counter or a deadline: not ours to say
    if any("States.MathAdd" in text for state in states for text in _texts(state)):
        return None
    return _warn(
        "W0203",
        waits[0].span,
        f"the loop {_list(cycle)} goes on for as long as its test says so: nothing bounds its "
        "rounds, and the machine has no TimeoutSeconds",
        'count the rounds (States.MathAdd) and compare them, or give the machine "TimeoutSeconds"',
    )


def _texts(state: State) -> Iterator[str]:
    todo = [state.node]
    while todo:
        node = todo.pop()
        if isinstance(node.value, str):
            yield node.value
        todo.extend(node.items())
        todo.extend(child for _, _, child in node.members())


# --- time ------------------------------------------------------------------------------------


def _token(
    state: State, machine: Machine, around: tuple[tuple[Machine, State], ...]
) -> Iterator[Diagnostic]:
    if not (state.waits_for_token or state.is_worker) or _limited(machine, around):
        return
    if state.timeout is not None or state.heartbeat is not None:
        return
    what = "for a task token" if state.waits_for_token else "for a worker"
    yield _warn(
        "W0201",
        state.span,
        f'"{state.name}" waits {what} with no time limit anywhere: if nobody answers, the '
        "execution hangs until the service ends it after a year",
        'give it "TimeoutSeconds" or "HeartbeatSeconds", and a Catch for States.Timeout',
    )


def _time(
    state: State, machine: Machine, around: tuple[tuple[Machine, State], ...]
) -> Iterator[Diagnostic]:
    beat, limit = state.heartbeat, state.timeout
    if (
        beat is not None
        and limit is not None
        and beat.value is not None
        and limit.value is not None
    ):
        if beat.value >= limit.value:
            yield _warn(
                "W0208",
                beat.span,
                f'the heartbeat of "{state.name}" ({beat.value} s) is not shorter than its '
                f"TimeoutSeconds ({limit.value} s): it can never be missed",
                "make it shorter",
                (limit.span, "the time limit"),
            )
    limits = [m for m in (machine, *(m for m, _ in reversed(around))) if m.timeout is not None]
    outer = limits[0].timeout if limits else None
    if outer is None or outer.value is None:
        return
    backoff, attempts = _worst_retries(state)
    if attempts == 0:
        if limit is not None and limit.value is not None and limit.value > outer.value:
            yield _warn(
                "W0206",
                limit.span,
                f'TimeoutSeconds of "{state.name}" ({limit.value} s) is longer than that of the '
                f"machine around it ({outer.value} s): it never fires",
                "make it shorter, or give the machine more time",
                (outer.span, "the machine's time limit"),
            )
        return
    each = limit.value if limit is not None and limit.value is not None else None
    total = backoff + (attempts + 1) * (each or 0)
    if total <= outer.value and backoff < outer.value:
        return
    span = state.node.key_span("Retry")
    if backoff >= outer.value:
        message = (
            f'the waits between the {attempts} retries of "{state.name}" add up to '
            f"{_shown(backoff)} s alone, but the machine ends after {_shown(outer.value)} s: the "
            "last retry can never happen"
        )
    else:
        message = (
            f'"{state.name}" with its {attempts} retries takes up to {_shown(total)} s '
            f"({attempts + 1} x {_shown(each or Fraction(0))} s and {_shown(backoff)} s of waits), "
            f"but the machine ends after {_shown(outer.value)} s"
        )
    yield _warn(
        "W0206",
        span,
        message,
        "fewer retries, shorter waits (MaxDelaySeconds), or more time for the machine",
        (outer.span, "the machine's time limit"),
    )


def _worst_retries(state: State) -> tuple[Fraction, int]:
    """The most that waits and attempts of all retriers add up to.

    Each retrier counts for itself, so in the worst case all are used up.
    """
    total, attempts = Fraction(0), 0
    for retrier in state.retries:
        if retrier.attempts is not None:
            total += retrier.waits
            attempts += retrier.attempts
    return total, attempts


def _shown(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.1f}"


# --- failures --------------------------------------------------------------------------------


def _uncaught(
    state: State, machine: Machine, around: tuple[tuple[Machine, State], ...]
) -> Iterator[Diagnostic]:
    """Once for the outermost Parallel or Map that lets a failure of a branch through."""
    if state.kind not in ("Parallel", "Map") or _taken(state, FAILED):
        return
    if any(_taken(outer, FAILED) or outer.kind in ("Parallel", "Map") for _, outer in around):
        return  # caught further out, or told of the one around
    if state.kind == "Map" and _tolerates(state):
        return
    if state.kind == "Parallel" and len(state.machines) < 2:
        return
    takers = [state, *(outer for _, outer in around)]
    risky = [
        s
        for s in _risky(state)
        if s.kind != "Fail" or not any(_taken(taker, fails_with(s)) for taker in takers)
    ]
    if not risky:
        return
    others = "other branches" if state.kind == "Parallel" else "items that are still running"
    yield _warn(
        "W0207",
        state.span,
        f'{state.kind} "{state.name}": a failure of {_list([s.name for s in risky])} is caught '
        f"neither there nor here; it cancels the {others} and fails the machine",
        f'give the {state.kind} a "Catch" for States.ALL, or catch it in the branch',
        *((s.span, "fails" if s.kind == "Fail" else "may fail") for s in risky[:3]),
    )


def _risky(state: State) -> Iterator[State]:
    """The tasks and Fail states inside whose failure comes out of `state`."""
    for machine in state.machines:
        reachable = machine.reachable()
        for name, child in machine.states.items():
            if name not in reachable or catcher_of(child, FAILED) is not None:
                continue
            if child.kind in ("Task", "Fail"):
                yield child
            elif child.machines and not _tolerates(child):
                inner = _risky(child)
                yield from (
                    s for s in inner if s.kind != "Fail" or not _taken(child, fails_with(s))
                )


def _taken(state: State, error: str) -> bool:
    """Does the state do something about the error?  A retry at this level starts all again."""
    return catcher_of(state, error) is not None or retrier_of(state, error) is not None


def _tolerates(state: State) -> bool:
    keys = ("ToleratedFailureCount", "ToleratedFailurePercentage")
    return any(state.node.has(k) or state.node.has(k + "Path") for k in keys)


def _names(state: State, raised: set[str]) -> Iterator[Diagnostic]:
    for what, clauses in (("Retry", state.retries), ("Catch", state.catches)):
        everything: Span | None = None
        for clause in clauses:
            for name in clause.errors:
                if name.startswith("States.") and name not in PREDEFINED | raised:
                    yield _warn(
                        "W0209",
                        clause.span,
                        f'"{name}" in the {what} of "{state.name}" is no error of the service: '
                        "this name never matches",
                        f"write {_nearest(name)}",
                    )
            if everything is not None:
                yield _warn(
                    "W0210",
                    clause.span,
                    f'this {what} of "{state.name}" is never used: the one before it takes '
                    "every error",
                    "put States.ALL last",
                    (everything, "takes every error"),
                )
            elif ALL in clause.errors:
                everything = clause.span


def _nearest(name: str) -> str:
    close = [p for p in sorted(PREDEFINED) if name.startswith(p) or p.startswith(name)]
    return close[-1] if close else f"{ALL}, {FAILED} or {TIMEOUT}"
