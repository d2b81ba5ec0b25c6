"""The file format: canonical JSON, sealed by a digest (docs/certificates.md).

A file has exactly one way to be written: it is read, written again and compared, so that no byte
of it can be changed unseen.  The digest covers everything else in the file; what the text says is
then checked against the rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..semantics.evidence import (
    Evidence,
    Facts,
    Inductive,
    Measure,
    Pairs,
    Part,
    Peaks,
    Progress,
    Rank,
    Runs,
    States,
    Syntactic,
    Trusted,
)
from ..semantics.expr import Expr, Scalar, var
from ..semantics.smtlib import read, text
from ..semantics.system import TransitionSystem
from ..semantics.trace import Step, Trace

VERSION = 1
FORMAT = "wfverify certificate"


class Damaged(ValueError):
    """Not a certificate, or one that was changed."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """`spec`: file and sha256 of its text; `claim`: check, name, place, says, verdict; `evidence`
    as it stands in the file."""

    spec: Mapping[str, str]
    claim: Mapping[str, str]
    evidence: tuple[Mapping[str, Any], ...]

    @property
    def kind(self) -> str:
        return "+".join(dict.fromkeys(str(e.get("kind")) for e in self.evidence))


def spec_hash(source: str) -> str:
    """How certificates name the text of a spec."""
    return hashlib.sha256(source.encode()).hexdigest()


# --- files -------------------------------------------------------------------------------------


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _written(fields: Mapping[str, object]) -> str:
    """A field a line, a part of the evidence a line."""
    lines = []
    for name, value in sorted(fields.items()):
        if isinstance(value, list):
            inner = ",\n".join(f"  {_compact(v)}" for v in value)
            lines.append(f" {_compact(name)}: [\n{inner}\n ]")
        else:
            lines.append(f" {_compact(name)}: {_compact(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(c: Certificate) -> str:
    """The text of the file."""
    fields: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION,
        "spec": dict(c.spec),
        "claim": dict(c.claim),
        "kind": c.kind,
        "evidence": [dict(e) for e in c.evidence],
    }
    fields["digest"] = hashlib.sha256(_written(fields).encode()).hexdigest()
    return _written(fields)


def parse(raw: bytes) -> Certificate:
    """What a file says.  `Damaged` where it is not exactly what `write` makes of that."""
    try:
        fields = json.loads(raw)
        spec, claim, evidence = fields["spec"], fields["claim"], fields["evidence"]
        plain = all(isinstance(v, str) for m in (spec, claim) for v in m.values())
        if not plain or not evidence or not all(isinstance(e, dict) for e in evidence):
            raise Damaged("a field has another type")
        out = Certificate(spec, claim, tuple(evidence))
        same = write(out).encode() == raw
    except Damaged:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged("not a certificate") from None
    if not same:
        raise Damaged("the file was changed: its digest or its form is another")
    return out


# --- evidence ----------------------------------------------------------------------------------


def names(system: TransitionSystem) -> list[str]:
    """A symbol for each variable: its name, with its number where another has the same."""
    count: dict[str, int] = {}
    for v in system.variables:
        count[v.name] = count.get(v.name, 0) + 1
    return [
        f"|{v.name}|"
        if count[v.name] == 1 and not set(v.name) & set("|\\#")
        else f"|{_plain(v.name)}#{v.index}|"
        for v in system.variables
    ]


def _plain(name: str) -> str:
    return name.replace("|", "/").replace("\\", "/").replace("#", "/")


class Codec:
    """Evidence as JSON values and back, for one system."""

    def __init__(self, system: TransitionSystem) -> None:
        self.names = names(system)
        self.symbols = {
            n: var(v.index, v.sort) for n, v in zip(self.names, system.variables, strict=True)
        }
        self.number = {n: k for k, n in enumerate(self.names)}

    def encode(self, part: Part) -> dict[str, Any]:
        e = part.evidence
        out: dict[str, Any] = {"kind": KINDS[type(e)], "goals": list(part.goals)}
        match e:
            case Inductive(facts) | Pairs(facts):
                out |= self._facts(facts)
            case Progress(facts, order):
                out |= {**self._facts(facts), "order": list(order)}
            case States(kept, states):
                out["variables"] = [self.names[v] for v in kept]
                out["states"] = [[_scalar(x) for x in s] for s in states]
            case Peaks(used, peaks, shape):
                out |= {"used": self.names[used], "peaks": [list(p) for p in peaks], "shape": shape}
            case Measure(facts, components):
                ranks = [
                    [c.thread, list(c.ranks)] if c.term is None else [self._term(c.term)]
                    for c in components
                ]
                out |= {**self._facts(facts), "components": ranks}
            case Runs(runs):
                out["runs"] = [self._run(r) for r in runs]
            case Trusted(engine, argument):
                out |= {"engine": engine, "argument": argument}
        return out

    def decode(self, fields: Mapping[str, Any]) -> Part:
        """`Damaged` where something is missing or of another kind."""
        try:
            given = dict(fields)
            kind, goals = given.pop("kind"), [_whole(g) for g in given.pop("goals")]
            return Part(_READ[kind](self, **given), goals)
        except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError) as wrong:
            raise Damaged(f"evidence of no known kind: {wrong}") from None

    def _term(self, e: Expr) -> str:
        return text(e, lambda n: self.names[n.index])

    def _facts(self, facts: Facts) -> dict[str, Any]:
        return {
            "invariants": [self._term(e) for e in facts.invariants],
            "shapes": list(facts.shapes),
        }

    def _run(self, trace: Trace) -> dict[str, Any]:
        steps = [[s.rule, [_scalar(x) for x in s.inputs], str(s.time)] for s in trace.steps]
        out = {"initial": [*map(_scalar, trace.initial)], "steps": steps, "loop": trace.loop_at}
        return out if trace.recurs is None else {**out, "recurs": self._term(trace.recurs)}

    def trace(self, given: Mapping[str, Any]) -> Trace:
        steps = tuple(_step(*s) for s in given["steps"])
        at = None if given["loop"] is None else _whole(given["loop"])
        recurs = read(given["recurs"], self.symbols) if "recurs" in given else None
        return Trace(tuple(map(_value, given["initial"])), steps, at, recurs)

    def facts(self, invariants: list[str], shapes: list[str]) -> Facts:
        return Facts(tuple(read(i, self.symbols) for i in invariants), tuple(shapes))

    def states(self, variables: list[str], states: list[list[object]]) -> States:
        kept = tuple(self.number[v] for v in variables)
        if any(len(s) != len(kept) for s in states) or len(set(kept)) != len(kept):
            raise ValueError("states of another size")
        return States(kept, tuple(tuple(_value(x) for x in s) for s in states))

    def measure(self, components: list[list[Any]], **facts: Any) -> Measure:
        return Measure(self.facts(**facts), tuple(map(self._component, components)))

    def _component(self, given: list[Any]) -> Rank:
        if len(given) == 1:
            return Rank(term=read(given[0], self.symbols))
        thread, ranks = given
        return Rank(_whole(thread), tuple(_whole(r) for r in ranks))


KINDS: dict[type[Evidence], str] = {
    Inductive: "inductive",
    States: "reachable",
    Peaks: "peaks",
    Progress: "progress",
    Measure: "measure",
    Pairs: "pairs",
    Runs: "runs",
    Syntactic: "syntactic",
    Trusted: "trusted",
}
_READ: dict[str, Callable[..., Evidence]] = {
    "inductive": lambda c, **g: Inductive(c.facts(**g)),
    "reachable": Codec.states,
    "peaks": lambda c, used, peaks, shape: Peaks(
        c.number[used], tuple((_whole(t), _whole(p)) for t, p in peaks), shape
    ),
    "progress": lambda c, order, **g: Progress(c.facts(**g), tuple(map(_whole, order))),
    "measure": Codec.measure,
    "pairs": lambda c, **g: Pairs(c.facts(**g)),
    "runs": lambda c, runs: Runs(tuple(map(c.trace, runs))),
    "syntactic": lambda c: Syntactic(),
    "trusted": lambda c, engine, argument: Trusted(str(engine), str(argument)),
}


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r:.40} is no whole number")
    return value


def _scalar(value: Scalar) -> object:
    if isinstance(value, tuple):  # a stack
        return [_scalar(x) for x in value]
    return str(value) if isinstance(value, Fraction) else value


def _step(rule: object, inputs: list[object], time: object) -> Step:
    return Step(_whole(rule), tuple(map(_value, inputs)), Fraction(_value(time)))


def _value(given: object) -> Scalar:
    if isinstance(given, str) and len(given) < 100 and "e" not in given.lower():
        return Fraction(given)
    if isinstance(given, bool | int):
        return given
    if isinstance(given, list):
        return tuple(map(_value, given))  # type: ignore[return-value]
    raise ValueError(f"{given!r:.40} is no value")
