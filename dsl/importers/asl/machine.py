"""A state machine as written: typed fields, every one with its place, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from fractions import Fraction

from ...errors import Diagnostic, Severity, Span
from ...records import dataclass
from ..jsonpos import Hole, Json
from . import fields
from .conditions import Cond, read_condition
from .fields import KINDS


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in the file: known, or filled in later (a template hole, a path, a JSONata)."""

    value: Fraction | None
    span: Span


@dataclass(frozen=True, slots=True)
class Retrier:
    """`attempts` None: known only at run time.  Defaults are the engine's: 1 s, x2, 3."""

    errors: tuple[str, ...]
    interval: Fraction
    rate: Fraction
    attempts: int | None
    max_delay: Fraction | None
    jitter: bool
    span: Span

    @property
    def waits(self) -> Fraction:
        """The sum of the waits between all attempts (without jitter), exactly.

        Beyond 200 attempts a lower bound: the later waits are no shorter.
        """
        total, delay, left = Fraction(0), self.interval, self.attempts or 0
        for _ in range(min(left, 200)):
            if self.max_delay is not None:
                delay = min(delay, self.max_delay)
            total += delay
            left -= 1
            if delay * self.rate > 10**9 or delay * self.rate == delay:
                break  # far beyond any time limit, or constant from here on
            delay *= self.rate
        return total + left * delay


@dataclass(frozen=True, slots=True)
class Catcher:
    errors: tuple[str, ...]
    next: str
    node: Json
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    cond: Cond
    next: str
    node: Json
    span: Span


@dataclass(frozen=True, slots=True)
class State:
    name: str
    kind: str
    node: Json
    span: Span  # of its name in the file
    next: str | None = None
    end: bool = False
    retries: tuple[Retrier, ...] = ()
    catches: tuple[Catcher, ...] = ()
    rules: tuple[Rule, ...] = ()
    default: str | None = None
    machines: tuple[Machine, ...] = ()  # branches of a Parallel; the one processor of a Map
    resource: str = ""
    timeout: Amount | None = None
    heartbeat: Amount | None = None
    jsonata: bool = False

    @property
    def waits_for_token(self) -> bool:
        return self.resource.endswith(".waitForTaskToken")

    @property
    def is_worker(self) -> bool:
        """An activity of the service: some worker polls for it, perhaps never."""
        return ":activity:" in self.resource

    @property
    def distributed(self) -> bool:
        config = self.node.get("ItemProcessor")
        inner = config.get("ProcessorConfig") if config is not None else None
        return inner is not None and inner.text("Mode") == "DISTRIBUTED"

    def targets(self) -> Iterator[str]:
        """Every state that may come next, in source order."""
        yield from (rule.next for rule in self.rules)
        if self.default is not None:
            yield self.default
        if self.next is not None:
            yield self.next
        yield from (catcher.next for catcher in self.catches)

    @property
    def ends(self) -> bool:
        return self.end or self.kind in ("Succeed", "Fail")


@dataclass(frozen=True, slots=True)
class Machine:
    start: str
    states: dict[str, State]
    node: Json
    timeout: Amount | None
    span: Span

    def reachable(self) -> set[str]:
        """The states that some way from the start leads to."""
        found, todo = set[str](), [self.start]
        while todo:
            name = todo.pop()
            if name not in found and name in self.states:
                found.add(name)
                todo.extend(self.states[name].targets())
        return found

    def walk(self) -> Iterator[tuple[Machine, State]]:
        """Every state, inner machines included, in source order."""
        for state in self.states.values():
            yield self, state
            for inner in state.machines:
                yield from inner.walk()


