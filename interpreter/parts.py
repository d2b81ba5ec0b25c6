"""Values of whole records, arrays, sets and options that a script gives, taken to pieces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from ..semantics.expr import Op, Scalar
from ..semantics.system import Input, Rule, TransitionSystem
from ..semantics.values import Unreadable, read


def paths(rule: Rule, system: TransitionSystem) -> tuple[str, ...]:
    """What to call each input of a rule: `result.ok`, `x`, `p.a`, `k[2]`, `s has red`.

    The inputs of what an activity leaves in a compound variable are all called like it: the
    variables that they go to tell them apart.
    """
    if not rule.inputs:
        return ()
    count = Counter(i.name for i in rule.inputs)
    goes_to = {e.index: v for v, e in rule.updates if e.op is Op.INPUT}
    out = []
    for place, declared in enumerate(rule.inputs):
        name = declared.name
        if count[name] > 1 and place in goes_to:
            full = system.variables[goes_to[place]].name
            found = re.search(rf"(?:^|\.){re.escape(name)}((?:[.\[]| has ).*)$", full)
            name += found[1] if found else ""
        out.append(name)
    return tuple(out)


class Pieces:
    """Puts together what one answer fixes, by the path of an input."""

    def __init__(self, inputs: Mapping[str, Input], strings: Sequence[str], at: str) -> None:
        self.values: dict[str, Scalar] = {}
        self._inputs = inputs
        self._strings = strings
        self._at = at

    def put(self, path: str, value: object) -> None:
        """ValueError: there is no such input, or it cannot have this value."""
        if isinstance(value, dict):
            for key, inner in value.items():
                self.put(self._inner(path, str(key)), inner)
        elif path in self._inputs:
            try:
                self.values[path] = read(self._inputs[path], value, self._strings)
            except Unreadable as wrong:
                raise ValueError(f"{self._at}: {wrong}") from None
        elif f"{path}.is_some" in self._inputs:
            self.values[f"{path}.is_some"] = value is not None
            if value is not None:
                self.put(f"{path}.value", value)
        elif isinstance(value, list):
            self._list(path, value)
        else:
            raise self._unknown(path)

    def _list(self, path: str, value: list[object]) -> None:
        members = [p for p in self._inputs if p.startswith(f"{path} has ")]
        if members:
            wanted = {f"{path} has {name}" for name in value}
            for strange in sorted(wanted - set(members)):
                raise self._unknown(strange)
            self.values.update((member, member in wanted) for member in members)
            return
        start = re.compile(re.escape(path) + r"\[[^\]]*\]")
        items = dict.fromkeys(found[0] for p in self._inputs if (found := start.match(p)))
        if not items:
            raise self._unknown(path)
        if len(items) != len(value):
            raise ValueError(f"{self._at}: `{path}` has {len(items)} items, not {len(value)}")
        for item, inner in zip(items, value, strict=True):
            self.put(item, inner)

    def _inner(self, path: str, key: str) -> str:
        for inner in (f"{path}.{key}", f"{path}[{key}]", f"{path} has {key}"):
            if any(p == inner or p.startswith((f"{inner}.", f"{inner}[")) for p in self._inputs):
                return inner
        if any(p.startswith(f"{path}.{key} has ") for p in self._inputs):
            return f"{path}.{key}"
        raise self._unknown(f"{path}.{key}")

    def _unknown(self, path: str) -> ValueError:
        return ValueError(f"{self._at}: it does not answer `{path}`" + near(path, self._inputs))


def near(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """A hint: what the name may have meant, or what there is."""
    close = get_close_matches(name, known, 1, 0.5)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known: {', '.join(list(known)[:8])}" if known else ""
