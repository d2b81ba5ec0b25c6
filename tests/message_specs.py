"""Small random specs with channels, and what they mean, told without any rule of `semantics`.

`Explorer` takes the steps of the terms themselves (structural operational semantics; what is left
of a term is a term), on queues that are Python tuples.  So it agrees with `semantics.lower` only
if both say what docs/language.md says of messages.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Choose = Callable[[int], int]
Term = tuple[Any, ...]
VALUES = range(3)


@dataclass(frozen=True)
class Chan:
    name: str
    capacity: int
    delivery: str = "exactly_once"
    unordered: bool = False
    keyed: bool = False
    broadcast: bool = False
    optional: bool = False
    environment: bool = False
    answers: bool = False
    ttl: bool = False

    def text(self) -> str:
        if self.environment:
            return f"channel {self.name} : int 0..2 from environment"
        key = "[K]" if self.keyed else ""
        out = f"channel {self.name}{key} : int 0..2{' -> int 0..2' if self.answers else ''}"
        out += f" capacity {self.capacity}"
        if self.delivery != "exactly_once":
            out += f" delivery {self.delivery}"
        out += " unordered" if self.unordered else ""
        out += " ttl 2s" if self.ttl else ""
        out += " broadcast" if self.broadcast else ""
        return out + (" optional" if self.optional else "")


@dataclass
class Spec:
    channels: list[Chan]
    processes: dict[str, Term]  # each one instance of a workflow of this name
    variables: dict[str, list[str]] = field(default_factory=dict)  # received names, by process

    def text(self) -> str:
        out = ["enum K { a, b }"] if any(c.keyed for c in self.channels) else []
        out += [c.text() for c in self.channels]
        for name, body in self.processes.items():
            out.append(f"workflow {name} {{\n  var v: int 0..2 = 0\n  run {{ {show(body)} }}\n}}")
        return "\n".join(out) + "\n"


def show(t: Term) -> str:
    match t:
        case ("skip",):
            return "skip"
        case ("assign", e):
            return f"{{ v := {e} }}"
        case ("send", c, key, e):
            return f"send {e} to {c}{f'[{key}]' if key else ''}"
        case ("recv", x, c, key, where):
            tail = f" where {where}" if where else ""
            return f"receive {x} from {c}{f'[{key}]' if key else ''}{tail}"
        case ("wait", d):
            return f"wait {d}s"
        case ("request", c, e):
            return f"v <- request({e}) to {c}"
        case ("reply", x, e):
            return f"send {e} to {x}"
        case ("seq", *parts):
            return "{ " + " ; ".join(map(show, parts)) + " }"
        case ("par", a, b):
            return f"{{ {{ {show(a)} }} || {{ {show(b)} }} }}"
        case ("choice", a, b):
            return f"{{ {{ {show(a)} }} + {{ {show(b)} }} }}"
        case ("if", cond, a, b):
            return f"if ({cond}) {{ {show(a)} }} else {{ {show(b)} }}"
        case ("within", r, a, b):
            return f"within {show(r)} {{ {show(a)} }} else {{ {show(b)} }}"
    raise AssertionError(t)


# --- making them -----------------------------------------------------------------------------


class Maker:
    """`forms`: of channels and terms, beside the plain ones."""

    def __init__(self, choose: Choose, forms: str = "", size: int = 5) -> None:
        self.choose = choose
        self.forms = forms.split()
        self.size = size
        self.left = 0
        self.names = 0

    def chance(self, percent: int) -> bool:
        return self.choose(100) >= 100 - percent

    def has(self, form: str, percent: int) -> bool:
        return form in self.forms and self.chance(percent)

    def pick(self, of: list[Any]) -> Any:
        return of[self.choose(len(of))]

    def spec(self) -> Spec:
        self.channels = [self.channel(f"c{k}") for k in range(1 + self.choose(2))]
        if self.has("environment", 40):
            self.channels.append(Chan("e0", 1, environment=True))
        if self.has("request", 60):
            self.channels.append(
                Chan("r0", 1 + self.choose(2), optional=self.chance(20), answers=True)
            )
        processes: dict[str, Term] = {}
        variables: dict[str, list[str]] = {}
        for k in range(2 + self.choose(2)):
            self.left = self.size
            self.process = f"p{k}"
            term = processes[self.process] = self.term(2, [], [])
            names = [t[1] for t in parts(term) if t[0] == "recv" and t[1] != "v"]
            variables[self.process] = names
        return Spec(self.channels, processes, variables)

    def protocol(self) -> Spec:
        """Who sends and who receives fit together: most of these come to their end."""
        self.channels = [self.channel(f"c{k}") for k in range(1 + self.choose(3))]
        if self.has("request", 70):
            self.channels.append(Chan("r0", 1 + self.choose(2), answers=True))
        count = 2 + self.choose(2)
        steps: list[list[Term]] = [[] for _ in range(count)]
        for _ in range(2 + self.choose(3)):
            c = self.pick(self.channels)
            one = self.choose(count)
            two = (one + 1 + self.choose(count - 1)) % count
            self.names += 1
            name, key = f"x{self.names}", self.key(c, [])
            if c.answers:
                steps[one].append(("request", c.name, self.value([])))
                steps[two] += [("recv", name, c.name, "", ""), ("reply", name, self.value([name]))]
                continue
            steps[one].append(("send", c.name, key, self.value([])))
            steps[two].append(("recv", name, c.name, key, ""))
            if self.chance(60):
                steps[two].append(("assign", self.value([name])))
            if self.has("wait", 50):
                steps[self.choose(count)].append(("wait", 1 + self.choose(3)))
        processes: dict[str, Term] = {}
        for k, mine in enumerate(steps):
            half = len(mine) // 2
            parts_: list[Term] = [("seq", *mine)] if mine else [("skip",)]
            heard = [t[1] for t in mine[:half] if t[0] == "recv"]
            apart = not any(x in str(t[1:]) for t in mine[half:] for x in heard)
            if half and self.chance(30) and apart:
                parts_ = [("par", ("seq", *mine[:half]), ("seq", *mine[half:]))]
            processes[f"p{k}"] = ("seq", *parts_)
        variables = {
            p: [t[1] for t in parts(term) if t[0] == "recv"] for p, term in processes.items()
        }
        return Spec(self.channels, processes, variables)

    def channel(self, name: str) -> Chan:
        delivery = "exactly_once"
        if self.has("delivery", 40):
            delivery = self.pick(["at_most_once", "at_least_once"])
        return Chan(
            name,
            1 + self.choose(2),
            delivery,
            unordered=self.has("unordered", 40),
            keyed=self.has("keyed", 30),
            broadcast=self.has("broadcast", 30),
            optional=self.chance(20),
            ttl=self.has("ttl", 40),
        )

    def key(self, c: Chan, seen: list[str]) -> str:
        return self.pick(["a", "b"]) if c.keyed else ""

    def value(self, seen: list[str]) -> str:
        x = self.pick(["v", *seen])
        return self.pick(["1", "2", x, f"({x} + 1) % 3"])

    def test(self, seen: list[str]) -> str:
        x = self.pick(["v", *seen])
        plain = [f"{x} == 1", f"{x} > 0", f"{x} != 2"]
        if "len" in self.forms:
            plain += [f"len({c.name}) > 0" for c in self.channels if not c.environment]
        return self.pick(plain)

    def receive(self, seen: list[str]) -> tuple[Term, str, Chan]:
        c = self.pick(self.channels)
        if self.chance(15) and not c.answers:
            name = "v"
        else:
            self.names += 1
            name = f"x{self.names}"
        where = ""
        if self.has("where", 30):
            where = self.pick([f"{name} > 0", f"{name} != 1", f"{name} == {self.pick(['1', '2'])}"])
        return ("recv", name, c.name, self.key(c, seen), where), name, c

    def term(self, depth: int, seen: list[str], asked: list[str]) -> Term:
        if depth == 0 or self.left <= 1:
            return self.run_of(seen, asked)
        match self.choose(9):
            case 0 | 1 | 2 | 3:
                return self.run_of(seen, asked)
            case 4:
                return ("par", self.term(depth - 1, seen, asked), self.term(depth - 1, seen, asked))
            case 5 | 6:
                return ("choice", self.run_of(seen, asked), self.run_of(seen, asked))
            case 7:
                cond = self.test(seen)
                return (
                    "if",
                    cond,
                    self.term(depth - 1, seen, asked),
                    self.pick([("skip",), self.run_of(seen, asked)]),
                )
        if "within" in self.forms:
            r, name, c = self.receive(seen)
            after = [*seen, name] if name != "v" else seen
            asks = [*asked, name] if c.answers else asked
            return ("within", r, self.run_of(seen, asked), self.run_of(after, asks))
        return self.run_of(seen, asked)

    def run_of(self, seen: list[str], asked: list[str]) -> Term:
        """A few steps, one after the other."""
        parts: list[Term] = []
        seen, asked = list(seen), list(asked)
        for _ in range(1 + self.choose(3)):
            self.left -= 1
            kind = self.choose(10)
            if asked and self.chance(60):
                parts.append(("reply", asked.pop(), self.value(seen)))
            elif kind < 4:
                c = self.pick([c for c in self.channels if not c.environment])
                if c.answers:
                    parts.append(("request", c.name, self.value(seen)))
                else:
                    parts.append(("send", c.name, self.key(c, seen), self.value(seen)))
            elif kind < 8:
                r, name, c = self.receive(seen)
                parts.append(r)
                if name != "v":
                    seen.append(name)
                if c.answers:
                    asked.append(name)
            elif kind == 8:
                parts.append(("assign", self.value(seen)))
            else:
                parts.append(("skip",))
        return ("seq", *parts)


def from_seed(seed: int, forms: str = "", size: int = 5) -> Spec:
    maker = Maker(random.Random(f"{forms} {seed}").randrange, forms, size)
    return maker.protocol() if "protocol" in maker.forms else maker.spec()


# --- what they mean --------------------------------------------------------------------------

DONE: Term = ("skip",)
Queues = tuple[tuple[Any, ...], ...]  # of (value, ticket)


@dataclass(frozen=True)
class World:
    """`terms`: what is left of each process, None when it has ended.  `hand`: by received name,
    the ticket of the request; `answers`: by ticket, what was answered."""

    terms: tuple[Term | None, ...]
    values: tuple[tuple[tuple[str, int], ...], ...]
    queues: Queues
    hand: tuple[tuple[str, int], ...] = ()
    answers: tuple[tuple[int, int], ...] = ()
    tickets: int = 0
    lost: bool = False  # a message of a channel that is not optional
    orphan: bool = False  # an answer that nobody waits for


class Explorer:
    def __init__(self, spec: Spec, limit: int = 4000) -> None:
        self.spec = spec
        self.limit = limit
        self.names = list(spec.processes)
        self.channels = {c.name: c for c in spec.channels}
        self.places: dict[tuple[str, str, str], int] = {}  # (channel, key, receiver) -> queue
        for c in spec.channels:
            if c.environment:
                continue
            whose = [n for n in self.names if self.hears(n, c.name)] if c.broadcast else [""]
            for key, who in product(["a", "b"] if c.keyed else [""], whose):
                self.places[c.name, key, who] = len(self.places)
        self.states: dict[World, list[World]] = {}

    def hears(self, process: str, channel: str) -> bool:
        return any(t[0] == "recv" and t[2] == channel for t in parts(self.spec.processes[process]))

    def first(self) -> World:
        values = tuple(
            tuple(sorted({"v": 0, **dict.fromkeys(self.spec.variables[n], 0)}.items()))
            for n in self.names
        )
        terms = tuple(self.spec.processes[n] for n in self.names)
        return World(terms, values, ((),) * len(self.places))

    def explore(self) -> bool:
        """False: there are too many."""
        todo = [self.first()]
        self.states[todo[0]] = []
        while todo:
            w = todo.pop()
            self.states[w] = out = list(self.steps(w))
            for after in out:
                if after not in self.states:
                    self.states[after] = []
                    todo.append(after)
            if len(self.states) > self.limit:
                return False
        return True

    def steps(self, w: World) -> Iterator[World]:
        for k, t in enumerate(w.terms):
            if t is None:
                continue
            for left, after in self.moves(t, k, w):
                yield self.with_term(after, k, left)
            if self.over(t, k, w):
                yield self.with_term(w, k, None)
        for (c, _, _), at in self.places.items():
            for n in range(len(w.queues[at]) if self.channels[c].ttl else 0):
                queue = (*w.queues[at][:n], *w.queues[at][n + 1 :])
                queues = (*w.queues[:at], queue, *w.queues[at + 1 :])
                lost = w.lost or not self.channels[c].optional
                yield World(w.terms, w.values, queues, w.hand, w.answers, w.tickets, lost, w.orphan)

    @staticmethod
    def with_term(w: World, k: int, t: Term | None) -> World:
        terms = (*w.terms[:k], t, *w.terms[k + 1 :])
        return World(terms, w.values, w.queues, w.hand, w.answers, w.tickets, w.lost, w.orphan)

    # --- one process -----------------------------------------------------------------------

    def read(self, e: str, k: int, w: World, more: dict[str, int] | None = None) -> Any:
        names: dict[str, Any] = {**dict(w.values[k]), **(more or {})}
        names |= {c: c for c in self.channels}
        return eval(e, {"__builtins__": {}}, names | {"len": lambda c: self.length(c, w)})

    def length(self, channel: str, w: World) -> int:
        most: dict[str, int] = {}
        for (c, key, _), at in self.places.items():
            if c == channel:
                most[key] = max(most.get(key, 0), len(w.queues[at]))
        return sum(most.values())

    def over(self, t: Term, k: int, w: World) -> bool:
        """Whether control may pass without a step."""
        match t:
            case ("skip",):
                return True
            case ("seq", *rest):
                return all(self.over(p, k, w) for p in rest)
            case ("par", a, b):
                return self.over(a, k, w) and self.over(b, k, w)
            case ("choice", a, b):
                return self.over(a, k, w) or self.over(b, k, w)
            case ("if", cond, a, b):
                return self.over(a if self.read(cond, k, w) else b, k, w)
            case ("within", _, a, _):
                return self.over(a, k, w)
        return False

    def moves(self, t: Term, k: int, w: World) -> Iterator[tuple[Term, World]]:
        """(what is left of the term, the world after) of each first step."""
        match t:
            case ("wait", _):
                yield DONE, w
            case ("assign", e):
                yield DONE, self.stored(w, k, "v", self.read(e, k, w))
            case ("send", c, key, e):
                for after in self.put(w, c, key, self.read(e, k, w), 0):
                    yield DONE, after
            case ("request", c, e):
                ticket = w.tickets + 1
                for after in self.put(w, c, "", self.read(e, k, w), ticket):
                    asked = World(
                        after.terms,
                        after.values,
                        after.queues,
                        after.hand,
                        after.answers,
                        ticket,
                        after.lost,
                        after.orphan,
                    )
                    yield ("await", ticket), asked
            case ("await", ticket):
                answers = dict(w.answers)
                if ticket in answers:
                    yield DONE, self.stored(w, k, "v", answers[ticket])
            case ("reply", x, e):
                yield DONE, self.answered(w, k, x, self.read(e, k, w))
            case ("recv", x, c, key, where):
                for after in self.taken(w, k, x, c, key, where):
                    yield DONE, after
            case ("seq", *rest):
                for n, part in enumerate(rest):
                    for left, after in self.moves(part, k, w):
                        yield ("seq", left, *rest[n + 1 :]), after
                    if not self.over(part, k, w):
                        break
            case ("par", a, b):
                for left, after in self.moves(a, k, w):
                    yield ("par", left, b), after
                for left, after in self.moves(b, k, w):
                    yield ("par", a, left), after
            case ("choice", a, b):
                yield from self.moves(a, k, w)
                yield from self.moves(b, k, w)
            case ("if", cond, a, b):
                yield from self.moves(a if self.read(cond, k, w) else b, k, w)
            case ("within", r, a, b):
                for left, after in self.moves(a, k, w):
                    yield ("within", r, left, b), after
                if not self.over(a, k, w):
                    for _, after in self.moves(r, k, w):
                        yield b, after

    def stored(self, w: World, k: int, name: str, value: int) -> World:
        mine = tuple(sorted((dict(w.values[k]) | {name: value}).items()))
        values = (*w.values[:k], mine, *w.values[k + 1 :])
        return World(w.terms, values, w.queues, w.hand, w.answers, w.tickets, w.lost, w.orphan)

    def put(self, w: World, c: str, key: str, value: int, ticket: int) -> Iterator[World]:
        chan = self.channels[c]
        mine = [
            at
            for (name, of, who), at in self.places.items()
            if name == c and of == key and not (who and w.terms[self.names.index(who)] is None)
        ]
        if any(len(w.queues[at]) >= chan.capacity for at in mine):
            return

        def added(times: int) -> Queues:
            queues = list(w.queues)
            for at in mine:
                queues[at] = (*queues[at], *[(value, ticket)] * times)
            return tuple(queues)

        def world(queues: Queues, lost: bool = False) -> World:
            gone = w.lost or (lost and not chan.optional)
            return World(w.terms, w.values, queues, w.hand, w.answers, w.tickets, gone, w.orphan)

        yield world(added(1))
        if chan.delivery == "at_most_once":
            yield world(w.queues, True)
        if chan.delivery == "at_least_once" and chan.capacity >= 2:
            if all(len(w.queues[at]) + 2 <= chan.capacity for at in mine):
                yield world(added(2))

    def taken(self, w: World, k: int, x: str, c: str, key: str, where: str) -> Iterator[World]:
        chan = self.channels[c]
        if chan.environment:
            for value in VALUES:
                if not where or self.read(where, k, w, {x: value}):
                    yield self.stored(w, k, x, value)
            return
        at = self.places[c, key, self.names[k] if chan.broadcast else ""]
        queue = w.queues[at]
        fits = [n for n, (v, _) in enumerate(queue) if not where or self.read(where, k, w, {x: v})]
        for n in fits if chan.unordered else fits[:1]:
            value, ticket = queue[n]
            after = self.stored(w, k, x, value)
            queues = (*w.queues[:at], (*queue[:n], *queue[n + 1 :]), *w.queues[at + 1 :])
            hand = dict(w.hand)
            if chan.answers:
                hand[x] = ticket
            yield World(
                after.terms,
                after.values,
                queues,
                tuple(sorted(hand.items())),
                w.answers,
                w.tickets,
                w.lost,
                w.orphan,
            )

    def answered(self, w: World, k: int, x: str, value: int) -> World:
        hand, answers = dict(w.hand), dict(w.answers)
        ticket = hand.pop(x, 0)
        waits = {
            t[1] for term in w.terms if term is not None for t in parts(term) if t[0] == "await"
        }
        heard = ticket in waits and ticket not in answers
        if heard:
            answers[ticket] = value
        chan = next(c for c in self.spec.channels if c.answers)
        return World(
            w.terms,
            w.values,
            w.queues,
            tuple(sorted(hand.items())),
            tuple(sorted(answers.items())),
            w.tickets,
            w.lost,
            w.orphan or (not heard and not chan.optional),
        )

    # --- what is asked of them -------------------------------------------------------------

    def left(self, w: World) -> bool:
        """A message is left in a channel that is not optional, and all who receive have ended."""
        for (c, _, who), at in self.places.items():
            takers = [who] if who else [n for n in self.names if self.hears(n, c)]
            gone = all(w.terms[self.names.index(n)] is None for n in takers)
            if gone and w.queues[at] and not self.channels[c].optional:
                return True
        return False

    def stuck(self) -> set[tuple[World, int]]:
        """(state, process): it has not ended, and never moves from there on."""
        before: dict[World, list[World]] = {}
        for w, out in self.states.items():
            for after in out:
                before.setdefault(after, []).append(w)
        found = set()
        for k in range(len(self.names)):
            may = {
                w for w, out in self.states.items() if any(a.terms[k] != w.terms[k] for a in out)
            }
            may |= {w for w in self.states if w.terms[k] is None}
            todo = list(may)
            while todo:
                for w in before.get(todo.pop(), ()):
                    if w not in may:
                        may.add(w)
                        todo.append(w)
            found |= {(w, k) for w in self.states if w not in may}
        return found

    def waiting(self, w: World, k: int) -> bool:
        """Whether a message, room or an answer is what the process stands before."""
        return any(t[0] in ("recv", "send", "request", "await") for t in parts(w.terms[k]))

    def projected(self, w: World) -> tuple[Any, ...]:
        """What both readings know: values, who has ended, the messages in each queue."""
        ended = tuple(t is None for t in w.terms)
        values = tuple(dict(mine)["v"] for mine in w.values)  # a name is forgotten behind its scope
        return ended, values, tuple(tuple(v for v, _ in q) for q in w.queues)


def parts(t: Term | None) -> Iterator[Term]:
    if t is None:
        return
    yield t
    for x in t:
        if isinstance(x, tuple):
            yield from parts(x)
