"""The reachable graph of the whole system, made once for all checks that need it."""

from __future__ import annotations

from collections.abc import Sequence

from ...semantics.idle import without
from ...semantics.walks import postorder
from ..engines.search import Holds, Violated, explore
from ..engines.search_graph import Graph
from ..session import Session, breaks_obligation
from ..verdict import Proved, Refuted, Verdict
from .obligations import Claim, together

SMALL_RULES = 800
SMALL_STATES = 10_000
SMALL_WORK = 400_000  # rules times terms of the goals
SMALL_SECONDS = 0.5
NOT_CHOSEN = "it would take a search of all states, which was not chosen (--engine)"
BY_STRUCTURE = ("resources", "borrows")  # structure says more of them than "it holds"


def small_graph(session: Session, groups: Sequence[Claim]) -> dict[int, Verdict]:
    """Verdicts on claims, by position: all, where the system is so small that all of it is soon
    seen; then the graph is kept for the checks that ask for one.  Otherwise what is broken near
    the start.
    """
    system = session.system
    goals = [g for c in groups for g in c.goals]
    if not goals or len(system.rules) > SMALL_RULES or not session.may("search"):
        return {}
    if len(system.rules) * sum(len(postorder([g.cond])) for g in goals) > SMALL_WORK:
        return {}  # to look at each state would take longer than to prove
    result = explore(
        system,
        goals,
        max_states=min(SMALL_STATES, session.options.max_states),
        seconds=min(SMALL_SECONDS, session.share(0.2)),
        want_graph=True,
        resigns=True,
    )
    if result.complete:
        session.graph = (result.graph, "")
    out: dict[int, Verdict] = {}
    findings = iter(result.findings)
    for i, claim in enumerate(groups):
        verdicts: list[Verdict] = []
        for goal, finding in zip(claim.goals, findings, strict=False):
            if isinstance(finding, Violated):
                breaks = breaks_obligation(system, goal)
                verdict = session.confirm("search", goal.message, finding.trace, goal.span, breaks)
                verdicts.append(verdict)
            elif isinstance(finding, Holds):
                how = f"all {finding.states} states were visited: nothing there breaks it"
                verdicts.append(Proved("search", how, f"{finding.states} states"))
        refuted = [v for v in verdicts if isinstance(v, Refuted)]
        proved = all(isinstance(v, Proved) for v in verdicts) and claim.check not in BY_STRUCTURE
        if refuted or (proved and len(verdicts) == len(claim.goals)):
            out[i] = together(verdicts)
    return out


def full_graph(session: Session) -> tuple[Graph | None, str]:
    """The graph, or None and why not.  It may be incomplete: ask its `complete`.

    What only records may be left out of it, so that a counter does not make it endless.
    """
    if not session.may("search"):
        return None, NOT_CHOSEN
    if session.graph is None:
        result = explore(
            without(session.system, session.idle),
            [],
            max_states=session.options.max_states,
            seconds=session.share(0.3),
            want_graph=True,
        )
        session.graph = (result.graph, result.reason)
    return session.graph
