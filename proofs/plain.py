"""What the rules show without evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from ..semantics.events import fold_updates
from ..semantics.evidence import Evidence, Inductive, Part, Peaks, States, Syntactic, Trusted
from ..semantics.expr import NUMBERS, TRUE, Op, alike, and_, eq, var
from ..semantics.system import Obligation, RuleKind, TimeLimit, TransitionSystem, VarKind
from ..semantics.values import evaluate
from ..semantics.walks import variables
from .anew import holds_anew
from .facts import Prover, Wrong
from .runs import Run
from .sums import zero

# Shown rule by rule, or by runs: of any number of instances, and of any capacity.
RULE_BY_RULE = ("atomicity", "no_dead_code")


def taken(trusted: Sequence[Trusted]) -> str:
    """What is taken on trust, if anything is."""
    return f"{trusted[0].engine}: {trusted[0].argument}" if trusted else ""


def may_show(part: Part, goals: int) -> bool:
    """Whether the goals that a part names are there, and it is evidence of conditions: that of the
    whole system (that it ends, that steps commute, ..) is looked at for what it says of the whole,
    and shows none of them."""
    conditions = isinstance(part.evidence, Inductive | States | Peaks | Syntactic | Trusted)
    return all(g in range(goals) for g in part.goals) and (conditions or not part.goals)


def some_only(
    system: TransitionSystem,
    check: str,
    goals: Sequence[Obligation],
    whole: bool,
    beside: Sequence[Evidence] = (),
) -> str:
    """Of what only evidence on these rules speaks, where more is claimed; "" if it is all.

    Rules have a few of any number of instances (`w[*]`), some room in a channel without a bound,
    and capacities that are set as parameters.
    """
    if check in RULE_BY_RULE or not (goals or whole):
        return ""
    if system.open_channels:
        return "it is shown of some room in a channel without a bound"
    if system.any_number:
        return "it is shown of a few instances, and claimed of any number"
    if system.controls and whole and not holds_anew(system, check, beside):
        return "it is shown of capacities that stay as they are"
    return ""


def atomic(prover: Prover) -> None:
    """The events of each rule, applied one by one, give what it writes."""
    system = prover.model.system
    for rule in system.rules:
        folded, updates = fold_updates(rule), dict(rule.updates)
        if folded == updates:  # (Terms are equal where they are the same.)
            continue
        for v in folded.keys() | updates.keys():
            if (v in folded and v in updates) and alike(folded[v], updates[v]):
                continue
            own = var(v, system.variables[v].sort)
            left, right = folded.get(v, own), updates.get(v, own)
            if prover.key(left) == prover.key(right):
                continue
            same = eq(left, right)
            if same.op is Op.EQ and left.sort in NUMBERS:
                if zero(prover.key, [(1, left), (-1, right)], left.sort) is TRUE:
                    continue  # the same sum
            if not prover.implies([and_(rule.guard, rule.relation)], same):
                raise Wrong(f"the events of `{rule.name}` do not give what it writes")


def nobody_waits(system: TransitionSystem) -> None:
    """No guard looks at what is in use."""
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    for rule in system.rules:
        if variables([rule.guard]) & used:
            raise Wrong(f"`{rule.name}` may wait for a resource")


def no_messages(system: TransitionSystem) -> None:
    """Nothing is sent, and nothing received."""
    for rule in system.rules:
        if rule.kind in (RuleKind.SEND, RuleKind.RECEIVE):
            raise Wrong(f"`{rule.name}` may wait")


def nothing_watched(system: TransitionSystem) -> None:
    """No limit around a retry, no `wait until`, no attempt of which it is said that it may never
    end."""
    limits = any(r.kind is RuleKind.INTERRUPT and r.delay is not None for r in system.rules)
    if limits and system.retries:
        raise Wrong("a limit may cut off a retry")
    if system.waits:
        raise Wrong("there is a `wait until`")
    cut = {r.group for r in system.rules if r.kind is RuleKind.TIMEOUT}
    for rule in system.rules:
        if rule.group is not None and rule.group not in cut and rule.delay is not None:
            lo = rule.delay.lo
            if rule.delay.hi is None and not (lo.op is Op.CONST and lo.value == 0):
                raise Wrong(f"`{rule.name}` may never come")


def late(limits: Sequence[TimeLimit], run: Run, since: dict[int, Fraction]) -> bool:
    """Whether something has been owed for longer than it may by the state of a run; `since` says
    of each limit since when it is, and is kept."""
    beyond = False
    for k, limit in enumerate(limits):
        if k in since and run.now - since[k] > evaluate(limit.within, run.state):
            beyond = True
        if evaluate(limit.owed, run.state) is True:
            since.setdefault(k, run.now)
        else:
            since.pop(k, None)
    return beyond


def is_line(claim: Mapping[str, str], parts: Sequence[Part]) -> bool:
    """It is no claim about the whole.

    (`timeouts` has lines that are no obligations: a run or an argument shows them, no syntax.)
    """
    shown = claim["check"] != "timeouts" or any(isinstance(p.evidence, Syntactic) for p in parts)
    return shown and (claim["name"], claim["level"]) != ("", "error")


# What is shown by looking at the rules, by check.
PLAIN: Mapping[str, Callable[[Prover], None]] = {
    "atomicity": atomic,
    "starvation_free": lambda prover: nobody_waits(prover.model.system),
    "messages": lambda prover: no_messages(prover.model.system),
    "timeouts": lambda prover: nothing_watched(prover.model.system),
}
