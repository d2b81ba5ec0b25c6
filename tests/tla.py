"""Reads the TLA+ modules that are exported, and explores them: independent of how they are made.

Only what they use is read: definitions, lists of conjuncts, whole numbers and truth values.  As TLC
does, `%` and `\\div` refuse what is not positive on their right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

Env = Mapping[str, object]
Value = Callable[[Env], object]
State = tuple[object, ...]

TOKEN = re.compile(r"\s*(/\\|\\/|=>|<=|\\div|\\in|[<=+*%~(){},-]|\d+|[A-Za-z_]\w*)")
# Specifying Systems (Lamport 2002), table 6: what binds more closely has the larger number.
BINDS = {"=>": 1, "\\/": 3, "/\\": 3, "=": 5, "<": 5, "<=": 5, "+": 10, "-": 11, "*": 13,
         "%": 13, "\\div": 13}  # fmt: skip


def _apply(op: str, a: Value, b: Value) -> Value:
    def truth(x: object) -> bool:
        assert isinstance(x, bool), op
        return x

    def number(x: object) -> int:
        assert isinstance(x, int) and not isinstance(x, bool), op
        return x

    def same(x: object, y: object) -> bool:
        assert isinstance(x, bool) is isinstance(y, bool)
        return x == y

    def positive(x: object) -> int:
        assert number(x) > 0
        return number(x)

    match op:
        case "/\\":
            return lambda e: truth(a(e)) and truth(b(e))
        case "\\/":
            return lambda e: truth(a(e)) or truth(b(e))
        case "=>":
            return lambda e: not truth(a(e)) or truth(b(e))
        case "=":
            return lambda e: same(a(e), b(e))
        case "<":
            return lambda e: number(a(e)) < number(b(e))
        case "<=":
            return lambda e: number(a(e)) <= number(b(e))
        case "+":
            return lambda e: number(a(e)) + number(b(e))
        case "-":
            return lambda e: number(a(e)) - number(b(e))
        case "*":
            return lambda e: number(a(e)) * number(b(e))
        case "%":
            return lambda e: number(a(e)) % positive(b(e))
    assert op == "\\div"
    return lambda e: number(a(e)) // positive(b(e))


class Parser:
    def __init__(self, text: str, defined: Mapping[str, tuple[list[str], Value]]) -> None:
        self.tokens: list[str] = []
        at = 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            assert found, text[at:]
            self.tokens.append(found[1])
            at = found.end()
        self.defined = defined

    def take(self, *wanted: str) -> str:
        token = self.tokens.pop(0)
        assert not wanted or token in wanted, (token, wanted)
        return token

    def whole(self) -> Value:
        out = self.expression(0)
        assert not self.tokens, self.tokens
        return out

    def expression(self, least: int) -> Value:
        left = self.primary()
        previous = ""
        while self.tokens and self.tokens[0] in BINDS and BINDS[self.tokens[0]] > least:
            op = self.take()
            # TLA+ does not say how `a /\\ b \\/ c` is meant.
            assert {previous, op} != {"/\\", "\\/"}
            left, previous = _apply(op, left, self.expression(BINDS[op])), op
        return left

    def primary(self) -> Value:
        token = self.take()
        if token.isdigit():
            number = int(token)
            return lambda e: number
        if token in ("TRUE", "FALSE"):
            return lambda e: token == "TRUE"
        if token == "~":
            inner = self.expression(4)
            return lambda e: inner(e) is False
        if token == "-":
            inner = self.expression(12)
            return _apply("-", lambda e: 0, inner)
        if token == "(":
            inner = self.expression(0)
            self.take(")")
            return inner
        if token == "IF":
            cond = self.expression(0)
            self.take("THEN")
            then = self.expression(0)
            self.take("ELSE")
            other = self.expression(0)
            return lambda e: then(e) if cond(e) else other(e)
        if token in self.defined:
            names, body = self.defined[token]
            args: list[Value] = []
            for k in range(len(names)):
                self.take("(" if k == 0 else ",")
                args.append(self.expression(0))
            if names:
                self.take(")")
            pairs = list(zip(names, args, strict=True))
            return lambda e: body({**e, **{n: a(e) for n, a in pairs}})
        assert re.fullmatch(r"v\d+|[ab]", token), token
        return lambda e: e[token]


@dataclass
class Action:
    guards: list[Value]
    updates: dict[str, Value]
    kept: set[str]


class Module:
    def __init__(self, text: str) -> None:
        lines = [re.sub(r"\s*\\\*.*", "", line) for line in text.splitlines()]
        assert re.fullmatch(r"---- MODULE \w+ ----", lines[0]) and lines[-1] == "===="
        lines = [x for x in lines if x]
        assert lines[1] == "EXTENDS Integers"
        begin = next(k for k, x in enumerate(lines) if x.startswith("vars =="))
        names = lines[3:begin] if lines[2] == "VARIABLES" else []
        assert all(x.endswith(",") for x in names[:-1])
        self.names = [x.strip(" ,") for x in names]
        assert lines[begin] == f"vars == <<{', '.join(self.names)}>>"
        self.defined: dict[str, tuple[list[str], Value]] = {}
        self.init: list[tuple[str, str]] = []
        self.actions: dict[str, Action] = {}
        blocks: dict[str, list[str]] = {}
        head = ""
        for line in lines[begin + 1 : -1]:
            if line.startswith("  "):
                blocks[head].append(line.strip())
                continue
            head, _, body = line.partition(" ==")
            if body.strip() and head != "Spec":
                name, _, rest = head.partition("(")
                parameters = re.findall(r"\w+", rest)
                self.defined[name] = parameters, Parser(body, self.defined).whole()
            elif head != "Spec":
                blocks[head] = []
            else:
                assert body == " Init /\\ [][Next]_vars"
        *steps, last = blocks.pop("Next")
        assert last == "\\/ (Over \\/ Cut) /\\ UNCHANGED vars"
        self.first = [x.removeprefix("/\\ ") for x in blocks.pop("Init")]
        assert [f"\\/ {name}" for name in blocks] == steps
        for name, parts in blocks.items():
            self.actions[name] = self._action(parts)

    def _action(self, parts: list[str]) -> Action:
        out = Action([], {}, set())
        for part in parts:
            assert part.startswith("/\\ ")
            part = part.removeprefix("/\\ ")
            change = re.fullmatch(r"(v\d+)' = (.*)", part)
            kept = re.fullmatch(r"UNCHANGED <<(.*)>>", part)
            if change:
                assert change[1] not in out.updates
                out.updates[change[1]] = Parser(change[2], self.defined).whole()
            elif kept:
                out.kept |= set(kept[1].split(", "))
            else:
                out.guards.append(Parser(part, self.defined).whole())
        # Every variable has a value after the step, and one only.
        assert out.updates.keys() | out.kept == set(self.names)
        assert not out.updates.keys() & out.kept
        return out

    def initial(self) -> Iterator[State]:
        chosen: dict[str, list[str]] = {}
        conditions = []
        for part in self.first:
            among = re.fullmatch(r"(v\d+) \\in \{(.*)\}", part)
            if among:
                chosen[among[1]] = among[2].split(", ")
            else:
                conditions.append(part)
        for values in product(*chosen.values()):
            env: dict[str, object] = {
                n: Parser(v, {}).whole()({}) for n, v in zip(chosen, values, strict=True)
            }
            holds = True
            for part in conditions:
                given = re.fullmatch(r"(v\d+) = (.*)", part)
                if given and given[1] not in env:
                    env[given[1]] = Parser(given[2], self.defined).whole()(env)
                else:
                    holds = holds and Parser(part, self.defined).whole()(env) is True
            if holds:
                yield tuple(env[n] for n in self.names)

    def successors(self, state: State) -> Iterator[State]:
        env = dict(zip(self.names, state, strict=True))
        for a in self.actions.values():
            if all(g(env) is True for g in a.guards):
                yield tuple(a.updates[n](env) if n in a.updates else env[n] for n in self.names)

    def says(self, name: str, state: State) -> bool:
        found = self.defined[name][1](dict(zip(self.names, state, strict=True)))
        assert isinstance(found, bool)
        return found

    def reachable(self, limit: int = 20_000) -> set[State]:
        seen = set(self.initial())
        todo = list(seen)
        while todo and len(seen) < limit:
            for after in self.successors(todo.pop()):
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        assert len(seen) < limit
        return seen
