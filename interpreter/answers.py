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
    result      what it returns
    writes      an object: the values it leaves in the variables that it `writes`

A key may also name a channel, alone or with the instance that sends or receives (`jobs`,
`shop.jobs`); an entry is for one message step that asks the environment, in their order:

    lost        true: the message is lost (`delivery at_most_once`)
    twice       true: it comes twice (`delivery at_least_once`)
    pick        which message is received, 0 the oldest (`unordered`)
    message     what comes (`from environment`)

A value is a number, a bool, text ("paid" of an enum, "1m" of a duration, "1/3"), an object of
fields (a record), a list of items (an array) or of members (a set), null (of an option).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction
from pathlib import Path

from ..dsl.records import dataclass
from ..semantics.expr import Scalar
from ..semantics.system import Rule, RuleKind, TransitionSystem
from ..semantics.values import Unreadable, read_duration
from .parts import Pieces, near, paths

_FIELDS = ("attempt", "fails", "times_out", "completes", "takes", "result", "writes")
_OF_MESSAGES = ("lost", "twice", "pick", "message")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt does; None where the script leaves it open."""

    outcome: str = ""  # "", "fails", "times_out", "completes"
    error: str = ""
    takes: Fraction | None = None
    values: Mapping[str, Scalar] = field(default_factory=dict)  # by the path of the input


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


def asks_as(rule: Rule, system: TransitionSystem) -> str:
    """What an entry calls what the rule asks: an activity, or a channel of an instance."""
    if rule.activity or not (rule.channel and rule.inputs):
        return rule.activity
    return f"{system.instances[rule.instance].name}.{rule.channel}"


def bare_name(activity: str) -> str:
    """`trip[0].hotel#2` -> `hotel`."""
    return activity.rsplit(".", 1)[-1].split("#", 1)[0]


def load_answers(path: str | Path, system: TransitionSystem) -> Answers:
    """Read a script; ValueError says what is wrong with it and how to mend it."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        document = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as wrong:
        raise ValueError(f"{path}:{wrong.lineno}:{wrong.colno}: not JSON: {wrong.msg}") from None
    except UnicodeDecodeError as wrong:
        raise ValueError(f"{path}: not UTF-8 text at byte {wrong.start}") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None
    except ValueError as wrong:
        raise ValueError(f"{path}: {wrong}") from None
    return read_answers(document, system, str(path))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object, none of whose keys stands twice: JSON would drop the first one without a word."""
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"`{key}` stands twice in one object")
        made[key] = value
    return made


def read_answers(document: object, system: TransitionSystem, where: str = "answers") -> Answers:
    """The same from a decoded document."""
    if not isinstance(document, dict):
        raise ValueError(f"{where}: expected an object from activities to what they do")
    called = {r.index: asks_as(r, system) for r in system.rules}
    bare = {name: bare_name(name) for name in called.values() if name}
    names = sorted({*bare, *bare.values()})
    numbered: dict[tuple[str, int], Answer] = {}
    always: dict[str, Answer] = {}
    for name, given in document.items():
        if name not in names:
            raise ValueError(f"{where}: no activity `{name}`" + near(name, names))
        rules = [
            r
            for r in system.rules
            if name in (called[r.index], bare.get(called[r.index])) and called[r.index]
        ]
        entries = given if isinstance(given, list) else [given]
        for place, entry in enumerate(entries, 1):
            at = f"{where}: {name}, entry {place}"
            answer, attempt = _entry(entry, rules, at, system)
            if attempt is None and not isinstance(given, list):
                always[name] = answer
                continue
            key = name, attempt or place
            if key in numbered:
                raise ValueError(f"{at}: a second entry for attempt {key[1]}")
            numbered[key] = answer
    return Answers(numbered, always, bare)


def _entry(
    entry: object, rules: list[Rule], at: str, system: TransitionSystem
) -> tuple[Answer, int | None]:
    if not isinstance(entry, dict):
        raise ValueError(f'{at}: expected an object such as {{"takes": "2s"}}')
    messages = any(r.channel for r in rules)
    fields = ("attempt", *_OF_MESSAGES) if messages else _FIELDS
    for key in entry:
        if key not in fields:
            raise ValueError(f"{at}: no field `{key}`" + near(key, fields))
    attempt = entry.get("attempt")
    if attempt is not None and (
        isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1
    ):
        raise ValueError(f"{at}: `attempt` counts from 1")
    outcome, error = _outcome(entry, rules, at)
    pieces = Pieces(
        {p: i for r in rules for p, i in zip(paths(r, system), r.inputs, strict=True)},
        system.strings,
        at,
    )
    for key in ("result", *_OF_MESSAGES):
        if key in entry:
            pieces.put(key, entry[key])
    writes = entry.get("writes", {})
    if not isinstance(writes, dict):
        raise ValueError(f'{at}: `writes` is an object of variables, such as {{"x": 1}}')
    for name, value in writes.items():
        pieces.put(name, value)
    if pieces.values and outcome not in ("", "completes"):
        raise ValueError(f"{at}: an attempt that does not complete has no `result` and no `writes`")
    outcome = "completes" if pieces.values else outcome
    return Answer(outcome, error, _takes(entry, at), pieces.values), attempt


def _outcome(entry: dict[str, object], rules: list[Rule], at: str) -> tuple[str, str]:
    """How the attempt ends, "" where that is open, and its error."""
    for name in ("times_out", "completes"):
        if not isinstance(entry.get(name, False), bool):
            raise ValueError(f"{at}: `{name}` is true or false")
    chosen = [k for k in ("fails", "times_out", "completes") if entry.get(k, False) is not False]
    if len(chosen) > 1:
        raise ValueError(f"{at}: `{chosen[0]}` and `{chosen[1]}` exclude each other")
    outcome = chosen[0] if chosen else ""
    late = any(r.kind is RuleKind.TIMEOUT or r.unheard for r in rules)
    if outcome == "times_out" and not late:
        raise ValueError(f"{at}: it has no timeout that can fire")
    if outcome != "fails":
        return outcome, ""
    error = entry["fails"]
    errors = sorted({r.error for r in rules if r.kind is RuleKind.FAIL and r.error})
    if not isinstance(error, str):
        raise ValueError(f"{at}: `fails` is the name of an error" + near("", errors))
    if error not in errors:
        raise ValueError(f"{at}: it does not fail with `{error}`" + near(error, errors))
    return outcome, error


def _takes(entry: dict[str, object], at: str) -> Fraction | None:
    given = entry.get("takes")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(f'{at}: `takes` is a duration such as "1m30s", or a number of seconds')
    try:
        return read_duration(str(given))
    except Unreadable as wrong:
        raise ValueError(f"{at}: takes: {wrong}") from None
