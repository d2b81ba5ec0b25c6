"""Variables for the followed places, and expressions over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from fractions import Fraction
from typing import assert_never

from ... import ast
from ...errors import Span
from ...records import dataclass
from .classes import Classes, Signature, Splitter
from .conditions import Cond, Junction, Not, Opaque, Test
from .data import Document, Place, Scope
from .machine import State
from .naming import Names
from .paths import Add, Any, Const, Copy, Keep, Missing, Path, Value


def any_of(parts: list[ast.Expression], span: Span, op: str = "or") -> ast.Expression:
    """The disjunction (conjunction) of the parts."""
    if not parts:
        return ast.BoolLit(op == "and", span=span)
    found = parts[0]
    for part in parts[1:]:
        found = ast.Binary(op, found, part, span=span)
    return found


@dataclass(frozen=True, slots=True)
class Slot:
    """The variables of one place: its class, and its number where that is followed exactly."""

    splitter: Splitter
    classes: Classes
    kind: str  # variable of the class; "" when there is one class only
    number: str  # variable of the number; "" when it is not followed
    enum: str
    values: tuple[str, ...]  # names of the classes
    indices: tuple[str, ...]  # the items of the Maps around, as the body names them

    def read(self, name: str, span: Span) -> ast.Expression:
        found: ast.Expression = ast.Name(name, span=span)
        for index in self.indices:
            found = ast.Index(found, ast.Name(index, span=span), span=span)
        return found

    def among(self, chosen: tuple[int, ...], span: Span) -> ast.Expression:
        """Is the class one of these?"""
        if not self.kind or len(chosen) == len(self.values):
            return ast.BoolLit(bool(chosen), span=span)
        inside = len(chosen) * 2 <= len(self.values)
        listed = chosen if inside else [i for i in range(len(self.values)) if i not in chosen]
        tests: list[ast.Expression] = [
            ast.Binary(
                "==" if inside else "!=",
                self.read(self.kind, span),
                ast.Name(self.values[i], span=span),
                span=span,
            )
            for i in listed
        ]
        return any_of(tests, span, "or" if inside else "and")


def literal(value: Fraction, span: Span) -> ast.Expression:
    """A real number."""
    found: ast.Expression = ast.RealLit(abs(value), span=span)
    return found if value >= 0 else ast.Unary("-", found, span=span)


@dataclass(slots=True)
class Slots:
    """All slots of a machine, and the declarations they need."""

    document: Document
    names: Names
    item_names: dict[int, str]  # scope of a Map's processor -> its item variable
    found: dict[Place, Slot | None] = field(default_factory=dict)
    enums: dict[Place, ast.EnumDecl] = field(default_factory=dict)
    variables: list[ast.VarDecl] = field(default_factory=list)
    params: list[ast.Param] = field(default_factory=list)

    def indices(self, scope: Scope) -> tuple[str, ...]:
        own = (self.item_names[scope.index],) if scope.repeated else ()
        return (self.indices(scope.parent) if scope.parent is not None else ()) + own

    def declare(self, place: Place, initial: bool, span: Span) -> None:
        """`initial`: the value when the machine starts matters, and may be any."""
        split = self.document.of(place)
        if split is None:
            return
        splitter, classes = split
        scope = self.document.scopes[place[0]]
        base = "_".join(str(s) for s in place[1].steps[-2:]) or place[1].root.strip("$") or "input"
        enum = self.enum(place, classes, base, span)
        several = len(classes.classes) > 1
        kind = self.names.fresh(base) if several else ""
        number = self.names.fresh(base + "_value") if classes.exact else ""
        slot = Slot(splitter, classes, kind, number, enum.name, enum.values, self.indices(scope))
        self.found[place] = slot
        doc = f"{place[1]}"
        for name, type_name in ((kind, enum.name), (number, "real")):
            if not name:
                continue
            type_: ast.TypeExpr = ast.TypeName(type_name, span=span)
            init: ast.Expression | None = None
            if initial and not slot.indices:
                given = self.names.fresh("initial_" + name)
                self.params.append(ast.Param(given, type_, span=span))
                init = ast.Name(given, span=span)
            for _ in slot.indices:
                type_ = ast.ArrayType(type_, ast.IntLit(2, span=span), span=span)
            self.variables.append(ast.VarDecl(name, type_, init, doc=doc, span=span))

    def enum(self, place: Place, classes: Classes, base: str, span: Span) -> ast.EnumDecl:
        """Places that are copied into each other share their enum."""
        root = self.document.find(place)
        if root not in self.enums:
            values = tuple(self.names.fresh(f"{base}_{c.label}") for c in classes.classes)
            name = self.names.fresh("Json_" + base)
            self.enums[root] = ast.EnumDecl(name, values, doc=str(place[1]), span=span)
        return self.enums[root]

    def slot(self, place: Place) -> Slot | None:
        return self.found.get(place)

    # --- conditions ---

    def condition(
        self, cond: Cond, scope: Scope, state: State, picks: dict[str, ast.Expression]
    ) -> ast.Expression:
        """A condition as an expression; `picks` holds the variables of its opaque parts."""
        match cond:
            case Test():
                return self.test(cond, scope, state)
            case Opaque(text, span):
                return picks.get(text, ast.BoolLit(True, span=span))
            case Not(part):
                inner = self.condition(part, scope, state, picks)
                return ast.Unary("not", inner, span=inner.span)
            case Junction(every, parts):
                inner_parts = [self.condition(p, scope, state, picks) for p in parts]
                op = "and" if every else "or"
                return any_of(inner_parts, state.span, op)
            case _:
                assert_never(cond)

    def test(self, test: Test, scope: Scope, state: State) -> ast.Expression:
        span = test.span
        slot = self.slot(self.document.tested(scope, state, test.path))
        if slot is None:
            return ast.BoolLit(False, span=span)  # dead: its state is never reached
        classes = slot.classes
        exact = {"number": classes.exact_numbers, "time": classes.exact_times}
        if isinstance(test.operand, Path):
            other = self.slot(self.document.tested(scope, state, test.operand))
            if other is None:
                return ast.BoolLit(False, span=span)
            if test.kind == "bool":
                both = [
                    any_of([s.among(_true(s, flag), span) for s in (slot, other)], span, "and")
                    for flag in (True, False)
                ]
                return any_of(both, span)
            numbers: list[ast.Expression] = [
                s.among(_apart(s, test.kind), span) for s in (slot, other)
            ]
            left, right = (s.read(s.number, span) for s in (slot, other))
            return any_of(
                [*numbers, ast.Binary(test.relation, left, right, span=span)], span, "and"
            )
        if exact.get(test.kind) and isinstance(test.operand, Fraction):
            value = slot.read(slot.number, span)
            compare = ast.Binary(test.relation, value, literal(test.operand, span), span=span)
            return any_of([slot.among(_apart(slot, test.kind), span), compare], span, "and")
        signature = Signature(test.kind, test.relation, test.operand)
        return slot.among(classes.where(lambda c: signature in c.true), span)

    def untyped(self, place: Place, tags: set[str], span: Span) -> ast.Expression | None:
        """The value is of none of these kinds; None when it always is of one."""
        slot = self.slot(place)
        if slot is None:
            return None
        outside = slot.classes.where(lambda c: not (c.tags & tags))
        return slot.among(outside, span) if outside else None

    # --- changes ---

    def assign(self, slot: Slot, value: Value, scope: Scope, span: Span) -> list[ast.Assign] | None:
        """The assignments that give the slot a known value; None: it gets any value."""
        if isinstance(value, (Const, Missing)):
            index = slot.splitter.class_of(slot.classes, value)
            if index is None:
                return None
            done = self.set_class(slot, index, span)
            if slot.number and slot.classes.classes[index].apart:
                number = slot.splitter.of_constant(value).number
                done.append(self.set_number(slot, literal(number or Fraction(0), span), span))
            return done
        if isinstance(value, (Copy, Add)):
            source = self.slot(self.document.home(scope, value.path))
            if source is None:
                return None
            if isinstance(value, Copy):
                done = []
                if slot.kind:
                    moved = source.read(source.kind, span)
                    done.append(ast.Assign(slot.read(slot.kind, span), moved, span=span))
                if slot.number:
                    done.append(self.set_number(slot, source.read(source.number, span), span))
                return done
            if not slot.number:  # every number is in one class: nothing compares it
                return self.assign(slot, Const(Fraction(0)), scope, span)
            apart = _apart(slot, "number")
            if not apart:
                return None
            total = ast.Binary(
                "+" if value.amount >= 0 else "-",
                source.read(source.number, span),
                literal(abs(value.amount), span),
                span=span,
            )
            return [*self.set_class(slot, apart[0], span), self.set_number(slot, total, span)]
        if isinstance(value, Keep):
            return []
        assert isinstance(value, Any)
        return None

    def set_class(self, slot: Slot, index: int, span: Span) -> list[ast.Assign]:
        if not slot.kind:
            return []
        name = ast.Name(slot.values[index], span=span)
        return [ast.Assign(slot.read(slot.kind, span), name, span=span)]

    def set_number(self, slot: Slot, value: ast.Expression, span: Span) -> ast.Assign:
        return ast.Assign(slot.read(slot.number, span), value, span=span)


def _true(slot: Slot, flag: bool) -> tuple[int, ...]:
    signature = Signature("bool", "==", flag)
    return slot.classes.where(lambda c: signature in c.true)


def _apart(slot: Slot, kind: str) -> tuple[int, ...]:
    return slot.classes.where(lambda c: c.apart == kind)


def typed_tags(tests: Iterable[Test]) -> set[str]:
    """The kinds of value that a Choice's tests of one path are about."""
    tags = set[str]()
    compared = False
    for test in tests:
        kinds = {"bool": {"true", "false"}, "text": {"text", "time"}}
        tags |= kinds.get(test.kind, {test.kind})
        compared = compared or test.relation != "is"
    if not compared:
        tags |= {"missing", "null", "true", "false", "number", "text", "time", "other"}
    return tags
