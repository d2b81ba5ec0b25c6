"""What is true of a small system, found by visiting all of it (in the untimed view).

Shares no code with the engines: terms become Python closures, verdicts are recomputed from the
definitions in `docs/`, over the explicit graph of states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product

from footprint import conflict, footprint, looks_while_running, own_claims, unsettled
from wfverify.dsl.types import Enum
from wfverify.semantics.expr import Expr, Op, Scalar, Sort
from wfverify.semantics.system import (
    Input,
    Obligation,
    PointKind,
    Rule,
    RuleKind,
    TransitionSystem,
    Variable,
    VarKind,
)

State = tuple[Scalar, ...]
Move = tuple[int, State, int]  # rule, inputs, number of the next state (-1: excluded)
Reading = Callable[[Sequence[Scalar], Sequence[Scalar], Sequence[Scalar]], Scalar]


class TooBig(Exception):
    """Not small: more states than asked for, or values without bounds."""


def reading(e: Expr, made: dict[int, Reading]) -> Reading:
    """A closure of (state, inputs, state after)."""
    known = made.get(id(e))
    if known is not None:
        return known
    made[id(e)] = new = _reading(e, [reading(a, made) for a in e.args])
    return new


def _reading(e: Expr, args: list[Reading]) -> Reading:
    k = e.value
    match e.op:
        case Op.CONST:
            return lambda s, i, t: k
        case Op.VAR:
            return lambda s, i, t: s[k]
        case Op.POST:
            return lambda s, i, t: t[k]
        case Op.INPUT:
            return lambda s, i, t: i[k]
        case Op.NOT:
            (a,) = args
            return lambda s, i, t: not a(s, i, t)
        case Op.AND:
            return lambda s, i, t: all(x(s, i, t) for x in args)
        case Op.OR:
            return lambda s, i, t: any(x(s, i, t) for x in args)
        case Op.ITE:
            c, a, b = args
            return lambda s, i, t: a(s, i, t) if c(s, i, t) else b(s, i, t)
        case Op.NEG:
            (a,) = args
            return lambda s, i, t: -a(s, i, t)
        case Op.ADD:
            zero = Fraction(0) if e.sort is Sort.REAL else 0
            return lambda s, i, t: sum((x(s, i, t) for x in args), zero)
        case Op.TO_REAL:
            (a,) = args
            return lambda s, i, t: Fraction(a(s, i, t))
        case Op.POP:
            (a,) = args
            return lambda s, i, t: a(s, i, t)[:-1]
        case Op.TOP:
            (a,) = args
            nothing = False if e.sort is Sort.BOOL else 0
            return lambda s, i, t: (a(s, i, t) or (nothing,))[-1]
    a, b = args
    match e.op:
        case Op.EQ:
            return lambda s, i, t: a(s, i, t) == b(s, i, t)
        case Op.PUSH:
            return lambda s, i, t: (*a(s, i, t), b(s, i, t))
        case Op.LE:
            return lambda s, i, t: a(s, i, t) <= b(s, i, t)
        case Op.LT:
            return lambda s, i, t: a(s, i, t) < b(s, i, t)
        case Op.MUL:
            return lambda s, i, t: a(s, i, t) * b(s, i, t)
        case Op.DIV if e.sort is Sort.REAL:
            return lambda s, i, t: Fraction(a(s, i, t)) / b(s, i, t) if b(s, i, t) else Fraction(0)
        case Op.DIV:
            return lambda s, i, t: _euclid(a(s, i, t), b(s, i, t))[0]
        case Op.MOD:
            return lambda s, i, t: _euclid(a(s, i, t), b(s, i, t))[1]
    raise AssertionError(e.op)


def _euclid(a: int, b: int) -> tuple[int, int]:
    """a = b q + r with 0 <= r < |b|; by zero both are 0."""
    if b == 0:
        return 0, 0
    r = a % abs(b)
    return (a - r) // b, r


def values_of(d: Variable | Input) -> list[Scalar]:
    if d.sort is Sort.BOOL:
        return [False, True]
    if isinstance(d.type, Enum):
        low, high = 0, len(d.type.values) - 1
    elif d.lo is not None and d.hi is not None:
        low, high = d.lo, d.hi
    else:
        raise TooBig(f"{d.name} has no bounds")
    return [Fraction(v) if d.sort is Sort.REAL else v for v in range(low, high + 1)]


@dataclass
class World:
    """All reachable states of a system, numbered in breadth-first order."""

    system: TransitionSystem
    limit: int = 3000
    states: list[State] = field(default_factory=list)
    moves: list[list[Move]] = field(default_factory=list)
    made: dict[int, Reading] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ghosts_last = [v.index for v in self.system.variables if v.kind is VarKind.GHOST]
        self.guards = [reading(r.guard, self.made) for r in self.system.rules]
        self.relations = [reading(r.relation, self.made) for r in self.system.rules]
        self.writes = [
            [(v, reading(e, self.made)) for v, e in r.updates] for r in self.system.rules
        ]
        self.quick = [list(_pinned(r.guard)) for r in self.system.rules]
        self.excluded = reading(self.system.excluded, self.made)
        self._explore()

    # --- the graph -------------------------------------------------------------------------

    def initial(self) -> Iterator[State]:
        free = [v for v in self.system.variables if v.init is None]
        holds = reading(self.system.initial, self.made)
        for choice in product(*map(values_of, free)):
            given = dict(zip([v.index for v in free], choice, strict=True))
            state: list[Scalar] = []
            for v in self.system.variables:
                if v.init is None:
                    state.append(given[v.index])
                else:
                    state.append(reading(v.init, self.made)(state, (), ()))
            if holds(state, (), ()) and not self.excluded(state, (), ()):
                yield tuple(state)

    def enabled(self, rule: int, state: State) -> bool:
        return all(state[v] == c for v, c in self.quick[rule]) and bool(
            self.guards[rule](state, (), ())
        )

    def answers(self, rule: Rule, state: State) -> Iterator[State]:
        for inputs in product(*map(values_of, rule.inputs)):
            if self.relations[rule.index](state, inputs, ()):
                yield inputs

    def after(self, rule: int, state: State, inputs: State) -> State:
        new = list(state)
        for v, e in self.writes[rule]:
            new[v] = e(state, inputs, ())
        return tuple(new)

    def _explore(self) -> None:
        number: dict[State, int] = {}
        for state in self.initial():
            if state not in number:
                number[state] = len(self.states)
                self.states.append(state)
        at = 0
        while at < len(self.states):
            state = self.states[at]
            moves: list[Move] = []
            for rule in self.system.rules:
                if not self.enabled(rule.index, state):
                    continue
                for inputs in self.answers(rule, state):
                    new = self.after(rule.index, state, inputs)
                    if self.excluded(new, (), ()):
                        moves.append((rule.index, inputs, -1))
                        continue
                    if new not in number:
                        number[new] = len(self.states)
                        self.states.append(new)
                        if len(self.states) > self.limit:
                            raise TooBig(f"more than {self.limit} states")
                    moves.append((rule.index, inputs, number[new]))
            self.moves.append(moves)
            at += 1
        self.number = number

    # --- obligations -----------------------------------------------------------------------

    def broken(self, goal: Obligation) -> bool:
        cond = reading(goal.cond, self.made)
        for n, state in enumerate(self.states):
            if goal.rule is None and not goal.every_step:
                if not cond(state, (), ()):
                    return True
                continue
            for rule, inputs, to in self.moves[n]:
                if goal.every_step or rule == goal.rule:
                    new = self.states[to] if to >= 0 else self.after(rule, state, inputs)
                    if to >= 0 and not cond(state, inputs, new):
                        return True
        return False

    def fired(self) -> set[int]:
        return {rule for moves in self.moves for rule, _, to in moves if to >= 0}

    # --- ends and deadlocks ----------------------------------------------------------------

    def over(self, state: State) -> bool:
        return all(self.ended(state, i.id) for i in self.system.instances)

    def ended(self, state: State, instance: int) -> bool:
        i = self.system.instances[instance]
        at = state[self.system.threads[i.root].location]
        return at in (i.completed, i.failed) or not reading(i.active, self.made)(state, (), ())

    @cached_property
    def uncounted(self) -> set[int]:
        """States from which every run takes an `assume` where it is false."""
        out = {-1}
        while True:
            more = {
                n
                for n, moves in enumerate(self.moves)
                if n not in out and moves and all(to in out for _, _, to in moves)
            }
            if not more:
                return out
            out |= more

    def calm(self, n: int) -> list[Move]:
        """The steps there that are no crash, which need not come."""
        rules = self.system.rules
        return [m for m in self.moves[n] if rules[m[0]].kind is not RuleKind.CRASH]

    def backwards(self, goal: Iterable[int], crashes: bool = True) -> set[int]:
        """States from which a run that counts can reach one of the goals, or no run counts."""
        before: dict[int, list[int]] = {}
        for n in range(len(self.states)):
            moves = self.moves[n] if crashes else self.calm(n)
            for _, _, to in moves:
                if n not in self.uncounted and to not in self.uncounted:
                    before.setdefault(to, []).append(n)
        seen = {*goal, *self.uncounted}
        todo = list(seen)
        while todo:
            for n in before.get(todo.pop(), ()):
                if n not in seen:
                    seen.add(n)
                    todo.append(n)
        return seen

    def cannot_finish(self) -> set[int]:
        """States from which not all instances can end, in no run that counts."""
        ends = [n for n, s in enumerate(self.states) if self.over(s)]
        return set(range(len(self.states))) - self.backwards(ends)

    def stuck(self) -> set[int]:
        """States in which nothing can move though something has not ended."""
        return {n for n, s in enumerate(self.states) if not self.calm(n) and not self.over(s)}

    def dead_threads(self) -> dict[int, set[int]]:
        """For each state, threads that wait, and will in every state from there on, without ever
        moving; their instance has not ended."""
        system = self.system
        changing: dict[int, set[int]] = {}
        for t in system.threads:
            v = t.location
            sources = [
                n
                for n in range(len(self.states))
                if not self.waits(self.states[n], t.id)
                or any(
                    to not in self.uncounted
                    and (
                        self.states[to][v] != self.states[n][v] or system.rules[rule].thread == t.id
                    )
                    for rule, _, to in self.calm(n)
                )
            ]
            changing[t.id] = self.backwards(sources, crashes=False)
        out: dict[int, set[int]] = {}
        for n, state in enumerate(self.states):
            for t in system.threads:
                if self.ended(state, t.instance):
                    continue
                if n not in changing[t.id]:
                    out.setdefault(n, set()).add(t.id)
        return out

    def waits(self, state: State, thread: int) -> bool:
        """An attempt runs, or a step needs only units or a condition.  Other places may be passed
        without a step, so that nobody waits there."""
        t = self.system.threads[thread]
        kind = t.points[int(state[t.location])].kind
        if kind in (PointKind.RUN, PointKind.BACKOFF):
            return True
        if kind in (PointKind.END, PointKind.FAILED):
            return False
        kinds = [v.kind for v in self.system.variables]
        for r in self.system.rules:
            if r.thread != thread or r.kind not in (RuleKind.START, RuleKind.GRANT, RuleKind.WAIT):
                continue
            rest = []
            claimed = {u for u, _ in r.gains}
            for info in self.system.resources:
                if info.exclusive is not None and {info.used, info.exclusive} & claimed:
                    claimed |= {info.used, info.exclusive}
            for part in r.guard.args if r.guard.op is Op.AND else (r.guard,):
                names = mentioned(part)
                read = {kinds[v] for v in names}
                units = {v for v in names if kinds[v] is VarKind.USED}
                claim = units <= claimed and part.op in (Op.LE, Op.EQ)
                if (units and (claim or kind is not PointKind.ENTRY)) or (
                    r.kind is RuleKind.WAIT and VarKind.LOCATION not in read
                ):
                    continue
                rest.append(part)
            if all(reading(part, self.made)(state, (), ()) for part in rest):
                return True
        return False

    def moves_again(self, n: int, thread: int) -> bool:
        """Can a rule of the thread be taken, or its place change, in a state reachable from n?"""
        if n in self.uncounted:
            return True
        seen, todo = {n}, [n]
        location = self.system.threads[thread].location
        while todo:
            here = todo.pop()
            for rule, _, to in self.calm(here):
                if to in self.uncounted:
                    continue
                if self.system.rules[rule].thread == thread:
                    return True
                if self.states[to][location] != self.states[here][location]:
                    return True
                if to not in seen:
                    seen.add(to)
                    todo.append(to)
        return False

    # --- cycles ----------------------------------------------------------------------------

    def fair_cycle(self) -> set[int] | None:
        """A strongly connected part in which no thread waits for ever though it always could
        move (weak fairness)."""
        for part in self._components():
            inside = [(n, m) for n in part for m in self.moves[n] if m[2] in part]
            if not inside:
                continue
            owner = [r.thread for r in self.system.rules]
            moving = {owner[rule] for _, (rule, _, _) in inside}
            able = [{owner[rule] for rule, _, _ in self.moves[n]} for n in part]
            if set.intersection(*able) <= moving:
                return part
        return None

    def _components(self) -> Iterator[set[int]]:
        """Tarjan, without recursion."""
        index: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        on: set[int] = set()
        for root in range(len(self.states)):
            if root in index:
                continue
            work: list[tuple[int, Iterator[int]]] = [(root, self._next(root))]
            index[root] = low[root] = len(index)
            stack.append(root)
            on.add(root)
            while work:
                n, rest = work[-1]
                for to in rest:
                    if to not in index:
                        index[to] = low[to] = len(index)
                        stack.append(to)
                        on.add(to)
                        work.append((to, self._next(to)))
                        break
                    if to in on:
                        low[n] = min(low[n], index[to])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[n])
                    if low[n] == index[n]:
                        part = set()
                        while True:
                            m = stack.pop()
                            on.discard(m)
                            part.add(m)
                            if m == n:
                                break
                        yield part

    def _next(self, n: int) -> Iterator[int]:
        return iter([to for _, _, to in self.moves[n] if to >= 0])

    # --- races -----------------------------------------------------------------------------

    def races(self, loosely: bool = False) -> Iterator[tuple[int, int, int, bool]]:
        """(state, rule, rule, at one instant): both can be taken, their order matters through
        data, no lock in common.  False: the first looks at the data while it runs.

        `loosely`: where answers of the environment are part of it, touching the same is enough.
        """
        rules = self.system.rules
        # Steps of two sides of a `+` exclude each other.
        apart = {
            (a, b)
            for sides in self.system.choices
            for one in sides
            for other in sides
            if one is not other
            for a in one
            for b in other
        }
        for n, moves in enumerate(self.moves):
            able: dict[int, list[State]] = {}
            for rule, inputs, _ in moves:
                able.setdefault(rule, []).append(inputs)
            for a, b in combinations(sorted(able), 2):
                if rules[a].thread == rules[b].thread or (a, b) in apart:
                    continue
                if self._locked(a, b, self.states[n]):
                    continue
                # A test on the way to a fork is taken once for all its branches: what each of
                # them looks at is seen from inside.
                state = self._inside(a, b, self.states[n])
                one, two = rules[a], rules[b]
                looked = False
                for x, y in ((one, two), (two, one)):
                    if any(looks_while_running(self.system, x, y, i, state) for i in able[y.index]):
                        if x.delay is None:
                            looked = True  # it does not run: it looks when it is taken
                        else:
                            yield n, x.index, y.index, False
                if looked:
                    yield n, a, b, True
                    continue
                if loosely and (one.inputs or two.inputs):
                    touched = [
                        [footprint(self.system, rules[r], state, i) for i in able[r]]
                        for r in (a, b)
                    ]
                    if any(conflict(x, y) for x in touched[0] for y in touched[1]):
                        yield n, a, b, True
                elif any(
                    unsettled(self.system, (one, i), (two, j), state)
                    for i in able[a]
                    for j in able[b]
                ):
                    yield n, a, b, True

    def _inside(self, a: int, b: int, state: State) -> State:
        """The state with the thread where those of two rules branch off at that fork."""
        threads = self.system.threads
        up: dict[int, int | None] = {}
        child, at = None, self.system.rules[a].thread
        while at is not None:
            up[at] = child
            child, at = at, threads[at].parent
        child, at = None, self.system.rules[b].thread
        while at is not None and at not in up:
            child, at = at, threads[at].parent
        if at is None or child is None or up[at] is None:
            return state
        forks = {threads[child].fork, threads[up[at]].fork}
        if len(forks) > 1:
            return state
        out = list(state)
        out[threads[at].location] = forks.pop()
        return tuple(out)

    def related(self, a: int, b: int) -> bool:
        """Is one of the threads above the other?"""

        def above(t: int) -> set[int]:
            out = set()
            at: int | None = t
            while at is not None:
                out.add(at)
                at = self.system.threads[at].parent
            return out

        x, y = self.system.rules[a].thread, self.system.rules[b].thread
        return x in above(y) or y in above(x)

    def _locked(self, a: int, b: int, state: State) -> bool:
        """Claims of their own that cannot be granted at once."""
        one, two = self.system.rules[a], self.system.rules[b]
        x = own_claims(self.system, one, two, state)
        y = own_claims(self.system, two, one, state)
        for r in self.system.resources:
            if not r.enforced:
                continue
            if r.exclusive is None:
                if r.used in x and r.used in y and r.capacity.op is Op.CONST:
                    if x[r.used] + y[r.used] > r.capacity.value:
                        return True
            else:
                both = {r.used, r.exclusive}
                if (r.exclusive in x and both & y.keys()) or (r.exclusive in y and both & x.keys()):
                    return True
        return False


def _pinned(guard: Expr) -> Iterator[tuple[int, Scalar]]:
    """Conjuncts `variable == constant`, looked at first because they are cheap."""
    for e in guard.args if guard.op is Op.AND else (guard,):
        if e.op is Op.EQ and e.args[0].op is Op.VAR and e.args[1].op is Op.CONST:
            yield e.args[0].value, e.args[1].value


def mentioned(e: Expr, out: set[int] | None = None) -> set[int]:
    found: set[int] = set() if out is None else out
    todo, seen = [e], set()
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op is Op.VAR:
            found.add(node.value)
        todo.extend(node.args)
    return found


__all__ = ["RuleKind", "TooBig", "World", "reading"]
