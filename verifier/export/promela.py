"""The rules of a finite spec as one Promela process, for Spin (Holzmann 2003).

Every rule is an atomic option of one loop: guard, answers of the environment, updates (all read
the state before), then the claims as assertions.  Time is left out, as in the untimed view.  The
loop is left when every instance has ended; that no option can be taken before is an invalid end
state for Spin.  A run that does not count (`assume`) ends in a valid one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, Sort, and_, not_, postorder, var
from ...semantics.system import Obligation, Rule, TransitionSystem, Variable
from ..engines.common import after, conjuncts, domain, in_domain, input_condition
from ..engines.search_threads import ended
from ..engines.slice import slice_for

MOST_ANSWERS = 512  # of one rule
MOST_VALUES = 64  # of one answer or argument


class NotFinite(Exception):
    """What Promela cannot say, in words."""


def promela(system: TransitionSystem, goals: Sequence[Obligation]) -> str:
    """A model in which Spin finds an assertion violated if some goal can be broken.

    With goals it has what can matter for them; without, it is the whole, for what an invalid end
    state says.  Raises `NotFinite` where data is not of a small finite type.
    """
    if goals:
        system = slice_for(system, goals).system
    return "\n".join(_Model(system, goals).lines()) + "\n"


class _Model:
    def __init__(self, system: TransitionSystem, goals: Sequence[Obligation]) -> None:
        self.system = system
        self.states = [g for g in goals if g.rule is None and not g.every_step]
        self.steps = [g for g in goals if g.rule is not None or g.every_step]
        self.needed = self._needed()

    def _needed(self) -> list[int]:
        """Variables that can matter: all but durations that nothing reads."""
        read: set[int] = set()
        for r in self.system.rules:
            read |= _variables([r.guard, r.relation, *(e for _, e in r.updates)])
        read |= _variables([g.cond for g in (*self.states, *self.steps)])
        read |= _variables([self.system.initial, self.system.excluded])
        read |= _variables([ended(self.system, i) for i in self.system.instances])
        for v in read:
            variable = self.system.variables[v]
            if variable.sort not in (Sort.BOOL, Sort.INT):
                raise NotFinite(f"{variable.name} is of sort {variable.sort.value}")
        return sorted(read)

    # --- text -------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        kept = set(self.needed)
        yield f"/* {_quoted(self.system.name)}, made by wfverify */"
        yield "#define ABS(b) ((b) < 0 -> -(b) : (b))"
        yield "#define REM(a, b) ((a) % (b) < 0 -> (a) % (b) + ABS(b) : (a) % (b))"
        yield "#define MOD(a, b) ((b) == 0 -> 0 : REM(a, b))"
        yield "#define DIV(a, b) ((b) == 0 -> 0 : ((a) - REM(a, b)) / (b))"
        for v in self.needed:
            variable = self.system.variables[v]
            kind = "bool" if variable.sort is Sort.BOOL else "int"
            yield f"{kind} v{v}; /* {variable.name} */"
        yield "active proctype rules() {"
        most = max(
            (len([v for v, _ in r.updates if v in kept]) for r in self.system.rules), default=0
        )
        for k in range(most):
            yield f"  int t{k};"
        yield from self._initial()
        yield "  do"
        for rule in self.system.rules:
            if rule.guard is not FALSE:
                yield from self._rule(rule, kept)
        over = and_(*(ended(self.system, i) for i in self.system.instances))
        yield f"  :: {_text(over)} -> break"
        yield "  od;"
        yield "out: skip"
        yield "}"

    def _initial(self) -> Iterator[str]:
        yield "  atomic {"
        for v in self.needed:
            variable = self.system.variables[v]
            if variable.init is not None:
                yield f"    v{v} = {_text(variable.init)};"
                continue
            options = " ".join(f":: v{v} = {_constant(x)}" for x in _values(variable))
            yield f"    if {options} fi;"
        free = [v for v in self.needed if self.system.variables[v].init is None]

        typed = [
            in_domain(self.system.variables[v], var(v, self.system.variables[v].sort)) for v in free
        ]
        counts = and_(self.system.initial, *typed, not_(self.system.excluded))
        if counts is not TRUE:
            yield f"    if :: {_text(counts)} :: else -> goto out fi;"
        yield from (f"    {line}" for line in self._asserts(self.states))
        yield "  };"

    def _rule(self, rule: Rule, kept: set[int]) -> Iterator[str]:
        updates = [(v, e) for v, e in rule.updates if v in kept]
        relation = input_condition(rule)
        choices = [_values(i) for i in rule.inputs]
        count = 1
        for c in choices:
            count *= len(c)
        if count > MOST_ANSWERS:
            raise NotFinite(f"the environment has {count} answers to {rule.name}")
        mine = [g for g in self.steps if g.every_step or g.rule == rule.index]
        for answers in product(*choices):
            known = dict(enumerate(answers))
            guard = (
                and_(rule.guard, relation) if rule.inputs or relation is not TRUE else rule.guard
            )
            yield f"  :: atomic {{ {_text(guard, known)} -> /* {_quoted(rule.name)} */"
            for g in mine:
                yield f"    assert({_text(after(rule, g.cond), known)});"
            for k, (_, e) in enumerate(updates):
                yield f"    t{k} = {_text(e, known)};"
            for k, (v, _) in enumerate(updates):
                yield f"    v{v} = t{k};"
            if self.system.excluded is not FALSE:
                yield f"    if :: {_text(self.system.excluded)} -> goto out :: else fi;"
            yield from (f"    {line}" for line in self._asserts(self.states))
            yield "  }"

    def _asserts(self, goals: Iterable[Obligation]) -> Iterator[str]:
        for g in goals:
            for part in conjuncts(g.cond):
                yield f"assert({_text(part)}); /* {_quoted(g.message)} */"


def _values(declared: object) -> tuple[Scalar, ...]:
    found = domain(declared, MOST_VALUES)  # type: ignore[arg-type]
    if found is None:
        name = declared.name if isinstance(declared, Variable) else "an answer"
        raise NotFinite(f"{name} has too many values")
    return found


def _variables(terms: Iterable[Expr]) -> set[int]:
    return {n.index for n in postorder(list(terms)) if n.op in (Op.VAR, Op.POST)}


def _constant(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if value >= 0 else f"({value})"


def _text(root: Expr, inputs: dict[int, Scalar] | None = None) -> str:
    """Terms in Promela.  The text is a tree: terms are small, or the spec is too large for Spin."""
    known = inputs or {}
    done: dict[int, str] = {}
    for node in postorder([root]):
        done[id(node)] = _node(node, [done[id(a)] for a in node.args], known)
    return done[id(root)]


def _node(node: Expr, a: list[str], inputs: dict[int, Scalar]) -> str:
    match node.op:
        case Op.CONST if node.sort in (Sort.BOOL, Sort.INT):
            assert node.value is not None
            return _constant(node.value)
        case Op.VAR:
            return f"v{node.index}"
        case Op.INPUT:
            return _constant(inputs[node.index])
        case Op.NOT:
            return f"!({a[0]})"
        case Op.AND:
            return f"({' && '.join(a)})" if a else "true"
        case Op.OR:
            return f"({' || '.join(a)})" if a else "false"
        case Op.ITE:
            return f"({a[0]} -> {a[1]} : {a[2]})"
        case Op.EQ:
            return f"({a[0]} == {a[1]})"
        case Op.LE:
            return f"({a[0]} <= {a[1]})"
        case Op.LT:
            return f"({a[0]} < {a[1]})"
        case Op.ADD:
            return f"({' + '.join(a)})"
        case Op.NEG:
            return f"(-{a[0]})"
        case Op.MUL:
            return f"({a[0]} * {a[1]})"
        case Op.DIV:
            return f"DIV({a[0]}, {a[1]})"
        case Op.MOD:
            return f"MOD({a[0]}, {a[1]})"
    raise NotFinite(f"{node.op.value} of {node.sort.value}")


def _quoted(text: str) -> str:
    return text.replace("*/", "* /")


__all__ = ["NotFinite", "promela"]
