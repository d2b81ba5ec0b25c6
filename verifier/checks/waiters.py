"""Who waits in a state, what each holds, and for what it waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...dsl.errors import Span
from ...semantics.expr import Scalar
from ...semantics.system import Point, PointKind, Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.values import enabled, evaluate, reader
from ...semantics.walks import variables
from ..engines.mailbox import bringing, place_alone
from ..engines.search_threads import without_claims
from ..engines.structure import Structure
from .stuck import blocked_for_ever


def waiting_in(system: TransitionSystem, state: Sequence[Scalar]) -> list[int]:
    """Unfinished threads of which no rule can be taken."""
    read = reader(state)
    able = {r.thread for r in system.rules if r.kind is not RuleKind.CRASH and read(r.guard)}
    out = []
    for t in system.threads:
        kind = t.points[int(state[t.location])].kind
        if t.id not in able and kind not in (PointKind.END, PointKind.FAILED):
            out.append(t.id)
    return out


def circle_of(structure: Structure, state: Sequence[Scalar], core: list[int]) -> list[int]:
    """Those that hold something, if they are stuck by themselves."""
    holders = [
        t
        for t in core
        if holds_something(structure.system, structure, t, state)
        or any(c in core for c in children(structure, t))
    ]
    return blocked_for_ever(structure, state, holders) or core


def children(structure: Structure, thread: int) -> list[int]:
    return [c.id for group in structure.forks[thread].values() for c in group]


def holds_something(
    system: TransitionSystem, structure: Structure, thread: int, state: Sequence[Scalar]
) -> bool:
    return any(
        system.threads[t].points[int(state[system.threads[t].location])].holds
        for t, _ in structure.ancestors(thread)
    )


def wait_for(
    system: TransitionSystem,
    structure: Structure,
    state: Sequence[Scalar],
    members: Sequence[int],
) -> list[str]:
    """Who holds what and waits for what, a line each."""
    names = {}
    for r in system.resources:
        names[r.used] = r.name
        if r.exclusive is not None:
            names[r.exclusive] = r.name
    out = []
    shown = [t for t in members if not any(c in members for c in children(structure, t))]
    for t in shown[:12]:
        thread = system.threads[t]
        point = thread.points[int(state[thread.location])]
        held = []
        for a, _ in structure.ancestors(t):
            at = system.threads[a]
            here = at.points[int(state[at.location])]
            held += [
                f"{units} of {names[u]}"
                for u, amount in here.holds
                if u in names and (units := evaluate(amount, state))
            ]
        wants = sorted(
            {
                names[u]
                for r in system.rules
                if r.thread == t and not enabled(r, state)
                for u, amount in r.gains
                if u in names and _located(system, r, state) and evaluate(amount, state)
            }
        )
        says = f"{thread.name} is {stands(point)}"
        if held:
            says += f", holds {', '.join(held)}"
        if wants:
            says += f", waits for {', '.join(wants)}"
        ahead = _ahead(system, t, state)
        if ahead:
            says += f", behind {', '.join(system.threads[a].name for a in ahead)} in the queue"
        for text in _messages(system, structure, t, state):
            says += f", waits for {text}"
        out.append(says)
    if len(shown) > 12:
        out.append(f"and {len(shown) - 12} others")
    return out


def _messages(
    system: TransitionSystem, structure: Structure, thread: int, state: Sequence[Scalar]
) -> list[str]:
    """For which messages a thread waits, or for room for which, and who could bring it."""
    out: dict[str, None] = {}
    for rule in waits_for_message(system, thread, state):
        asked = variables([rule.guard]) & {
            v.index for v in system.variables if v.kind is VarKind.CHANNEL
        }
        who = {b for v in asked for b in bringing(structure, rule, v)} - {thread}
        what, could = _WORDS[rule.kind]
        if rule.name.startswith("answer"):
            what, could = "an answer from", "answers"
        out[f"{what} {rule.channel} ({_who(system, sorted(who), state, could)})"] = None
    return list(out)


_WORDS = {
    RuleKind.RECEIVE: ("a message in", "sends"),
    RuleKind.SEND: ("room in", "receives"),
}


def _who(
    system: TransitionSystem, threads: Sequence[int], state: Sequence[Scalar], could: str
) -> str:
    """Who could bring it, as far as they are not over."""
    names: dict[str, bool] = {}  # whether it has ended
    for t in threads:
        thread = system.threads[t]
        instance = system.instances[thread.instance]
        over = state[system.threads[instance.root].location] in (
            instance.completed,
            instance.failed,
        )
        names[thread.name] = over
    if not names:
        return f"nobody else {could} there"
    shown = [f"{n} (ended)" if over else n for n, over in list(names.items())[:4]]
    more = f" and {len(names) - 4} others" if len(names) > 4 else ""
    return f"only {' or '.join(shown)}{more} {could} there"


def waits_for_message(
    system: TransitionSystem, thread: int, state: Sequence[Scalar]
) -> Iterator[Rule]:
    """Message steps before which the thread stands, and that cannot be taken now."""
    for rule in system.rules:
        if rule.thread == thread and not enabled(rule, state):
            place = place_alone(system, rule)
            if place is not None and evaluate(place, state) is True:
                yield rule


def stands(point: Point) -> str:
    """Where a thread is, in words."""
    return "before its first step" if point.kind is PointKind.ENTRY else f"at {point.label}"


def _located(system: TransitionSystem, rule: Rule, state: Sequence[Scalar]) -> bool:
    """Everything in the guard holds but the claims, and that it is their turn."""
    return evaluate(without_claims(rule, [v.kind for v in system.variables]), state) is True


def _ahead(system: TransitionSystem, thread: int, state: Sequence[Scalar]) -> list[int]:
    """Threads for whose turn a claim of this one waits (`scheduler head_of_line`)."""
    rules = [r for r in system.rules if r.gains and _located(system, r, state)]
    behind = [r for r in rules if r.thread == thread and evaluate(r.turn, state) is False]
    if not behind:
        return []
    mine = min(_rank(r, state) for r in behind)
    return sorted({r.thread for r in rules if r.thread != thread and _rank(r, state) > mine})


def _rank(rule: Rule, state: Sequence[Scalar]) -> Scalar:
    return 0 if rule.priority is None else evaluate(rule.priority, state)


def place_of(system: TransitionSystem, thread: int, state: Sequence[Scalar]) -> Span:
    """Where it stands; of a whole workflow before its first step, the claim that it waits for."""
    t = system.threads[thread]
    span = t.points[int(state[t.location])].span
    for r in system.rules:
        if r.thread == thread and r.gains and r.span.line > span.line:
            if not enabled(r, state) and _located(system, r, state):
                return r.span
    for r in waits_for_message(system, thread, state):
        return r.span
    return span
