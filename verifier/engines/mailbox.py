"""Steps that wait for a message, or for room for one."""

from __future__ import annotations

from collections.abc import Iterator

from ...semantics.expr import Expr, and_
from ...semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.walks import variables
from .common import conjuncts
from .structure import Structure

TAKING = (RuleKind.RECEIVE, RuleKind.INTERRUPT)
MESSAGES = (RuleKind.SEND, RuleKind.RECEIVE)


def place_alone(system: TransitionSystem, rule: Rule) -> Expr | None:
    """The guard of a message step without what it waits for; None of any other step, and where a
    test of the spec may look at the channel as well."""
    if rule.kind not in MESSAGES or _tested(system, rule.channel):
        return None
    kinds = system.variables
    parts = conjuncts(rule.guard)
    rest = [p for p in parts if not any(kinds[v].kind is VarKind.CHANNEL for v in variables([p]))]
    return and_(*rest) if len(rest) < len(parts) else None


def bringing(structure: Structure, rule: Rule, v: int) -> Iterator[int]:
    """Threads whose steps may bring what a step waits for, by a variable of a channel.

    Who takes a message out leaves fewer, so a receive that finds none that fits finds none then
    either (conditions on a slot move with its message); and a send that finds no room finds none
    when another has put something in.
    """
    alike: tuple[RuleKind, ...] = ()
    if rule.channel and not _tested(structure.system, rule.channel):
        alike = (*TAKING, RuleKind.TIMER) if rule.kind in TAKING else (rule.kind,)
    for other in structure.writing(v):
        if other.channel != rule.channel or other.kind not in alike:
            yield other.thread


def _tested(system: TransitionSystem, channel: str) -> bool:
    return any(c.tested for c in system.channels if c.name == channel)
