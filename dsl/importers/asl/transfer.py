"""What a state does to its document: the value at one path after it, path by path.

The order of the service: InputPath, Parameters, the work, ResultSelector, ResultPath (into the
raw input), OutputPath; in JSONata: Arguments, the work, Output.  When in doubt, any value.
"""

from __future__ import annotations

from ..jsonpos import Json
from .machine import Catcher, Rule, State
from .paths import (
    Any,
    Const,
    Copy,
    Keep,
    Missing,
    Path,
    Steps,
    Value,
    in_constant,
    in_template,
    parse_path,
    reference,
)

DOCUMENT = Path("$")


def _field_path(node: Json, key: str) -> Path | None:
    """InputPath, OutputPath, ResultPath: `$` by default, None for null or what is no path."""
    child = node.get(key)
    if child is None:
        return DOCUMENT
    if not isinstance(child.value, str):
        return None
    return parse_path(child.value)


def input_path(state: State) -> Path | None:
    """Where in the raw input the state's own input begins; None: nowhere that is followed."""
    return DOCUMENT if state.jsonata else _field_path(state.node, "InputPath")


def effective_input(state: State, steps: Steps) -> Value:
    """What stands at `steps` in the input of the state's work (after InputPath, Parameters)."""
    base = input_path(state)
    for key in ("Parameters", "ItemSelector"):
        template = state.node.get(key)
        if template is not None and not state.jsonata:
            return in_template(template, steps, lambda text, rest: reference(text, rest, base))
    if state.jsonata and state.node.has("Arguments"):
        arguments = state.node.get("Arguments")
        assert arguments is not None
        return in_template(arguments, steps, lambda _t, _r: Any(), jsonata=True)
    return Any() if base is None or base.opaque else Copy(base.plus(steps))


def _result(state: State, steps: Steps) -> Value:
    node = state.node
    if state.kind == "Pass":
        literal = node.get("Result")
        return in_constant(literal, steps) if literal is not None else effective_input(state, steps)
    if state.kind in ("Task", "Parallel", "Map"):
        selector = node.get("ResultSelector")
        if selector is not None:
            return in_template(selector, steps, lambda _text, _rest: Any())
        return Const(composite=True) if state.kind != "Task" and not steps else Any()
    base = input_path(state)
    return Any() if base is None or base.opaque else Copy(base.plus(steps))


def _placed(path: Path, at: Path | None, result: Value, inside: bool) -> Value:
    """The value at `path` once a result was put at `at`; `inside`: `path` lies at or below it."""
    if at is None:
        return Copy(path)
    if inside:
        return result
    if at.opaque:
        return Any()
    if path.steps == at.steps[: len(path.steps)]:  # what is put below makes it an object
        return Const(composite=True) if isinstance(at.steps[len(path.steps)], str) else Any()
    return Copy(path)


def _after(state: State, steps: Steps) -> Value:
    """At `steps` of the document after ResultPath, before OutputPath."""
    node, path = state.node, Path("$", steps)
    if state.jsonata:
        output = node.get("Output")
        if output is not None:
            return in_template(output, steps, lambda _t, _r: Any(), jsonata=True)
        return _result(state, steps)
    if state.kind not in ("Task", "Pass", "Parallel", "Map"):
        return _result(state, steps)
    at = _field_path(node, "ResultPath")
    place = node.get("ResultPath")
    if at is None:  # null keeps the input; what is no path may be anywhere
        return Copy(path) if place is not None and place.value is None else Any()
    inside = not at.opaque and steps[: len(at.steps)] == at.steps
    result = _result(state, steps[len(at.steps) :]) if inside else Any()
    return _placed(path, at, result, inside)


def _assigned(node: Json, path: Path, base: Path | None, jsonata: bool) -> Value | None:
    """What `Assign` gives the workflow variable that `path` begins with, or None."""
    assign = node.get("Assign")
    if assign is None or path.root in ("$", "$$"):
        return None
    name = path.root[1:]
    if not assign.has(name) and not assign.has(name + ".$"):
        return None
    return in_template(
        assign, (name, *path.steps), lambda text, rest: reference(text, rest, base), jsonata=jsonata
    )


def _settle(value: Value, path: Path) -> Value:
    return Keep() if isinstance(value, Copy) and value.path == path else value


def completed(state: State, path: Path) -> Value:
    """The value at `path` after the state has completed."""
    if path.root != "$":
        # Assign reads the result of the state, except where the state has none
        base = None if state.kind in ("Task", "Parallel", "Map") else input_path(state)
        found = _assigned(state.node, path, base, state.jsonata)
        return Keep() if found is None else _settle(found, path)
    if state.jsonata:
        return _settle(_after(state, path.steps), path)
    out = _field_path(state.node, "OutputPath")
    if out is None:
        given = state.node.get("OutputPath")
        if given is not None and given.value is None:
            return Missing() if path.steps else Const(composite=True)
        return Any()
    if out.opaque or out.root != "$":
        return Any()
    return _settle(_after(state, out.steps + path.steps), path)


def caught(state: State, catcher: Catcher, path: Path) -> Value:
    """The value at `path` after the catcher has taken an error."""
    node, steps = catcher.node, path.steps
    if path.root != "$":
        found = _assigned(node, path, None, state.jsonata)
        return Keep() if found is None else _settle(found, path)
    if state.jsonata:
        output = node.get("Output")
        if output is not None:
            return in_template(output, steps, lambda _t, _r: Any(), jsonata=True)
        return _error_output(steps)
    at = _field_path(node, "ResultPath")
    place = node.get("ResultPath")
    if at is None:
        return Keep() if place is not None and place.value is None else Any()
    inside = not at.opaque and steps[: len(at.steps)] == at.steps
    result = _error_output(steps[len(at.steps) :]) if inside else Any()
    return _settle(_placed(path, at, result, inside), path)


def _error_output(steps: Steps) -> Value:
    if not steps:
        return Const(composite=True)
    return Any() if steps[0] in ("Error", "Cause") else Missing()


def chosen(state: State, rule: Rule | None, path: Path) -> Value:
    """The value at `path` after a Choice has gone by `rule` (None: by its default)."""
    if rule is not None and path.root != "$":
        found = _assigned(rule.node, path, input_path(state), state.jsonata)
        return Keep() if found is None else _settle(found, path)
    if rule is not None and state.jsonata and path.root == "$" and rule.node.has("Output"):
        return Any()
    return completed(state, path)
