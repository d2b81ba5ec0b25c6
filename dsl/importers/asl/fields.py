"""Which fields a state, a retrier, a catcher, a rule may have, and which values they take.

What the service would refuse is an error here; a field that nobody knows is a warning: it may be
newer than this list.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction

from ...errors import Diagnostic, Severity, Span
from ..jsonpos import Hole, Json

# operator -> (kind of value, relation)
OPERATORS = {
    "IsPresent": ("missing", "is"),
    "IsNull": ("null", "is"),
    "IsBoolean": ("bool", "is"),
    "IsNumeric": ("number", "is"),
    "IsString": ("text", "is"),
    "IsTimestamp": ("time", "is"),
    "BooleanEquals": ("bool", "=="),
    "StringMatches": ("text", "matches"),
    **{
        f"{word}{name}": (kind, relation)
        for word, kind in (("Numeric", "number"), ("String", "text"), ("Timestamp", "time"))
        for name, relation in (
            ("Equals", "=="),
            ("LessThan", "<"),
            ("LessThanEquals", "<="),
            ("GreaterThan", ">"),
            ("GreaterThanEquals", ">="),
        )
    },
}

KINDS = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
WAITS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANY = _words("Type Comment QueryLanguage InputPath OutputPath Assign Output")
_ON = _words("Next End")
_RESULT = _words("Parameters Arguments ResultSelector ResultPath")
_SAFE = _words("Retry Catch")
_OF_KIND = {
    "Task": _ANY | _ON | _RESULT | _SAFE | _words("Resource Credentials TimeoutSeconds")
    | _words("TimeoutSecondsPath HeartbeatSeconds HeartbeatSecondsPath"),
    "Pass": _ANY | _ON | _RESULT | _words("Result"),
    "Choice": _ANY | _words("Choices Default"),
    "Wait": _ANY | _ON | frozenset(WAITS),
    "Succeed": _ANY,
    "Fail": _words("Type Comment QueryLanguage Error ErrorPath Cause CausePath"),
    "Parallel": _ANY | _ON | _RESULT | _SAFE | _words("Branches"),
    "Map": _ANY | _ON | _RESULT | _SAFE
    | _words("ItemProcessor Iterator ItemsPath Items ItemSelector ItemReader ItemBatcher")
    | _words("ResultWriter MaxConcurrency MaxConcurrencyPath Label ToleratedFailureCount")
    | _words("ToleratedFailureCountPath ToleratedFailurePercentage ToleratedFailurePercentagePath"),
}  # fmt: skip
MACHINE = _words("Comment StartAt States Version TimeoutSeconds QueryLanguage ProcessorConfig")
_RETRIER = _words("ErrorEquals IntervalSeconds MaxAttempts BackoffRate MaxDelaySeconds")
_RETRIER |= _words("JitterStrategy Comment")
_CATCHER = _words("ErrorEquals Next ResultPath Comment Output Assign")
TESTS = frozenset(OPERATORS) | {
    f"{word}Path" for word, (_, relation) in OPERATORS.items() if relation not in ("is", "matches")
}
_RULE = _words("Variable And Or Not Condition Next Comment Output Assign") | TESTS

# field -> (least value, only whole numbers)
_AMOUNTS = {
    "TimeoutSeconds": (1, True),
    "HeartbeatSeconds": (1, True),
    "Seconds": (0, True),
    "MaxConcurrency": (0, True),
    "ToleratedFailureCount": (0, True),
    "ToleratedFailurePercentage": (0, False),
    "IntervalSeconds": (1, True),
    "MaxAttempts": (0, True),
    "BackoffRate": (1, False),
    "MaxDelaySeconds": (1, True),
}
MOST = 99_999_999  # of each of them


def near(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like this one, "" for none."""
    by_lower = {k.strip().lower(): k for k in known}
    name = name.strip().lower()
    close = [name] if name in by_lower else difflib.get_close_matches(name, by_lower, 1, 0.6)
    return by_lower[close[0]] if close else ""


def later(value: Json | None) -> bool:
    """Is it filled in by a template, or worked out at run time?"""
    if value is None or isinstance(value.value, Hole):
        return value is not None
    text = value.value
    return isinstance(text, str) and (
        "${" in text or "{{" in text or text.lstrip().startswith("{%")
    )


def _error(span: Span, message: str, fix: str) -> Diagnostic:
    return Diagnostic("E0121", span, message, fix)


def _kind_of(value: Json) -> str:
    found = value.value
    if isinstance(found, bool):
        return "a flag"
    if isinstance(found, Fraction):
        return "a number"
    if found is None:
        return "null"
    words: dict[type, str] = {str: "a string", tuple: "a list", dict: "an object"}
    return words.get(type(found), "a template")


# --- which fields ------------------------------------------------------------------------------


def unknown(node: Json, known: Collection[str], where: str) -> Iterator[Diagnostic]:
    """Fields that nothing reads."""
    for key, span, _ in node.members():
        if key in known:
            continue
        close = near(key, set(known) - {k for k, _, _ in node.members()})
        fix = f'did you mean "{close}"?' if close else f'remove "{key}"'
        yield Diagnostic(
            "W0213", span, f'{where} has no field "{key}": it is ignored', fix, Severity.WARNING
        )


def of_machine(node: Json) -> Iterator[Diagnostic]:
    yield from unknown(node, MACHINE, "a machine")
    yield from amounts(node)


