"""Terms and rules as generated Python functions.

Rules that are equal up to the numbers of their variables and their constants have one *shape*:
its source is generated with names `a0, a1, ..` in place of those, compiled once, and closed over
each rule's own.  A thousand instances of a workflow compile no more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from ..semantics.expr import TRUE, Expr, Op, Scalar, Sort, euclid, postorder
from ..semantics.system import Bundle, EventTemplate, Rule

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

# Deeper nesting than this gets a local name: Python's parser has limits of its own.
_DEPTH = 12
_WIDE = 16


def _div(a: int, b: int) -> int:
    return euclid(a, b)[0]


def _mod(a: int, b: int) -> int:
    return euclid(a, b)[1]


def _ratio(a: Fraction, b: Fraction) -> Fraction:
    return Fraction(a) / b if b else Fraction(0)


_GLOBALS = {"div": _div, "mod": _mod, "ratio": _ratio, "Fraction": Fraction}


class _Writer:
    """Collects one function's source, and the values that its shape leaves open."""

    def __init__(self, roots: Sequence[Expr]) -> None:
        self.values: list[object] = []
        self.lines: list[str] = []
        self.text: dict[int, str] = {}
        self._variables: dict[int, str] = {}
        self._locals = 0
        self._roots = roots  # keeps the ids valid
        self._write(roots)

    def slot(self, value: object) -> str:
        self.values.append(value)
        return f"a{len(self.values) - 1}"

    def local(self, text: str) -> str:
        name = f"t{self._locals}"
        self._locals += 1
        self.lines.append(f"{name} = {text}")
        return name

    def variable(self, index: int) -> str:
        name = self._variables.get(index)
        if name is None:
            name = self._variables[index] = self.slot(index)
        return name

    def _write(self, roots: Sequence[Expr]) -> None:
        nodes = postorder(roots)
        uses: dict[int, int] = {}
        for node in nodes:
            for arg in node.args:
                uses[id(arg)] = uses.get(id(arg), 0) + 1
        for root in roots:
            uses[id(root)] = uses.get(id(root), 0) + 1
        depth: dict[int, int] = {}
        for node in nodes:
            text = self._node(node)
            deep = 1 + max((depth[id(a)] for a in node.args), default=0)
            if node.args and (uses[id(node)] > 1 or deep >= _DEPTH):
                text, deep = self.local(text), 0
            self.text[id(node)], depth[id(node)] = text, deep

    def _node(self, node: Expr) -> str:
        args = [self.text[id(a)] for a in node.args]
        match node.op:
            case Op.CONST:
                return str(node.value) if node.sort is Sort.BOOL else self.slot(node.value)
            case Op.VAR:
                return f"s[{self.variable(node.index)}]"
            case Op.POST:
                raise ValueError("a rule does not speak of the state after its step")
            case Op.INPUT:
                return f"x[{node.index}]"
            case Op.NOT:
                return f"(not {args[0]})"
            case Op.AND:
                return f"({' and '.join(args)})"
            case Op.OR:
                return f"({' or '.join(args)})"
            case Op.ITE:
                return f"({args[1]} if {args[0]} else {args[2]})"
            case Op.EQ:
                return f"({args[0]} == {args[1]})"
            case Op.LE:
                return f"({args[0]} <= {args[1]})"
            case Op.LT:
                return f"({args[0]} < {args[1]})"
            case Op.ADD if len(args) > _WIDE:
                return f"sum(({', '.join(args)}))"
            case Op.ADD:
                return f"({' + '.join(args)})"
            case Op.NEG:
                return f"(-{args[0]})"
            case Op.MUL:
                return f"({args[0]} * {args[1]})"
            case Op.DIV | Op.MOD if node.sort is Sort.INT:
                divisor = node.args[1]
                # Python's own operators agree with Euclid's for a positive divisor.
                if divisor.op is Op.CONST and divisor.index > 0:
                    return f"({args[0]} {'//' if node.op is Op.DIV else '%'} {args[1]})"
                return f"{'div' if node.op is Op.DIV else 'mod'}({args[0]}, {args[1]})"
            case Op.DIV:
                return f"ratio({args[0]}, {args[1]})"
            case Op.TO_REAL:
                return f"Fraction({args[0]})"
        raise AssertionError(node.op)


