"""What `wfverify equiv` shows: the finest equivalence that holds, and why no finer one does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..verifier.equivalence.findings import LEVELS, Comparison, Fails, Finding, Holds, Open
from ..verifier.equivalence.words import why
from .outcome import Exit
from .refutation import Styled, hanging
from .text import Style, paint

TOLD = {
    "bisimulation": "each step of one can be answered by the same step of the other, for ever",
    "branching": "the same, not counting internal steps",
    "failures": "the same runs, and the same refusals",
    "trace": "the same observable runs",
    "outcome": "from the same inputs and environment, the same final observed data",
}
INCLUDED = {
    "failures": "each run and each refusal of the first is one of the second",
    "trace": "each observable run of the first is one of the second",
    "outcome": "each outcome of the first is one of the second",
}


def exit_status(levels: Mapping[str, Finding], under: str) -> Exit:
    """0 equivalent under that one, 1 not, 3 unknown.  What holds under a finer one holds."""
    match levels[under]:
        case Holds():
            return Exit.PROVED
        case Fails():
            return Exit.REFUTED
        case _:
            return Exit.UNKNOWN


def as_text(
    found: Comparison, names: tuple[str, str], under: str, style: Style, inclusion: bool = False
) -> str:
    """`names` are those of the two systems."""
    return paint([list(_lines(found, names, under, style, inclusion))], style)


def _lines(
    found: Comparison, names: tuple[str, str], under: str, style: Style, inclusion: bool
) -> Iterator[Styled]:
    told = INCLUDED if inclusion else TOLD
    left, right = names
    finest = found.finest()
    word = "refines" if inclusion else "equivalent"
    verdict = exit_status(found.levels, under)
    if finest is not None:
        yield Styled(
            f"{left} {'refines' if inclusion else 'and'} {right}"
            f"{'' if inclusion else ' are equivalent'} under {finest}",
            "bold green",
        )
        yield from hanging(STEP, told[finest], style.width, "")
    elif verdict is Exit.REFUTED:
        yield Styled(
            f"{left} {'does not refine' if inclusion else 'and'} {right}"
            f"{'' if inclusion else ' are not equivalent'}",
            "bold red",
        )
    else:
        failed = next((x for x in LEVELS[::-1] if isinstance(found.levels.get(x), Fails)), None)
        does = f"{'does not refine' if inclusion else 'and'} {right}"
        yield Styled(
            f"whether {left} {'refines' if inclusion else 'and'} {right}"
            f"{'' if inclusion else ' are ' + word} is not known"
            if failed is None
            else f"{left} {does}{'' if inclusion else ' are not equivalent'} under {failed};"
            f" under {', '.join(LEVELS[LEVELS.index(failed) + 1 :])} it is not known",
            "bold yellow",
        )
    if finest is not None and verdict is Exit.REFUTED:
        yield Styled(f"{STEP}but not under {under}, which was asked for", "bold red")
    shown = False
    for levels, finding in _open(found):
        if shown and not style.verbose:
            break
        shown = isinstance(finding, Fails)  # what is not known leaves the finer ones open
        word = "not" if isinstance(finding, Fails) else "unknown"
        yield Styled("")
        yield Styled(f"{word} under {', '.join(levels)}:", "bold")
        for line in why(finding, left, right):
            yield from hanging(STEP + _indent(line), line.strip(), style.width, "")
    if style.verbose:
        for level, finding in found.levels.items():
            if isinstance(finding, Holds):
                yield Styled("")
                yield from hanging(f"{level}: ", finding.how, style.width, "")
    yield Styled("")
    yield from hanging("", _compared(found), style.width, "dim")


STEP = "  "


def _open(found: Comparison) -> Iterator[tuple[list[str], Finding]]:
    """What does not hold or is not known, coarsest first; alike ones together."""
    levels: list[str] = []
    last: Finding | None = None
    for level in reversed(LEVELS):
        finding = found.levels.get(level)
        if finding is None or isinstance(finding, Holds):
            continue
        if last is not None and finding != last:
            yield levels, last
            levels = []
        levels.append(level)
        last = finding
    if last is not None:
        yield levels, last


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _compared(found: Comparison) -> str:
    parts = []
    if found.observed is not None:
        parts.append(f"observed at the end: {', '.join(found.observed) or 'nothing'}")
    if found.sizes is not None:
        parts.append(" and ".join(f"{s} states, {t} steps" for s, t in found.sizes))
    if found.observed is not None:
        parts.append("time is not compared")
    return "; ".join(parts)


def as_json(found: Comparison, names: tuple[str, str], under: str) -> dict[str, Any]:
    """For programs: each level with its verdict and its evidence in words."""
    words = {Holds: "holds", Fails: "fails", Open: "unknown"}
    return {
        "format": 1,
        "systems": list(names),
        "under": under,
        "finest": found.finest(),
        "observed": None if found.observed is None else list(found.observed),
        "levels": {
            level: {
                "verdict": words[type(finding)],
                "evidence": [finding.how] if isinstance(finding, Holds) else why(finding, *names),
            }
            for level, finding in found.levels.items()
        },
    }
