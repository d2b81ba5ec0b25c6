"""`timeouts`: a limit that strikes a retry, a beat that is late, a wait that nothing ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..dsl.errors import Span
from ..semantics.expr import Scalar
from ..semantics.system import Rule, RuleKind
from ..semantics.values import evaluate
from ..semantics.walks import variables
from .runs import Run


def struck(name: str, before: Sequence[Scalar], run: Run, rule: Rule | None) -> bool:
    """Is it seen in the state where the run is, after this step (None: before the first)?

    `name` is that of the line: of a retry, of an activity that beats, or of a wait with its line.
    """
    if rule is not None and rule.unheard and _called(rule.activity, name):
        return True
    if rule is not None and rule.kind is RuleKind.INTERRUPT and rule.delay is not None:
        # A limit strikes (what waits for a condition or a message has no delay).
        return any(before[r.tries] for r in run.system.retries if _called(r.what, name))
    return any(name.endswith(f"(line {span.line})") for span in _waits(run))


def _called(what: str, name: str) -> bool:
    """Is it this activity (`w.a`), or this kind of retry?"""
    return bool(name) and (what == name or what.endswith("." + name))


def _waits(run: Run) -> Iterator[Span]:
    """Where somebody is whom no clock moves on, nor those whose branch it is."""
    system = run.system
    for i in run.since:
        if not _bounded(run, system.rules[i].thread):
            yield system.rules[i].span
    for w in system.waits:
        if evaluate(w.here, run.state) is True and evaluate(w.over, run.state) is not True:
            here = variables([w.here])
            mine = [k for k, t in enumerate(system.threads) if t.location in here]
            if not any(_bounded(run, t) for t in mine):
                yield w.span


def _bounded(run: Run, thread: int | None) -> bool:
    """Is a step of this thread, or of one whose branch it is, bound to come?"""
    around: set[int] = set()
    while thread is not None:
        around.add(thread)
        thread = run.system.threads[thread].parent
    for i in run.urgent:
        if run.system.rules[i].thread in around:
            return True
    for i, (_, _, high) in run.since.items():
        rule = run.system.rules[i]
        if rule.thread in around:
            if (high if rule.group is None else run.attempts[rule.group][1]) is not None:
                return True
    return False
