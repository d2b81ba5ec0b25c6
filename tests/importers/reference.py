"""The language as its specification says, on plain JSON values: one run of one machine.

Independent of the importer, and only for what has no branches.  `Stop` is States.Runtime.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any


class Stop(Exception):
    """The run ends: a path that leads nowhere, or no rule that applies."""


MISSING = object()


def steps_of(path: str) -> list[str]:
    assert path.startswith("$")
    return [p for p in path[1:].split(".") if p]


def look(document: Any, path: str) -> Any:
    for step in steps_of(path):
        if not isinstance(document, dict) or step not in document:
            return MISSING
        document = document[step]
    return document


def need(document: Any, path: str) -> Any:
    found = look(document, path)
    if found is MISSING:
        raise Stop(path)
    return copy.deepcopy(found)


def put(document: Any, path: str, value: Any) -> Any:
    steps = steps_of(path)
    if not steps:
        return value
    if not isinstance(document, dict):
        raise Stop(path)
    document = copy.deepcopy(document)
    at = document
    for step in steps[:-1]:
        if not isinstance(at.setdefault(step, {}), dict):
            at[step] = {}
        at = at[step]
    at[steps[-1]] = value
    return document


def evaluate(text: str, document: Any) -> Any:
    added = re.fullmatch(r"States\.MathAdd\((\S+), (-?\d+)\)", text)
    if added is None:
        return need(document, text)
    number = need(document, added[1])
    if isinstance(number, bool) or not isinstance(number, int):
        raise Stop(text)
    return number + int(added[2])


def template(value: Any, document: Any) -> Any:
    if isinstance(value, dict):
        return {
            k.removesuffix(".$"): evaluate(v, document)
            if k.endswith(".$")
            else template(v, document)
            for k, v in value.items()
        }
    return value


def number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def compare(relation: str, left: Any, right: Any) -> bool:
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[relation]


def holds(rule: dict[str, Any], document: Any) -> bool:
    if "And" in rule:
        return all(holds(r, document) for r in rule["And"])
    if "Or" in rule:
        return any(holds(r, document) for r in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], document)
    value = look(document, rule["Variable"])
    ((word, operand),) = [(k, v) for k, v in rule.items() if k not in ("Variable", "Next")]
    if word == "IsPresent":
        return (value is not MISSING) == operand
    if value is MISSING:
        raise Stop(rule["Variable"])
    if word.endswith("Path"):
        word, operand = word.removesuffix("Path"), need(document, operand)
    if word == "IsNull":
        return (value is None) == operand
    if word == "IsNumeric":
        return number(value) == operand
    if word == "IsString":
        return isinstance(value, str) == operand
    if word == "BooleanEquals":
        return isinstance(value, bool) and isinstance(operand, bool) and value == operand
    if word == "StringMatches":
        pattern = ".*".join(re.escape(p) for p in operand.split("*"))
        return isinstance(value, str) and re.fullmatch(pattern, value) is not None
    if word.startswith("String"):
        relation = word.removeprefix("String")
        return isinstance(value, str) and compare(relation, value, operand)
    relation = word.removeprefix("Numeric")
    return number(value) and number(operand) and compare(relation, value, operand)


def run(
    machine: dict[str, Any], document: Any, answer: Callable[[], Any], limit: int = 12
) -> list[str]:
    """The names of the states in the order in which they are entered."""
    name, entered = machine["StartAt"], list[str]()
    while len(entered) < limit:
        entered.append(name)
        state = machine["States"][name]
        kind = state["Type"]
        if kind in ("Succeed", "Fail"):
            break
        try:
            given = need(document, state["InputPath"]) if "InputPath" in state else document
            if kind == "Choice":
                rule = next((r for r in state["Choices"] if holds(r, given)), None)
                name = rule["Next"] if rule is not None else state["Default"]
                document = given
                continue
            if kind in ("Task", "Pass"):
                if "Parameters" in state:
                    given = template(state["Parameters"], given)
                if kind == "Task":
                    outcome = answer()
                    if outcome is Stop and "Catch" in state:
                        error = {"Error": "E", "Cause": "c"}
                        catcher = state["Catch"][0]
                        document = put(document, catcher.get("ResultPath", "$"), error)
                        name = catcher["Next"]
                        continue
                    result = {} if outcome is Stop else outcome
                    if "ResultSelector" in state:
                        result = template(state["ResultSelector"], result)
                else:
                    result = copy.deepcopy(state["Result"]) if "Result" in state else given
                where = state.get("ResultPath", "$")
                document = document if where is None else put(document, where, result)
            else:
                document = given
            if "OutputPath" in state:
                document = need(document, state["OutputPath"])
        except Stop:
            break
        name = state["Next"]
    return entered