def of_state(name: str, kind: str, span: Span, node: Json) -> Iterator[Diagnostic]:
    """Everything about a state but its inner machines, rules, and where it leads."""
    yield from unknown(node, _OF_KIND[kind], f"a {kind} state")
    yield from amounts(node)
    for key in ("Next", "Default", "Error", "Cause"):
        child = node.get(key)
        if child is not None and key in _OF_KIND[kind] and not _is(child, str):
            yield _error(child.span, f"`{key}` is {_kind_of(child)}", f'write "{key}": ".."')
    end = node.get("End")
    if end is not None and "End" in _OF_KIND[kind]:
        if not _is(end, bool):
            yield _error(end.span, f"`End` is {_kind_of(end)}", 'write "End": true')
        elif end.value is True and node.has("Next"):
            yield _error(
                node.key_span("Next"),
                f'state "{name}" has both `Next` and `End`',
                'remove "Next" or "End"',
            )
    if kind == "Wait":
        given = [key for key in WAITS if node.has(key)]
        if not given:
            yield _error(span, f'"{name}" does not say how long to wait', 'add "Seconds": 10')
        for key in given[1:]:
            yield _error(
                node.key_span(key),
                f'"{name}" has both `{given[0]}` and `{key}`',
                "keep one of them",
            )
    if "Retry" in _OF_KIND[kind]:
        for clause in clauses(node, "Retry"):
            yield from unknown(clause, _RETRIER, "a retrier")
            yield from amounts(clause)
        for clause in clauses(node, "Catch"):
            yield from unknown(clause, _CATCHER, "a catcher")
        for key in ("Retry", "Catch"):
            yield from _clauses(node, key)


def of_rule(node: Json) -> Iterator[Diagnostic]:
    """A rule of a Choice, or a part of one."""
    yield from unknown(node, _RULE, "a rule")
    tests = [key for key, _, _ in node.members() if key in TESTS]
    tests += [key for key in ("And", "Or", "Not", "Condition") if node.has(key)]
    for key in tests[1:]:
        yield _error(
            node.key_span(key),
            f"this rule has both `{tests[0]}` and `{key}`",
            'put them into an "And": [ .. ]',
        )


# --- which values ------------------------------------------------------------------------------


def _is(value: Json, wanted: type) -> bool:
    return later(value) or isinstance(value.value, wanted)


def amounts(node: Json) -> Iterator[Diagnostic]:
    """Numbers that are none, too small, or given twice."""
    for key, span, child in node.members():
        if key.removesuffix("Path") in _AMOUNTS and key.endswith("Path"):
            if node.has(key.removesuffix("Path")):
                yield _error(
                    span,
                    f"`{key}` and `{key.removesuffix('Path')}` exclude each other",
                    "keep one of them",
                )
            elif not _is(child, str):
                yield _error(child.span, f"`{key}` is {_kind_of(child)}", 'write a path, "$.x"')
        if key not in _AMOUNTS or later(child):
            continue
        least, whole = _AMOUNTS[key]
        value = child.value
        if not isinstance(value, Fraction):
            quoted = isinstance(value, str) and value.strip().lstrip("-").isdigit()
            fix = (
                "write it without quotes" if quoted else f"write a number, {max(least, 1)} or more"
            )
            yield _error(child.span, f"`{key}` is {_kind_of(child)}, not a number", fix)
        elif value < least or value > MOST:
            yield _error(
                child.span,
                f"`{key}` must be from {least} to {MOST}",
                f"write {least}" if value < least else f"write {MOST}",
            )
        elif whole and value.denominator != 1:
            yield _error(child.span, f"`{key}` must be a whole number", f"write {-(-value // 1)}")


def clauses(node: Json, key: str) -> tuple[Json, ...]:
    """The retriers or catchers of a state, those that are objects."""
    child = node.get(key)
    return tuple(c for c in child.items() if isinstance(c.value, dict)) if child else ()


def _clauses(node: Json, key: str) -> Iterator[Diagnostic]:
    listed = node.get(key)
    if listed is None or later(listed):
        return
    shape = 'write [{"ErrorEquals": ["States.ALL"], ..}]'
    if not isinstance(listed.value, tuple):
        yield _error(node.key_span(key), f"`{key}` is {_kind_of(listed)}, not a list", shape)
        return
    for item in listed.items():
        if not isinstance(item.value, dict):
            if not later(item):
                yield _error(item.span, f"{_kind_of(item)} is no entry of a `{key}`", shape)
            continue
        names = item.get("ErrorEquals")
        wanted = 'add "ErrorEquals": ["States.ALL"]'
        if names is None:
            yield _error(item.span, f"this {key} does not say for which errors", wanted)
        elif isinstance(names.value, tuple):
            if not names.value:
                yield _error(names.span, "`ErrorEquals` names no error", 'write ["States.ALL"]')
            for name in names.items():
                if not _is(name, str):
                    what = f"{_kind_of(name)} is no name of an error"
                    yield _error(name.span, what, 'write "States.ALL", or a name of your own')
        elif not later(names):
            what = f"`ErrorEquals` is {_kind_of(names)}, not a list"
            yield _error(names.span, what, "put the name into [ ]")


def operand(key: str, kind: str, relation: str, child: Json) -> Diagnostic | None:
    """What is wrong with the constant that a test compares with."""
    if later(child):
        return None
    wanted = {"bool": bool, "number": Fraction}.get("bool" if relation == "is" else kind, str)
    if key.endswith("Path") and key not in OPERATORS:
        good = isinstance(child.value, str) and child.value.startswith("$")
        words, example = "a path", '"$.field"'
    else:
        good = isinstance(child.value, wanted)
        example = {"bool": "true", "number": "1"}.get("bool" if relation == "is" else kind, '".."')
        words = {bool: "a flag", Fraction: "a number", str: "a string"}[wanted]
    if good:
        return None
    return _error(
        child.span, f"`{key}` compares with {words}, not with {_kind_of(child)}", f"write {example}"
    )
