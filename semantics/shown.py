"""What an observer sees of a symbolic step: `view.Observer` over terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..dsl.records import dataclass
from ..dsl.types import Enum, Str, Type
from .expr import TRUE, Expr, Op, Scalar, and_, eq, inp, not_
from .observing import ENDS, VERBS, Observer, plain
from .system import Rule, RuleKind
from .values import show
from .walks import substitute


class Unknown(Exception):
    """It depends on data what is shown."""


@dataclass(frozen=True, slots=True)
class Part:
    """Where `cond` holds, a step is one of the kind `seen` with these values."""

    cond: Expr
    seen: tuple[str, ...]
    values: tuple[Expr, ...]


def shown(
    observer: Observer,
    rule: Rule,
    before: Mapping[int, Expr],
    after: Mapping[int, Expr],
    terms: Sequence[Expr],
) -> Iterator[Part]:
    """Two steps look alike just if their `seen` and their `values` are equal.

    `terms` are those of `rule.seen`, read before the step.  Raises Unknown.
    """
    seen, values = _step(observer, rule, terms)
    ended = _end(observer, rule, before, after)
    parts = [Part(TRUE, tuple(seen), tuple(values))]
    for v, _ in rule.updates:
        if v in observer.watched and before[v] is not after[v]:
            declared = observer.system.variables[v]
            tag, more = _value(observer, declared.type, after[v])
            name = plain(observer.system, declared.name)
            same = eq(before[v], after[v])
            parts = [
                q
                for p in parts
                for q in (
                    Part(and_(p.cond, same), p.seen, p.values),
                    Part(
                        and_(p.cond, not_(same)),
                        (*p.seen, f"{name} := {tag}"),
                        (*p.values, *more),
                    ),
                )
            ]
    for p in parts:
        yield Part(p.cond, (*p.seen, *ended[0]), (*p.values, *ended[1]))


def _step(observer: Observer, rule: Rule, terms: Sequence[Expr]) -> tuple[list[str], list[Expr]]:
    name = observer.name(rule)
    if name in observer.view.hide:
        return [], []
    called = observer.view.rename.get(name, name)
    tags: list[str] = []
    values: list[Expr] = []
    for s, term in zip(rule.seen, terms, strict=True):
        tag, more = _value(observer, s.type, term)
        tags.append(f"{'key ' if s.name == 'key' else ''}{tag}")
        values += more
    if rule.activity and rule.kind is RuleKind.START:
        return [f"start {called}", *tags], values
    if rule.activity and rule.kind in ENDS:
        for k, i in enumerate(rule.inputs):
            tag, more = _value(observer, i.type, inp(k, i.sort))
            tags.append(f"{i.name}: {tag}")
            values += more
        return [f"{called} {observer.ending(rule)}", *tags], values
    if rule.activity and rule.kind is RuleKind.BUSY:
        return [f"{called} fails with {rule.error}", *tags], values
    if rule.channel and rule.kind in VERBS:
        return [VERBS[rule.kind].format("..", called), *tags], values
    return [], []


def _value(observer: Observer, kind: Type, term: Expr) -> tuple[str, list[Expr]]:
    """What tells values of this type from others, and the value where that does not tell it."""
    if isinstance(kind, Str):
        if term.op is not Op.CONST or term.value is None:
            raise Unknown("strings that are not known")
        return show(kind, term.value, observer.system.strings), []
    tag = ",".join(kind.values) if isinstance(kind, Enum) else term.sort.value
    return tag, [term]


def _end(
    observer: Observer, rule: Rule, before: Mapping[int, Expr], after: Mapping[int, Expr]
) -> tuple[list[str], list[Expr]]:
    written = {v for v, _ in rule.updates} & observer.roots.keys()
    if all(before[v] is after[v] or before[v].value == after[v].value for v in written):
        return [], []
    state: dict[int, Scalar] = {}
    system = observer.system
    for i in system.instances:
        for v in (i.error, system.threads[i.root].location):
            value = after[v].value
            if after[v].op is not Op.CONST or value is None:
                raise Unknown("how it ends is not known")
            state[v] = value
    ends = [e for v in sorted(written) for e in observer.end_of(v, _known(before[v]), state)]
    if not ends:
        return [], []
    over = all(_is_over(observer, i, after, state) for i in range(len(system.instances)))
    if not over:
        return ends, []
    values: list[Expr] = []
    for v in observer.observed:
        declared = system.variables[v]
        tag, more = _value(observer, declared.type, after[v])
        ends.append(f"{plain(system, declared.name)} = {tag}")
        values += more
    return ends, values


def _known(term: Expr) -> Scalar:
    if term.op is not Op.CONST or term.value is None:
        raise Unknown("where control is, is not known")
    return term.value


def _is_over(
    observer: Observer, number: int, after: Mapping[int, Expr], state: Mapping[int, Scalar]
) -> bool:
    i = observer.system.instances[number]
    active = substitute(i.active, lambda n: after.get(n.index, n) if n.op is Op.VAR else n)
    if active.op is not Op.CONST:
        raise Unknown("how many instances there are is not known")
    at = state[observer.system.threads[i.root].location]
    return not active.value or at in (i.completed, i.failed)
