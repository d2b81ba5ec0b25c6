"""How to mend what was refuted: the usual words of the check, or closer ones where the run shows
what it is about; and which refutations are the same deadlock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from ..semantics.expr import Op, Scalar
from ..semantics.system import ResourceInfo, Rule, RuleKind, TransitionSystem, VarKind
from ..semantics.trace import Trace
from ..semantics.values import evaluate, fire, reader
from ..semantics.walks import variables
from ..verifier.verdict import Refuted, Result
from . import explain
from .mends_messages import mend_of_messages
from .outcome import Report, title

_MOST_TASKS = 4  # that are named
_SURVIVES = (
    "let an activity of the saga make the assignment (`do`), with an `undo` that takes it back, or "
    "assign after the saga."
)
# What a message speaks of -> its mend, where that is not the usual one of the check.
_INVERTED = (
    "claim at once what the least urgent one claims step by step, so that it never waits while it "
    "holds something; or give its claims the priority of whoever may wait for it."
)
_CLOSER = {
    ("starvation_free", "priority inversion"): _INVERTED,
    ("compensated", "survives the undo"): _SURVIVES,
    (
        "compensated",
        "the undo of",
    ): "give the undo an `else { .. }`, which runs when it has failed, or a `retry`.",
    (
        "resources",
        "what is protected runs on",
    ): "make the lease longer than the block takes, or put "
    "what is protected (`finally`, `nocancel`, `saga`) around the `using`.",
    ("resources", "may outlive its lease"): "make the lease longer than the activity takes, or let "
    "it fail when the lease is over (drop `silent`).",
    ("contracts", "two calls of"): "let the key name the call: `idempotent by` an argument that "
    "no other call has.",
    ("contracts", "may come back"): "use a key that grows with every round.",
    ("refines", "under failures"): "follow the run to its end: there the concrete workflow does "
    "what the abstract one does not, or offers less than it always does.",
}
_UNSURE = (
    "an attempt that was cut off may not have had its effect, and is undone all the same: write "
    "the undo so that it does no harm then (set the value, do not subtract)."
)
_TWO_RUNS = ("deterministic", "timing_independent")
_LATE = (
    "leave more time than what is watched can take (`takes 1s..5s` within 6s: then the time-out "
    "comes only where something is wrong), or let both ways end alike"
)
_FIRST = (
    "who is granted {} first decides: order the two with `;`, let the result be the same whoever "
    'is first, or accept it with `skip_check {} "reason"`.'
)
_ACCEPTED = '; or accept it with `skip_check timing_independent "reason"`'
_BEHIND = (
    "who would fit waits behind who does not: `scheduler priority` lets it pass; or give it the "
    "higher priority, or claim at once what it holds and asks for."
)
_WAITS = (
    "let what it waits for become true on every path, also where another branch has failed, or "
    "give the wait an interrupt (`within 30s { .. } else { .. }`)."
)


def mend_of(report: Report, result: Result) -> str:
    """The result's own mend, else what the run suggests, else the usual one of its check."""
    if result.fix:
        return result.fix
    verdict = result.verdict
    if isinstance(verdict, Refuted) and verdict.system is not None:
        report = replace(report, system=verdict.system)
    if isinstance(verdict, Refuted) and not report.imported_from:
        if result.check == "compensated" and _cut_off(report.system, verdict):
            return _UNSURE
        for (check, words), mend in _CLOSER.items():
            if result.check == check and words in verdict.message:
                return mend
        closer = mend_of_messages(result.check, verdict)
        if closer:
            return closer
        stuck = _stuck_run(report, result)
        if stuck is not None and report.system is not None:
            return _of_deadlock(report.system, stuck)
    if isinstance(verdict, Refuted) and report.system is not None and verdict.second is not None:
        contended = _contended(report.system, verdict)
        if result.check in _TWO_RUNS and contended:
            return _FIRST.format(contended, result.check)
        if result.check in _TWO_RUNS and _clock_decides(report.system, verdict):
            accepted = _ACCEPTED if result.check == "timing_independent" else ""
            return f"{_LATE}{accepted}."
    if isinstance(verdict, Refuted) and report.imported_from == "asl" and report.system is not None:
        if result.check == "terminates" and _passes_no_time(verdict.trace):
            tasks = _tasks_within_limit(report.system, verdict.trace)
            if tasks is not None:
                return _of_instant_rounds(tasks)
    return explain.mend(result.check, report.imported_from)


def _cut_off(system: TransitionSystem | None, verdict: Refuted) -> bool:
    """Is something undone of which nobody knows whether it was done?"""
    if system is None or "is not restored" not in verdict.message:
        return False
    rules = [system.rules[s.rule] for s in verdict.trace.steps]
    undone = {r.activity for r in rules if r.kind is RuleKind.UNDO}
    completed = {r.activity for r in rules if r.kind is RuleKind.COMPLETE}
    return bool(undone - completed - {""})


