"""Do all runs of one environment end alike, whatever comes first?  All of them are looked at.

The environment is a function: how the n-th attempt at a place ends, and what the n-th question of
a step is answered.  It is found out answer by answer, from the start each time, as far as runs ask;
under each all orders of steps are gone through, without times, so more than there are.  Numbers
that are only passed on and added up stay unknowns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

from ..semantics.expr import FALSE, TRUE, Op, Scalar
from ..semantics.system import Rule, RuleKind, TransitionSystem
from ..semantics.values import evaluate
from ..semantics.walks import variables
from .facts import Wrong
from .reading import conjuncts, pinned
from .states import acyclic, domain
from .unknowns import Key, Passed, unknown

MOST = 10_000  # places of runs, under all environments together
MOST_ANSWERS = 12  # that could be others, in one run
MOST_CHOICES = 64  # of one question, or of the start
Answer = tuple[tuple[str, str], tuple[Scalar, ...]]  # how it ends, with what
Counts = tuple[tuple[Key, int], ...]
State = tuple[Scalar, ...]


def all_alike(system: TransitionSystem) -> None:
    """`Wrong` where two runs of one environment end otherwise, one goes on for ever, or there are
    too many."""
    orders = _Orders(system)
    looked = 0
    for first in orders.first():
        todo: list[dict[Key, Answer]] = [{}]
        while todo:
            known = todo.pop()
            asked, results, n = orders.gone_through(first, known)
            looked += n
            if looked > MOST or len(known) > MOST_ANSWERS:
                raise Wrong("there are too many runs to look at")
            if asked:
                key = min(asked, key=repr)
                todo += ({**known, key: a} for a in orders.answers(key))
            elif len(results) > 1:
                raise Wrong("two runs of one environment end differently")


class _Orders:
    """The system through the variables that a result depends on."""

    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self.rules = [r for r in system.rules if r.guard is not FALSE]
        if system.excluded is not FALSE or system.choices or system.reads_clock:
            raise Wrong("an assumption, a choice or a clock may decide")
        for r in self.rules:
            if r.delay is not None and r.group is None and (r.inputs or r.delay.hi is None):
                raise Wrong(f"`{r.name}` may never come")
            if r.delay is None and r.group is not None:
                raise Wrong(f"`{r.name}` ends an attempt that takes no time")
        passed = Passed(system)
        self.seen, self.kept, self.slots = passed.seen, passed.kept, passed.slots
        self.chosen, self.hard = passed.chosen, passed.hard
        self.given: dict[int, list[Sequence[Scalar]]] = {}
        for r in self.rules:
            values = [
                domain(d) if (r.index, k) in self.chosen else (0,) for k, d in enumerate(r.inputs)
            ]
            if any(d is None for d in values) or prod(len(d or ()) for d in values) > MOST_CHOICES:
                raise Wrong(f"`{r.name}` may be answered in too many ways")
            self.given[r.index] = [d for d in values if d is not None]
        self.table: dict[tuple[int, object] | None, list[Rule]] = {}
        for r in self.rules:
            pins = pinned(conjuncts(r.guard))
            name = next(((v, e.value) for v, e in pins.items()), None)
            self.table.setdefault(name, []).append(r)
        self.asked_of = sorted({n[0] for n in self.table if n is not None})
        self._able: dict[State, list[Rule]] = {}

    # --- runs -----------------------------------------------------------------------------------

    def first(self) -> Iterator[State]:
        declared = self.system.variables
        decide = variables([self.system.initial])
        needed = set(self.kept) | decide
        for v in reversed(declared):  # (A first value is made of those before it.)
            for some in (decide, needed):
                if v.index in some and v.init is not None:
                    some |= variables([v.init])
        decide |= self.hard
        free = [v for v in declared if v.init is None and v.index in needed]
        values = [domain(v) if v.index in decide else (unknown(("begin", v.index)),) for v in free]
        if any(d is None for d in values) or prod(len(d or ()) for d in values) > MOST_CHOICES:
            raise Wrong("there are too many ways to begin")
        for chosen in product(*(d for d in values if d is not None)):
            full: list[Scalar] = [0] * len(declared)
            for v, value in zip(free, chosen, strict=True):
                full[v.index] = value
            for v in declared:
                if v.init is not None and v.index in needed:
                    full[v.index] = evaluate(v.init, full)
            if evaluate(self.system.initial, full) is True:
                yield tuple(full[k] for k in self.kept)

    def answers(self, key: Key) -> list[Answer]:
        """All that there may be to a question."""
        word, place = key[0], key[1]
        rules = [
            r
            for r in self.rules
            if (
                r.activity == place and r.group is not None and r.kind is not RuleKind.TIMEOUT
                if word == "attempt"
                else r.index == place
            )
        ]
        return sorted({(r.way, given) for r in rules for given in product(*self.given[r.index])})

    def gone_through(
        self, first: State, known: Mapping[Key, Answer]
    ) -> tuple[set[Key], set[State], int]:
        """What is asked and not known, the results, and how many places of runs there are."""
        begin = first, self._counted((), set(), self._open(first))
        asked: set[Key] = set()
        results: set[State] = set()
        edges: dict[tuple[State, Counts], list[tuple[State, Counts]]] = {begin: []}
        todo = [begin]
        while todo:
            node = todo.pop()
            state, counts = node
            if not self.able(state):
                results.add(self._result(state))
            for after in self._steps(state, counts, known, asked):
                edges[node].append(after)
                if after not in edges:
                    edges[after] = []
                    todo.append(after)
            if len(edges) > MOST:
                raise Wrong("there are too many runs to look at")
        acyclic(edges)
        return asked, results, len(edges)

    def _steps(
        self, state: State, counts: Counts, known: Mapping[Key, Answer], asked: set[Key]
    ) -> Iterator[tuple[State, Counts]]:
        full = self._full(state)
        number = dict(counts)
        open_ = self._open(state)
        for rule in self.able(state):
            key: Key = ("step", rule.index, 0)
            if rule.group is not None:
                key = ("attempt", rule.activity, number["attempt", rule.activity])
            elif rule.inputs:
                place = ("answer", rule.index)
                key = (*place, number.get(place, 0) + 1)
            options = [*product(*self.given[rule.index])]
            if rule.relation is not TRUE:
                options = [x for x in options if self._fits(rule, full, x)]
                if not options:
                    raise Wrong(f"`{rule.name}` has no answer somewhere")
            if key[0] != "step" and rule.kind is not RuleKind.TIMEOUT:
                if key not in known:
                    if len(self.answers(key)) > 1:
                        asked.add(key)
                        continue
                else:
                    options = [x for x in options if (rule.way, x) == known[key]]
            for chosen in options:
                inputs = [
                    x if (rule.index, k) in self.chosen else unknown((*key, rule.way, k))
                    for k, x in enumerate(chosen)
                ]
                after = list(state)
                for v, e in rule.updates:
                    if v in self.slots:
                        after[self.slots[v]] = evaluate(e, full, inputs)
                then = dict(counts)
                if key[0] == "answer":
                    then["answer", rule.index] = int(key[2])  # type: ignore[call-overload]
                fired = {rule.group} if rule.group is not None else set()
                new = tuple(after)
                yield new, self._counted(tuple(then.items()), open_ - fired, self._open(new))

    def _fits(self, rule: Rule, full: Sequence[Scalar], given: Sequence[Scalar]) -> bool:
        after = list(full)
        for v, e in rule.updates:
            if v in self.slots and v in variables([rule.relation], Op.POST):
                after[v] = evaluate(e, full, given)
        return evaluate(rule.relation, full, given, after) is True

    def _counted(self, counts: Counts, before: set[int], now: set[int]) -> Counts:
        """Attempts that begin are counted by their places."""
        number = dict(counts)
        for group in now - before:
            place = ("attempt", self._activity(group))
            number[place] = number.get(place, 0) + 1
        return tuple(sorted(number.items(), key=repr))

    def _activity(self, group: int) -> str:
        return next(r.activity for r in self.rules if r.group == group)

    def _open(self, state: State) -> set[int]:
        """Attempts that run."""
        found = [r for r in self.able(state) if r.group is not None]
        groups = {r.group for r in found if r.group is not None}
        if len({r.activity for r in found}) < len(groups):
            raise Wrong("two attempts run at one place")
        return groups

    def able(self, state: State) -> list[Rule]:
        if state not in self._able:
            full = self._full(state)
            names = [None, *((v, full[v]) for v in self.asked_of)]
            near = (r for name in names for r in self.table.get(name, ()))
            self._able[state] = [r for r in near if evaluate(r.guard, full) is True]
        return self._able[state]

    def _full(self, state: State) -> list[Scalar]:
        out: list[Scalar] = [0] * len(self.system.variables)
        for v, value in zip(self.kept, state, strict=True):
            out[v] = value
        return out

    def _result(self, state: State) -> State:
        """How each instance ended, if it did, and what is observed of it."""
        full = self._full(state)
        ends: list[Scalar] = []
        for i in self.system.instances:
            here = full[self.system.threads[i.root].location]
            ends.append(here if here in (i.completed, i.failed) else -1)
        return (*ends, *(full[v] for v in sorted(self.seen)))
