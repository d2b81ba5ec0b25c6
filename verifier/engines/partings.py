"""Complete runs of one environment, and whether they end alike.

A run asks the environment: how does this attempt end, with what result, which side of `+` is it
to be?  What it was answered is its *record*.  Two runs whose records agree wherever both asked
belong to one environment.  Every attempt ends at some time; a run that comes to an assumption that
fails does not count.  `ends` enumerates all complete runs from a node of the timed graph, as
far as states, clocks and records differ; every one is possible at some times.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from ...dsl.records import dataclass
from ...semantics.expr import Scalar
from ...semantics.system import Rule, RuleKind, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.values import enabled, evaluate
from .confluence import Confluence, Node
from .tracked import Move, State, Tracked

Answers = Mapping[object, object]
MOST_STEPS = 400


@dataclass(frozen=True, slots=True)
class Record:
    """`counts`: how often each place was run; `answers` by occurrence."""

    counts: tuple[tuple[object, int], ...] = ()
    answers: tuple[tuple[object, object], ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """A complete run from where the enumeration began."""

    moves: tuple[Move, ...]
    state: State
    answers: dict[object, object]


@dataclass(slots=True)
class Ends:
    ends: list[End]
    complete: bool


def agree(a: Answers, b: Answers) -> bool:
    if len(b) < len(a):
        a, b = b, a
    return all(b.get(k, v) == v for k, v in a.items())


class Runs:
    """Runs in a timed graph with what they ask.

    `exact`: for a proof, so that runs which one environment may have are never told apart: of a
    choice that is passed more than once only the first answer is noted.  Otherwise every passage
    with the same open sides must be answered alike, which is one kind of environment.
    `timeouts`: the environment answers with a time-out, too (durations are part of it).
    """

    def __init__(self, graph: Confluence, *, exact: bool, timeouts: bool) -> None:
        self.graph = graph
        self.tracked = graph.tracked
        self.exact = exact
        self.timeouts = timeouts

    def take(self, node: Node, record: Record, move: Move) -> Record | None:
        """The record after a step; None if it contradicts an answer."""
        counts = dict(record.counts)
        answers = dict(record.answers)
        rule = move.rule
        question: object = None
        answer: object = None
        if rule.kind is RuleKind.START:
            place = ("start", rule.occurrence)
            counts[place] = counts.get(place, 0) + 1
            if rule.inputs:
                question, answer = ("begin", rule.occurrence, counts[place]), move.inputs
        elif rule.group is not None:
            question = ("end", rule.occurrence, counts.get(("start", rule.occurrence), 0))
            answer = (rule.way, move.inputs)
            if rule.kind is RuleKind.TIMEOUT and not self.timeouts:
                question = None
        elif rule.inputs:
            place = ("answer", str(rule.index))
            counts[place] = counts.get(place, 0) + 1
            question, answer = (*place, counts[place]), move.inputs
        if question is not None and answers.setdefault(question, answer) != answer:
            return None
        for choice, side in self.tracked.answered(node.state, move):
            open_ = self.tracked.open_sides(node.state, choice)
            place = ("choice", str(choice))
            first = place not in counts
            counts[place] = 1
            if len(open_) > 1 and (first or not self.exact):
                if answers.setdefault((*place, tuple(sorted(open_))), side) != side:
                    return None
        return Record(
            tuple(sorted(counts.items(), key=repr)), tuple(sorted(answers.items(), key=repr))
        )

    def along(self, start: Node, moves: Sequence[Move]) -> tuple[Node, Record] | None:
        """Follow a path, taking each step as soon as the graph has it."""
        node, record = start, Record()
        for move in moves:
            after = self.take(node, record, move)
            found = next((n for m, n in self.graph.steps(node) if m == move), None)
            if after is None or found is None:
                return None
            node, record = found, after
        return node, record

    def ends(self, node: Node, record: Record, until: float, most: int, few: int) -> Ends:
        """Complete runs from here, shortest first; at most `few` of them."""
        seen = {(node, record)}
        parents: list[tuple[int, Move] | None] = [None]
        todo: deque[tuple[int, Node, Record, int]] = deque([(0, node, record, 0)])
        out: list[End] = []
        complete = True
        while todo:
            if len(parents) > most or time.monotonic() > until or len(out) >= few:
                return Ends(out, False)
            number, here, noted, depth = todo.popleft()
            steps = list(self.graph.steps(here))
            if not steps and self.tracked.moves(here.state):
                complete = False  # not at any time that the zone knows of
            elif not steps and not self.tracked.barred(here.state):
                out.append(End(_moves(parents, number), here.state, dict(noted.answers)))
            if depth > MOST_STEPS:
                complete = False
                continue
            for move, after in steps:
                then = self.take(here, noted, move)
                if then is None or (after, then) in seen:
                    continue
                seen.add((after, then))
                parents.append((number, move))
                todo.append((len(parents) - 1, after, then, depth + 1))
        return Ends(out, complete)


def endless_waits(system: TransitionSystem) -> bool:
    """Is there a wait, not of an attempt, without an upper bound?"""
    return any(r.delay is not None and r.group is None and r.delay.hi is None for r in system.rules)


def different(ends: Sequence[End], results: Sequence[State]) -> Iterator[tuple[int, int]]:
    """Pairs of one environment with different results, the shortest first."""
    pairs = sorted(
        (
            (len(a.moves) + len(b.moves), i, j)
            for i, a in enumerate(ends)
            for j, b in enumerate(ends[:i])
            if results[i] != results[j] and agree(a.answers, b.answers)
        ),
    )
    for _, i, j in pairs:
        yield j, i


def answers_of(
    system: TransitionSystem, trace: Trace, states: Sequence[State], timeouts: bool
) -> dict[object, object]:
    """What a run was answered, read from its steps alone; of choices nothing.

    `timeouts`: with the durations of attempts and waits: ("=", d) of one that ended, (">", d) of
    one that was still under way when it was cut off or the run was over.
    """
    out: dict[object, object] = {}
    counts: dict[object, int] = {}
    since: dict[object, tuple[object, object]] = {}  # clock -> (question, begun)
    rules = system.rules
    waits = [r for r in rules if r.delay is not None]

    def clocks(state: State, now: object, fired: object) -> None:
        alive: dict[tuple[str, int], object] = {}
        for r in waits:
            if enabled(r, state):
                clock = ("attempt", r.group) if r.group is not None else ("wait", r.index)
                alive[clock] = r.occurrence if r.group is not None else r.index
        for old in [c for c in since if c not in alive or c == fired]:
            question, begun = since.pop(old)
            if old != fired and timeouts:
                out[("time", question)] = (">", now - begun)  # type: ignore[operator]
        for new, what in alive.items():
            if new not in since:
                place = (new[0], what)
                counts[place] = counts.get(place, 0) + 1
                since[new] = ((place, counts[place]), now)

    clocks(states[0], 0, None)
    now: object = 0
    for number, step in enumerate(trace.steps):
        rule = rules[step.rule]
        now = step.time if step.time is not None else 0
        fired: object = None
        if rule.delay is not None:
            fired = ("attempt", rule.group) if rule.group is not None else ("wait", rule.index)
            question, begun = since[fired]
            if timeouts and rule.kind is not RuleKind.TIMEOUT:
                out[("time", question)] = ("=", now - begun)  # type: ignore[operator]
            if rule.group is not None and (timeouts or rule.kind is not RuleKind.TIMEOUT):
                out[("end", question)] = (rule.way, step.inputs)
        elif rule.inputs:
            place = ("answer", rule.index)
            counts[place] = counts.get(place, 0) + 1
            out[(place, counts[place])] = step.inputs
        clocks(states[number + 1], now, fired)
    if timeouts:
        for question, begun in since.values():
            out[("time", question)] = (">", now - begun)  # type: ignore[operator]
        if system.ties and tied(system, trace, states):
            out["tie"] = True
    return out


def choices_of(
    tracked: Tracked, trace: Trace, states: Sequence[State]
) -> dict[object, object] | None:
    """Which side of a `+` a run was answered, by the sides that could move; None if not always
    the same."""
    out: dict[object, object] = {}
    for step, state in zip(trace.steps if tracked.sides else (), states, strict=False):
        here = tracked.project(state)
        move = next((m for m in tracked.moves(here) if m.rule.index == step.rule), None)
        for choice, side in () if move is None else tracked.answered(here, move):
            open_ = tuple(sorted(tracked.open_sides(here, choice)))
            if len(open_) > 1 and out.setdefault((choice, open_), side) != side:
                return None
    return out


def tied(system: TransitionSystem, trace: Trace, states: Sequence[State]) -> bool:
    """Do two steps that wait for their time come at one instant, or might they have?

    With `system.ties` the environment decides such a tie, as if the durations differed a little.
    So runs with ties are runs of durations without them, and only those are compared.
    """
    exact = [r for r in system.rules if r.delay is not None and r.delay.lo is r.delay.hi]
    due: dict[int, Fraction] = {}
    last: Fraction | None = None  # when such a step was last taken
    now = Fraction(0)
    for number, step in enumerate(trace.steps):
        for r in exact:
            if not enabled(r, states[number]):
                due.pop(r.index, None)
            elif r.index not in due:
                assert r.delay is not None
                due[r.index] = now + Fraction(evaluate(r.delay.lo, states[number]))
        rule = system.rules[step.rule]
        now = step.time if step.time is not None else Fraction(0)
        if rule.delay is None:
            continue
        others = [i for i in due if clock_of(system.rules[i]) != clock_of(rule)]
        if now == last or any(due[i] == now for i in others):
            return True
        last = now
        due.pop(rule.index, None)
    return False


def clock_of(rule: Rule) -> tuple[str, int]:
    """The ends of one attempt have one clock, its time-out as well."""
    return ("attempt", rule.group) if rule.group is not None else ("rule", rule.index)


def contradiction(one: Answers, two: Answers) -> object:
    """A question that the two runs were answered differently; None if there is none."""
    if "tie" in one or "tie" in two:
        return "tie"
    for question in one.keys() & two.keys():
        a, b = one[question], two[question]
        if isinstance(question, tuple) and question[0] == "time":
            assert isinstance(a, tuple) and isinstance(b, tuple)
            equal = a[0] == b[0] == "="
            longer = (a[0] == "=" and b[1] > a[1]) or (b[0] == "=" and a[1] > b[1])
            if (equal and a[1] != b[1]) or longer:
                return question
        elif a != b:
            return question
    return None


def _moves(parents: Sequence[tuple[int, Move] | None], at: int) -> tuple[Move, ...]:
    out: list[Move] = []
    while (parent := parents[at]) is not None:
        at, move = parent
        out.append(move)
    return tuple(reversed(out))


__all__ = ["End", "Ends", "Record", "Runs", "Scalar", "agree", "answers_of", "contradiction"]
