"""Explores the lowering of a small spec, and checks at every state what every system must keep.

Independent of the engines: terms become Python functions here, states are plain tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product

from naive import initial_states, values_of
from wfverify.dsl import load_text
from wfverify.semantics.expr import Expr, Op, Scalar, Sort, euclid
from wfverify.semantics.lower import lower
from wfverify.semantics.system import PointKind, Rule, TransitionSystem, VarKind
from wfverify.semantics.values import show
from wfverify.semantics.walks import postorder

State = tuple[Scalar, ...]


def compiled(roots: Sequence[Expr]) -> Callable[..., list[Scalar]]:
    """One function of (state, inputs, after) for several terms."""
    names: dict[int, str] = {}
    lines = ["def f(s, i=(), p=()):"]
    space: dict[str, object] = {"F": Fraction, "euclid": euclid}
    for node in postorder(roots):
        a = [names[id(x)] for x in node.args]
        match node.op:
            case Op.CONST:
                space[f"k{len(names)}"] = node.value
                text = f"k{len(names)}"
            case Op.VAR:
                text = f"s[{node.value}]"
            case Op.POST:
                text = f"p[{node.value}]"
            case Op.INPUT:
                text = f"i[{node.value}]"
            case Op.NOT:
                text = f"not {a[0]}"
            case Op.AND | Op.OR:
                text = f" {node.op.value} ".join(a)
            case Op.ITE:
                text = f"{a[1]} if {a[0]} else {a[2]}"
            case Op.EQ:
                text = f"{a[0]} == {a[1]}"
            case Op.LE | Op.LT | Op.MUL:
                text = f"{a[0]} {node.op.value} {a[1]}"
            case Op.ADD:
                text = " + ".join(a)
            case Op.NEG:
                text = f"-{a[0]}"
            case Op.TO_REAL:
                text = f"F({a[0]})"
            case Op.PUSH:
                text = f"(*{a[0]}, {a[1]})"
            case Op.POP:
                text = f"{a[0]}[:-1]"
            case Op.TOP:
                text = f"{a[0]}[-1] if {a[0]} else {'False' if node.sort is Sort.BOOL else 0}"
            case Op.DIV if node.sort is Sort.REAL:
                text = f"F({a[0]}) / {a[1]} if {a[1]} else F(0)"
            case Op.DIV | Op.MOD:
                text = f"euclid({a[0]}, {a[1]})[{int(node.op is Op.MOD)}]"
        names[id(node)] = f"t{len(names)}"
        lines.append(f"  {names[id(node)]} = {text}")
    lines.append(f"  return [{', '.join(names[id(r)] for r in roots)}]")
    exec("\n".join(lines), space)
    return space["f"]  # type: ignore[return-value]


class Broken(AssertionError):
    """A state that no lowering may reach; `path` leads there."""


class Lowered:
    """The reachable graph of a spec; what must hold of every state is checked on the way."""

    def __init__(self, system: TransitionSystem, limit: int = 20_000) -> None:
        self.system = system
        self.rules = system.rules
        self.guards = compiled([r.guard for r in system.rules])
        self.moves: dict[int, Callable[..., list[Scalar]]] = {}
        self.inputs = {
            r.index: list(product(*map(values_of, r.inputs))) for r in system.rules if r.inputs
        }
        self.excluded = compiled([system.excluded])
        self.amounts = compiled(
            [a for t in system.threads for p in t.points for _, a in p.holds]
            + [r.capacity for r in system.resources]
        )
        self.parent: dict[State, tuple[State, int] | None] = {}
        self.steps: dict[State, list[tuple[Rule, State]]] = {}
        self.fired: set[int] = set()
        self._explore(limit)

    def _explore(self, limit: int) -> None:
        level = list(dict.fromkeys(initial_states(self.system)))
        for s in level:
            self.parent[s] = None
        while level:
            following = []
            for state in level:
                self.check(state)
                self.steps[state] = out = []
                for rule, after in self.successors(state):
                    self.fired.add(rule.index)
                    if self.excluded(after)[0]:
                        continue
                    out.append((rule, after))
                    if after not in self.parent:
                        self.parent[after] = (state, rule.index)
                        following.append(after)
            if len(self.parent) > limit:
                raise OverflowError(f"more than {limit} states")
            level = following

    def successors(self, state: State) -> Iterator[tuple[Rule, State]]:
        for rule, on in zip(self.rules, self.guards(state), strict=True):
            if not on:
                continue
            targets = [v for v, _ in rule.updates]
            if len(set(targets)) != len(targets):
                self.broken(state, f"{rule.name} writes a variable twice")
            if rule.index not in self.moves:
                self.moves[rule.index] = compiled([e for _, e in rule.updates] + [rule.relation])
            for given in self.inputs.get(rule.index, [()]):
                after = list(state)
                *values, allowed = self.moves[rule.index](state, given)
                if not allowed:
                    continue
                for v, value in zip(targets, values, strict=True):
                    after[v] = value
                yield rule, tuple(after)

    # --- what every state must keep ----------------------------------------------------------

    def check(self, state: State) -> None:
        system = self.system
        for v in system.variables:
            kind = {
                Sort.BOOL: bool,
                Sort.INT: int,
                Sort.REAL: Fraction,
                Sort.STACK: tuple,
            }[v.sort]
            if type(state[v.index]) is not kind:
                self.broken(state, f"{v.name} is {state[v.index]!r}, not of sort {v.sort}")
        amounts = iter(self.amounts(state))
        held = {v.index: 0 for v in system.variables if v.kind is VarKind.USED}
        for t in system.threads:
            here = state[t.location]
            if not 0 <= here < len(t.points):
                self.broken(state, f"{t.name} is at {here}, which is no point")
            for p in t.points:
                for used, _ in p.holds:
                    amount = next(amounts)
                    if p.id == here:
                        held[used] += amount
            if t.parent is not None and here != 0 and not t.points[here].protected:
                if state[system.threads[t.parent].location] != t.fork:
                    self.broken(state, f"{t.name} runs though its parent has left the fork")
        for used, amount in held.items():
            if state[used] != amount:
                name = system.variables[used].name
                self.broken(state, f"used({name}) = {state[used]}, held are {amount}")
        for r in system.resources:
            capacity = next(amounts)
            if r.enforced and r.exclusive is None and state[r.used] > capacity:
                self.broken(state, f"more than the capacity of {r.name} is in use")
            if r.exclusive is not None and r.enforced:
                if state[r.exclusive] > 1 or (state[r.exclusive] and state[r.used]):
                    self.broken(state, f"conflicting borrows of {r.name}")
        on = self.guards(state)
        for i in system.instances:
            if self.status(state, i.id) == "running":
                continue
            for r in system.rules:
                if r.instance == i.id and on[r.index]:
                    self.broken(state, f"{r.name} can move though {i.name} has ended")
            for t in system.threads:
                if t.instance == i.id and t.parent is not None and state[t.location] != 0:
                    self.broken(state, f"{t.name} is not over though {i.name} has ended")

    def broken(self, state: State, why: str) -> None:
        raise Broken("\n".join([why, "after", *self.path(state), *self.where(state)]))

    def path(self, state: State) -> list[str]:
        out = []
        while (found := self.parent[state]) is not None:
            state, rule = found
            out.append(f"  {self.rules[rule].name}  ({self.rules[rule].kind})")
        return out[::-1]

    def where(self, state: State) -> list[str]:
        """The state in words, without what is zero."""
        places = {t.location: t for t in self.system.threads}
        out = []
        for v in self.system.variables:
            if state[v.index] or v.kind is VarKind.DATA:
                text = show(v, state[v.index], self.system.strings)
                if v.index in places:
                    text += f" «{places[v.index].points[int(state[v.index])].label}»"
                out.append(f"  {v.name} = {text}")
        return out

    # --- outcomes ----------------------------------------------------------------------------

    def status(self, state: State, instance: int = 0) -> str:
        one = self.system.instances[instance]
        at = state[self.system.threads[one.root].location]
        if at == one.completed:
            return "completed"
        if at == one.failed:
            return self.system.errors[int(state[one.error]) - 1]
        return "running"

    def ends(self) -> list[State]:
        return [s for s, out in self.steps.items() if not out]

    def outcomes(self, *names: str) -> set[tuple[str, ...]]:
        """(status of the first instance, values of the named variables) of every end.

        A state without a step in which the instance has not ended is "stuck".
        """
        wanted = {v.name: v for v in self.system.variables}
        root = self.system.instances[0].name
        out = set()
        for state in self.ends():
            status = self.status(state)
            values = []
            for n in names:
                v = wanted.get(f"{root}.{n}") or wanted[n]
                values.append(show(v, state[v.index], self.system.strings))
            out.add(("stuck" if status == "running" else status, *values))
        return out

    def broken_goals(self, check: str) -> list[str]:
        """Messages of the obligations of a check that fail in some reachable state or step."""
        found = []
        for goal in self.system.obligations:
            if goal.check != check:
                continue
            test = compiled([goal.cond])
            if goal.rule is None and not goal.every_step:
                bad = any(not test(s)[0] for s in self.steps)
            else:
                bad = self._broken_step(goal.rule, test)
            if bad:
                found.append(goal.message)
        return found

    def _broken_step(self, only: int | None, test: Callable[..., list[Scalar]]) -> bool:
        for state in self.steps:
            on = self.guards(state)
            for rule in self.rules:
                if not on[rule.index] or (only is not None and rule.index != only):
                    continue
                targets = [v for v, _ in rule.updates]
                for given in self.inputs.get(rule.index, [()]):
                    after = list(state)
                    *values, allowed = self.moves[rule.index](state, given)
                    for v, value in zip(targets, values, strict=True):
                        after[v] = value
                    if allowed and not test(state, given, after)[0]:
                        return True
        return False

    def never_stuck(self) -> None:
        for state in self.ends():
            for i in self.system.instances:
                if self.status(state, i.id) == "running":
                    self.broken(state, f"{i.name} is stuck")


def run(source: str, limit: int = 20_000) -> Lowered:
    return Lowered(lower(load_text(source, "t.wf")), limit)


def body(term: str, more: str = "", head: str = "") -> str:
    """A workflow `w` around a term, with variables x, y, z and activities a .. f that may fail.

    a, b, c, d only set a bit of their own in `log`; `p`, `q` may fail with E, F.
    """
    return f"""
error E permanent
error F permanent
{head}
workflow w() fails E, F, Timeout, TooMany, Interrupted {{
  var x: int = 0
  var y: int = 0
  var z: int = 0
  var n: int = 0
  var ok: bool = false
  activity a {{ do {{ x := x + 1 }} }}
  activity b {{ do {{ y := y + 1 }} }}
  activity c {{ do {{ z := z + 1 }} }}
  activity p {{ do {{ x := x + 1 }} fails E }}
  activity q {{ do {{ y := y + 1 }} fails F }}
  {more}
  run {{ {term} }}
}}
system {{ w }}
"""


__all__ = ["Broken", "Lowered", "PointKind", "body", "compiled", "run"]