def shown_before(report: Report, result: Result) -> str:
    """The title of the refutation of `deadlock_free` that this one only repeats; "" for none."""
    first = _deadlock(report)
    if first is None or first is result or (first.expected and not result.expected):
        return ""
    mine, deadlock = _unending(report, result), first.verdict
    if mine is None or not isinstance(deadlock, Refuted) or not _leads_to(mine, deadlock.trace):
        return ""
    return title(first)


def _deadlock(report: Report) -> Result | None:
    found = (r for r in report.results if r.check == "deadlock_free")
    return next((r for r in found if isinstance(r.verdict, Refuted)), None)


def _unending(report: Report, result: Result) -> Trace | None:
    """The run of a refutation (of two runs: the one) that does not come to an end."""
    verdict = result.verdict
    if not isinstance(verdict, Refuted) or report.system is None:
        return None
    system = verdict.system or report.system  # (of which the run is one)
    match result.check:
        case "deadlock_free" | "can_finish":
            return verdict.trace
        case "terminates" | "starvation_free" if not result.name:
            return verdict.trace if verdict.trace.loop_at is None else None
        case "deterministic" | "timing_independent":
            both = [t for t in (verdict.trace, verdict.second) if t is not None]
            return next((t for t in both if _is_stuck(system, t)), None)
    return None


def _stuck_run(report: Report, result: Result) -> Trace | None:
    """A run at whose end it can be seen who waits for what for ever."""
    mine = _unending(report, result)
    if mine is None or report.system is None:
        return None
    deadlock = _deadlock(report)
    if shown_before(report, result) and deadlock and isinstance(deadlock.verdict, Refuted):
        return deadlock.verdict.trace
    if result.check == "can_finish" and not _is_stuck(report.system, mine):
        return None
    return mine


def _leads_to(run: Trace, deadlock: Trace) -> bool:
    """Whether the steps of one run are taken, in their order, in the other."""
    rest = iter([(s.rule, s.inputs) for s in deadlock.steps])
    return run.initial == deadlock.initial and all((s.rule, s.inputs) in rest for s in run.steps)


def _parting(system: TransitionSystem, verdict: Refuted) -> tuple[Rule, ...]:
    """The steps at which two runs part; none, where they only differ in what is answered."""
    assert verdict.second is not None
    for one, two in zip(verdict.trace.steps, verdict.second.steps, strict=False):
        if (one.rule, one.inputs) != (two.rule, two.inputs):
            return () if one.rule == two.rule else (system.rules[one.rule], system.rules[two.rule])
    return ()


def _contended(system: TransitionSystem, verdict: Refuted) -> str:
    """The resource that both steps at which two runs part claim, if they do nothing else."""
    steps = _parting(system, verdict)
    if not steps or any(r.kind not in (RuleKind.START, RuleKind.GRANT) for r in steps):
        return ""
    claimed = set.intersection(*({v for v, _ in r.gains} for r in steps))
    mine = (r for r in system.resources if {r.used, r.exclusive} & claimed)
    return next(("a slot (`at_most`)" if r.hidden else f"`{r.name}`" for r in mine), "")


def _clock_decides(system: TransitionSystem, verdict: Refuted) -> bool:
    """Do the two runs part where a time-out may come first?"""
    kinds = {r.kind for r in _parting(system, verdict)}
    return bool(kinds & {RuleKind.TIMEOUT, RuleKind.INTERRUPT})


# --- rounds in which no time passes ------------------------------------------------------------


def _passes_no_time(trace: Trace) -> bool:
    if trace.loop_at is None or trace.loop_at >= len(trace.steps):
        return False
    before = trace.steps[trace.loop_at - 1].time if trace.loop_at else Fraction(0)
    return trace.steps[-1].time == before


def _tasks_within_limit(system: TransitionSystem, trace: Trace) -> list[str] | None:
    """The tasks of the rounds, if a time limit around them runs all along; else None."""
    assert trace.loop_at is not None
    rounds = [system.rules[s.rule] for s in trace.steps[trace.loop_at :]]
    limits = [r for r in system.rules if r.kind is RuleKind.INTERRUPT]
    limits = [r for r in limits if any(r.instance == taken.instance for taken in rounds)]
    state = trace.initial
    for number, step in enumerate(trace.steps):
        if number >= trace.loop_at:
            read = reader(state)
            limits = [r for r in limits if read(r.guard)]
        state = fire(system.rules[step.rule], state, step.inputs)
    if not limits:
        return None
    named = (r.activity.partition(".")[2] for r in rounds if r.kind is RuleKind.START)
    return list(dict.fromkeys(named))


def _of_instant_rounds(tasks: Sequence[str]) -> str:
    more = ", .." if len(tasks) > _MOST_TASKS else ""
    named = f" ({', '.join(tasks[:_MOST_TASKS])}{more})" if tasks else ""
    return (
        f'in this circle{named} no time passes, so "TimeoutSeconds" does not end it: put a Wait '
        "state in it, or count the rounds (States.MathAdd) and compare them in the Choice."
    )