@dataclass(slots=True)
class Reader:
    """Collects every complaint of a file; the machine is usable when there is no error."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    named: dict[str, Span] = field(default_factory=dict)  # states of all machines so far

    def error(self, span: Span, message: str, fix: str, code: str = "E0121") -> None:
        self.diagnostics.append(Diagnostic(code, span, message, fix))

    def warn(self, code: str, span: Span, message: str, fix: str) -> None:
        self.diagnostics.append(Diagnostic(code, span, message, fix, Severity.WARNING))

    def machine(self, node: Json, jsonata: bool, span: Span) -> Machine:
        """`span` is where the machine's key stands (the file's start for the outermost)."""
        language = node.text("QueryLanguage")
        jsonata = language == "JSONata" if language else jsonata
        start, listed = node.text("StartAt"), node.get("States")
        self.diagnostics.extend(fields.of_machine(node))
        states = dict[str, State]()
        if listed is None or not isinstance(listed.value, dict):
            self.error(span, "this machine has no `States` object", 'add "States": { .. }')
            return Machine("", {}, node, None, span)
        for name, key, child in listed.members():
            if isinstance(child.value, dict):
                self.once(name, key)
                states[name] = self.state(name, key, child, jsonata)
            else:
                self.warn(
                    "W0212",
                    key,
                    f'"{name}" stands among the states but is not a state',
                    f'move "{name}" out of "States"',
                )
                if name == "QueryLanguage" and child.value == "JSONata":
                    jsonata = True
        if not states:
            self.error(listed.span, "this machine has no states", "add a state")
        elif start is None:
            self.error(span, "`StartAt` is missing", f'add "StartAt": "{next(iter(states))}"')
        elif start not in states:
            self.unknown(node.get("StartAt"), node, start, states)
        for state in states.values():
            for place, target in _named_targets(state):
                if target not in states:
                    self.unknown(place, state.node, target, states)
        return Machine(start or "", states, node, _amount(node, "TimeoutSeconds"), span)

    def once(self, name: str, span: Span) -> None:
        """State names are unique in a file, inner machines included."""
        first = self.named.setdefault(name, span)
        if first is not span:
            what = f'there are two states "{name}" (machines inside this one count as well)'
            note = ((first, "the first one"),)
            self.diagnostics.append(
                Diagnostic("E0202", span, what, "rename one of them", related=note)
            )

    def unknown(
        self, place: Json | None, around: Json, name: str, states: dict[str, State]
    ) -> None:
        close = fields.near(name, states)
        hint = f'did you mean "{close}"?' if close else "add that state, or name another one here"
        span = place.span if place is not None else around.span
        self.error(span, f'there is no state "{name}" in this machine', hint, "E0201")

    def state(self, name: str, span: Span, node: Json, jsonata: bool) -> State:
        kind = node.text("Type")
        if kind not in KINDS:
            close = fields.near(kind or "", KINDS)
            self.error(
                node.key_span("Type") if node.has("Type") else span,
                f'state "{name}" has no known type' if kind is None else f'unknown type "{kind}"',
                f'did you mean "{close}"?' if close else "one of " + ", ".join(KINDS),
                "E0122",
            )
            return State(name, "Pass", node, span, end=True)
        self.diagnostics.extend(fields.of_state(name, kind, span, node))
        language = node.text("QueryLanguage")
        jsonata = language == "JSONata" if language else jsonata
        target, end = node.text("Next"), node.get("End")
        ends = end is not None and end.value is True
        if kind in ("Task", "Pass", "Wait", "Parallel", "Map"):
            if target is None and not ends and not node.has("Next"):
                self.error(
                    span, f'state "{name}" does not say what follows', 'add "Next" or "End": true'
                )
        else:
            target, ends = None, False
        return State(
            name=name,
            kind=kind,
            node=node,
            span=span,
            next=None if ends else target,
            end=ends,
            retries=tuple(self.retrier(r) for r in fields.clauses(node, "Retry")),
            catches=tuple(
                c for n in fields.clauses(node, "Catch") if (c := self.catcher(n)) is not None
            ),
            rules=self.rules(name, span, node, jsonata) if kind == "Choice" else (),
            default=node.text("Default") if kind == "Choice" else None,
            machines=self.inner(name, span, node, jsonata, kind),
            resource=self.resource(name, span, node) if kind == "Task" else "",
            timeout=_amount(node, "TimeoutSeconds") if kind == "Task" else None,
            heartbeat=_amount(node, "HeartbeatSeconds") if kind == "Task" else None,
            jsonata=jsonata,
        )

    def resource(self, name: str, span: Span, node: Json) -> str:
        place = node.get("Resource")
        if place is None:
            self.error(span, f'task "{name}" has no `Resource`', 'add "Resource": "arn:aws:.."')
        elif isinstance(place.value, Hole):
            return place.value.text
        elif not isinstance(place.value, str):
            self.error(place.span, "`Resource` is no string", 'write "Resource": "arn:aws:.."')
        return node.text("Resource") or ""

    def inner(
        self, name: str, span: Span, node: Json, jsonata: bool, kind: str
    ) -> tuple[Machine, ...]:
        if kind == "Parallel":
            branches = self.objects(node, "Branches", "a machine")
            if not branches:
                self.error(span, f'Parallel "{name}" has no `Branches`', "add a branch")
            return tuple(self.machine(branch, jsonata, branch.span) for branch in branches)
        if kind == "Map":
            for key in ("ItemProcessor", "Iterator"):
                child = node.get(key)
                if child is not None:
                    return (self.machine(child, jsonata, node.key_span(key)),)
            self.error(span, f'Map "{name}" has no `ItemProcessor`', "add the machine for one item")
        return ()

    def rules(self, name: str, span: Span, node: Json, jsonata: bool) -> tuple[Rule, ...]:
        found = list[Rule]()
        for item in self.objects(node, "Choices", "a rule"):
            target = item.text("Next")
            if target is None:
                self.error(item.span, "this rule does not say what follows", 'add "Next"')
            else:
                cond = read_condition(item, jsonata, self.diagnostics)
                found.append(Rule(cond, target, item, item.span))
        if not found:
            self.error(span, f'Choice "{name}" has no rules', 'add "Choices": [ .. ]')
        return tuple(found)

    def objects(self, node: Json, key: str, what: str) -> tuple[Json, ...]:
        """The objects of a list; what else stands there is an error."""
        listed = node.get(key)
        if listed is not None and not isinstance(listed.value, tuple):
            self.error(listed.span, f"`{key}` is no list", f'write "{key}": [ {{ .. }} ]')
        elif listed is not None:
            for item in listed.items():
                if not isinstance(item.value, dict):
                    self.error(item.span, f"this is not {what}", "write an object: { .. }")
        return fields.clauses(node, key)

    def retrier(self, node: Json) -> Retrier:
        attempts = node.number("MaxAttempts")
        known = not node.has("MaxAttempts") or attempts is not None
        return Retrier(
            errors=_names(node),
            interval=_at_least(node.number("IntervalSeconds"), Fraction(1)),
            rate=max(Fraction(1), _at_least(node.number("BackoffRate"), Fraction(2))),
            attempts=max(0, int(attempts if attempts is not None else 3)) if known else None,
            max_delay=node.number("MaxDelaySeconds"),
            jitter=node.text("JitterStrategy") == "FULL",
            span=node.span,
        )

    def catcher(self, node: Json) -> Catcher | None:
        target = node.text("Next")
        if target is None:
            self.error(node.span, "this catcher does not say what follows", 'add "Next"')
            return None
        return Catcher(_names(node), target, node, node.span)


def _at_least(value: Fraction | None, default: Fraction) -> Fraction:
    return default if value is None else max(value, Fraction(0))


def _names(node: Json) -> tuple[str, ...]:
    child = node.get("ErrorEquals")
    return tuple(c.value for c in child.items() if isinstance(c.value, str)) if child else ()


def _amount(node: Json, key: str) -> Amount | None:
    for name in (key, key + "Path"):
        child = node.get(name)
        if child is not None:
            value = child.value if isinstance(child.value, Fraction) else None
            return Amount(value, node.key_span(name))
    return None


def _named_targets(state: State) -> Iterator[tuple[Json | None, str]]:
    for rule in state.rules:
        yield rule.node.get("Next"), rule.next
    for catcher in state.catches:
        yield catcher.node.get("Next"), catcher.next
    if state.default is not None:
        yield state.node.get("Default"), state.default
    if state.next is not None:
        yield state.node.get("Next"), state.next
