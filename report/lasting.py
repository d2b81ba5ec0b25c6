"""What `wfverify time` shows: of each workflow its shortest and longest time, and runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from ..semantics.system import TransitionSystem
from ..semantics.values import show_duration
from ..verifier.lasting import Attained, Lasting
from .refutation import Styled, hanging, run
from .runs import view
from .text import Style, paint


def as_text(system: TransitionSystem, found: Sequence[Lasting], style: Style) -> str:
    return paint([list(_lines(system, found, style))], style)


def _lines(system: TransitionSystem, found: Sequence[Lasting], style: Style) -> Iterator[Styled]:
    shown: dict[tuple[str, ...], list[str]] = {}
    for x in found:
        shown.setdefault(_key(x), []).append(x.name)
    for x in found:
        names = shown[_key(x)]
        if x.name != names[0]:
            continue
        more = f" (and {len(names) - 1} more alike)" if len(names) > 1 else ""
        yield Styled(f"{x.name}{more}", "bold")
        yield from hanging("  at least  ", _least(x), style.width, "")
        yield from hanging("  at most   ", _most(x), style.width, "")
        if style.verbose and x.longest is not None:
            title = "the longest run" if x.most_attained else "the longest run that was found"
            yield from _run(system, x.longest, title, style)
        if style.verbose and x.shortest is not None:
            yield from _run(system, x.shortest, "the shortest run", style)


def _key(x: Lasting) -> tuple[str, ...]:
    """Instances of one workflow that take the same times are told once."""
    runs = (str(a.seconds) if a else "" for a in (x.shortest, x.longest))
    texts = (t.replace(f"{x.name}.", f"{x.workflow}.") for t in (x.least, x.most, x.why))
    return (x.workflow, *texts, *runs)


def _least(x: Lasting) -> str:
    text = x.least if x.least_value is None else _valued(x.least, x.least_value)
    if x.least_attained and (x.exact or text == x.least):
        return f"{text}, exactly"
    seen = f"; a run of {show_duration(x.shortest.seconds)} was found" if x.shortest else ""
    return f"{text}, by structure{seen}"


def _most(x: Lasting) -> str:
    if not x.most:
        found = x.longest.seconds if x.longest is not None else None
        seen = f"; a run of {show_duration(found)} was found" if found else ""
        return f"not bounded: {x.why}{seen}"
    text = x.most if x.most_value is None else _valued(x.most, x.most_value)
    if x.most_attained and (x.exact or text == x.most):
        return f"{text}, exactly"
    if x.believed is not None and x.longest is not None:
        best = show_duration(x.longest.seconds)
        if x.believed == x.longest.seconds:
            return f"{text}, by {x.how}; {best}, exactly, as OR-tools finds"
        most = show_duration(x.believed)
        return f"{text}, by {x.how}; {most} as OR-tools finds; a run of {best} was found"
    seen = f"; a run of {show_duration(x.longest.seconds)} was found" if x.longest else ""
    return f"{text}, by {x.how}{seen}"


def _valued(text: str, value: Fraction) -> str:
    plain = show_duration(value)
    return plain if text == plain else f"{plain} = {text}"


def _run(system: TransitionSystem, found: Attained, title: str, style: Style) -> Iterator[Styled]:
    yield Styled(f"  {title} ({show_duration(found.seconds)}):")
    shown = view(system, found.trace)
    lines = list(run(shown, style.width, "at the end"))
    yield from lines[1:]


def as_json(system: TransitionSystem, found: Sequence[Lasting]) -> list[dict[str, object]]:
    return [
        {
            "instance": x.name,
            "workflow": x.workflow,
            "least": {
                "formula": x.least,
                "seconds": str(x.least_value),
                "attained": x.least_attained,
            },
            "most": {
                "formula": x.most or None,
                "seconds": None if x.most_value is None else str(x.most_value),
                "attained": x.most_attained,
                "why": x.why or None,
                "believed": None if x.believed is None else str(x.believed),
            },
            "exact": x.exact,
            "shortest": _json_run(system, x.shortest),
            "longest": _json_run(system, x.longest),
        }
        for x in found
    ]


def _json_run(system: TransitionSystem, found: Attained | None) -> dict[str, object] | None:
    if found is None:
        return None
    steps = view(system, found.trace).steps
    return {
        "seconds": str(found.seconds),
        "steps": [{"time": str(s.seconds), "what": s.text} for s in steps],
    }