# --- the state at the end ----------------------------------------------------------------------


@lru_cache(maxsize=8)
def _last(system: _ById, trace: Trace) -> tuple[Scalar, ...]:
    state = trace.initial
    for step in trace.steps:
        state = fire(system.it.rules[step.rule], state, step.inputs)
    return state


class _ById:
    """A system as a key: it is compared by identity."""

    def __init__(self, it: TransitionSystem) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and self.it is other.it

    def __hash__(self) -> int:
        return id(self.it)


def _is_stuck(system: TransitionSystem, trace: Trace) -> bool:
    """Nobody can go on after it, and some instance has not ended."""
    if trace.loop_at is not None:
        return False
    state = _last(_ById(system), trace)
    read = reader(state)
    if any(read(r.guard) for r in system.rules):
        return False
    return any(
        state[system.threads[i.root].location] not in (i.completed, i.failed)
        for i in system.instances
        if read(i.active)
    )


def _of_deadlock(system: TransitionSystem, trace: Trace) -> str:
    state = _last(_ById(system), trace)
    asking = _asking(system, state)
    if _waits_for_turn(system, state):
        return _BEHIND
    if not asking:
        return _of_too_much(system, state) or _WAITS
    rule = next((r for r in asking if r.holds), asking[0])
    by_variable = {v: r for r in system.resources for v in (r.used, r.exclusive) if v is not None}
    held, wanted = (
        [by_variable[v] for v, amount in some if v in by_variable and evaluate(amount, state)]
        for some in (rule.holds, rule.gains)
    )
    again = next((r for r in wanted if r in held and r.kind == "lock"), None)
    if again is not None:
        return (
            f"`{again.name}` is claimed again where it is held: claim it once, around both places."
        )
    claims = [_claim(r, rule, state) for r in dict.fromkeys([*held, *wanted])]
    if any(r.hidden for r in (*held, *wanted)) or not held:
        return explain.mend("deadlock_free")
    text = (
        f"claim everything at once, `using ({', '.join(claims)})`, and nothing of it again inside"
    )
    if len(claims) == 1:
        return f"{text}; or raise the capacity."
    return f"{text}; or claim the resources in the same order everywhere."


def _asking(system: TransitionSystem, state: Sequence[Scalar]) -> list[Rule]:
    """Rules that only wait for a claim, of threads that can do nothing else."""
    read = reader(state)
    able = {r.thread for r in system.rules if read(r.guard)}
    free = [
        0 if v.kind is VarKind.USED else x for v, x in zip(system.variables, state, strict=True)
    ]
    granted = reader(free)
    return [r for r in system.rules if r.gains and r.thread not in able and granted(r.guard)]


def _waits_for_turn(system: TransitionSystem, state: Sequence[Scalar]) -> bool:
    """Is a claim kept back by who is ahead in the queue (`scheduler head_of_line`)?"""
    read = reader(state)
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    for rule in system.rules:
        if read(rule.turn):
            continue
        turn = {id(p) for p in (rule.turn, *rule.turn.args)}
        others = [p for p in rule.guard.args if id(p) not in turn and not variables([p]) & used]
        if all(read(p) for p in others):
            return True
    return False


def _of_too_much(system: TransitionSystem, state: Sequence[Scalar]) -> str:
    """The mend where a claim is larger than the pool; "" if there is none."""
    read = reader(state)
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    for rule in system.rules:
        parts = rule.guard.args if rule.guard.op is Op.AND else (rule.guard,)
        if not rule.gains or not all(read(p) for p in parts if not variables([p]) & used):
            continue
        for r in system.resources:
            asked = [a for v, a in (*rule.holds, *rule.gains) if v == r.used]
            if r.exclusive is not None or not r.enforced or r.hidden or not asked:
                continue
            wanted, there = sum(int(read(a)) for a in asked), int(read(r.capacity))
            if wanted > there:
                what = (
                    f"{r.name} has {there} unit{'s' * (there != 1)} here, and {wanted} are claimed"
                )
                of = variables([r.capacity])
                names = [system.variables[v].name for v in sorted(of)]
                more = f"its capacity ({', '.join(names)})" if names else "its capacity"
                return f"{what}: claim less, or let {more} be {wanted} at least."
    return ""


def _claim(r: ResourceInfo, rule: Rule, state: Sequence[Scalar]) -> str:
    variables = [v for v, amount in (*rule.holds, *rule.gains) if evaluate(amount, state)]
    if r.exclusive is not None:
        return f"{r.name} {'exclusive' if r.exclusive in variables else 'shared'}"
    amounts = (a for v, a in (*rule.holds, *rule.gains) if v == r.used)
    return f"{r.name} {sum(int(evaluate(a, state)) for a in amounts)}"
