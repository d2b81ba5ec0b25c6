"""The table of docs/laws.md, made of what `bench/laws.py` has proved and refuted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .catalogue import LAWS, Law

LEVELS = ("bisimulation", "branching", "failures", "trace", "outcome")  # from fine to coarse
BEGIN, END = "<!-- laws -->\n", "<!-- end of laws -->\n"


def proved() -> dict[str, Any]:
    """What is known, by law: see bench/laws.py."""
    text = (Path(__file__).parent / "proved.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def holds(entry: Mapping[str, Any], level: str) -> bool:
    """Whether a law holds under an equivalence in any context, without side conditions."""
    finest = entry["holds"][0]["anywhere"]
    return finest in LEVELS and LEVELS.index(finest) <= LEVELS.index(level)


def table() -> str:
    """The whole table, a part for each family."""
    known = proved()
    out: list[str] = []
    for family in dict.fromkeys(law.family for law in LAWS):
        out += [f"### {family.capitalize()}", ""]
        out += ["| law | | holds | to be undone | with a side condition | fails |"]
        out += ["|---|---|---|---|---|---|"]
        out += [_row(law, known[law.name]) for law in LAWS if law.family == family]
        out.append("")
    return "\n".join(out)


def _row(law: Law, entry: Mapping[str, Any]) -> str:
    first, *more = entry["holds"]
    conditions = "; ".join(w for h in more if (w := _with(h)))
    sides = f"`{_cell(law.left)}` == `{_cell(law.right)}`"
    fails = "; ".join(_fails(first, entry["fails"]))
    cells = (law.name, sides, _where(first), _undone(law, entry), conditions, fails)
    return f"| {' | '.join(cells)} |"


def _undone(law: Law, entry: Mapping[str, Any]) -> str:
    """Of terms that may have to be undone, in a saga; "" where that is not known."""
    saga = "saga" in f"{law.left} {law.right}"
    level = entry["holds"][0]["anywhere"] if saga else entry.get("undone", "")
    return level if level in LEVELS else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _where(h: Mapping[str, Any]) -> str:
    alone, anywhere = h["alone"], h["anywhere"]
    if alone in ("", "?"):
        return ""
    if anywhere == alone:
        return str(alone)
    if anywhere in ("", "?"):
        return f"{alone}, by itself"
    return f"{anywhere} ({alone} by itself)"


def _with(h: Mapping[str, Any]) -> str:
    where = _where(h)
    return f"{where} if {', '.join(h['needs'])}" if where else ""


def _fails(first: Mapping[str, Any], fails: Mapping[str, str]) -> Iterator[str]:
    """Instances, each with the levels that it refutes; then what is open."""
    by_instance: dict[str, list[str]] = {}
    for level, instance in fails.items():
        by_instance.setdefault(instance, []).append(level)
    for instance, levels in by_instance.items():
        yield f"{', '.join(levels)}: `{_cell(instance.replace('wait until (false)', 'stuck'))}`"
    finest = first["alone"]
    above = LEVELS[: LEVELS.index(finest)] if finest in LEVELS else LEVELS
    rest = [level for level in above if level not in fails]
    if rest:
        yield f"open: {', '.join(rest)}"
