"""Terms and rules as generated Python functions.

Rules that are equal up to the numbers of their variables and their constants have one *shape*:
its source is generated with names `a0, a1, ..` in place of those, compiled once, and closed over
each rule's own.  A thousand instances of a workflow compile no more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from ..semantics.expr import TRUE, Expr, Op, Scalar, Sort, euclid, popped, pushed, topmost
from ..semantics.system import Bundle, EventKind, EventTemplate, Rule
from .shapes import Draft, draft

State = list[Scalar]
Inputs = Sequence[Scalar]
# (state, inputs) -> value
Term = Callable[[Sequence[Scalar], Inputs], Any]
# (state, inputs) -> pairs of a variable and its old value; writes the new ones into the state
Step = Callable[[State, Inputs], Sequence[tuple[int, Scalar]]]
# seq, time, instance, kind, subject, rule, inputs, changes, detail; the last three as in the log
Row = tuple[int, str, int | None, str, str, int, str, str, str]
# (state, inputs, first seq, time, inputs as text, append) -> next seq
Emitter = Callable[[Sequence[Scalar], Inputs, int, str, str, Callable[[Row], None]], int]


def _div(a: int, b: int) -> int:
    return euclid(a, b)[0]


def _mod(a: int, b: int) -> int:
    return euclid(a, b)[1]


def _ratio(a: Fraction, b: Fraction) -> Fraction:
    return Fraction(a) / b if b else Fraction(0)


_GLOBALS: dict[str, object] = {
    "div": _div,
    "mod": _mod,
    "ratio": _ratio,
    "Fraction": Fraction,
    "pushed": pushed,
    "popped": popped,
    "topmost": topmost,
    **{sort.name: sort for sort in Sort},
}
_PLAIN = "f(s, x)"
# An enum's own `value` is slow, and so is its hash.
_NAMES = {id(kind): kind.value for kind in EventKind}


class Compiler:
    """Generates code for one system; keeps each shape's code for the next rule of that shape."""

    def __init__(self) -> None:
        self._factories: dict[tuple[object, ...], Callable[..., Any]] = {}
        self._bundles: dict[int, tuple[Bundle, Term]] = {}

    @property
    def shapes(self) -> int:
        """How many functions were compiled."""
        return len(self._factories)

    def _close(
        self,
        what: object,
        drafted: Draft,
        head: str,
        body: Callable[[list[str]], Iterable[str]],
    ) -> Any:
        key = (what, drafted.key)
        factory = self._factories.get(key)
        if factory is None:
            lines, texts = drafted.text()
            inner = "\n        ".join([*lines, *body(texts)])
            names = ", ".join(f"a{i}" for i in range(len(drafted.values)))
            source = f"def make({names}):\n    def {head}:\n        {inner}\n    return f\n"
            scope: dict[str, Any] = {**_GLOBALS, "scalar_text": scalar_text}
            exec(compile(source, "<rule>", "exec"), scope)
            factory = self._factories[key] = scope["make"]
        return factory(*drafted.values)

    def term(self, expr: Expr) -> Term:
        """`(state, inputs) -> value`."""
        made: Term = self._close("term", draft((expr,)), _PLAIN, lambda t: [f"return {t[0]}"])
        return made

    def terms(self, exprs: Sequence[Expr]) -> Term:
        """`(state, inputs) -> tuple of values`, shared parts computed once."""
        made: Term = self._close(
            ("terms", len(exprs)),
            draft(exprs),
            _PLAIN,
            lambda texts: [f"return ({''.join(t + ', ' for t in texts)})"],
        )
        return made

    def key(self, expr: Expr) -> tuple[object, ...]:
        """Equal for terms that are written alike (a sufficient test for being equal)."""
        drafted = draft((expr,))
        return (drafted.key, *drafted.values)

    def step(self, rule: Rule) -> Step:
        """Fires `rule` in place.  Guard and relation are the caller's business."""
        own = self._own(rule.own)
        if rule.bundle is None or not rule.bundle.updates:
            return own
        known = self._bundles.get(id(rule.bundle))
        if known is None:
            values = self.terms([e for _, e in rule.bundle.updates])
            known = self._bundles[id(rule.bundle)] = (rule.bundle, values)
        bundle, values = known
        targets = [v for v, _ in bundle.updates]

        def both(s: State, x: Inputs) -> Sequence[tuple[int, Scalar]]:
            new = values(s, x)  # before `own` writes: every update reads the old state
            changed = list(own(s, x))
            for v, value in zip(targets, new, strict=True):
                old = s[v]
                if old != value:
                    changed.append((v, old))
                    s[v] = value
            return changed

        return both

    def _own(self, updates: Sequence[tuple[int, Expr]]) -> Step:
        count = len(updates)

        def body(texts: list[str]) -> list[str]:
            # Read all, write all: the order of updates does not matter.
            return [
                *(f"n{i} = {text}" for i, text in enumerate(texts)),
                *(f"o{i} = s[a{i}]" for i in range(count)),
                *(f"s[a{i}] = n{i}" for i in range(count)),
                f"return ({''.join(f'(a{i}, o{i}), ' for i in range(count))})",
            ]

        drafted = draft([e for _, e in updates], [v for v, _ in updates])
        made: Step = self._close(("step", count), drafted, _PLAIN, body)
        return made

    def counter(self, rule: Rule) -> int | Term:
        """How many events the rule emits: a number, or a function where it depends."""
        sure = 0
        maybe = []
        for events in (rule.own_events, rule.bundle.events if rule.bundle is not None else ()):
            for template in events:
                if template.when is None:
                    sure += 1
                else:
                    maybe.append(template.when)
        if not maybe:
            return sure
        conditions = self.terms(maybe)
        return lambda s, x: sure + sum(conditions(s, x))

    def emitter(self, rule: Rule) -> Emitter:
        """Appends the rows of the rule's events, read from the state before the step."""
        return self.events(tuple(rule.events), rule.index)

    def events(self, templates: Sequence[EventTemplate], rule: int) -> Emitter:
        """The same for given events."""
        fixed: list[object] = [rule]
        roots: list[Expr] = []
        layout: list[tuple[object, ...]] = []  # what the text depends on besides the terms
        for t in templates:
            fixed += (t.instance, t.kind.value, t.subject, t.detail)
            sorts: list[str] | None = None
            if all(e.op is Op.CONST for _, e in t.changes):
                fixed.append(changes_text([(v, e.value) for v, e in t.changes]))
            else:
                sorts = [e.sort.value for _, e in t.changes]
                fixed += [v for v, _ in t.changes]
                roots += [e for _, e in t.changes]
            if t.when is not None:
                roots.append(t.when)
            layout.append((t.when is not None, None if sorts is None else tuple(sorts)))
        made: Emitter = self._close(
            ("events", *layout),
            draft(roots, fixed),
            "f(s, x, seq, time, given, append)",
            lambda texts: _rows(layout, texts),
        )
        return made

    def relation(self, rule: Rule) -> Term | None:
        """None where every answer inside the inputs' ranges will do."""
        return None if rule.relation is TRUE else self.term(rule.relation)


