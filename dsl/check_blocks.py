"""Terms with blocks of their own: `each`, `within`, `try`, `receive`, `steps`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import ast
from .ast import RefKind
from .changed import replace
from .check_calls import CallRules, Context
from .constants import evaluate
from .names import Scope, Symbol
from .types import BOOL, Int


class BlockRules(CallRules):
    if TYPE_CHECKING:

        def term(self, t: ast.Term, scope: Scope, ctx: Context) -> ast.Term: ...

    # --- blocks ----------------------------------------------------------------------------------

    def each(self, t: ast.Each, scope: Scope, ctx: Context) -> ast.Term:
        domain, kind = self.x.domain(t.domain, scope)
        inner = self.x.bind(t.var, kind, t.span, scope)
        bad = None
        if t.bad is not None:
            bad = self.target(t.bad, scope, ctx)
            if bad.type is not None:
                self.x.require(bad, Int())
        return replace(
            t,
            domain=domain,
            body=self.term(t.body, inner, ctx),
            at_once=self.count(t.at_once, scope, 1),
            tolerate=self.count(t.tolerate, scope, 0),
            bad=bad,
        )

    def within(self, t: ast.Within, scope: Scope, ctx: Context) -> ast.Term:
        receive, after = None, scope
        if t.receive is not None:
            receive, after = self.receive(t.receive, scope)
        return replace(
            t,
            body=self.term(t.body, scope, ctx),
            orelse=self.term(t.orelse, after, ctx) if t.orelse is not None else None,
            duration=self.maybe_time(t.duration, scope),
            until=self.maybe(t.until, scope, BOOL),
            receive=receive,
        )

    def attempt(self, t: ast.Try, scope: Scope, ctx: Context) -> ast.Term:
        caught: set[str] = set()
        everything = False
        handlers: list[ast.Handler] = []
        for handler in t.handlers:
            for name in handler.errors:
                self.known_error(name, handler.span)
                if name in caught:
                    self.report.warn(
                        "W0002", self.report.word(handler.span, name), f"`{name}` is caught before"
                    )
                caught.add(name)
            if everything:
                self.report.warn("W0002", handler.span, "`catch *` before it takes every error")
            everything |= not handler.errors
            handlers.append(replace(handler, body=self.term(handler.body, scope, ctx)))
        final = self.term(t.final, scope, ctx) if t.final is not None else None
        return replace(t, body=self.term(t.body, scope, ctx), handlers=tuple(handlers), final=final)

    def receive(self, t: ast.Receive, scope: Scope) -> tuple[ast.Receive, Scope]:
        """The term, and the scope after it: a new name, or the variable it writes to."""
        kind = self.channel(t.channel, t.span)
        known = scope.find(t.var)
        if known is not None and known.ref in (RefKind.VAR, RefKind.SHARED):
            after = scope
            scope.read.add(t.var)
            if kind is not None and known.type is not None:
                self.x.require(ast.Name(t.var, type=kind, span=t.span), known.type)
        else:
            asked = t.channel if t.channel in self.symbols.answer_types else ""
            bound = Symbol(RefKind.BINDER, kind, t.span, asked, t.channel)
            after = scope.child({t.var: bound})
            t = replace(t, resolved=kind)
        key = self.channel_key(t.channel, t.key, t.span, scope)
        return replace(t, key=key, where=self.maybe(t.where, after, BOOL)), after

    def send(self, t: ast.Send, scope: Scope) -> ast.Term:
        """To a channel, or to who asked what was received."""
        asked = scope.find(t.channel) if t.key is None else None
        if asked is not None and asked.request:
            scope.read.add(t.channel)
            kind = self.symbols.answer_types.get(asked.request)
            return replace(t, value=self.x.beside(t.value, scope, kind), answers=asked.request)
        if asked is not None and asked.received and t.channel not in self.symbols.channels:
            scope.read.add(t.channel)
            if asked.type is not None:  # else its channel is in error
                self.report.error(
                    "E0410",
                    self.report.word(t.span, t.channel),
                    f"`{t.channel}` is a message of `{asked.received}`, and no request",
                    f"`channel {asked.received} : .. -> TYPE`, and ask with `request(..)`",
                )
            return replace(t, value=self.x.beside(t.value, scope, None))
        kind = self.channel(t.channel, t.span)
        declared = self.symbols.channels.get(t.channel)
        if declared is not None and declared.environment:
            self.report.error(
                "E0410",
                t.span,
                f"the messages of `{t.channel}` come from the environment",
                "drop `from environment`, or send to another channel",
            )
        elif t.channel in self.symbols.answer_types:
            self.report.error(
                "E0410",
                t.span,
                f"`{t.channel}` takes requests, which are answered",
                f"`x <- request(..) to {t.channel}`",
            )
        return replace(
            t,
            value=self.x.beside(t.value, scope, kind),
            key=self.channel_key(t.channel, t.key, t.span, scope),
        )

    def request(self, t: ast.Request, scope: Scope, ctx: Context) -> ast.Term:
        kind = self.channel(t.channel, t.span)
        answer = self.symbols.answer_types.get(t.channel)
        declared = self.symbols.channels.get(t.channel)
        if declared is not None and declared.answer is None:
            self.report.error(
                "E0410",
                t.span,
                f"`{t.channel}` does not say what a request is answered with",
                f"`channel {t.channel} : .. -> TYPE`, or `send .. to {t.channel}`",
            )
        if declared is not None and declared.key is not None:
            self.report.error("E0410", t.span, f"`{t.channel}` has keys: a request has none")
        bind = self.target(t.bind, scope, ctx) if t.bind is not None else None
        if bind is not None and bind.type is not None and answer is not None:
            self.x.require(replace(bind, type=answer), bind.type)
        return replace(
            t,
            bind=bind,
            value=self.x.beside(t.value, scope, kind),
            within=self.maybe_time(t.within, scope),
        )

    def steps(self, t: ast.Steps, scope: Scope, ctx: Context) -> ast.Term:
        names: dict[str, ast.StepNode] = {}
        for node in t.nodes:
            if node.name in names:
                self.report.error(
                    "E0202",
                    self.report.word(node.span, node.name),
                    f"the node `{node.name}` stands twice",
                    f"name it anew: `{node.name}_2 {{ {node.name} }}`",
                    ((names[node.name].span, "first here"),),
                )
            names.setdefault(node.name, node)
        nodes: list[ast.StepNode] = []
        for node in t.nodes:
            for name in node.after:
                if name not in names:
                    self.report.unknown("E0201", node.span, "node", name, names)
            n = self.count(node.n, scope, 1)
            size = evaluate(n, self.symbols.constants) if n is not None else None
            if isinstance(size, int) and size > len(node.after):
                self.report.error(
                    "E0408",
                    node.span,
                    f"`join {size} of` has {len(node.after)} nodes before it",
                    f"ask for at most {len(node.after)}, or name more nodes after `after`",
                )
            nodes.append(
                replace(
                    node,
                    body=self.term(node.body, scope, ctx),
                    when=self.maybe(node.when, scope, BOOL),
                    n=n,
                )
            )
        self.acyclic(names)
        return replace(t, nodes=tuple(nodes))

    def acyclic(self, nodes: dict[str, ast.StepNode]) -> None:
        edges = {name: [a for a in node.after if a in nodes] for name, node in nodes.items()}
        cycle = find_cycle(edges)
        if cycle:
            self.report.error(
                "E0407",
                nodes[cycle[0]].span,
                "the steps wait for each other: " + " after ".join(cycle),
                "drop one `after`",
            )


def find_cycle(edges: dict[str, list[str]]) -> list[str]:
    """A cycle `a, b, .., a` of a graph, or []; without recursion, the graph may be a long chain."""
    done: set[str] = set()
    for root in edges:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, bool]] = [(root, False)]
        while stack:
            node, leave = stack.pop()
            if leave:
                path.pop()
                on_path.discard(node)
                done.add(node)
                continue
            if node in on_path:
                return [*path[path.index(node) :], node]
            if node in done:
                continue
            path.append(node)
            on_path.add(node)
            stack.append((node, True))
            stack += [(n, False) for n in edges.get(node, ())]
    return []
