"""What `wfverify rewrite` shows: the new body, the laws that made it, and what is gained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..dsl import ast, format_spec
from ..verifier.equivalence.findings import Fails, Holds
from ..verifier.equivalence.rewrite import Proposal
from .refutation import Styled, hanging
from .text import Style, paint

MOST = 12  # steps of a derivation that are shown


def as_text(found: Proposal, times: tuple[str, str] | None, style: Style) -> str:
    return paint([list(_lines(found, times, style))], style)


def _lines(found: Proposal, times: tuple[str, str] | None, style: Style) -> Iterator[Styled]:
    name = found.workflow
    if found.found is None:
        yield Styled(f"{name}: nothing to change")
        return
    if isinstance(found.found, Fails):
        yield Styled(f"{name}: no proposal: the one made is not equivalent under {found.under}")
        return
    if not isinstance(found.found, Holds):
        yield Styled(f"{name}: no proposal: the one made could not be compared: {found.found.why}")
        return
    yield from (Styled(line) for line in _body(found))
    yield Styled("")
    yield Styled("by", "bold")
    for step in found.steps[:MOST]:
        yield from hanging(f"  {step.law}: ", f"{step.before}  ->  {step.after}", style.width, "")
    if len(found.steps) > MOST:
        yield Styled(f"  .. and {len(found.steps) - MOST} more")
    yield Styled("")
    same = f"equivalent under {found.under}: {found.found.how}"
    yield from hanging("checked: ", same, style.width, "")
    before, after = found.operators
    yield Styled(f"operators: {before} before, {after} after")
    if times is not None:
        yield Styled(f"longest time: {times[0]} before, {times[1]} after")


def _body(found: Proposal) -> list[str]:
    """The `run` of the workflow."""
    w = next(w for w in found.spec.workflows if w.name == found.workflow)
    bare = replace(
        w, params=(), fails=(), variables=(), activities=(), properties=(), doc="", returns=None
    )
    text = format_spec(ast.Spec("", "", workflows=(bare,)))
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.lstrip().startswith("run"))
    last = max(i for i, line in enumerate(lines) if line == "}")
    return [line[2:] for line in lines[first:last]]
