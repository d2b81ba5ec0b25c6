"""Random specs of each part of the language, each compared with something that does not know how
the tool came to its answer: one seed, one spec.

Used by the tests, in small samples, and by bench/trust.py for campaigns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from random import Random

import clockgen
import crowdgen
import durationgen
import endlessgen
import faultgen
import judge
import message_specs
import naive
import oracle
import processes
from lasting import for_ever
from lowered import run
from message_specs import Explorer
from oracle import reading
from ticking import TICK, Config, Ticking, TooMuch
from wfverify.dsl import load_text
from wfverify.dsl.ast import Spec
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.expr import Expr
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.durations import durations as lasting
from wfverify.semantics.system import RuleKind, Thread, TransitionSystem, VarKind
from wfverify.semantics.values import evaluate
from wfverify.verifier.checks.intime import BY_CLOCKS
from wfverify.verifier.growth import fitted
from wfverify.verifier.portfolio import SAFETY, WARNINGS, Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Result, Unknown

GROWING = "more and more"  # is said of growth


class LeftOut(Exception):
    """Nothing is compared: too large, or a form that is not supported there."""


@dataclass
class Compared:
    text: str
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # "check VERDICT"
    unknown: list[str] = field(default_factory=list)


def _judged(text: str, timeout: float, limit: int) -> tuple[Compared, list[Result]]:
    try:
        found = judge.judge(text, timeout=timeout, limit=limit)
    except oracle.TooBig:
        raise LeftOut("too many states") from None
    except Rejected as refused:
        codes = {d.code for d in refused.diagnostics}
        assert codes == {"E0900"}, f"{refused}\n{text}"
        raise LeftOut(refused.diagnostics[0].message) from None
    return Compared(text, found.problems, found.counts, found.unknown), found.results


# --- stores, keys, leases, claims that do not wait, crashes ---------------------------------------


def faults(seed: int, timeout: float = 5) -> Compared:
    compared, _ = _judged(faultgen.spec(seed), timeout, 250)
    return compared


# --- messages -------------------------------------------------------------------------------------

FORMS = (
    "",
    "where unordered len delivery broadcast keyed environment within request",
    "protocol",
    "protocol unordered delivery broadcast keyed request",
)


def truths(spec: message_specs.Spec) -> tuple[bool, bool] | None:
    """Is a message lost, or an answer? Does a process stand before a message step for ever?  The
    second only of processes without branches, None if there are too many states."""
    explorer = Explorer(spec, 3000)
    if not explorer.explore():
        return None
    lost = any(explorer.left(w) or w.lost or w.orphan for w in explorer.states)
    return lost, any(explorer.waiting(w, k) for w, k in explorer.stuck())


def messages(seed: int, timeout: float = 8, forms: str | None = None) -> Compared:
    """Against all states of the rules, and against an exploration that knows no rules."""
    spec = message_specs.from_seed(seed, FORMS[seed % len(FORMS)] if forms is None else forms)
    compared, results = _judged(spec.text(), timeout, 400)
    known = truths(spec)
    plain = all(t[0] != "par" for p in spec.processes.values() for t in message_specs.parts(p))
    if known is None:
        raise LeftOut("too many states")
    lost, waits = known
    stays = waits and plain
    for r in results:
        wrong = False
        if r.check == "messages" and isinstance(r.verdict, Proved):
            wrong = lost or stays
        elif r.check == "messages" and isinstance(r.verdict, Refuted):
            wrong = plain and not (lost or waits)
        elif r.check == "deadlock_free" and isinstance(r.verdict, Proved):
            wrong = stays
        if wrong:
            compared.problems.append(f"{r.check}: {type(r.verdict).__name__}; {known}")
    return compared


def in_time(system: TransitionSystem) -> tuple[bool, bool] | None:
    """In whole seconds: is a message lost; is there a state from which no end of all is reached?"""
    try:
        moves = Ticking(system, 20_000).moves
    except TooMuch:
        return None
    made: dict[int, object] = {}
    goals = [(o, reading(o.cond, made)) for o in system.obligations if o.check == "messages"]
    lost = False
    for (state, _), steps in moves.items():
        lost |= any(o.rule is None and not cond(state, (), ()) for o, cond in goals)
        # (Of a step: it is never taken; a loss that the environment decides is not asked here.)
        lost |= any(
            o.rule == rule and not cond(state, (), to[0]) for o, cond in goals for rule, to in steps
        )
    ends = [(system.threads[i.root].location, (i.completed, i.failed)) for i in system.instances]
    before: dict[Config, list[Config]] = {}
    for config, steps in moves.items():
        for _, to in steps:
            before.setdefault(to, []).append(config)
    done = {c for c in moves if all(c[0][v] in at for v, at in ends)}
    todo = list(done)
    while todo:
        for config in before.get(todo.pop(), ()):
            if config not in done:
                done.add(config)
                todo.append(config)
    return lost, len(done) < len(moves)


def messages_in_time(seed: int, timeout: float = 8) -> Compared:
    """Messages grow too old, and who comes too late waits for ever."""
    text = message_specs.from_seed(seed, "protocol ttl wait request unordered").text()
    checked = load_text(text, "s.wf")
    system = lower(checked)
    known = in_time(system)
    if known is None:
        raise LeftOut("too many states")
    lost, stuck = known
    compared = Compared(text)
    found = verify(checked, system, Options(timeout=timeout), replay=replay, schedule=schedule)
    said = {r.check: r.verdict for r in found if not r.name}
    for check in ("deadlock_free", "terminates", "can_finish", "messages"):
        verdict = said[check]
        compared.counts[f"{check} {type(verdict).__name__.upper()}"] += 1
        truth = not stuck if check != "messages" else not (lost or stuck)
        if not isinstance(verdict, Unknown) and isinstance(verdict, Proved) != truth:
            compared.problems.append(f"{check}: {type(verdict).__name__}, lost and stuck: {known}")
    return compared


# --- any number of instances ----------------------------------------------------------------------

MOST = 4  # instances
STATES = 400
ROOM = 4  # messages, of a channel without a bound


def cyclic(graph: naive.Naive) -> bool:
    """Whether some state comes twice in a run."""
    left = {s: len(moves) for s, moves in graph.successors.items()}
    into: dict[naive.State, list[naive.State]] = {}
    for s, moves in graph.successors.items():
        for _, _, after in moves:
            into.setdefault(after, []).append(s)
    todo = [s for s, n in left.items() if n == 0]
    gone = 0
    while todo:
        gone += 1
        for before in into.get(todo.pop(), ()):
            left[before] -= 1
            if not left[before]:
                todo.append(before)
    return gone < len(graph.successors)


def stuck(graph: naive.Naive, state: naive.State) -> bool:
    """Some instance has not ended, and none of its threads ever moves again.  (A thread that is
    always at one place is a bucket's or a channel's.)"""
    system = graph.system
    still = graph.never_moves(state)
    return any(
        not graph.ended(state, i.id)
        and {t.id for t in system.threads if t.instance == i.id and len(t.points) > 1} <= still
        for i in system.instances
    )


def of_any_number(text: str, results: list[Result], counts: Counter[str]) -> list[str]:
    """What is said of any number of instances, where it is wrong for 1, 2, 3, .. of them."""
    spec = load_text(text, "w.wf")
    out: list[str] = []
    broken: dict[tuple[str, str, bool], list[int]] = {}
    whole: dict[str, list[int]] = {}
    dead: list[int] = []  # for so many instances somebody may be stuck
    complete = True
    for n in range(1, MOST + 1):
        try:
            graph = of_number(spec, n)
            system = graph.system
        except naive.TooBig:
            if n == 1:
                raise LeftOut("too many states") from None
            complete &= n > 3
            break
        for goal in system.obligations:
            if goal.check in (*SAFETY, "messages") and graph.broken(goal) is not None:
                key = goal.check, goal.name, goal.warning
                broken.setdefault(key, []).append(n)
                if goal.check == "messages":
                    whole.setdefault("messages", []).append(n)
        for owed in system.liveness:
            # Where a run ends; of others nothing is said here.
            if graph.broken(owed.at_end) is not None:
                broken.setdefault(("property", owed.name, False), []).append(n)
        if system.channels and any(graph.dead_threads(s) for s in graph.states):
            dead.append(n)
        if any(stuck(graph, s) for s in graph.states):
            whole.setdefault("deadlock_free", []).append(n)
            if any(r.kind in (RuleKind.SEND, RuleKind.RECEIVE) for r in system.rules):
                whole.setdefault("messages", []).append(n)
        if cyclic(graph) or "deadlock_free" in whole:
            whole.setdefault("terminates", []).append(n)
        if not all(graph.can_finish(s) for s in graph.states):
            whole.setdefault("can_finish", []).append(n)
    at_last = {g.name for g in system.liveness}
    for r in results:
        verdict = r.verdict
        counts[f"{r.check} {type(verdict).__name__.upper()}"] += 1
        level = r.warning and r.check not in WARNINGS
        wrong = whole.get(r.check)
        if r.check in SAFETY:
            wrong = broken.get((r.check, r.name, level))
        if isinstance(verdict, Proved) and wrong:
            out.append(f"{r.check} {r.name}: PROVED, but wrong for {wrong} instances")
        # (A run that goes on for ever may refute what comes at last; these are not looked at.)
        lasting = r.check == "property" and r.name in at_last
        safety = r.check in SAFETY and not lasting
        if isinstance(verdict, Refuted) and verdict.system is not None:
            # With more instances than are looked at here: the run says it.
            goals = [
                g
                for g in verdict.system.obligations
                if (g.check, g.name, g.warning) == (r.check, r.name, level)
            ]
            if not naive.replays(verdict.system, verdict.trace):
                out.append(f"{r.check} {r.name}: REFUTED by what is no run")
            if safety and not any(naive.replays(verdict.system, verdict.trace, g) for g in goals):
                out.append(f"{r.check} {r.name}: REFUTED by a run that does not break it")
            grows = GROWING in verdict.message
            if grows and not piles_up(spec):
                out.append("messages: REFUTED, but 40 that come leave no more than 12")
        elif isinstance(verdict, Refuted) and safety and complete and not wrong:
            out.append(f"{r.check} {r.name}: REFUTED, but it holds for 1 to 3 instances")
        elif isinstance(verdict, Refuted) and r.check == "messages" and complete:
            if not wrong and not dead:
                out.append("messages: REFUTED, but none is lost with 1 to 3 instances")
    return out


def piles_up(spec: Spec) -> bool:
    """Whether there are more messages, or instances under way, at some time where more come."""
    counts = []
    for number in (12, 40):
        system = lower(spec, (number, number), room=2 * number)
        most = 0
        for pace in (1.0, 0.0):
            trace = simulator(system)(0, 0.0, {}, (), pace)
            assert trace is not None
            for state in replay(system, trace).states:
                messages = sum(int(state[v]) for c in system.channels for v in c.lengths)
                at = [(i, state[system.threads[i.root].location]) for i in system.instances]
                under_way = sum(x not in (0, i.completed, i.failed) for i, x in at)
                most = max(most, messages + under_way)
        counts.append(most)
    return counts[1] > counts[0]


def of_number(spec: Spec, n: int, states: int = STATES) -> naive.Naive:
    """All states with so many instances of those of which there may be any number; too many also
    where there are more messages in a channel without a bound than are looked at."""
    system = lower(spec, (n, n), room=ROOM)
    graph = naive.explore(system, states)
    full = [reading(c.full, {}) for c in system.open_channels if c.full is not None]
    if any(is_full(s, (), ()) for s in graph.states for is_full in full):
        raise naive.TooBig
    return graph


def verified(text: str, timeout: float = 3) -> list[Result]:
    spec = load_text(text, "w.wf")
    options = Options(timeout=timeout, jobs=1)
    fit = fitted(spec, lower(spec, room=1), options, replay, schedule, simulator)
    return verify(
        spec,
        fit.system,
        options,
        replay=replay,
        schedule=schedule,
        simulate=simulator,
        growth=fit.growth,
    )


def crowds(seed: int, timeout: float = 3) -> Compared:
    text = crowdgen.from_seed(seed)
    compared = Compared(text)
    try:
        results = verified(text, timeout)
    except Rejected as error:
        assert all(d.code == "E0900" for d in error.diagnostics), (str(error), text)
        raise LeftOut(error.diagnostics[0].message) from None
    compared.problems = of_any_number(text, results, compared.counts)
    return compared


def endless(seed: int, timeout: float = 4, crash: bool = False, queue: bool = False) -> Compared:
    """What comes at last, of any number of instances, where runs may go on for ever: against the
    definition of a fair run, for 1, 2, .. of them.  `crash`: instances may crash; `queue`: claims
    stand in one queue."""
    text = endlessgen.from_seed(seed, crash, queue)
    compared = Compared(text)
    try:
        results = verified(text, timeout)
    except Rejected as error:
        assert all(d.code == "E0900" for d in error.diagnostics), (str(error), text)
        raise LeftOut(error.diagnostics[0].message) from None
    wrong: dict[str, list[int]] = {}
    spec = load_text(text, "w.wf")
    complete = True
    for n in range(1, MOST + 1):
        try:
            graph = of_number(spec, n)
        except naive.TooBig:
            if n == 1:
                raise LeftOut("too many states") from None
            complete &= n > 3
            break
        for name in lasting_wrong(graph):
            wrong.setdefault(name, []).append(n)
    for r in results:
        name = r.name if r.check == "property" else r.check
        if name not in (*LASTING, *(g.name for g in graph.system.liveness)):
            continue
        compared.counts[f"{r.check} {type(r.verdict).__name__.upper()}"] += 1
        if isinstance(r.verdict, Proved) and wrong.get(name):
            compared.problems.append(f"{name}: PROVED, but wrong for {wrong[name]} instances")
        by_order = not isinstance(r.verdict, Refuted) or BY_CLOCKS not in r.verdict.notes
        if isinstance(r.verdict, Refuted) and by_order and complete and not wrong.get(name):
            compared.problems.append(f"{name}: REFUTED, but it holds for 1 to 3 instances")
    return compared


LASTING = ("deadlock_free", "terminates", "starvation_free")


def lasting_wrong(graph: naive.Naive) -> Iterator[str]:
    """What fails in a system: checks and names of properties."""
    system = graph.system
    stopped = [
        s
        for s in graph.states
        if all(system.rules[r].kind is RuleKind.CRASH for r, _, _ in graph.successors[s])
        and s not in graph.leaves
    ]
    dead = any(stuck(graph, s) for s in graph.states)
    if dead:
        yield "deadlock_free"
    if dead or for_ever(graph, lambda s: True):
        yield "terminates"
    if any(
        for_ever(graph, lambda s, t=t: waits(graph, s, t))
        or any(waits(graph, s, t) for s in stopped)
        for t in system.threads
    ):
        yield "starvation_free"
    for goal in system.liveness:
        owed = reading(goal.owed, {})
        stays = for_ever(graph, lambda s, owed=owed: bool(owed(s, (), ())))
        if stays or any(owed(s, (), ()) for s in stopped):
            yield goal.name


def waits(graph: naive.Naive, state: naive.State, thread: Thread) -> bool:
    """A thread has a step but for what others have in use."""
    free = list(state)
    for v in graph.system.variables:
        if v.kind is VarKind.USED:
            free[v.index] = 0
    return any(
        r.thread == thread.id and r.gains and naive.value(r.guard, free) for r in graph.system.rules
    )


# --- how long terms last --------------------------------------------------------------------------


def durations(seed: int, timeout: float = 0) -> Compared:
    """Against all runs in whole seconds: bounds, and exact where they say so."""
    del timeout
    text = durationgen.Maker(seed, beats=seed % 3 == 0, elsewhere=seed % 7 == 3).spec()
    compared = Compared(text)
    try:
        spec = load_text(text, "s.wf")
        system = lower(spec)
        world = Ticking(system, 1500, cap=20)
        real = durationgen.ends(system, world=world)
    except (Rejected, TooMuch) as error:
        raise LeftOut(type(error).__name__) from None
    (d,) = lasting(spec, ["r", "box.c", "mac.c"])
    fails = d.arithmetic.any_of(d.fails.values())
    for which, lasts in (("done", d.completes), ("failed", fails), ("ends", d.ends)):
        got = real.get(which)
        if lasts is None or evaluate(lasts.may, ()) is False:
            if got is not None:
                compared.problems.append(f"{which}: it can be")
            continue
        if got is None or got.least is None:
            continue
        lo, hi = value(lasts.lo), None if lasts.hi is None else value(lasts.hi)
        within = lo <= got.least and (hi is None or (got.most is not None and got.most <= hi))
        if not within or (lasts.exact and (lo, hi) != (got.least, got.most)):
            compared.problems.append(f"{which}: {lo}..{hi}, but {got.least}..{got.most}")
        compared.counts[f"{which} {'EXACT' if lasts.exact else 'BOUND'}"] += 1
    taken = {r for moves in world.moves.values() for r, _ in moves if r != TICK}
    for r in (system.rules[k] for k in sorted(taken)):
        if r.kind is RuleKind.INTERRUPT and r.span in d.spared:
            compared.problems.append(f"{r.name} at {r.span}: it is taken")
    compared.counts["limit SPARED"] += len(d.spared)
    return compared


def value(e: Expr, state: tuple[Fraction, ...] = ()) -> Fraction:
    return Fraction(evaluate(e, state))


# --- terms, read a second time ------------------------------------------------------------------

_LIMIT = 2_000


def same_outcomes(t: processes.Term, crash: bool = False) -> str:
    """What is wrong with the ends of a term."""
    found = run(processes.spec(t, crash), 4 * _LIMIT).outcomes("n", "log")
    sure = processes.outcomes(t, _LIMIT, crash=crash)
    if not sure <= found:
        return f"never {sorted(sure - found)}"
    if found != sure:
        # Where the design leaves open whether a step is needed, there may be more.
        possible = processes.outcomes(t, 4 * _LIMIT, eager=False, crash=crash)
        if not found <= possible:
            return f"{sorted(found - possible)} cannot be"
    return ""


def terms(seed: int, timeout: float = 0) -> Compared:
    """The lowering against a second reading of the same terms."""
    del timeout
    crash = seed % 4 == 3
    letters = ("abcdg", "abcdghkmqv", "kmqv", "abckmq")[seed % 4]
    t = processes.random_term(Random(seed), 2 + seed % (4 if crash else 5), letters)
    compared = Compared(processes.text(t))
    try:
        wrong = same_outcomes(t, crash)
    except (OverflowError, naive.TooBig, Rejected) as error:
        raise LeftOut(type(error).__name__) from None
    if wrong:
        compared.problems.append(wrong)
    compared.counts["outcomes COMPARED"] += 1
    return compared


# --- the clock --------------------------------------------------------------------------------


def clock(seed: int, timeout: float = 6) -> Compared:
    """What is proved holds in runs; a run that is shown has read its own times."""
    text = clockgen.spec(seed)
    parsed = load_text(text, "w.wf")
    system = lower(parsed)
    options = Options(timeout=timeout, only=("ensures", "assert", "arithmetic"))
    results = verify(parsed, system, options, replay=replay, schedule=schedule)
    compared = Compared(text)
    verdicts = {(r.check, r.name): r.verdict for r in results}
    for r in results:
        compared.counts[f"{r.check} {type(r.verdict).__name__.upper()}"] += 1
        if isinstance(r.verdict, Refuted) and not clockgen.reads_its_time(system, r.verdict.trace):
            compared.problems.append(f"{r.check} {r.name}: a run that reads other times")
    for k in range(clockgen.RUNS):
        for o in clockgen.broken(system, k):
            if isinstance(verdicts.get((o.check, o.name)), Proved):
                compared.problems.append(f"{o.check} {o.name}: PROVED, but run {k} breaks it")
    return compared


KINDS: Mapping[str, Callable[[int, float], Compared]] = {
    "faults": faults,
    "messages": messages,
    "messages_in_time": messages_in_time,
    "crowds": crowds,
    "endless": endless,
    "endless_crash": partial(endless, crash=True),
    "durations": durations,
    "terms": terms,
    "clock": clock,
}
