"""What an observer sees of the steps of a system.

Seen are the start of an activity with its arguments, its end with what the environment answers, its
failure, messages, the end of an instance, and changes of the data that is watched.  Not seen are
scheduling, grants, tests and other assignments.  The last end shows the observed data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from ..dsl.records import dataclass
from .expr import Scalar
from .system import Rule, RuleKind, TransitionSystem, Variable, VarKind
from .values import evaluate, show

INTERNAL = "tau"  # what is not seen
Readable = Sequence[Scalar] | Mapping[int, Scalar]  # by number of variable

ENDS = {RuleKind.COMPLETE, RuleKind.FAIL, RuleKind.TIMEOUT}
VERBS = {
    RuleKind.SEND: "send {} to {}",
    RuleKind.RECEIVE: "receive {} from {}",
    RuleKind.INTERRUPT: "receive {} from {}",
    RuleKind.STEP: "answer {} through {}",
}


@dataclass(frozen=True, slots=True)
class View:
    """`observed`: variables whose last values are the outcome (names; of composite data its name);
    `watched`: those of which each change is seen.  `rename` and `hide` are of activities and
    channels, by the names that they have without `rename`."""

    observed: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    hide: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Act:
    """What a step is to an observer.

    `answered`: what the environment was asked (an activity with its arguments, a channel), and
    what it answers.  `outcome`: all instances have ended, and so.
    """

    text: str = INTERNAL
    answered: tuple[str, str] | None = None
    outcome: str | None = None


def plain(system: TransitionSystem, name: str) -> str:
    """Without the instance where there is one only."""
    if len(system.instances) == 1:
        return name.removeprefix(f"{system.instances[0].name}.")
    return name


def activity_name(system: TransitionSystem, place: str) -> str:
    """Of an activity at some place: `trip[0].pay#2` is `trip[0].pay`, or `pay`."""
    own = next((i.name for i in system.instances if place.startswith(f"{i.name}.")), "")
    rest = place[len(own) + 1 :] if own else place
    parts = [part.split("#")[0].split("[")[0].split(" ")[0] for part in rest.split(".")]
    short = ".".join(parts)
    return short if len(system.instances) == 1 or not own else f"{own}.{short}"


def data_names(system: TransitionSystem) -> dict[str, list[int]]:
    """The variables whose last values can be observed, by name; composite data as one."""
    found: dict[str, list[int]] = {}
    own = [v for i in system.instances for v in i.observed]
    shared = [v.index for v in system.variables if v.kind is VarKind.SHARED]
    for index in (*own, *shared):
        found.setdefault(_whole(system, system.variables[index]), []).append(index)
    return found


def in_both(left: TransitionSystem, right: TransitionSystem) -> tuple[str, ...]:
    """The data that both have: what is observed where nothing is said."""
    yours = data_names(right)
    return tuple(n for n in data_names(left) if n in yours)


def _whole(system: TransitionSystem, variable: Variable) -> str:
    """`cells[2]`, `card.number` and `days has monday` belong to `cells`, `card` and `days`."""
    own = "" if variable.instance is None else f"{system.instances[variable.instance].name}."
    head = variable.name.removeprefix(own).split(".")[0].split("[")[0].split(" has ")[0]
    return plain(system, own + head)


class Observer:
    """Reads steps of one system; values by the number of their variable."""

    def __init__(self, system: TransitionSystem, view: View) -> None:
        self.system, self.view = system, view
        data = data_names(system)
        self.observed = [v for name in view.observed for v in data.get(name, ())]
        self.watched = {v for name in view.watched for v in data.get(name, ())}
        self.roots = {system.threads[i.root].location: i for i in system.instances}
        self._names = {
            r.activity: activity_name(system, r.activity) for r in system.rules if r.activity
        }

    def act(
        self,
        rule: Rule,
        inputs: Sequence[Scalar],
        before: Sequence[Scalar],
        after: Sequence[Scalar],
    ) -> Act:
        """`before` and `after` hold a value for each variable that matters."""
        parts: list[str] = []
        answered = None
        name = self.name(rule)
        shown = self.view.rename.get(name, name)
        text = ""
        if rule.activity and rule.kind is RuleKind.START:
            text = f"start {shown}{self._values(rule, before)}"
        elif rule.activity and rule.kind in ENDS:
            answered = self.asked(rule, before), self._answer(rule, inputs)
            text = " ".join(answered)
        elif rule.activity and rule.kind is RuleKind.BUSY:
            text = f"{shown}{self._values(rule, before)} fails with {rule.error}"
        elif rule.channel and rule.kind in VERBS:
            key, message = self._message(rule, before, inputs)
            text = VERBS[rule.kind].format(message, f"{shown}{key}")
            if self._from_environment(rule):
                answered = f"message from {shown}{key}", message
        if name in self.view.hide:
            text, answered = "", None
        if text:
            parts.append(text)
        parts += (
            f"{plain(self.system, self._variable(v).name)} := {self._show(v, after)}"
            for v, _ in rule.updates
            if v in self.watched and before[v] != after[v]
        )
        ended = self._ended(rule, before, after)
        outcome = None
        if ended:
            how = self._how(after)
            data = f" with {self.data(after)}" if how is not None and self.observed else ""
            parts += (*ended[:-1], ended[-1] + data)
            outcome = None if how is None else how + data
        return Act(", ".join(parts) or INTERNAL, answered, outcome)

    def asked(self, rule: Rule, before: Sequence[Scalar]) -> str:
        """What the environment answers with the end of an attempt: an activity, its arguments."""
        name = self.name(rule)
        return f"{self.view.rename.get(name, name)}{self._values(rule, before)}"

    # --- parts -------------------------------------------------------------------------------

    def name(self, rule: Rule) -> str:
        """Of the activity or the channel; "" if it is about none."""
        return self._names.get(rule.activity, "") or (
            rule.channel if rule.channel and rule.kind in VERBS else ""
        )

    def _variable(self, index: int) -> Variable:
        return self.system.variables[index]

    def _show(self, index: int, state: Sequence[Scalar]) -> str:
        return show(self._variable(index), state[index], self.system.strings)

    def _values(self, rule: Rule, state: Sequence[Scalar]) -> str:
        values = [show(s.type, evaluate(s.term, state), self.system.strings) for s in rule.seen]
        return f"({', '.join(values)})" if values else ""

    def _answer(self, rule: Rule, inputs: Sequence[Scalar]) -> str:
        marks = (" with ", "") if rule.kind is RuleKind.COMPLETE else (" (", ")")
        return self.ending(rule) + self._extra(rule, inputs, *marks)

    def ending(self, rule: Rule) -> str:
        """How an attempt ends, without what is answered."""
        if rule.kind is RuleKind.TIMEOUT and rule.error == "Timeout":
            return "times out"
        return "ends" if rule.kind is RuleKind.COMPLETE else f"fails with {rule.error}"

    def _extra(self, rule: Rule, inputs: Sequence[Scalar], left: str, right: str) -> str:
        values = []
        for declared, value in zip(rule.inputs, inputs, strict=True):
            text = show(declared, value, self.system.strings)
            values.append(text if declared.name == "result" else f"{declared.name} = {text}")
        return f"{left}{', '.join(values)}{right}" if values else ""

    def _message(
        self, rule: Rule, state: Sequence[Scalar], inputs: Sequence[Scalar]
    ) -> tuple[str, str]:
        key, values = "", []
        for s in rule.seen:
            text = show(s.type, evaluate(s.term, state, inputs), self.system.strings)
            if s.name == "key":
                key = f"[{text}]"
            else:
                values.append(text)
        return key, values[0] if len(values) == 1 else f"({', '.join(values)})"

    def _from_environment(self, rule: Rule) -> bool:
        info = next((c for c in self.system.channels if c.name == rule.channel), None)
        return rule.kind in (RuleKind.RECEIVE, RuleKind.INTERRUPT) and (
            info is not None and not info.lengths
        )

    def _ended(self, rule: Rule, before: Sequence[Scalar], after: Sequence[Scalar]) -> list[str]:
        return [
            text
            for v, _ in rule.updates
            if v in self.roots
            for text in self.end_of(v, before[v], after)
        ]

    def end_of(self, root: int, before: Scalar, after: Readable) -> Iterator[str]:
        """What is seen of an instance whose control goes on from there; its error is looked at."""
        i = self.roots[root]
        if before == after[root] or after[root] not in (i.completed, i.failed):
            return
        name = "" if len(self.system.instances) == 1 else f"{i.name} "
        if after[root] == i.completed:
            yield f"{name}completes"
        else:
            yield f"{name}fails with {self._error(i.error, after)}"

    def _error(self, index: int, state: Readable) -> str:
        number = state[index]
        if isinstance(number, int) and 0 < number <= len(self.system.errors):
            return self.system.errors[number - 1]
        return "an error"

    def _how(self, state: Sequence[Scalar]) -> str | None:
        """How all instances have ended; None while one has not."""
        out = []
        for i in self.system.instances:
            if not evaluate(i.active, state):
                continue
            at = state[self.system.threads[i.root].location]
            if at not in (i.completed, i.failed):
                return None
            name = "" if len(self.system.instances) == 1 else f"{i.name} "
            done = at == i.completed
            how = "completes" if done else f"fails with {self._error(i.error, state)}"
            out.append(f"{name}{how}")
        return ", ".join(out)

    def data(self, state: Sequence[Scalar]) -> str:
        """The observed data."""
        return ", ".join(
            f"{plain(self.system, self._variable(v).name)} = {self._show(v, state)}"
            for v in self.observed
        )


def needed(observer: Observer) -> Iterable[int]:
    """Variables that are looked at when it is told what a step is."""
    system = observer.system
    yield from observer.observed
    yield from observer.watched
    for i in system.instances:
        yield i.error
        yield system.threads[i.root].location
