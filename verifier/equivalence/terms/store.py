"""Terms as numbers: equal terms of one store are the same number, and parts come before wholes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ....dsl.closed import ClosedStr


class Op(ClosedStr):
    SKIP = "skip"
    STUCK = "stuck"  # waits for ever
    FAIL = "fail"  # label: the error
    ACT = "act"  # label: an activity with its arguments, an assignment, ..
    SEQ = "seq"
    CHOICE = "choice"
    PAR = "par"
    IF = "if"  # test, then, else
    WHILE = "while"  # test, body
    OTHER = "other"  # label: any other form of the language; kids: its terms
    TRUE = "true"
    FALSE = "false"
    TEST = "test"  # label: an atomic test
    NOT = "not"
    AND = "and"
    OR = "or"


MANY: Final = 10**12  # states
_SKIP: Final = re.compile(r"\bskip\b")
TESTS = frozenset((Op.TRUE, Op.FALSE, Op.TEST, Op.NOT, Op.AND, Op.OR))


class Store:
    """`op[t]`, `label[t]`, `kids[t]` of term t; a kid is a smaller number than its term."""

    def __init__(self) -> None:
        self.op: list[Op] = []
        self.label: list[str] = []
        self.kids: list[tuple[int, ...]] = []
        self._known: dict[tuple[Op, str, tuple[int, ...]], int] = {}
        self._below: dict[tuple[int, ...], list[int]] = {}
        self.skip = self.make(Op.SKIP)
        self.stuck = self.make(Op.STUCK)
        self.true = self.make(Op.TRUE)
        self.false = self.make(Op.FALSE)

    def make(self, op: Op, kids: Sequence[int] = (), label: str = "") -> int:
        key = (op, label, tuple(kids))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.op)
            self.op.append(op)
            self.label.append(label)
            self.kids.append(key[2])
        return found

    def act(self, label: str) -> int:
        return self.make(Op.ACT, (), label)

    def fail(self, error: str) -> int:
        return self.make(Op.FAIL, (), error)

    def test(self, label: str) -> int:
        return self.make(Op.TEST, (), label)

    def seq(self, *parts: int) -> int:
        return self.make(Op.SEQ, parts)

    def choice(self, *parts: int) -> int:
        return self.make(Op.CHOICE, parts)

    def par(self, *parts: int) -> int:
        return self.make(Op.PAR, parts)

    def if_(self, test: int, then: int, orelse: int | None = None) -> int:
        return self.make(Op.IF, (test, then, self.skip if orelse is None else orelse))

    def while_(self, test: int, body: int) -> int:
        return self.make(Op.WHILE, (test, body))

    def below(self, *roots: int) -> Sequence[int]:
        """These terms and all their parts, parts first."""
        found = self._below.get(roots)
        if found is None:
            seen = set(roots)
            todo = list(seen)
            while todo:
                for kid in self.kids[todo.pop()]:
                    if kid not in seen:
                        seen.add(kid)
                        todo.append(kid)
            found = self._below[roots] = sorted(seen)
        return found

    def operators(self, root: int) -> int:
        """How many operators the term has when it is written out."""
        size: dict[int, int] = {}
        for t in self.below(root):
            kids = self.kids[t]
            own = max(1, len(kids) - 1) if kids else 0
            size[t] = own + sum(map(size.__getitem__, kids))
        return size[root]

    def states(self, root: int) -> int:
        """About how many states of control the term has, if nothing in it waits for a thing beside
        it; MANY at most."""
        inside: dict[int, int] = {}  # before its end
        for t in self.below(root):
            kids = [inside[k] for k in self.kids[t]]
            match self.op[t]:
                case Op.ACT:
                    found = 2  # to be started, and under way
                case Op.PAR:
                    found = 1
                    for kid in kids:
                        found = min(MANY, found * (kid + 1))
                case _:
                    found = sum(kids) + (self.op[t] in (Op.OTHER, Op.WHILE))
            inside[t] = min(MANY, found)
        return inside[root] + 1

    def show(self, root: int, most: int = 400) -> str:
        """The term as text, cut off after `most` characters."""
        out: list[str] = []
        length = 0
        todo: list[int | str] = [root]
        while todo and length <= most:
            item = todo.pop()
            if isinstance(item, str):
                out.append(item)
                length += len(item)
            else:
                todo.extend(reversed(list(self._pieces(item))))
        text = "".join(out)
        return text if len(text) <= most else text[:most] + ".."

    def _pieces(self, t: int) -> Iterator[int | str]:
        kids, label = self.kids[t], self.label[t]
        match self.op[t]:
            case Op.SEQ | Op.CHOICE | Op.PAR | Op.AND | Op.OR as op:
                mark = {"seq": " ; ", "choice": " + ", "par": " || "}.get(op, f" {op} ")
                for i, kid in enumerate(kids):
                    if i:
                        yield mark
                    yield from self._inside(kid)
            case Op.NOT:
                yield "not "
                yield from self._inside(kids[0])
            case Op.IF:
                yield from ("if (", kids[0], ") { ", kids[1], " }")
                if kids[2] != self.skip:
                    yield from (" else { ", kids[2], " }")
            case Op.WHILE:
                yield from ("while (", kids[0], ") { ", kids[1], " }")
            case Op.FAIL:
                yield f"fail {label}"
            case Op.OTHER:
                # Each part stands where the form has a `skip` (see `read`).
                texts = _SKIP.split(label)
                if len(texts) != len(kids) + 1:
                    texts = (
                        [f"{label} {{ ", *[" } { "] * (len(kids) - 1), " }"] if kids else [label]
                    )
                for text, part in zip(texts, (*kids, None), strict=True):
                    yield text
                    if part is not None:
                        yield part
            case Op.ACT | Op.TEST:
                yield label
            case Op.SKIP | Op.STUCK | Op.TRUE | Op.FALSE as op:
                yield str(op)

    def _inside(self, t: int) -> Iterable[int | str]:
        nested = self.op[t] in (Op.SEQ, Op.CHOICE, Op.PAR, Op.AND, Op.OR)
        return ("(", t, ")") if nested else (t,)
