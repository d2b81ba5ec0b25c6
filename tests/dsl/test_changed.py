"""Copies of nodes, against those of the standard library; nodes by kind, against a plain walk."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest
from wfverify.dsl import ast
from wfverify.dsl.changed import OFTEN, filled, replace
from wfverify.dsl.errors import NOWHERE, Span
from wfverify.dsl.source import examine, parse_text
from wfverify.dsl.walk import Kinds, children, walk

FORMS = (Path(__file__).parent / "every_form.wf").read_text()


@dataclasses.dataclass(frozen=True)
class Plain:
    a: int
    b: tuple[object, ...] = ()


@dataclasses.dataclass
class Open:
    a: int


def test_copies_are_those_of_the_standard_library() -> None:
    place = Span("f", 1, 2, 3, 4)
    for node in walk(parse_text(FORMS, "f.wf").items):
        assert replace(node, span=place) == dataclasses.replace(node, span=place)
        assert replace(node, span=place).span is place
        for f in dataclasses.fields(node):
            new = replace(node, **{f.name: "other"})
            old = dataclasses.replace(node, **{f.name: "other"})
            assert [getattr(new, g.name) for g in dataclasses.fields(node)] == [
                getattr(old, g.name) for g in dataclasses.fields(node)
            ]
    assert replace(Plain(1), b=(2,)) == Plain(1, (2,))


def test_what_stays_as_it_is_is_no_copy() -> None:
    name = ast.Name("x", span=NOWHERE)
    call = ast.Call("a", (name,))
    assert replace(call, args=(name,)) is call
    assert replace(call, args=(ast.Name("x"),)) is not call
    assert replace(name, type=None) is name
    # What can be changed in place is always copied.
    one = Open(1)
    assert replace(one, a=1) == one and replace(one, a=1) is not one


def test_every_node_is_found_in_its_fields() -> None:
    """Fields that `children` leaves out have no nodes in them, before and after checking."""

    def nodes(value: object) -> bool:
        return isinstance(value, ast.Node) or (isinstance(value, tuple) and any(map(nodes, value)))

    checked, _ = examine(FORMS, "f.wf")
    assert checked is not None
    for spec in (parse_text(FORMS, "f.wf"), checked):
        seen = 0
        for node in walk(spec.items):
            left = {f.name for f in dataclasses.fields(node)} - {*children(type(node))}
            assert not any(nodes(getattr(node, name)) for name in left), type(node)
            seen += 1
        kinds = Kinds.of(spec.items)
        assert seen == sum(len(found) for found in kinds.found.values()) > 500
        calls = [n for n in walk(spec.items) if isinstance(n, ast.Call)]
        assert [*map(id, kinds.all(ast.Call))] == [*map(id, calls)]


@dataclasses.dataclass(frozen=True, slots=True)
class Ordinary:
    a: int
    b: tuple[object, ...] = ()


@filled
@dataclasses.dataclass(frozen=True, slots=True)
class Filled:
    a: int
    b: tuple[object, ...] = ()


def test_what_is_filled_at_once_is_like_any_other_value() -> None:
    for args, named in (((1,), {}), ((1, (2,)), {}), ((), {"b": (3,), "a": 2})):
        one, other = Filled(*args, **named), Ordinary(*args, **named)
        assert type(one) is Filled and (one.a, one.b) == (other.a, other.b)
        assert repr(one).replace("Filled", "Ordinary") == repr(other)
        assert one == Filled(one.a, one.b) and hash(one) == hash(other)
        assert one == copy.deepcopy(one) == dataclasses.replace(one)
    for wrong in (lambda: Filled(), lambda: Filled(1, 2, 3), lambda: Filled(1, c=2)):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(dataclasses.FrozenInstanceError):
        Filled(1).a = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del Filled(1).a  # type: ignore[misc]


def test_copies_that_are_made_often_are_the_same_copies() -> None:
    """Of every class of values that there is: those made one by one, and those made in one piece
    of code once there are many."""
    import wfverify

    for module in pkgutil.walk_packages(wfverify.__path__, "wfverify."):
        if not module.name.startswith(("wfverify.tests", "wfverify.bench", "wfverify.__main__")):
            importlib.import_module(module.name)
    classes = {
        value
        for name, module in [*sys.modules.items()]
        if name.startswith("wfverify.")
        for value in vars(module).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value)
    }
    slots = [c for c in classes if hasattr(c, "__slots__") and not hasattr(c, "__post_init__")]
    assert len(slots) > 200
    for cls in slots:
        names = [f.name for f in dataclasses.fields(cls)]
        value = object.__new__(cls)
        for name in names:
            object.__setattr__(value, name, object())
        for name in names[:1] or names:
            new = object()
            found = {name: new} | {n: getattr(value, n) for n in names if n != name}
            for _ in range(OFTEN + 2):
                made = replace(value, **{name: new})
                assert type(made) is cls and {n: getattr(made, n) for n in names} == found
