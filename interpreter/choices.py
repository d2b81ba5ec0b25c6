"""`--set NAME=VALUE`: values for the free initial variables (arguments, parameters)."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from ..semantics.expr import Scalar
from ..semantics.system import TransitionSystem
from ..semantics.values import read


def choose_values(system: TransitionSystem, settings: Sequence[str]) -> dict[int, Scalar]:
    """Read settings: a full name (`trip[0].seats=3`) sets one, `seats=3` all that end so.

    A full name goes before a suffix.  ValueError where a name fits nothing.
    """
    free = [v for v in system.variables if v.init is None]
    chosen: dict[int, Scalar] = {}
    exact: set[int] = set()
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ValueError(f"`{setting}`: write it as name=value")
        matches = [v for v in free if v.name == name]
        full = bool(matches)
        if not matches:
            matches = [v for v in free if v.name.endswith("." + name)]
        if not matches:
            known = [v.name for v in free]
            short = [n.rsplit(".", 1)[-1] for n in known]
            near = get_close_matches(name, known + short, 1, 0.5)
            fixed = any(v.name == name or v.name.endswith("." + name) for v in system.variables)
            if fixed:
                hint = "; it has an initial value: only arguments and parameters can be set"
            elif near:
                hint = f"; did you mean `{near[0]}`?"
            else:
                hint = f"; there are {', '.join(known[:8])}" if known else "; nothing can be set"
            raise ValueError(f"no argument or parameter `{name}`{hint}")
        for v in matches:
            if full or v.index not in exact:
                chosen[v.index] = read(v, text, system.strings)
            if full:
                exact.add(v.index)
    return chosen
