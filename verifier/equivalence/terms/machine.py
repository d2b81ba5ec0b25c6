"""Guarded terms as automata: what remains is a stack of terms, and a decision diagram says for the
values of the tests what comes next (Pous 2015, "Symbolic algorithms for language
equivalence and Kleene algebra with tests").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .decide import Diagrams
from .store import TESTS, Op, Store

Meant = Mapping[str, bool | tuple[str, bool]]  # a test that is none, or another one (or its not)

# Leaves other than (action, state).
ENDS, WAITS, ROUND = "ends", "waits", "goes round"


class Machine:
    """States are stacks of what remains: 0 is the end, another a frame (term, fresh, rest).

    A `fresh` frame is a loop whose round has begun in this instant: to come back to it is to go
    round without a step.  After an action no frame is fresh.  `meant`: tests that are always true
    or false, or that are others in other words.
    """

    def __init__(
        self,
        store: Store,
        roots: Iterable[int],
        limit: int = 1_500_000,
        meant: Meant | None = None,
    ) -> None:
        self.store = store
        self.bdd = Diagrams(limit)
        self.meant = meant or {}
        self.names: list[str] = []  # of the variables
        self._conditions: dict[int, int] = {}
        self._begin()
        self._starts[0] = self.bdd.leaf(ENDS)
        self._read(self._tests(roots))

    def _begin(self) -> None:
        """Without any state but the end."""
        self.silent = False
        self.frames: list[tuple[int, bool, int]] = [(0, False, 0)]
        self._known: dict[tuple[int, bool, int], int] = {}
        self._heads: dict[tuple[int, int], int] = {}
        self._starts: dict[int, int] = {}
        self._aged: dict[int, int] = {0: 0}
        self._apart: dict[tuple[int, int], tuple[int, int]] = {}

    def _share(self, other: Machine) -> None:
        """The same terms with the same tests and diagrams, and states of its own."""
        self.store, self.bdd, self.meant = other.store, other.bdd, other.meant
        self.names, self._conditions = other.names, other._conditions
        self._begin()

    def state(self, term: int, fresh: bool = False, rest: int = 0) -> int:
        key = (term, fresh, rest)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.frames)
            self.frames.append(key)
        return found

    def bottom(self) -> int:
        """A state that is no stack: what it does is for `start` and `passing_to` to say."""
        found = len(self.frames)
        self.frames.append((0, False, 0))
        self._aged[found] = found
        return found

    def _later(self, state: int) -> int:
        """The state after an action before `state`."""
        aged = self._aged
        chain: list[int] = []
        while state not in aged:
            chain.append(state)
            state = self.frames[state][2]
        made = aged[state]
        for one in reversed(chain):
            term, fresh, rest = self.frames[one]
            made = one if not fresh and rest == made else self.state(term, False, made)
            aged[one] = made
        return made

    def apart(self, one: int, other: int) -> tuple[int, int]:
        """Where two states begin to differ (after an action: none of their frames is fresh)."""
        frames, met = self.frames, []
        while one != other and one and other and frames[one][0] == frames[other][0]:
            known = self._apart.get((one, other))
            if known is not None:
                one, other = known
                break
            met.append((one, other))
            one, other = frames[one][2], frames[other][2]
        if met:
            self._apart[met[0]] = one, other
        return one, other

    def _tests(self, roots: Iterable[int]) -> list[int]:
        """Tests in the order in which the terms come to them: outer before inner ones."""
        s = self.store
        seen: set[int] = set()
        out: list[int] = []
        todo = list(roots)[::-1]
        while todo:
            t = todo.pop()
            if t in seen:
                continue
            seen.add(t)
            if s.op[t] in TESTS:
                out.append(t)
            todo.extend(reversed(s.kids[t]))
        return out

    def _read(self, tests: list[int]) -> None:
        s, b, done = self.store, self.bdd, self._conditions
        numbers: dict[str, int] = {}
        for t in tests:
            if s.op[t] is Op.TEST:
                name = self.meant.get(s.label[t], (s.label[t], True))
                if isinstance(name, tuple) and name[0] not in numbers:
                    numbers[name[0]] = len(self.names)
                    self.names.append(name[0])
        for t in sorted(tests):
            kids = s.kids[t]
            match s.op[t]:
                case Op.TRUE:
                    done[t] = b.true
                case Op.FALSE:
                    done[t] = b.false
                case Op.TEST:
                    done[t] = self._test(s.label[t], numbers)
                case Op.NOT:
                    done[t] = b.not_(done[kids[0]])
                case Op.AND | Op.OR as op:
                    all_ = op is Op.AND
                    made = b.true if all_ else b.false
                    for kid in reversed(kids):
                        made = (
                            b.ite(done[kid], made, b.false)
                            if all_
                            else b.ite(done[kid], b.true, made)
                        )
                    done[t] = made
                case _:
                    raise AssertionError(s.op[t])

    def _test(self, label: str, numbers: Mapping[str, int]) -> int:
        b, meant = self.bdd, self.meant.get(label, (label, True))
        if isinstance(meant, bool):
            return b.true if meant else b.false
        made = b.variable(numbers[meant[0]])
        return made if meant[1] else b.not_(made)

    def rests(
        self, pairs: Iterable[tuple[int, int]]
    ) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        """States as what is left to do, those of the pairs; and the pairs by their numbers."""
        number = {0: 0}
        rests: list[tuple[int, int]] = []

        def of(state: int) -> int:
            chain = []
            while state not in number:
                chain.append(state)
                state = self.frames[state][2]
            for one in reversed(chain):
                term, _, rest = self.frames[one]
                rests.append((term, number[rest]))
                number[one] = len(rests)
            return number[chain[0] if chain else state]

        named = tuple((of(x), of(y)) for x, y in pairs)
        return tuple(rests), named

    def true(self, test: int, values: Mapping[str, bool]) -> bool:
        """Whether a test holds where atomic ones have these values (and no others are true)."""
        b, at = self.bdd, self._conditions[test]
        while b.level[at] != b.LEAF:
            at = (b.high if values.get(self.names[b.level[at]]) else b.low)[at]
        return at == b.true

    def start(self, state: int) -> int:
        """The diagram of what is done next in a state."""
        found = self._starts.get(state)
        if found is None:
            term, _, rest = self.frames[state]
            found = self._starts[state] = self._head(term, rest)
        return found

    def passing_to(self, state: int) -> int | None:
        """What comes of passing on to a state in the same instant, if it is known."""
        if self.frames[state][1]:
            self.silent = True
            return self.over(ROUND)
        return self._starts.get(state)

    def over(self, done: str) -> int:
        """The leaf behind which nothing comes."""
        return self.bdd.leaf(done)

    def _head(self, term: int, rest: int) -> int:
        """The diagram of a term before `rest`."""
        s, heads = self.store, self._heads
        todo = [(term, rest)]
        while todo:
            key = todo[-1]
            if key in heads:
                todo.pop()
                continue
            t, k = key
            kids = s.kids[t]
            needed: list[tuple[int, int]] = []
            made: int | None = None
            match s.op[t]:
                case Op.ACT:
                    made = self.bdd.leaf((s.label[t], self._later(k)))
                case Op.FAIL:
                    made = self.over(f"fail {s.label[t]}")
                case Op.STUCK:
                    made = self.over(WAITS)
                case Op.SKIP:
                    made = self._passing(k, needed)
                case Op.SEQ:
                    after = k
                    for part in reversed(kids[1:]):
                        after = self.state(part, False, after)
                    made = self._of(kids[0] if kids else s.skip, after, needed)
                case Op.IF:
                    yes = self._of(kids[1], k, needed)
                    no = self._of(kids[2], k, needed)
                    if yes is not None and no is not None:
                        made = self.bdd.ite(self._conditions[kids[0]], yes, no)
                case Op.WHILE:
                    cond = self._conditions[kids[0]]
                    again = self.state(t, True, k)
                    yes = self._of(kids[1], again, needed)
                    no = self._passing(k, needed)
                    if yes is not None and no is not None:
                        made = self.bdd.ite(cond, yes, no)
                case _:
                    raise ValueError(f"not guarded: {s.op[t]}")
            if made is None:
                todo.extend(needed)
            else:
                heads[key] = made
                if (again_ := self._known.get((t, False, k))) is not None:
                    self._starts[again_] = made
                todo.pop()
        return heads[term, rest]

    def _of(self, term: int, rest: int, needed: list[tuple[int, int]]) -> int | None:
        found = self._heads.get((term, rest))
        if found is None:
            needed.append((term, rest))
        return found

    def _passing(self, state: int, needed: list[tuple[int, int]]) -> int | None:
        found = self.passing_to(state)
        if found is None:
            term, _, rest = self.frames[state]
            found = self._of(term, rest, needed)
        return found
