"""The file format: canonical JSON, sealed by a digest (docs/certificates.md).

A file has exactly one way to be written: it is read, written again and compared, so that no byte
of it can be changed unseen.  The digest covers everything else in the file; what the text says is
then checked against the rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_args

from ..dsl.records import dataclass
from ..semantics.evidence import (
    Compared,
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
from ..semantics.expr import Expr, var
from ..semantics.smtlib import read, text
from ..semantics.system import TransitionSystem
from .values import data, run, scalar, trace, value, whole

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
    for name, given in sorted(fields.items()):
        if isinstance(given, list):
            inner = ",\n".join(f"  {_compact(v)}" for v in given)
            lines.append(f" {_compact(name)}: [\n{inner}\n ]")
        else:
            lines.append(f" {_compact(name)}: {_compact(given)}")
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
                out["states"] = [[scalar(x) for x in s] for s in states]
            case Peaks(used, peaks, shape):
                out |= {"used": self.names[used], "peaks": [list(p) for p in peaks], "shape": shape}
            case Measure(facts, components):
                ranks = [
                    [c.thread, list(c.ranks)] if c.term is None else [self._term(c.term)]
                    for c in components
                ]
                out |= {**self._facts(facts), "components": ranks}
            case Runs(runs):
                out["runs"] = [run(r, self._term) for r in runs]
            case _:
                out |= {f.name: getattr(e, f.name) for f in fields(e)}
        return out

    def decode(self, fields: Mapping[str, Any]) -> Part:
        """`Damaged` where something is missing or of another kind."""
        try:
            given = dict(fields)
            kind, goals = given.pop("kind"), [whole(g) for g in given.pop("goals")]
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

    def term(self, text: str) -> Expr:
        return read(text, self.symbols)

    def facts(self, invariants: list[str], shapes: list[str]) -> Facts:
        return Facts(tuple(map(self.term, invariants)), tuple(shapes))

    def states(self, variables: list[str], states: list[list[object]]) -> States:
        kept = tuple(self.number[v] for v in variables)
        if any(len(s) != len(kept) for s in states) or len(set(kept)) != len(kept):
            raise ValueError("states of another size")
        return States(kept, tuple(tuple(value(x) for x in s) for s in states))

    def measure(self, components: list[list[Any]], **facts: Any) -> Measure:
        return Measure(self.facts(**facts), tuple(map(self._component, components)))

    def _component(self, given: list[Any]) -> Rank:
        if len(given) == 1:
            return Rank(term=self.term(given[0]))
        thread, ranks = given
        return Rank(whole(thread), tuple(whole(r) for r in ranks))


_PLAIN: tuple[type[Evidence], ...] = (Syntactic, Trusted, *get_args(Compared))
_OTHERS = Inductive, States, Peaks, Progress, Measure, Pairs, Runs
KINDS: dict[type[Evidence], str] = {k: k.__name__.lower() for k in (*_PLAIN, *_OTHERS)}
KINDS[States] = "reachable"
_READ: dict[str, Callable[..., Evidence]] = {
    "inductive": lambda c, **g: Inductive(c.facts(**g)),
    "reachable": Codec.states,
    "peaks": lambda c, used, peaks, shape: Peaks(
        c.number[used], tuple((whole(t), whole(p)) for t, p in peaks), shape
    ),
    "progress": lambda c, order, **g: Progress(c.facts(**g), tuple(map(whole, order))),
    "measure": Codec.measure,
    "pairs": lambda c, **g: Pairs(c.facts(**g)),
    "runs": lambda c, runs: Runs(tuple(trace(r, c.term) for r in runs)),
}


def _as_it_is(kind: type[Evidence]) -> Callable[..., Evidence]:
    return lambda codec, **given: kind(**{n: data(v) for n, v in given.items()})


_READ |= {KINDS[k]: _as_it_is(k) for k in _PLAIN}
