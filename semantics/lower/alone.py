"""One workflow of a spec by itself: one instance, with any arguments, and no claims.

What it receives and does not send comes from anybody, any message at any time; what it sends and
does not receive is taken from it at once.
"""

from __future__ import annotations

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import NOWHERE, Diagnostic, Rejected
from ...dsl.walk import walk


def alone(spec: ast.Spec, workflow: str) -> ast.Spec:
    """Raises `Rejected` where the spec has no such workflow (E0201), or it cannot be taken by
    itself (E0900)."""
    w = next((w for w in spec.workflows if w.name == workflow), None)
    if w is None:
        names = ", ".join(w.name for w in spec.workflows) or "none"
        span = spec.workflows[0].span if spec.workflows else NOWHERE
        what = f"there is no workflow `{workflow}` in {spec.file}"
        raise Rejected((Diagnostic("E0201", span, what, f"there are: {names}"),))
    system = ast.System((ast.InstanceDecl(workflow, span=w.span),), span=w.span)
    return replace(silent(spec), system=system, channels=_opened(spec, w))


def _opened(spec: ast.Spec, workflow: ast.Workflow) -> tuple[ast.Channel, ...]:
    received: set[str] = set()
    sent: set[str] = set()
    for node in walk(_bodies(spec, workflow)):
        if isinstance(node, ast.Receive):
            received.add(node.channel)
        elif isinstance(node, ast.Send):
            sent |= {node.channel, node.answers}
        elif isinstance(node, ast.Request):
            sent.add(node.channel)
    return tuple(_open(c, c.name in received, c.name in sent) for c in spec.channels)


def _open(c: ast.Channel, received: bool, sent: bool) -> ast.Channel:
    if received is sent:
        return c
    if c.answer is not None:
        what = "not supported yet: requests between the workflow and others, in a comparison"
        raise Rejected((Diagnostic("E0900", c.span, what, "compare whole specs, with both sides"),))
    if sent:
        # A broadcast with no subscriber here: a send waits for nobody.
        return replace(c, broadcast=True)
    return ast.Channel(
        c.name,
        c.type,
        c.key,
        environment=True,
        resolved=c.resolved,
        resolved_key=c.resolved_key,
        span=c.span,
    )


def _bodies(spec: ast.Spec, workflow: ast.Workflow) -> tuple[ast.Term, ...]:
    """Of the workflow and of those that it calls."""
    known = {w.name: w for w in spec.workflows}
    found = {workflow.name: workflow.body}
    todo = [workflow.body]
    while todo:
        for node in walk(todo.pop()):
            if isinstance(node, ast.Call) and node.name in known and node.name not in found:
                found[node.name] = known[node.name].body
                todo.append(found[node.name])
    return tuple(found.values())


def silent(spec: ast.Spec) -> ast.Spec:
    """Without what is claimed of it; what arguments must satisfy stays."""
    workflows = tuple(replace(w, properties=_assumed(w.properties)) for w in spec.workflows)
    return replace(spec, workflows=workflows, properties=_assumed(spec.properties), items=())


def _assumed(properties: tuple[ast.Property, ...]) -> tuple[ast.Property, ...]:
    return tuple(p for p in properties if isinstance(p, ast.Requires))