class Compiler:
    """Generates code for one system; keeps each shape's code for the next rule of that shape."""

    def __init__(self) -> None:
        self._factories: dict[str, Callable[..., Any]] = {}
        self._bundles: dict[int, tuple[Bundle, Term]] = {}
        self._conditions: dict[tuple[object, ...], Term] = {}

    @property
    def shapes(self) -> int:
        """How many functions were compiled."""
        return len(self._factories)

    def _close(self, writer: _Writer, head: str, tail: Iterable[str]) -> Any:
        body = "\n        ".join([*writer.lines, *tail])
        names = ", ".join(f"a{i}" for i in range(len(writer.values)))
        source = f"def make({names}):\n    def {head}:\n        {body}\n    return f\n"
        factory = self._factories.get(source)
        if factory is None:
            scope: dict[str, Any] = dict(_GLOBALS)
            exec(compile(source, "<rule>", "exec"), scope)
            factory = self._factories[source] = scope["make"]
        return factory(*writer.values)

    def term(self, expr: Expr) -> Term:
        """`(state, inputs) -> value`."""
        writer = _Writer([expr])
        made: Term = self._close(writer, "f(s, x)", [f"return {writer.text[id(expr)]}"])
        return made

    def terms(self, exprs: Sequence[Expr]) -> Term:
        """`(state, inputs) -> tuple of values`, shared parts computed once."""
        writer = _Writer(exprs)
        values = "".join(f"{writer.text[id(e)]}, " for e in exprs)
        made: Term = self._close(writer, "f(s, x)", [f"return ({values})"])
        return made

    def key(self, expr: Expr) -> tuple[object, ...]:
        """Equal for terms that are written alike (a sufficient test for being equal)."""
        writer = _Writer([expr])
        return ("\n".join([*writer.lines, writer.text[id(expr)]]), *writer.values)

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
        writer = _Writer([e for _, e in updates])
        tail: list[str] = []
        pairs = ""
        for i, (_, e) in enumerate(updates):
            text = writer.text[id(e)]
            if e.args or e.op in (Op.VAR, Op.INPUT):
                tail.append(f"n{i} = {text}")
        for i, (v, _) in enumerate(updates):
            target = writer.variable(v)
            tail.append(f"o{i} = s[{target}]")
            pairs += f"({target}, o{i}), "
        for i, (v, e) in enumerate(updates):
            new = f"n{i}" if e.op is not Op.CONST else writer.text[id(e)]
            tail.append(f"s[{writer.variable(v)}] = {new}")
        tail.append(f"return ({pairs})")
        made: Step = self._close(writer, "f(s, x)", tail)
        return made

    def counter(self, rule: Rule) -> int | Term:
        """How many events the rule emits: a number, or a function where it depends."""
        whens = [t.when for t in rule.events]
        sure = sum(w is None for w in whens)
        maybe = [w for w in whens if w is not None]
        if not maybe:
            return sure
        conditions = self.terms(maybe)
        return lambda s, x: sure + sum(conditions(s, x))

    def emitter(self, rule: Rule) -> Emitter:
        """Appends the rows of the rule's events, read from the state before the step."""
        return self._emitter(tuple(rule.events), rule.index)

    def _emitter(self, templates: Sequence[EventTemplate], rule: int) -> Emitter:
        roots = [e for t in templates for _, e in t.changes]
        roots.extend(t.when for t in templates if t.when is not None)
        writer = _Writer(roots)
        tail: list[str] = []
        for t in templates:
            fixed = [writer.slot(v) for v in (t.instance, t.kind.value, t.subject, rule)]
            changes = self._changes(writer, t)
            row = f"(seq, time, {', '.join(fixed)}, given, {changes}, {writer.slot(t.detail)})"
            if t.when is None:
                tail += [f"append({row})", "seq += 1"]
            else:
                tail += [f"if {writer.text[id(t.when)]}:", f"    append({row})", "    seq += 1"]
        tail.append("return seq")
        made: Emitter = self._close(writer, "f(s, x, seq, time, given, append)", tail)
        return made

    def _changes(self, writer: _Writer, template: EventTemplate) -> str:
        """An expression for the text `[[index,value],..]`, JSON with fractions as "p/q"."""
        if all(e.op is Op.CONST for _, e in template.changes):
            return writer.slot(changes_text([(v, e.value) for v, e in template.changes]))
        parts = []
        for v, e in template.changes:
            text = writer.text[id(e)]
            match e.sort:
                case Sort.INT:
                    value = f"{{{text}}}"
                case Sort.BOOL:
                    value = f"{{'true' if {text} else 'false'}}"
                case Sort.REAL:
                    name = writer.local(text)
                    value = f'\\"{{{name}.numerator}}/{{{name}.denominator}}\\"'
            parts.append(f"[{{{writer.variable(v)}}},{value}]")
        return f'f"[{",".join(parts)}]"'

    def first_events(self, templates: Sequence[EventTemplate]) -> Emitter:
        """The same for the events before the first step."""
        return self._emitter(templates, -1)

    def relation(self, rule: Rule) -> Term | None:
        """None where every answer inside the inputs' ranges will do."""
        return None if rule.relation is TRUE else self.term(rule.relation)


def changes_text(changes: Iterable[tuple[int, Scalar | None]]) -> str:
    """`[[index,value],..]` as JSON."""
    return "[" + ",".join(f"[{v},{scalar_text(value)}]" for v, value in changes) + "]"


def scalar_text(value: Scalar | None) -> str:
    """One value as JSON: true, 12, "1/3" (fractions always as a quotient)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Fraction):
        return f'"{value.numerator}/{value.denominator}"'
    return str(value)


def inputs_text(inputs: Sequence[Scalar]) -> str:
    """The answers of one step as a JSON array."""
    return f"[{','.join(map(scalar_text, inputs))}]" if inputs else "[]"
