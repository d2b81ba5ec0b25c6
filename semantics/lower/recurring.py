"""`w arrive every p` as loops, where it is known how many are under way at once.

Let never more than m instances have come that are not over, and let each be over before the m-th
after it comes.  Then the k-th, the one m later, and so on come one after the other, and are rounds
of one loop: the first begins k p after the start, and each takes m p, the body and a wait beside
it.  So m loops, each with its own k < m, are the instances, however many come: a run of the one
system up to some time is one of the other, step for step and at the same times.  (In the untimed
view, where a wait may be over at any time, the loops have more runs.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from ...dsl import ast
from ...dsl.walk import walk
from ..atonce import looks_at_instances

NAME = "arrivals of {}"
_ASSUMED = (ast.Requires, ast.AssumeEventually)


def as_loops(
    spec: ast.Spec, rooms: Mapping[str, int], between: Mapping[str, Fraction]
) -> ast.Spec | None:
    """The spec with loops in place of the instances of these workflows, which arrive one every
    `between` seconds, and of which `rooms` are under way at once at most.  What has to be shown is
    left out, for it may speak of instances; what is assumed stays.  None where something tells
    loops from instances: faults, broadcasts, what is assumed of arguments, a step that looks at
    which instances there are, and an undo that fails (nobody goes on after it)."""
    system = spec.system
    if system is None or system.faults or any(c.broadcast for c in spec.channels):
        return None
    arriving = [w for w in spec.workflows if w.name in rooms]
    if any(isinstance(p, _ASSUMED) for w in arriving for p in w.properties):
        return None
    if any(isinstance(n, ast.Saga) for n in walk(spec.workflows)):
        return None
    if looks_at_instances(spec, frozenset(rooms)):
        return None
    workflows = {w.name: replace(w, properties=_assumed(w.properties)) for w in spec.workflows}
    loops: list[ast.Workflow] = []
    instances: list[ast.InstanceDecl] = []
    for d in system.instances:
        if d.arrive is None or d.count is not None or d.domain is not None:
            instances.append(d)
            continue
        many = rooms.get(d.workflow)
        call = _call(d, workflows[d.workflow])
        if many is None or call is None:
            return None
        for k in range(many):
            name = NAME.format(d.workflow) + (f" {k + 1}" if many > 1 else "")
            loops.append(_loop(name, call, between[d.workflow], k, many, d))
            instances.append(ast.InstanceDecl(name, span=d.span))
    return replace(
        spec,
        workflows=(*workflows.values(), *loops),
        system=replace(system, instances=tuple(instances)),
        properties=_assumed(spec.properties),
    )


def _assumed(properties: tuple[ast.Property, ...]) -> tuple[ast.Property, ...]:
    return tuple(p for p in properties if isinstance(p, _ASSUMED))


def _call(d: ast.InstanceDecl, workflow: ast.Workflow) -> ast.Call | None:
    given = {
        name if name is not None else workflow.params[k].name: value
        for k, (name, value) in enumerate(d.args)
    }
    args = [given.get(p.name) for p in workflow.params]
    if any(a is None for a in args):
        return None
    return ast.Call(workflow.name, tuple(a for a in args if a is not None), span=d.span)


def _loop(
    name: str, call: ast.Call, between: Fraction, first: int, many: int, d: ast.InstanceDecl
) -> ast.Workflow:
    def wait(times: int) -> ast.Wait:
        seconds = times * between
        return ast.Wait(ast.DurationLit(seconds, span=d.span), span=d.span)

    # Whose error nobody takes is over as well.
    over = ast.Try(call, (ast.Handler((), ast.Skip(span=d.span), span=d.span),), span=d.span)
    each = ast.Par((over, wait(many)), span=d.span)
    rounds = ast.While(ast.BoolLit(True, span=d.span), each, span=d.span)
    body = ast.Seq((wait(first), rounds), span=d.span) if first else rounds
    return ast.Workflow(name, (), body, span=d.span)


__all__ = ["as_loops"]