def plain_step(rule: Rule, s: State) -> Sequence[tuple[int, Scalar]] | None:
    """The step, without generating code, where all updates are `c` or `x + c`; otherwise None.

    A thousand instances that run once have ten thousand rules that fire once: binding a function
    to each would cost more than this.
    """
    if rule.bundle is not None:
        return None
    new: list[tuple[int, Scalar]] = []
    for v, e in rule.own:
        value = e.value
        if e.op is Op.ADD:
            if len(e.args) != 2:
                return None
            x, c = e.args
            if x.op is not Op.VAR or c.op is not Op.CONST:
                return None
            value = s[x.index] + c.value  # type: ignore[operator]
        elif e.op is not Op.CONST:
            return None
        new.append((v, value))  # type: ignore[arg-type]
    changed = [(v, s[v]) for v, _ in new]
    for v, value in new:
        s[v] = value
    return changed


def plain_rows(
    rule: Rule, seq: int, time: str, given: str, extend: Callable[[list[Row]], None]
) -> int | None:
    """What the emitter would do, where all that the events say is constant; otherwise None."""
    if rule.bundle is not None:
        return None
    rows: list[Row] = []
    for t in rule.own_events:
        if t.when is not None:
            return None
        changes = "[]"
        if t.changes:
            for _, e in t.changes:
                if e.op is not Op.CONST:
                    return None
            changes = changes_text([(v, e.value) for v, e in t.changes])
        kind = _NAMES[id(t.kind)]
        rows.append((seq, time, t.instance, kind, t.subject, rule.index, given, changes, t.detail))
        seq += 1
    extend(rows)
    return seq


def _rows(layout: Sequence[tuple[object, ...]], texts: Sequence[str]) -> Iterable[str]:
    place, root = 1, 0
    for conditional, sorts in layout:
        instance, kind, subject, detail = (f"a{place + i}" for i in range(4))
        place += 4
        if not isinstance(sorts, tuple):
            changes = f"a{place}"
            place += 1
        else:
            parts = []
            for i, sort in enumerate(sorts):
                text = texts[root + i]
                if sort == Sort.REAL.value:
                    yield f"r{i} = {text}"
                parts.append(f"[{{a{place + i}}},{_placeholder(sort, text, i)}]")
            place += len(sorts)
            root += len(sorts)
            changes = f"f'[{','.join(parts)}]'"
        row = f"(seq, time, {instance}, {kind}, {subject}, a0, given, {changes}, {detail})"
        if conditional:
            yield f"if {texts[root]}:"
            yield f"    append({row})"
            yield "    seq += 1"
            root += 1
        else:
            yield f"append({row})"
            yield "seq += 1"
    yield "return seq"


def _placeholder(sort: object, text: str, number: int) -> str:
    if sort == Sort.BOOL.value:
        return f'{{"true" if {text} else "false"}}'
    if sort == Sort.REAL.value:
        return f'"{{r{number}.numerator}}/{{r{number}.denominator}}"'
    if sort == Sort.STACK.value:
        return f"{{scalar_text({text})}}"
    return f"{{{text}}}"


def changes_text(changes: Sequence[tuple[int, Scalar | None]]) -> str:
    """`[[index,value],..]` as JSON."""
    if len(changes) == 1:
        v, value = changes[0]
        return f"[[{v},{value if type(value) is int else scalar_text(value)}]]"
    return "[" + ",".join([f"[{v},{scalar_text(value)}]" for v, value in changes]) + "]"


def scalar_text(value: Scalar | None) -> str:
    """One value as JSON: true, 12, "1/3" (fractions always as a quotient)."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Fraction):
        return f'"{value.numerator}/{value.denominator}"'
    if isinstance(value, tuple):
        return inputs_text(value)
    return str(value)


def inputs_text(inputs: Sequence[Scalar]) -> str:
    """The answers of one step as a JSON array."""
    return f"[{','.join(map(scalar_text, inputs))}]" if inputs else "[]"
