"""Rules over packed states: one comparison under a mask for all that a guard pins, one sum for all
that is written over known values; terms for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from itertools import product

from ....dsl.records import dataclass
from ....semantics.expr import Expr, Op, Scalar
from ....semantics.system import Obligation, Rule, VarKind
from ..common import after, concerns, conjuncts, fixed_by, is_state, whereabouts
from ..search_space import Space
from .layout import Field, Layout, Overflow


@dataclass(slots=True)
class PackedRule:
    """Enabled when `state & mask == value` and all `tests` hold, with inputs of `choices` that
    satisfy `relation`.  Then `state & keep`, plus what is `added` to fields, plus the `computed`
    ones.

    `grown`: fields that may overflow by what is added.
    `steps`: positions of goals about this step and their conditions, without POST.
    """

    rule: Rule
    mask: int = 0
    value: int = 0
    tests: list[Expr] = field(default_factory=list)
    choices: tuple[tuple[Scalar, ...], ...] = ()
    relation: list[Expr] = field(default_factory=list)
    keep: int = -1
    added: list[tuple[Field, int]] = field(default_factory=list)
    grown: list[tuple[Field, int]] = field(default_factory=list)
    computed: list[tuple[Field, Expr]] = field(default_factory=list)
    steps: list[tuple[int, Expr]] = field(default_factory=list)
    writes: frozenset[int] = frozenset()

    @property
    def delta(self) -> int:
        """All that is added, to the state as one number."""
        return sum(amount << f.offset for f, amount in self.added)


@dataclass(frozen=True, slots=True)
class Group:
    """The rules that may fire where a field has a value; `location` None: anywhere."""

    location: int | None
    at: int
    rules: tuple[PackedRule, ...]


def pack_rules(space: Space, layout: Layout, goals: Sequence[Obligation]) -> list[Group]:
    """All rules that may ever fire, by the location that their guard pins."""
    tables: dict[tuple[int, int], list[PackedRule]] = {}
    always: list[PackedRule] = []
    system = space.system
    locations = {v for v in layout.fields if system.variables[v].kind is VarKind.LOCATION}
    for rule in system.rules:
        try:
            packed = _pack(space, layout, rule)
        except Overflow:
            continue  # a guard that pins a value which no state so far can hold
        if packed is None:
            continue
        packed.steps = [
            (k, after(rule, g.cond))
            for k, g in enumerate(goals)
            if not is_state(g) and concerns(g, rule)
        ]
        there = whereabouts(system, rule, locations)
        if there is None:
            always.append(packed)
        else:
            at, point = there
            assert isinstance(point, int)
            tables.setdefault((at, point), []).append(packed)
    out = [Group(at, point, tuple(rules)) for (at, point), rules in sorted(tables.items())]
    return [*out, Group(None, 0, tuple(always))] if always else out


def _pack(space: Space, layout: Layout, rule: Rule) -> PackedRule | None:
    """None: it never fires.  Raises Overflow where a pinned value does not fit."""
    out = PackedRule(rule)
    known: dict[int, int] = {}
    for part in conjuncts(rule.guard):
        if part.op is Op.CONST:
            if not part.value:
                return None
            continue
        pin = next(iter(fixed_by([part]).items()), None)
        if pin is None or pin[0] not in layout.fields:
            out.tests.append(part)
            continue
        f = layout.fields[pin[0]]
        assert pin[1].value is not None
        raw = f.raw(pin[1].value)
        if pin[0] in known and known[pin[0]] != raw:
            return None
        known[pin[0]] = raw
        out.mask |= f.place
        out.value |= raw
    domains = space.input_domains(rule.index)
    out.choices = tuple(product(*domains)) if domains else ()
    if domains and not out.choices:
        return None  # the environment has no answer
    out.relation = [p for p in conjuncts(rule.relation) if p.op is not Op.CONST or not p.value]
    writes: set[int] = set()
    for v, e in rule.updates:
        f = layout.fields.get(v)  # type: ignore[assignment]
        if f is None:
            continue
        writes.add(v)
        _write(out, f, e, known.get(v))
    out.writes = frozenset(writes)
    return out


def _write(out: PackedRule, f: Field, e: Expr, old: int | None) -> None:
    step = _increment(e, f.variable)
    if step is not None:
        out.added.append((f, step))
        out.grown.append((f, step))
    elif e.op is Op.CONST and e.value is not None and not (int(e.value) - f.low) >> f.bits:
        new = int(e.value) - f.low
        if old is None:
            out.keep &= ~f.place
            out.added.append((f, new))
        else:
            out.added.append((f, new - (old >> f.offset)))
    else:
        out.keep &= ~f.place
        out.computed.append((f, e))


def _increment(e: Expr, variable: int) -> int | None:
    """What is added to the variable, if that is a constant."""
    if e.op is Op.VAR and e.index == variable:
        return 0
    if e.op is not Op.ADD:
        return None
    total, seen = 0, 0
    for a in e.args:
        if a.op is Op.CONST and type(a.value) is int:
            total += a.value
        elif a.op is Op.VAR and a.index == variable:
            seen += 1
        else:
            return None
    return total if seen == 1 else None
