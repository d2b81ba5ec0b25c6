"""A script for the environment: what activities do, attempt by attempt.

The document is a JSON object.  A key names an activity: an occurrence (`trip[0].hotel`, or
`trip[0].hotel#2` for the second place that calls it) or the bare name (`hotel`: every
occurrence, each counting its own attempts).  An occurrence's own entry goes before the bare one.

    {
      "hotel": [ {"fails": "Declined"}, {"takes": "2s"} ],
      "trip[1].quote": {"result": 120, "takes": "1500ms"},
      "trip[0].charge": [ {"attempt": 2, "times_out": true} ]
    }

The value is one entry, which holds for every attempt, or a list: the first entry is for the
first attempt, and so on (an `attempt`, counted from 1, says otherwise).  Attempts without an
entry are drawn from the seed.  An entry may say

    fails       the name of an error that the activity may fail with
    times_out   true: its timeout fires
    completes   true: it does not fail
    takes       how long: "2s", "1m30s", or a number of seconds
    result      what it returns: a number, bool, text ("paid" of an enum), or an object of fields
    writes      an object: the values it leaves in the variables that it `writes`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path

from ..semantics.expr import Scalar
from ..semantics.system import Rule, TransitionSystem
from ..semantics.values import Unreadable, read, read_duration

_FIELDS = ("attempt", "fails", "times_out", "completes", "takes", "result", "writes")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt does; None where the script leaves it open."""

    outcome: str = ""  # "", "fails", "times_out", "completes"
    error: str = ""
    takes: Fraction | None = None
    values: Mapping[str, object] = field(default_factory=dict)  # by the input's name


@dataclass(frozen=True, slots=True)
class Answers:
    """A read script.  `always` is for attempts that have no entry of their own."""

    numbered: Mapping[tuple[str, int], Answer]
    always: Mapping[str, Answer]
    bare: Mapping[str, str]  # occurrence -> bare name

    def find(self, activity: str, attempt: int) -> Answer | None:
        """The entry for this attempt (from 1) of an occurrence."""
        for name in (activity, self.bare.get(activity, "")):
            found = self.numbered.get((name, attempt)) or self.always.get(name)
            if found is not None:
                return found
        return None


NO_ANSWERS = Answers({}, {}, {})


def bare_name(activity: str) -> str:
    """`trip[0].hotel#2` -> `hotel`."""
    return activity.rsplit(".", 1)[-1].split("#", 1)[0]


def load_answers(path: str | Path, system: TransitionSystem) -> Answers:
    """Read a script; ValueError says what is wrong with it and how to mend it."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as wrong:
        raise ValueError(f"{path}:{wrong.lineno}:{wrong.colno}: not JSON: {wrong.msg}") from None
    return read_answers(document, system, str(path))


def read_answers(document: object, system: TransitionSystem, where: str = "answers") -> Answers:
    """The same from a decoded document."""
    if not isinstance(document, dict):
        raise ValueError(f"{where}: expected an object from activities to what they do")
    bare = {r.activity: bare_name(r.activity) for r in system.rules if r.activity}
    names = sorted({*bare, *bare.values()})
    numbered: dict[tuple[str, int], Answer] = {}
    always: dict[str, Answer] = {}
    for name, given in document.items():
        if name not in names:
            raise ValueError(f"{where}: no activity `{name}`" + _near(name, names))
        rules = [r for r in system.rules if name in (r.activity, bare.get(r.activity))]
        entries = given if isinstance(given, list) else [given]
        for place, entry in enumerate(entries, 1):
            at = f"{where}: {name}, entry {place}"
            answer, attempt = _entry(entry, rules, at, system)
            if attempt is None and not isinstance(given, list):
                always[name] = answer
            else:
                numbered[name, attempt or place] = answer
    return Answers(numbered, always, bare)


def _entry(
    entry: object, rules: list[Rule], at: str, system: TransitionSystem
) -> tuple[Answer, int | None]:
    if not isinstance(entry, dict):
        raise ValueError(f'{at}: expected an object such as {{"takes": "2s"}}')
    for key in entry:
        if key not in _FIELDS:
            raise ValueError(f"{at}: no field `{key}`" + _near(key, _FIELDS))
    attempt = entry.get("attempt")
    if attempt is not None and (not isinstance(attempt, int) or attempt < 1):
        raise ValueError(f"{at}: `attempt` counts from 1")
    chosen = [k for k in ("fails", "times_out", "completes") if entry.get(k)]
    if len(chosen) > 1:
        raise ValueError(f"{at}: `{chosen[0]}` and `{chosen[1]}` exclude each other")
    error = ""
    outcome = chosen[0] if chosen else ""
    kinds = {r.kind.value for r in rules}
    if outcome == "fails":
        error = str(entry["fails"])
        errors = sorted({r.error for r in rules if r.kind.value == "fail" and r.error})
        if error not in errors:
            raise ValueError(f"{at}: it does not fail with `{error}`" + _near(error, errors))
    if outcome == "times_out" and "timeout" not in kinds:
        raise ValueError(f"{at}: it has no timeout that can fire")
    values: dict[str, object] = {}
    if "result" in entry:
        _flatten("result", entry["result"], values)
    for name, value in dict(entry.get("writes") or {}).items():
        _flatten(name, value, values)
    if values and not outcome:
        outcome = "completes"
    _check_values(values, rules, at, system)
    takes = None
    if entry.get("takes") is not None:
        try:
            takes = read_duration(str(entry["takes"]))
        except Unreadable as wrong:
            raise ValueError(f"{at}: takes: {wrong}") from None
    return Answer(outcome, error, takes, values), attempt


def _check_values(
    values: dict[str, object], rules: list[Rule], at: str, system: TransitionSystem
) -> None:
    inputs = {i.name: i for r in rules for i in r.inputs}
    for name, value in values.items():
        if name not in inputs:
            raise ValueError(f"{at}: it does not answer `{name}`" + _near(name, list(inputs)))
        for part in value if isinstance(value, list) else [value]:
            try:
                read(inputs[name], part, system.strings)
            except Unreadable as wrong:
                raise ValueError(f"{at}: {wrong}") from None


def _flatten(name: str, value: object, into: dict[str, object]) -> None:
    if isinstance(value, dict):
        for part, inner in value.items():
            _flatten(f"{name}.{part}", inner, into)
    else:
        into[name] = value


def given_inputs(answer: Answer, rule: Rule, strings: tuple[str, ...]) -> dict[int, Scalar]:
    """The inputs of `rule` that the entry fixes; a list gives several of one name in order."""
    out: dict[int, Scalar] = {}
    used: dict[str, int] = {}
    for k, declared in enumerate(rule.inputs):
        if declared.name not in answer.values:
            continue
        value = answer.values[declared.name]
        if isinstance(value, list):
            place = used[declared.name] = used.get(declared.name, -1) + 1
            if place >= len(value):
                continue
            value = value[place]
        out[k] = read(declared, value, strings)
    return out


def _near(name: str, known: list[str] | tuple[str, ...]) -> str:
    near = get_close_matches(name, known, 1, 0.5)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; known: {', '.join(known[:8])}" if known else ""
